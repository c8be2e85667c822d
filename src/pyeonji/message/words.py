"""Encoded words in header fields, as the standard has them and as they are found.

RFC 2047 says that white space between two encoded words does not count, that
a word holds whole characters, that no word is longer than 75 octets and that
none stands inside a quoted string. Senders break all four, so: neighbours in
the same charset are joined as octets before they are decoded, words are read
wherever they stand, and what is no word stays as it is.
"""

from __future__ import annotations

import binascii
import re
from typing import Final

from pyeonji.message.charset import decode_text, decode_undeclared
from pyeonji.message.encoding import decode_base64

_FOLD = re.compile(rb"\r?\n(?=[ \t])")

# charset, optional language (RFC 2231 §5), encoding, text. The text may hold
# spaces and `?` that should have been encoded, but no `=?` that could begin
# another word: so words without an end cost no more than their length.
_WORD = re.compile(
    rb"=\?([!-)+-<>@-~]{1,60})(?:\*[!-<>@-~]{0,40})?\?([BbQq])\?"
    rb"((?:[^?=\r\n]|\?(?!=)|=(?!\?(?!=)))*+)\?=",
)
_BETWEEN: Final = b" \t\r\n"


def unfold(octets: bytes) -> bytes:
    """A field value on one line, without white space around it (RFC 5322 §2.2.3)."""
    if b"\n" in octets:
        octets = _FOLD.sub(b"", octets)
        if b"\n" in octets:
            octets = octets.replace(b"\r\n", b" ").replace(b"\n", b" ")
    return octets.strip(b" \t\r\n")


def decode_unstructured(octets: bytes) -> str:
    """A field value as a person reads it: unfolded and decoded; any octets."""
    value = unfold(octets)
    if b"=?" not in value and value.isascii() and not _escapes(value):
        return value.decode("ascii")
    return decode_words(value)


def _escapes(value: bytes) -> bool:
    return b"\x1b" in value or b"\x0e" in value


def decode_words(octets: bytes) -> str:
    """Decode the encoded words of an unfolded value, and raw 8-bit text around."""
    if b"=?" not in octets:
        return decode_undeclared(octets)
    pieces: list[str] = []
    charset = ""
    pending: list[tuple[bytes, bytes]] = []  # neighbours in one charset
    position = 0
    after_word = False
    for match in _WORD.finditer(octets):
        between = octets[position : match.start()]
        name = match[1].decode("ascii").lower()
        if not (after_word and not between.strip(_BETWEEN)):
            _flush(pieces, pending, charset)
            if between:
                pieces.append(decode_undeclared(between))
        elif name != charset:
            _flush(pieces, pending, charset)
        charset = name
        pending.append((match[2].lower(), match[3]))
        position = match.end()
        after_word = True
    _flush(pieces, pending, charset)
    if position < len(octets):
        pieces.append(decode_undeclared(octets[position:]))
    return "".join(pieces)


def _flush(pieces: list[str], pending: list[tuple[bytes, bytes]], charset: str) -> None:
    if pending:
        pieces.append(decode_text(_join(pending), charset).text)
        pending.clear()


def _join(words: list[tuple[bytes, bytes]]) -> bytes:
    """The octets of neighbouring words, so that none is cut inside a character."""
    if len(words) > 1 and all(encoding == b"b" for encoding, _ in words):
        whole = b"".join([text for _, text in words])
        # QUIRK: some senders cut base64 itself, inside a group of four
        if len(whole) % 4 == 0 and any(len(text) % 4 for _, text in words):
            return decode_base64(whole)
    return b"".join(
        [
            decode_base64(text)
            if encoding == b"b"
            else binascii.a2b_qp(text, header=True)
            for encoding, text in words
        ]
    )


def collapse(text: str) -> str:
    """Text on one line: line ends that an encoded word smuggled in become spaces."""
    if "\n" in text or "\r" in text:
        return " ".join(text.split())
    return text
