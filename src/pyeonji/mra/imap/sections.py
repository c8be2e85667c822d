"""Finding a body section in stored octets, without parsing the message."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pyeonji.message.encoding import decode, is_known
from pyeonji.message.fields import COMMON_FIELDS, fields_pattern
from pyeonji.message.parts import SectionKind, unpack
from pyeonji.protocol.imap.commands import Section, SectionText

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyeonji.message.parts import PartMap
    from pyeonji.protocol.imap.commands import Binary
    from pyeonji.storage.content import StoredOctets

_KINDS: Final = {
    SectionText.ALL: SectionKind.WHOLE,
    SectionText.HEADER: SectionKind.HEADER,
    SectionText.HEADER_FIELDS: SectionKind.HEADER,
    SectionText.HEADER_FIELDS_NOT: SectionKind.HEADER,
    SectionText.TEXT: SectionKind.TEXT,
    SectionText.MIME: SectionKind.MIME,
}
_OWN_HEADER: Final = frozenset({SectionKind.HEADER, SectionKind.MIME})


@dataclass(frozen=True, slots=True)
class Message:
    """One message's octets and where its parts are."""

    octets: StoredOctets
    parts: PartMap | None
    prefix_size: int

    @classmethod
    def of(cls, octets: StoredOctets, packed: bytes, prefix_size: int) -> Message:
        """From what storage keeps; a broken part map leaves only the whole.

        LIBERTY: octets of bodies go as they are kept, headers in UTF-8 included,
        whether UTF8=ACCEPT was enabled or not: a surrogate would have another
        size than RFC822.SIZE says, and clients that fetch by pieces would lose
        its end. Envelopes and header fields alone are told in ASCII
        (RFC 6855 §8).
        """
        if not packed:
            return cls(octets, None, 0)
        try:
            return cls(octets, unpack(packed), prefix_size)
        except ValueError:
            return cls(octets, None, 0)


class SectionReader:
    """Reads one section of any message."""

    __slots__ = ("_fields", "_kind", "_path", "_wanted", "is_whole", "section")

    def __init__(self, section: Section) -> None:
        self.section: Final = section
        self._path = ".".join(map(str, section.path))
        self._kind = _KINDS[section.text]
        self.is_whole: Final = not section.path and section.text is SectionText.ALL
        self._fields = fields_pattern(section.fields) if section.fields else None
        self._wanted = section.text is SectionText.HEADER_FIELDS

    @property
    def is_plain(self) -> bool:
        """Whether it is all of a message, from the first octet to the last."""
        return self.is_whole and self.section.partial is None

    def _find(self, message: Message) -> tuple[int, int] | None:
        """Start and end before field list and partial apply."""
        if self.is_whole:
            return 0, len(message.octets)
        if message.parts is None:
            return None
        found = message.parts.section(self._path, self._kind)
        if found is None:
            return None
        start, end = found
        shift = message.prefix_size
        if start == 0 and self._kind in _OWN_HEADER and self._path in {"", "1"}:
            # our trace headers are the beginning of the message's own header
            return 0, end + shift
        return start + shift, end + shift

    def span(self, message: Message) -> tuple[int, int] | None:
        """Where the octets are, if they are a run of the message's: no field list."""
        if self._fields is not None:
            return None
        found = self._find(message)
        partial = self.section.partial
        if found is None or partial is None:
            return found
        start, end = found
        start = min(start + partial[0], end)
        return start, min(start + partial[1], end)

    def octets(self, message: Message) -> bytes | None:
        """The octets of the section, None where it does not exist."""
        if self._fields is None:
            span = self.span(message)
            return None if span is None else message.octets.slice(*span)
        found = self._find(message)
        if found is None:
            return None
        header = message.octets.slice(*found)
        octets = _filtered(header, self._fields, wanted=self._wanted)
        if (partial := self.section.partial) is not None:
            octets = octets[partial[0] : partial[0] + partial[1]]
        return octets

    def value(self, message: Message) -> bytes:
        """A section as FETCH sends it: a literal, or NIL where it does not exist."""
        octets = self.octets(message)
        return b"NIL" if octets is None else b"{%d}\r\n%b" % (len(octets), octets)


class UnknownEncoding(Exception):
    """BINARY of a part whose transfer encoding nobody knows (RFC 3516 §4.3)."""


