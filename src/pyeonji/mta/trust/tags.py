"""Tag lists: `v=1; a=rsa-sha256; …` (RFC 6376 §3.2)."""

from __future__ import annotations

import binascii
import re
from typing import Final

MAX_TAGS: Final = 64
"""Tags of one list (ours)."""

MAX_TAG_LIST: Final = 64 * 1024
"""Octets of one list (ours); signatures with long h= come nowhere near."""

_FWS: Final = b" \t\r\n"
_SPEC: Final = re.compile(rb"[ \t\r\n]*([A-Za-z][A-Za-z0-9_]*)[ \t\r\n]*=([^;]*)")
_VALUE: Final = re.compile(rb"[\t\r\n -:<-~\x80-\xff]*")
_EMPTIED: Final = re.compile(rb"((?:^|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_NUMBER: Final = re.compile(rb"[0-9]{1,12}")
_QUOTED: Final = re.compile(rb"=([0-9A-F]{2})")


class BadTags(Exception):
    """A list, or a value in it, is not as the standard says; the text says why."""


def parse_tags(octets: bytes) -> dict[str, bytes]:
    """Read a tag list; values lose white space at their ends only.

    Raises:
        BadTags: syntax, a tag that stands twice, or limits.
    """
    if len(octets) > MAX_TAG_LIST:
        raise BadTags("the tag list is too long")
    specs = octets.split(b";", MAX_TAGS + 1)
    if not specs[-1].strip(_FWS):  # a last semicolon is allowed
        specs.pop()
    if len(specs) > MAX_TAGS:
        raise BadTags("too many tags")
    tags: dict[str, bytes] = {}
    for spec in specs:
        match = _SPEC.fullmatch(spec)
        if match is None or _VALUE.fullmatch(match[2]) is None:
            raise BadTags("not a tag list")
        name = match[1].decode("ascii")
        if name in tags:  # RFC 6376 §3.2
            raise BadTags(f"{name}= stands twice")
        tags[name] = match[2].strip(_FWS)
    return tags


def without_signature(value: bytes) -> bytes:
    """A tag list as it is signed: its b= tag empty (RFC 6376 §3.5)."""
    return _EMPTIED.sub(rb"\1", value, count=1)


def solid(value: bytes) -> bytes:
    """A value without any white space in it."""
    return value.translate(None, _FWS)


def base64_value(value: bytes, name: str) -> bytes:
    """The octets that a base64 value stands for, white space ignored."""
    text = solid(value)
    if _BASE64.fullmatch(text) is None:
        raise BadTags(f"{name}= is not base64")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise BadTags(f"{name}= is not base64") from None


def number(value: bytes, name: str) -> int:
    """A decimal number; longer than 12 digits is treated as no number here."""
    if _NUMBER.fullmatch(value) is None:
        raise BadTags(f"{name}= is not a number")
    return int(value)


def colon_list(value: bytes) -> list[bytes]:
    """The items of a colon-separated list, white space around them removed."""
    return [item.strip(_FWS) for item in value.split(b":")]


def unquoted(value: bytes) -> bytes:
    """A dkim-quoted-printable value as it is meant (RFC 6376 §2.11)."""
    return _QUOTED.sub(lambda match: bytes([int(match[1], 16)]), solid(value))
