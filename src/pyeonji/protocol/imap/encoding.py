"""base64 as SASL exchanges use it (RFC 4648 §4, RFC 3501 §6.2.2)."""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64


class BadBase64(ValueError):
    """Not base64: wrong characters, length or padding."""


def decode_base64(coded: bytes) -> bytes:
    """Octets from base64, read strictly.

    Raises:
        BadBase64: anything but whole, padded base64.
    """
    try:
        return a2b_base64(coded, strict_mode=True)
    except Error:
        raise BadBase64("bad base64") from None


def encode_base64(octets: bytes) -> bytes:
    """Octets as base64 on one line."""
    return b2a_base64(octets, newline=False)
