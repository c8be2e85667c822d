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
    pending: list[bytes] = []  # octets of neighbours in one charset
    position = 0
    after_word = False
    for match in _WORD.finditer(octets):
        between = octets[position : match.start()]
        name = match[1].decode("ascii").lower()
        word = _decode_word(match[2], match[3])
        if not (after_word and not between.strip(_BETWEEN)):
            _flush(pieces, pending, charset)
            if between:
                pieces.append(decode_undeclared(between))
        elif name != charset:
            _flush(pieces, pending, charset)
        charset = name
        pending.append(word)
        position = match.end()
        after_word = True
    _flush(pieces, pending, charset)
    if position < len(octets):
        pieces.append(decode_undeclared(octets[position:]))
    return "".join(pieces)


def _flush(pieces: list[str], pending: list[bytes], charset: str) -> None:
    if pending:
        pieces.append(decode_text(b"".join(pending), charset).text)
        pending.clear()


def _decode_word(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"Bb":
        return decode_base64(text)
    return binascii.a2b_qp(text, header=True)


def collapse(text: str) -> str:
    """Text on one line: line ends that an encoded word smuggled in become spaces."""
    if "\n" in text or "\r" in text:
        return " ".join(text.split())
    return text
