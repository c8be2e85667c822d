"""Content-Type and Content-Disposition: a value and its parameters.

Two views of the same octets. `Parametrised.parameters` is what stands there,
unquoted but not decoded, as BODYSTRUCTURE wants it. `decode_parameters` is
what is meant: continuations joined, percent-encoding and charsets undone
(RFC 2231), and the encoded words that RFC 2047 §5 forbids here but that are
found in Korean, Japanese and Russian mail all the same.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from pyeonji.base.limits import MAX_PARAMETERS
from pyeonji.message.charset import decode_text
from pyeonji.message.words import decode_words

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_CACHED_OCTETS: Final = 120
"""Longer values are hardly ever seen twice and are parsed anew."""

MAX_CONTINUATION: Final = 9999
"""Highest section number of a parameter continuation (RFC 2231 §3)."""

RawParameters = tuple[tuple[bytes, bytes], ...]

# One parameter, the semicolon before it included. A quoted string may hold
# ISO-2022 text, whose octets between SO and SI, or after ESC $, can be `"`
# and `\` without meaning them. Every repetition is possessive, so a match
# costs no more than its length.
_PARAMETER = re.compile(
    rb"[\s;]*+"
    rb"([^\s;=\"()]++)\s*+=[ \t\r\n]*+"
    rb"(?:\"((?:[^\"\\\x0e\x1b]|\\.|\x0e[^\x0f\n]*+|\x1b\$[^\x1b\n]*+|[\x0e\x1b\\])*+)\"?+"
    rb"[^;]*+"
    rb"|([^;]*+))"
    rb"|[\s;]*+(?:\"(?:[^\"\\]|\\.)*+\"?+|\((?:[^()\\]|\\.)*+\)?+|[^\s;=\"()]++|[^\s;])"
    rb"|[\s;]++",
    re.DOTALL,
)
_HEAD = re.compile(rb"[^;]*+")
_PLAIN = re.compile(
    rb'([!#-\'*-:<-~]++);[ \t\r\n]*([!#-\'*-:<>-~]++)="?([!#-\'*-:<-\[\]-~]++)"?\s*'
)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_TRAILING_COMMENT = re.compile(rb"[ \t]\([^()]*+\)\Z")
_FOLD = re.compile(rb"\r?\n[ \t]?")
_EXTENDED = re.compile(r"([^*]+)(?:\*(\d{1,4}))?(\*)?\Z")


@dataclass(frozen=True, slots=True)
class Parametrised:
    """A structured value such as `text/plain; charset=utf-8`.

    `value` is lower-case ASCII without comments, "" if there is none.
    `parameters` keeps order and repetitions; names are lower-case.
    """

    value: str
    parameters: RawParameters = ()

    def first(self, name: bytes) -> bytes | None:
        """The raw octets of the first parameter of that (lower-case) name."""
        for key, octets in self.parameters:
            if key == name:
                return octets
        return None


def parse_parametrised(octets: bytes) -> Parametrised:
    """Read a field value with parameters (RFC 2045 §5.1, RFC 2183 §2).

    Takes any octets. Reads no more than MAX_PARAMETERS parameters.
    """
    if len(octets) <= MAX_CACHED_OCTETS:
        return _parse_cached(octets)
    return _parse(octets)


def _parse(octets: bytes) -> Parametrised:
    plain = _PLAIN.fullmatch(octets.strip())
    if plain is not None:
        value, name, given = plain.groups()
        pair = (name.lower(), given)
        return Parametrised(value.decode("ascii").lower(), (pair,))
    head = _HEAD.match(octets)
    end = head.end() if head else 0
    value = octets[:end]
    if b"(" in value:
        value = strip_comments(value)
    text = b"".join(value.split()).decode("ascii", "replace").lower()
    return Parametrised(text, _parameters(octets, end))


_parse_cached = lru_cache(maxsize=2048)(_parse)


def _parameters(octets: bytes, start: int) -> RawParameters:
    found: list[tuple[bytes, bytes]] = []
    for match in _PARAMETER.finditer(octets, start):
        name = match[1]
        if name is None:
            continue
        quoted = match[2]
        if quoted is not None:
            value = _unfold(quoted)
            if b"\\" in value and b"\x0e" not in value and b"\x1b" not in value:
                value = _QUOTED_PAIR.sub(rb"\1", value)
        else:
            value = _unfold(match[3]).strip()
            if value.endswith(b")"):
                value = _TRAILING_COMMENT.sub(b"", value).rstrip()
        found.append((name.lower(), value))
        if len(found) >= MAX_PARAMETERS:
            break
    return tuple(found)


def _unfold(octets: bytes) -> bytes:
    return _FOLD.sub(b" ", octets) if b"\n" in octets else octets


def strip_comments(octets: bytes) -> bytes:
    """Leave out comments, nested ones too (RFC 5322 §3.2.2); not for quoted text."""
    kept = bytearray()
    depth = 0
    for piece in re.split(rb"(\\.|[()])", octets):
        if piece == b"(":
            depth += 1
        elif piece == b")":
            depth = max(depth - 1, 0)
        elif depth == 0:
            kept += piece
    return bytes(kept)


def decode_parameters(parameters: RawParameters) -> dict[str, str]:
    """What the parameters mean (RFC 2231 §3, §4; QUIRK: RFC 2047 words).

    Where a name is given both plainly and in the extended form, the extended
    one counts; where it is repeated, the first. Texts are NFC.
    """
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[bytes, bool]]] = {}
    for raw_name, value in parameters:
        name = raw_name.decode("ascii", "replace")
        extended = _EXTENDED.match(name) if "*" in name else None
        if extended is None:
            if name not in plain:
                plain[name] = decode_value(value)
            continue
        base, number, star = extended.groups()
        index = int(number or 0)
        if index <= MAX_CONTINUATION:
            sections.setdefault(base, {}).setdefault(index, (value, bool(star)))
    for base, pieces in sections.items():
        plain[base] = _join_sections(pieces)
    return plain


def _join_sections(pieces: Mapping[int, tuple[bytes, bool]]) -> str:
    """Join continuations, then decode: a character may be cut between them."""
    charset = ""
    octets: list[bytes] = []
    any_encoded = False
    for position, index in enumerate(sorted(pieces)):
        value, encoded = pieces[index]
        if encoded:
            any_encoded = True
            if position == 0 and value.count(b"'") >= 2:
                name, _language, value = value.split(b"'", 2)
                charset = name.decode("ascii", "replace")
            value = unquote_to_bytes(value)
        octets.append(value)
    joined = b"".join(octets)
    if not any_encoded:
        return decode_value(joined)
    return unicodedata.normalize("NFC", decode_text(joined, charset).text)


def decode_value(octets: bytes) -> str:
    """A parameter's value as text: encoded words, raw 8-bit, or plain ASCII."""
    if b"=?" not in octets and octets.isascii() and b"\x1b" not in octets:
        return octets.decode("ascii")
    return unicodedata.normalize("NFC", decode_words(octets))
