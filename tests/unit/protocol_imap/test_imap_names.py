"""Modified UTF-7 and LIST patterns."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.patience import cpu_time_below

from pyeonji.protocol.imap import names
from pyeonji.protocol.imap.names import BadName, Pattern
from pyeonji.protocol.imap.tokens import Arguments, BadSyntax


@pytest.mark.parametrize(
    ("name", "octets"),
    [
        ("INBOX", b"INBOX"),
        ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("편지함", b"&07jJwNVo-"),
        ("R&D", b"R&-D"),
        ("\U0001f4ee", b"&2D3c7g-"),
    ],
)
def test_names_have_one_encoded_form(name: str, octets: bytes) -> None:
    """RFC 3501 §5.1.3, whose own example is the second."""
    assert names.encode(name) == octets
    assert names.decode(octets) == name


@pytest.mark.parametrize(
    "octets",
    [
        b"&AGE-",  # an "a" in base64
        b"&AC8-",  # a slash
        b"&AC4ALg-",  # two dots
        b"&AA",  # never ended
        b"&",
        b"&2AA-",  # half of a surrogate pair
        b"&07h-",  # bits after the last character
        b"&07g-&ycA-",  # a shift where one was enough
        b"&AGEA-",
        b"a\x00b",
        b"a\r\nb",
        b"\xed\x8e\xb8",
        b"&U/BTFw-",
    ],
)
def test_other_spellings_are_refused(octets: bytes) -> None:
    """Two spellings of one name would get past a check (RFC 3501 §5.1.3)."""
    with pytest.raises(BadName):
        names.decode(octets)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_name_comes_back(name: str) -> None:
    assert names.decode(names.encode(name)) == name


@given(st.binary() | st.text(alphabet="&-AaGEU,+/=1").map(str.encode))
def test_decoding_raises_nothing_else(octets: bytes) -> None:
    with contextlib.suppress(BadName):
        assert names.encode(names.decode(octets)) == octets


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*", "a/b/c", True),
        ("%", "a", True),
        ("%", "a/b", False),
        ("a/%", "a/b", True),
        ("a/%", "a/b/c", False),
        ("a*c", "a/b/c", True),
        ("%/%", "a/b", True),
        ("*b%", "a/b/b", True),
        ("inbox", "INBOX", True),
        ("In%", "INBOX", True),
        ("sent", "Sent", False),
        ("", "a", False),
        ("%b*", "ab/c", True),
        ("*%", "a/b", True),
    ],
)
def test_patterns(pattern: str, name: str, matches: bool) -> None:
    """ "*" crosses the hierarchy delimiter, "%" does not (RFC 3501 §6.3.8)."""
    assert Pattern(pattern).matches(name) is matches


def test_no_pattern_is_slow() -> None:
    """A pattern that makes backtracking explode takes its time times length."""
    with cpu_time_below(2.0):
        assert not Pattern("*a" * 200 + "b").matches("a" * 255)
        assert not Pattern("%a" * 200 + "b").matches("a" * 255)


def test_quoted_strings_must_be_utf8_once_that_is_enabled() -> None:
    """RFC 6855 §3; before it, 8-bit octets are taken as they are."""
    for octets in (b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xea\xb0"'):
        assert Arguments([octets], 0).astring() == octets[1:-1]
        with pytest.raises(BadSyntax):
            Arguments([octets], 0, utf8=True).astring()
    written = '"편지"'.encode()
    assert Arguments([written], 0, utf8=True).astring() == written[1:-1]
