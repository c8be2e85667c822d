"""Content transfer encodings, the right ones and the broken ones (RFC 2045 §6)."""

from __future__ import annotations

import binascii
import re
from typing import Final

import pybase64

_BASE64_TABLE: Final = bytes(
    b
    for b in range(256)
    if not (chr(b).isascii() and (chr(b).isalnum() or b in b"+/="))
)
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_ODD = re.compile(rb"=(?:[= \t]|\r(?!\n))")
_SOFT_BREAK_PADDED = re.compile(rb"=[ \t]+(?=\r?\n)")
_LONE_CR_BREAK = re.compile(rb"=(?=\r(?!\n))")
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")
_SOFT_BREAK = re.compile(rb"=[ \t]*\r?\n")

IDENTITY: Final = frozenset({"7bit", "8bit", "binary", ""})
"""Encodings that leave the octets as they are."""


def decode(octets: bytes, encoding: str) -> bytes:
    """Undo a transfer encoding; takes any octets and any name, never raises.

    Unknown encodings leave the octets as they are (RFC 2045 §6.4).
    """
    if encoding in IDENTITY:
        return octets
    if encoding == "quoted-printable":
        return decode_quoted_printable(octets)
    if encoding == "base64":
        return decode_base64(octets)
    if encoding in {"x-uuencode", "uuencode", "x-uue", "uue"}:
        return decode_uuencode(octets)
    return octets


MISNAMED: Final = frozenset(
    {"7-bit", "7bits", "8-bit", "8bits", "ascii", "us-ascii", "utf-8", "utf8", "none"}
)
"""QUIRK: what careless programs call octets that they left as they are."""

_KNOWN: Final = (
    IDENTITY
    | MISNAMED
    | {"quoted-printable", "base64", "x-uuencode", "uuencode", "x-uue", "uue"}
)


def is_known(encoding: str) -> bool:
    """Whether `decode` knows what to do with it.

    If not, the part is application/octet-stream, whatever it calls itself
    (RFC 2045 §6.4).
    """
    return encoding in _KNOWN


def decode_base64(octets: bytes) -> bytes:
    """Base64 as found: foreign octets skipped, padding missing or in the middle."""
    try:
        if b"-" not in octets and b"_" not in octets:
            return pybase64.b64decode(octets)
    except (binascii.Error, ValueError):
        pass
    return _decode_broken_base64(octets)


def _decode_broken_base64(octets: bytes) -> bytes:
    # several encodings one after another each end in padding of their own
    kept = octets.translate(_URL_SAFE).translate(None, _BASE64_TABLE)
    decoded: list[bytes] = []
    for run in re.split(rb"=+", kept):
        whole = len(run) % 4
        if whole == 1:  # six bits are no octet
            run = run[:-1]  # noqa: PLW2901 - the run, cut
            whole = 0
        padded = run + b"=" * (-len(run) % 4)
        if padded:
            decoded.append(pybase64.b64decode(padded))
    return b"".join(decoded)


def decode_quoted_printable(octets: bytes) -> bytes:
    """Quoted-printable (RFC 2045 §6.7); an `=` that encodes nothing stays."""
    if _ODD.search(octets) is None:
        return binascii.a2b_qp(octets)
    if b"==" in octets:
        # binascii would swallow one of the two
        unbroken = _SOFT_BREAK.sub(b"", octets)
        return _HEX.sub(lambda m: bytes((int(m[1], 16),)), unbroken)
    octets = _SOFT_BREAK_PADDED.sub(b"=", octets)
    return binascii.a2b_qp(_LONE_CR_BREAK.sub(b"=3D", octets))


def decode_uuencode(octets: bytes) -> bytes:
    """Uuencoded data, with or without its begin and end lines."""
    decoded: list[bytes] = []
    for line in octets.splitlines():
        if line.startswith(b"begin "):
            continue
        if line.rstrip() in {b"end", b"`", b""}:
            continue
        decoded.append(decode_uu_line(line))
    return b"".join(decoded)


def decode_uu_line(line: bytes) -> bytes:
    """One line of uuencoded data; a line that is none gives b""."""
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        pass
    # some encoders write a wrong length or lose trailing blanks
    wanted = ((line[0] - 32) & 63) if line else 0
    octets = (wanted * 4 + 5) // 3
    try:
        return binascii.a2b_uu(line[: 1 + octets].ljust(1 + octets))[:wanted]
    except binascii.Error:
        return b""
