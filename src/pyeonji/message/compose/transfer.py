"""Content-Transfer-Encoding: how content travels (RFC 2045 §6).

7bit where it suffices, else quoted-printable or base64, whichever is shorter.
For nearly all Korean text that is base64.
"""

from __future__ import annotations

import binascii
import re
from enum import StrEnum
from typing import Final

import pybase64

from pyeonji.message.compose.errors import EncodingImpossible

MAX_LINE: Final = 998  # octets without CRLF (RFC 5322 §2.1.1)

_SAFE_IN_QP: Final = bytes(
    [9, 10, 13, *(c for c in range(32, 127) if c != ord("="))]
)  # RFC 2045 §6.7
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_LONE: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n")


class Encoding(StrEnum):
    """A Content-Transfer-Encoding, or the wish to have the best one chosen."""

    AUTO = "auto"
    SEVEN_BIT = "7bit"
    EIGHT_BIT = "8bit"
    QUOTED_PRINTABLE = "quoted-printable"
    BASE64 = "base64"


def canonical_lines(text: str) -> str:
    """A text with CRLF as its only line end (RFC 2045 §2.8)."""
    return _LINE_END.sub("\r\n", text)


def has_long_line(octets: bytes) -> bool:
    """Whether a line has more than 998 octets, CRLF not counted.

    Goes from one line end to the last one within reach, so that short lines
    cost no more than long ones.
    """
    start, size = 0, len(octets)
    while size - start > MAX_LINE:
        end = octets.rfind(b"\r\n", start, start + MAX_LINE + 2)
        if end < 0:
            return True
        start = end + 2
    return False


def has_lone_line_end(octets: bytes) -> bool:
    """Whether a CR or LF stands without the other."""
    pairs = octets.count(b"\r\n")
    return octets.count(b"\r") != pairs or octets.count(b"\n") != pairs


def why_not_lines(octets: bytes) -> str:
    """Why octets cannot travel unencoded as lines; "" when they can.

    RFC 2045 §2.7 and §2.8: no NUL, no lone CR or LF, no line over 998 octets.
    """
    if b"\0" in octets:
        return "there is a NUL in it"
    if has_lone_line_end(octets):
        return "a CR or LF stands alone in it"
    if has_long_line(octets):
        return f"a line is longer than {MAX_LINE} octets"
    return ""


def quoted_printable(octets: bytes, *, text: bool) -> bytes:
    """Encode; lines of at most 76 octets (RFC 2045 §6.7).

    Args:
        octets: the content; as text it has CRLF as its only line end.
        text: CRLF stays a line end; else it is content and encoded too.
    """
    coded = binascii.b2a_qp(octets, quotetabs=False, istext=text, header=False)
    if b"\n" not in coded:
        return coded
    return coded.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def base64_lines(octets: bytes) -> bytes:
    """Encode in lines of 76 octets with CRLF between them, none at the end."""
    return pybase64.encodebytes(octets)[:-1].replace(b"\n", b"\r\n")


def base64_length(octets_length: int) -> int:
    """Octets that `base64_lines` makes of so many."""
    coded = -(-octets_length // 3) * 4
    return coded + max(-(-coded // 76) - 1, 0) * 2


def shortest(octets: bytes, *, text: bool) -> tuple[Encoding, bytes]:
    """Quoted-printable or base64, whichever is shorter; base64 if equal."""
    as_base64 = base64_length(len(octets))
    unsafe = len(octets.translate(None, _SAFE_IN_QP))
    if len(octets) + 2 * unsafe < as_base64:
        coded = quoted_printable(octets, text=text)
        if len(coded) < as_base64:
            return Encoding.QUOTED_PRINTABLE, coded
    return Encoding.BASE64, base64_lines(octets)


def encode(
    octets: bytes, asked: Encoding = Encoding.AUTO, *, text: bool
) -> tuple[Encoding, bytes]:
    """Encode content for travel.

    Args:
        octets: the content; text is expected with CRLF line ends.
        asked: what must be used, or AUTO.
        text: line ends in it are line ends, not data.

    Returns:
        The encoding that was used and the coded octets.

    Raises:
        EncodingImpossible: 7bit or 8bit was asked and cannot carry it.
    """
    if asked is Encoding.BASE64:
        return asked, base64_lines(octets)
    if asked is Encoding.QUOTED_PRINTABLE:
        return asked, quoted_printable(octets, text=text)
    if asked is Encoding.AUTO:
        if octets.isascii() and not why_not_lines(octets):
            return Encoding.SEVEN_BIT, octets
        return shortest(octets, text=text)
    why = why_not_lines(octets)
    if asked is Encoding.SEVEN_BIT and not octets.isascii():
        why = "there are octets over 127 in it"
    if why:
        raise EncodingImpossible(asked.value, why)
    # 8bit asked for what 7bit can carry is 7bit (RFC 2045 §6.2)
    return (Encoding.SEVEN_BIT if octets.isascii() else asked), octets
