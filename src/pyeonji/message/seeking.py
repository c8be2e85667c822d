"""Looking for one text in many messages without making the texts of all of them.

What is found is what `text.searchable`, normalised, holds, no more and no less.
Most parts are ASCII under their transfer encoding: there, lower case is all of
normalising. An HTML document is parsed only where its octets leave it open that
the text stands in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pyeonji.message.charset import canonical, decode_text
from pyeonji.message.encoding import decode
from pyeonji.message.header import pairs_of
from pyeonji.message.scan import part_of_header
from pyeonji.message.text import (
    HTML_TYPES,
    MAX_SEARCH_OCTETS,
    field_text,
    html_text,
    normalise,
    one_line,
    storable,
)
from pyeonji.message.words import collapse, decode_unstructured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.message.parts import PartMap
    from pyeonji.message.scan import Octets

MAX_REMEMBERED: Final = 512
"""Octets of a part's header that is remembered: most say one of few things."""

MAX_PIECE: Final = 32
"""Characters that decide whether an HTML document is parsed."""

_SHIFTING: Final = frozenset({"utf-7", "hz-gb-2312", "iso-2022-kr", "iso-2022-jp"})
"""Charsets in which octets of ASCII may mean something else."""

_ASCII: Final = bytes(octet for octet in range(128) if octet not in b"\x0e\x1b")
_CONTENT: Final = b"\ncontent-"
_PIECE: Final = re.compile(r"[a-z0-9]+")
_STRANGE: Final = re.compile(
    rb"&(?=[a-z#])(?!(?:nbsp|amp|lt|gt|quot|#39|#160);)|<!\[|\0"
)
"""In lower-case HTML, what may become a letter, or stand between two."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a part's header says of its content."""

    text: bool
    html: bool
    digest: bool
    encoding: str
    charset: str | None
    transparent: bool  # in its charset, octets of ASCII mean themselves
    name: str  # of the file, normalised


def _read_kind(header: bytes) -> _Kind:
    part = part_of_header(header)
    charset = part.charset
    return _Kind(
        text=part.read_type.startswith("text/"),
        html=part.type in HTML_TYPES,
        digest=part.type == "multipart/digest",
        encoding=part.encoding,
        charset=charset,
        transparent=_is_transparent(charset),
        name=storable(normalise(part.file_name)),
    )


_remembered = lru_cache(maxsize=1024)(_read_kind)


@lru_cache(maxsize=256)
def _is_transparent(charset: str | None) -> bool:
    name = canonical(charset) if charset else None
    if name in _SHIFTING:
        return False
    return decode_text(_ASCII, name).text == _ASCII.decode("ascii")


