"""Octets as text: xtext in parameters (RFC 3461 §4, RFC 6533 §3), base64 in AUTH."""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import Final

_XTEXT: Final = re.compile(rb"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_HEX: Final = re.compile(rb"\+([0-9A-F]{2})")
_UTF8_ADDRESS: Final = re.compile(
    r"(?:[!-*,-<>-\[\]-~\u00a0-\U0010ffff]|\\x\{[0-9A-F]{2,6}\})*"
)
_EMBEDDED: Final = re.compile(r"\\x\{([0-9A-F]{2,6})\}")
_MUST_ENCODE: Final = re.compile(rb"[^!-*,-<>-~]")


def decode(octets: bytes) -> str | None:
    """What xtext stands for, or None where it breaks the grammar.

    None too where it stands for controls or octets that are not ASCII.
    """
    if _XTEXT.fullmatch(octets) is None:
        return None
    plain = _HEX.sub(lambda m: bytes((int(m[1], 16),)), octets)
    return plain.decode() if _is_text(plain) else None


def _is_text(octets: bytes) -> bool:
    return octets.isascii() and octets.decode().isprintable()


def encode(text: str) -> bytes:
    """Text as xtext; other characters than ASCII as their UTF-8 octets."""
    return _MUST_ENCODE.sub(lambda m: b"+%02X" % m[0][0], text.encode())


def decode_utf8_address(octets: bytes) -> str | None:
    """An address of type utf-8 in ORCPT (RFC 6533 §3), or None."""
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return None
    if _UTF8_ADDRESS.fullmatch(text) is None:
        return None
    try:
        plain = _EMBEDDED.sub(lambda m: chr(int(m[1], 16)), text)
        plain.encode()
    except (ValueError, OverflowError):
        return None
    return plain if plain.isprintable() else None


def encode_utf8_address(text: str, *, utf8: bool) -> bytes:
    """An address of type utf-8, for a peer with or without SMTPUTF8."""
    out = "".join(
        c
        if c not in "\\+=" and (" " < c < "\x7f" or (utf8 and c > "\x7f"))
        else f"\\x{{{ord(c):02X}}}"
        for c in text
    )
    return out.encode()


def from_base64(octets: bytes) -> bytes | None:
    """What base64 stands for, or None where it breaks the grammar (RFC 4648 §4)."""
    try:
        return a2b_base64(octets, strict_mode=True)
    except Base64Error:
        return None
