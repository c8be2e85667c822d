"""Encoded words: characters in header fields (RFC 2047).

Each word stands for whole characters and is at most 71 octets, so that it fits
a line of 72 with the space before it (the standard allows 75 and 76).
"""

from __future__ import annotations

from typing import Final

import pybase64

from pyeonji.message.compose.characters import choose_charset, encode_text, is_stateful

MAX_WORD: Final = 71  # octets; 75 are allowed (RFC 2047 §2)
MIN_ROOM: Final = 30  # a first word shorter than this is not worth it

_PLAIN_IN_Q: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/"
)  # what is safe in a phrase too (RFC 2047 §5 (3))
_Q: Final = tuple(
    b"_"
    if octet == 32
    else bytes([octet])
    if octet in _PLAIN_IN_Q
    else b"=%02X" % octet
    for octet in range(256)
)
_KOREAN: Final = ((0x1100, 0x1200), (0x3130, 0x3190), (0xAC00, 0xD7B0))


def is_korean(text: str) -> bool:
    """Whether there is any Hangul in it."""
    return any(
        low <= ord(character) < high for character in text for low, high in _KOREAN
    )


def encoded_words(
    text: str, charset: str = "", first_room: int = MAX_WORD
) -> list[bytes]:
    """Write a text as encoded words, to be joined by folding white space.

    Args:
        text: what to write; the words together stand for exactly this.
        charset: preferred charset; UTF-8 where it lacks a character.
        first_room: octets that the first word may have; the others have 71.

    Raises:
        BadValue: the charset is unknown.
        NotInCharset: a lone surrogate, which no charset has.
    """
    name, octets = choose_charset(text, charset)
    label = name.encode("ascii")
    base64 = (
        is_stateful(name)
        or is_korean(text)
        or 4 * len(octets) <= 3 * sum(map(len, map(_Q.__getitem__, octets)))
    )
    words = []
    start = 0
    room = first_room if first_room >= MIN_ROOM else MAX_WORD
    while start < len(text):
        payload_room = room - len(label) - len("=??B??=")
        end, payload = _longest_piece(text, start, name, payload_room, base64=base64)
        kind = b"B" if base64 else b"Q"
        words.append(b"=?%b?%b?%b?=" % (label, kind, payload))
        start, room = end, MAX_WORD
    return words


def _longest_piece(
    text: str, start: int, charset: str, room: int, *, base64: bool
) -> tuple[int, bytes]:
    """The longest run of whole characters whose payload fits (one at least)."""
    best, low, high = start, start + 1, min(len(text), start + room)
    payload = b""
    while low <= high:
        middle = (low + high) // 2
        coded = _payload(encode_text(text[start:middle], charset), base64=base64)
        if len(coded) <= room or best == start == middle - 1:
            best, payload, low = middle, coded, middle + 1
        else:
            high = middle - 1
    return best, payload


def _payload(octets: bytes, *, base64: bool) -> bytes:
    if base64:
        return pybase64.b64encode(octets)
    return b"".join(map(_Q.__getitem__, octets))