class Sought:
    """A normalised text, made ready to be looked for."""

    def __init__(self, text: str) -> None:
        """Make ready a text in which there are neither line ends nor NULs."""
        self._text = text
        self._octets = text.encode()
        self._ascii = text.isascii()
        piece = max(_PIECE.findall(text), key=len, default="")[:MAX_PIECE]
        self._piece = piece.encode()
        self._cut = _cut_pattern(self._piece) if len(piece) > 1 else None
        # a sign that no octets of ASCII can stand for
        self._foreign = any(not one.isascii() and one.isalnum() for one in text)

    def in_header(self, header: bytes) -> bool:
        """Whether a field holds it: its name, a colon, and its value on one line."""
        if self._not_in_octets(header):
            return False
        return any(
            name and self._in_field(name, value) for name, value in pairs_of(header)
        )

    def _in_field(self, name: bytes, value: bytes) -> bool:
        if self._not_in_octets(b"%b:%b" % (name, value.rstrip(b"\r"))):
            return False
        decoded = collapse(decode_unstructured(value))
        return self._text in storable(field_text(name.decode("ascii"), decoded))

    def in_value(self, value: bytes) -> bool:
        """Whether the value of one field holds it."""
        decoded = collapse(decode_unstructured(value))
        return self._text in storable(normalise(one_line(decoded)))

    def perhaps_in(self, values: Sequence[bytes]) -> list[int]:
        """Which of many fields' values, in lower case, may hold it; few others."""
        whole = b"\n".join([*values, b""])
        if not _is_sound(whole):
            return list(range(len(values)))
        piece = self._piece if self._ascii else b"=?"
        if whole.isascii() and b"=?" not in whole:
            return [at for at, value in enumerate(values) if piece in value]
        return [
            at
            for at, value in enumerate(values)
            if piece in value or b"=?" in value or not value.isascii()
        ]

    def _not_in_octets(self, octets: bytes) -> bool:
        """Whether it surely is not in what these octets of a header stand for."""
        if not _is_plain(octets):
            return False
        return not self._ascii or self._piece not in octets.lower()

    def in_body(
        self, header: bytes, octets: Octets, shift: int, parts: PartMap
    ) -> bool | None:
        """Whether a text part or a file name holds it.

        Args:
            header: of the message.
            octets: of the message, from offset `shift` on.
            shift: no more than where the body begins.
            parts: of the message.

        Returns:
            None: there are messages inside; all of the text must be made.
        """
        spans = parts.spans()
        if spans is None or len(octets) > MAX_SEARCH_OCTETS:
            return None
        of_root = _content_fields(header)
        for leaf, start, body, end in spans:
            about = of_root or bytes(octets[start - shift : body - shift])
            of_root = b""
            if not leaf and _says_little(about):
                continue
            kind = _kind(about)
            if kind.digest:
                return None
            if kind.name and self._text in kind.name:
                return True
            if leaf and kind.text:
                content = bytes(octets[body - shift : end - shift])
                if self._in_part(kind, content):
                    return True
        return not self._text

    def _in_part(self, kind: _Kind, content: bytes) -> bool:
        content = decode(content, kind.encoding)
        if kind.transparent and content.isascii() and not _is_shifted(content):
            if not kind.html:
                return self._ascii and self._octets in content.lower()
            if self._not_in_html(content.lower()):
                return False
        text = decode_text(content, kind.charset).text
        if kind.html:
            text = " ".join(html_text(text).split())
        return self._text in storable(normalise(text))

    def _not_in_html(self, lowered: bytes) -> bool:
        """Whether it surely is not in the text of a document.

        A word that the text has and the document has not is cut there by a tag
        or an entity, or by the document's end, behind the first of its letters.
        """
        if _STRANGE.search(lowered):
            return False
        if self._foreign:
            return True
        if not self._piece or self._piece in lowered:
            return False
        return self._cut is None or self._cut.search(lowered) is None


def _cut_pattern(piece: bytes) -> re.Pattern[bytes]:
    """A part of a word, from its beginning, before what may cut it."""
    pattern = rb"[<&]|\Z"
    for at in range(len(piece) - 2, -1, -1):
        inner = rb"(?:%b)" % pattern
        pattern = piece[at : at + 1] + inner
        if at:
            pattern += rb"|[<&]|\Z"
    return re.compile(pattern)


def _is_plain(octets: bytes) -> bool:
    """Whether octets of a header mean themselves, but for folding and case."""
    return octets.isascii() and b"=?" not in octets and _is_sound(octets)


def _is_sound(octets: bytes) -> bool:
    """The same but for what is not ASCII, and encoded words."""
    # a lone CR vanishes
    return not _is_shifted(octets) and octets.count(b"\r") == octets.count(b"\r\n")


def _is_shifted(octets: bytes) -> bool:
    """Whether octets of ASCII may mean something else (ISO 2022)."""
    return b"\x1b" in octets or b"\x0e" in octets


def _content_fields(header: bytes) -> bytes:
    """A message's header from the first field on that may be of its content."""
    lowered = header.lower()
    if lowered.startswith(_CONTENT[1:]):
        return header
    at = lowered.find(_CONTENT)
    return header[at + 1 :] if at >= 0 else b"\r\n"


def _says_little(header: bytes) -> bool:
    """Whether a multipart surely has no file name, and is no digest."""
    lowered = header.lower()
    if b"(" in lowered or b"name" in lowered:
        return False
    return b"digest" not in lowered.translate(None, b" \t\r\n")


def _kind(header: bytes) -> _Kind:
    return (_remembered if len(header) <= MAX_REMEMBERED else _read_kind)(header)
