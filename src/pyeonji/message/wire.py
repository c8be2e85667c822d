"""IMAP strings: NIL, quoted or literal, whichever is right (RFC 3501 §4.3)."""

from __future__ import annotations

import re
from typing import Final

MAX_QUOTED: Final = 4096
"""Octets of a quoted string that we send; longer ones go as literals."""

_PLAIN = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-!#-\[\]-\x7f]*+")
_QUOTABLE = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*+")


def string(octets: bytes) -> bytes:
    """An IMAP string of any octets but NUL, which is left out.

    NUL may stand neither in a quoted string nor in a literal (RFC 3501 §9,
    CHAR8); 8-bit octets go as a literal, which every client can read.
    """
    if len(octets) <= MAX_QUOTED:
        if _PLAIN.fullmatch(octets):
            return b'"' + octets + b'"'
        if _QUOTABLE.fullmatch(octets):
            return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    kept = octets.replace(b"\0", b"")
    if len(kept) != len(octets):
        return string(kept)
    return b"{%d}\r\n%b" % (len(kept), kept)


def nstring(octets: bytes | None) -> bytes:
    """An IMAP string, or NIL for what is absent."""
    return b"NIL" if octets is None else string(octets)
