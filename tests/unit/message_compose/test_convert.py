"""8bit to 7bit, part by part (RFC 6152 §3)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pyeonji.message.compose.transfer import has_long_line
from pyeonji.message.convert import Hindrance, to_seven_bit
from pyeonji.message.scan import scan
from pyeonji.message.text import part_octets

EIGHT = (
    "From: a@example.test\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: 8bit\r\n\r\n가나다\r\n"
).encode()


def test_a_seven_bit_message_is_the_same_object() -> None:
    octets = b"Subject: x\r\n\r\nhello\r\n"
    assert to_seven_bit(octets).octets is octets


def test_a_text_is_coded_and_says_so() -> None:
    """RFC 2045 §6."""
    converted = to_seven_bit(EIGHT)
    assert converted.obstacles == ()
    assert converted.octets == (
        b"From: a@example.test\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n6rCA64KY64ukDQo=\r\n"
    )


def test_octets_without_mime_are_of_unknown_charset() -> None:
    """RFC 1428 §3."""
    converted = to_seven_bit("Subject: x\r\n\r\n가나다\r\n".encode())
    assert b"MIME-Version: 1.0\r\n" in converted.octets
    assert b"charset=unknown-8bit\r\n" in converted.octets


def test_containers_follow_their_parts() -> None:
    """A multipart is 7bit when all its parts are (RFC 2045 §6.4)."""
    octets = (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
        b"Content-Transfer-Encoding: 8bit\r\n\r\n--b\r\n"
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        + EIGHT
        + b"\r\n--b--\r\n"
    )
    converted = to_seven_bit(octets)
    assert converted.octets.isascii()
    assert b"8bit" not in converted.octets
    root = scan(converted.octets)
    inner = next(part.message for part in root.walk() if part.message)
    assert part_octets(converted.octets, inner) == "가나다\r\n".encode()


def test_signed_parts_are_left_and_reported() -> None:
    """One changed octet would break the signature (RFC 1847 §2.1)."""
    signed = (
        b"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n"
        b"Content-Transfer-Encoding: 8bit\r\n\r\n\xea\xb0\x80\r\n--s--\r\n"
    )
    octets = (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
        b"Content-Transfer-Encoding: 8bit\r\n\r\n--b\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n\r\n\xea\xb0\x80\r\n--b\r\n"
        + signed
        + b"--b--\r\n"
    )
    converted = to_seven_bit(octets)
    assert signed in converted.octets
    assert [o.hindrance for o in converted.obstacles] == [Hindrance.SIGNED]
    assert b"boundary=b\r\nContent-Transfer-Encoding: 8bit" in converted.octets
    assert converted.octets.count(b"\xea\xb0\x80") == 1


def test_raw_headers_are_reported_and_bodies_converted() -> None:
    converted = to_seven_bit(EIGHT.replace(b"a@", "가@".encode()))
    assert [o.hindrance for o in converted.obstacles] == [Hindrance.HEADER]
    assert converted.octets.endswith(b"6rCA64KY64ukDQo=\r\n")


def test_long_lines_and_nul_become_lines() -> None:
    """RFC 3030: BINARYMIME content for a server without it."""
    body = b"\0" + b"x" * 5000 + b"\n\r"
    octets = b"MIME-Version: 1.0\r\nContent-Type: image/png\r\n\r\n" + body
    converted = to_seven_bit(octets).octets
    assert max(map(len, converted.split(b"\r\n"))) <= 998
    assert part_octets(converted, scan(converted)) == body


PIECES = st.sampled_from(
    [b"Content-Type: multipart/mixed; boundary=b\r\n", b"\r\n", b"--b\r\n", b"--b--",
     b"Content-Type: message/rfc822\r\n", "가".encode(), b"\xff", b"\0", b"\n",
     b"Content-Transfer-Encoding: base64\r\n", b"Content-Transfer-Encoding: 8bit\r\n",
     b"Content-Transfer-Encoding: x-none\r\n", b"MIME-Version: 1.0\r\n", b"=\r\n",
     b"Content-Type: multipart/signed; boundary=c\r\n", b"--c\r\n", b"text", b"\r",
     b"Content-Type: message/global\r\n", b" folded\r\n",
     b"Content-Type: text/html\r\n"]
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(octets=st.lists(PIECES, max_size=25).map(b"".join))
def test_anything_is_converted_or_reported(octets: bytes) -> None:
    """Never raises; without obstacles the result is ASCII; twice changes nothing."""
    converted = to_seven_bit(octets)
    if not converted.obstacles:
        assert converted.octets.isascii()
        again = to_seven_bit(converted.octets)
        assert again.octets.isascii()


@settings(deadline=None)
@given(lengths=st.lists(st.sampled_from([0, 1, 500, 997, 998, 999, 2000]), max_size=6))
def test_a_line_of_998_is_allowed_and_of_999_is_not(lengths: list[int]) -> None:
    """RFC 5322 §2.1.1."""
    octets = b"\r\n".join(b"x" * length for length in lengths)
    assert has_long_line(octets) == any(length > 998 for length in lengths)