class BinaryReader:
    """Reads the decoded octets of one part of any message."""

    __slots__ = ("_partial", "_path", "_size")

    def __init__(self, item: Binary) -> None:
        self._path = ".".join(map(str, item.path))
        self._size = item.size
        self._partial = item.partial

    def span(self, message: Message) -> None:  # noqa: ARG002 - as SectionReader's
        """Decoded octets are never a run of the message's."""
        return

    def value(self, message: Message) -> bytes:
        """A literal, a literal8 where there is NUL, NIL, or a number for SIZE.

        Raises:
            UnknownEncoding.
        """
        octets = self._decoded(message)
        if self._size:
            return b"%d" % len(octets or b"")
        if octets is None:
            return b"NIL"
        if self._partial is not None:
            octets = octets[self._partial[0] : sum(self._partial)]
        mark = b"~" if b"\0" in octets else b""
        return b"%b{%d}\r\n%b" % (mark, len(octets), octets)

    def _decoded(self, message: Message) -> bytes | None:
        if not self._path:  # a message as a whole has no transfer encoding
            return message.octets.whole()
        parts = message.parts
        if parts is None:
            return None
        found = parts.section(self._path, SectionKind.WHOLE)
        if found is None:
            return None
        start, end = found[0] + message.prefix_size, found[1] + message.prefix_size
        octets = message.octets.slice(start, end)
        if parts.is_multipart(self._path):
            return octets
        encoding = parts.encoding(self._path) or ""
        if not is_known(encoding):
            raise UnknownEncoding
        return decode(octets, encoding)


Reader = SectionReader | BinaryReader


def reader_of(item: Section | Binary) -> Reader:
    """What reads this item."""
    return SectionReader(item) if isinstance(item, Section) else BinaryReader(item)


_HEADERS: Final = frozenset(
    {SectionText.HEADER, SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT}
)


def is_own_header(item: object) -> bool:
    """Whether an item asks only for the message's own header."""
    return isinstance(item, Section) and not item.path and item.text in _HEADERS


def is_of_common_fields(item: Section) -> bool:
    """Whether such an item needs nothing but fields that are kept by themselves."""
    return item.text is SectionText.HEADER_FIELDS and COMMON_FIELDS.issuperset(
        map(bytes.lower, item.fields)
    )


def header_values(
    item: Section, headers: Sequence[bytes], *, common: bool = False
) -> list[bytes]:
    """Such an item of many messages, from their headers, as FETCH sends it.

    With `common`, from their common fields.
    """
    partial = item.partial
    if common and partial is None:
        # each line in them is of a field, so none begins with NUL
        return _apart(b"\n" + b"\n\0\n".join(headers), item.fields)
    if item.text is SectionText.HEADER_FIELDS and partial is None:
        return _fields_of_many(headers, item.fields)
    octets: Iterable[bytes] = headers
    if item.fields:
        pattern = fields_pattern(item.fields)
        wanted = item.text is SectionText.HEADER_FIELDS
        octets = (_filtered(header, pattern, wanted=wanted) for header in headers)
    if partial is not None:
        octets = (some[partial[0] : sum(partial)] for some in octets)
    return [b"{%d}\r\n%b" % (len(some), some) for some in octets]


def _fields_of_many(headers: Sequence[bytes], fields: tuple[bytes, ...]) -> list[bytes]:
    r"""Named fields of many headers: one search over all of them.

    Headers are joined by a line that has only NUL, which the search finds too,
    so that its results fall apart again at the right places. A call for each
    message would take four times as long.
    """
    joined = b"\n" + b"\n\0\n".join(
        header if header.endswith(b"\n") else header + b"\r\n" for header in headers
    )
    if joined.count(b"\0") != len(headers) - 1:  # NUL in a header
        pattern = fields_pattern(fields)
        found = [_filtered(header, pattern, wanted=True) for header in headers]
        return [b"{%d}\r\n%b" % (len(some), some) for some in found]
    return _apart(joined, fields)


def _apart(joined: bytes, fields: tuple[bytes, ...]) -> list[bytes]:
    pieces = b"".join(_joined_pattern(fields).findall(joined)).split(b"\n\0")
    return [
        b"{%d}\r\n%b\n\r\n" % (len(piece) + 2, piece[1:]) if piece else b"{2}\r\n\r\n"
        for piece in pieces
    ]


@lru_cache(maxsize=256)
def _joined_pattern(fields: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """Whole fields, from the line end before them to before their own."""
    names = b"|".join(map(re.escape, fields))
    return re.compile(
        rb"\n(?:\x00|(?:" + names + rb")[ \t]*+:[^\n]*+(?:\n[ \t][^\n]*+)*+)",
        re.IGNORECASE,
    )


def _filtered(header: bytes, fields: re.Pattern[bytes], *, wanted: bool) -> bytes:
    """These header fields, or all others, and the empty line after them.

    RFC 3501 §6.4.5: names are matched without regard to case, the order stays.
    """
    if header and not header.endswith(b"\n"):
        header += b"\r\n"
    if wanted:
        return b"".join(fields.findall(header)) + b"\r\n"
    left = fields.sub(b"", header)
    return left if left.endswith(b"\n\r\n") or left == b"\r\n" else left + b"\r\n"
