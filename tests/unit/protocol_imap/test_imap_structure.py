"""BODY from BODYSTRUCTURE, dates, and words of responses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.protocol.imap import responses
from pyeonji.protocol.imap.dates import (
    date_time,
    date_times,
    parse_date,
    parse_date_time,
)
from pyeonji.protocol.imap.structure import basic_structure

TEXT = b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3028 92'
ENVELOPE = (
    b'("d" {3}\r\n"(x (("a" NIL "b" "c")) (("a" NIL "b" "c")) NIL NIL NIL NIL NIL NIL)'
)


@pytest.mark.parametrize(
    ("extended", "basic"),
    [
        (TEXT + b' "md5" NIL NIL NIL)', TEXT + b")"),
        (TEXT + b")", TEXT + b")"),
        (
            b"("
            + TEXT
            + b' NIL ("INLINE" ("FILENAME" "a)b")) NIL NIL)'
            + b'("IMAGE" "PNG" NIL NIL NIL "BASE64" 44 NIL NIL NIL NIL)'
            + b' "MIXED" ("BOUNDARY" "x") NIL NIL NIL)',
            b"(" + TEXT + b")" + b'("IMAGE" "PNG" NIL NIL NIL "BASE64" 44) "MIXED")',
        ),
        (
            b'("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 100 '
            + ENVELOPE
            + b" "
            + TEXT
            + b" NIL NIL NIL NIL) 9 NIL NIL NIL NIL)",
            b'("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 100 '
            + ENVELOPE
            + b" "
            + TEXT
            + b") 9)",
        ),
    ],
)
def test_body_is_body_structure_without_extensions(
    extended: bytes, basic: bytes
) -> None:
    """RFC 3501 §7.4.2."""
    assert basic_structure(extended) == basic


@given(
    st.lists(
        st.sampled_from(
            [b"(", b")", b'"a"', b" ", b"NIL", b"{2}\r\n", b"7", b'"', b"\\"]
        )
    ).map(b"".join)
)
def test_broken_structures_come_back_as_they_are(octets: bytes) -> None:
    assert isinstance(basic_structure(octets), bytes)


def test_dates() -> None:
    """RFC 3501 §9, date and date-time."""
    assert parse_date(b"1-Feb-1994") == parse_date(b"01-feb-1994") == 8797
    moment = parse_date_time(b"17-Jul-1996 02:44:25 -0700")
    assert date_time(moment) == b"17-Jul-1996 09:44:25 +0000"
    assert date_time(parse_date_time(b" 1-Jan-1970 00:00:00 +0000")) == (
        b" 1-Jan-1970 00:00:00 +0000"
    )
    for wrong in (b"32-Jan-2024", b"1-Foo-2024", b"1-Jan-24", b"0-Jan-2024"):
        with pytest.raises(ValueError, match=r".+"):
            parse_date(wrong)


@given(st.integers(-(2**62), 2**62))
def test_every_time_can_be_written(unix_time: int) -> None:
    written = date_time(unix_time)
    assert date_times([unix_time]) == [b'"' + written + b'"']
    if -62_000_000_000 <= unix_time <= 253_402_300_799:
        assert parse_date_time(written) == unix_time


@given(st.binary(max_size=40))
def test_strings_are_read_back(octets: bytes) -> None:
    written = responses.string(octets)
    if written.startswith(b"{"):
        size, _, rest = written[1:].partition(b"}\r\n")
        assert (int(size), rest) == (len(octets), octets)
    else:
        inside = written[1:-1]
        assert inside.replace(b'\\"', b'"').replace(b"\\\\", b"\\") == octets or (
            b"\\" in octets
        )


def test_flags_are_written_once_for_all() -> None:
    assert responses.flags(1 | 8 | 32, "$Junk x") == (
        rb"(\Seen \Deleted \Recent $Junk x)"
    )
    assert responses.flags(0, "") == b"()"


def test_no_text_breaks_a_line() -> None:
    """What others wrote can't become a response of its own."""
    assert responses.tagged(b"a", b"NO", "x\r\n* BYE é") == b"a NO x * BYE  \r\n"
