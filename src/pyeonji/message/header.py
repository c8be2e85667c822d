"""A header block: its fields as they stand there, and as a person reads them.

The block is cut into fields by one regular expression; nothing is unfolded or
decoded until somebody asks for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from pyeonji.base.limits import MAX_HEADER_FIELDS
from pyeonji.message.words import collapse, decode_unstructured, unfold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# A field: name, optional white space, colon, value with its folded lines; or
# a line that is none (second alternative, both groups empty). Possessive, so
# linear. RFC 5322 §2.2, §4.5.
FIELD: Final = re.compile(
    rb"([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?|[^\n]*+\n|[^\n]++",
)


_AT_ONCE: Final = 65536
"""Blocks up to this size are cut at once, larger ones field by field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One header field.

    `value_start` and `value_end` are offsets into the scanned octets: after
    the colon, and before the line end of its last line.
    """

    name: str
    start: int
    value_start: int
    value_end: int
    value: bytes  # the octets between them, folded as they stand

    @property
    def unfolded(self) -> bytes:
        """The value on one line, white space around it removed."""
        return unfold(self.value)

    @property
    def decoded(self) -> str:
        """The value as text, encoded words and raw 8-bit octets decoded."""
        return collapse(decode_unstructured(self.value))


class Header:
    """The header block of a message or part, made from its octets."""

    __slots__ = ("_by_name", "_fields", "octets", "start")

    def __init__(self, octets: bytes, start: int = 0) -> None:
        """Cut the block into fields.

        Args:
            octets: the block, with or without the empty line at its end.
            start: where it stands in the message; only `fields` needs it.
        """
        self.octets = octets
        self.start = start
        self._fields: list[Field] | None = None
        by_name: dict[bytes, list[bytes]] = {}
        for name, value in pairs_of(octets):
            key = name.lower()
            if key in by_name:
                by_name[key].append(value)
            else:
                by_name[key] = [value]
        by_name.pop(b"", None)
        self._by_name = by_name

    def __contains__(self, name: bytes) -> bool:
        return name in self._by_name

    def first(self, name: bytes) -> bytes | None:
        """The folded value of the first field of that lower-case name, or None."""
        values = self._by_name.get(name)
        return values[0] if values else None

    def all(self, name: bytes) -> list[bytes]:
        """The folded values of all fields of that lower-case name, in order."""
        return self._by_name.get(name, [])

    def unfolded(self, name: bytes) -> bytes | None:
        """The first field of that lower-case name on one line, or None."""
        values = self._by_name.get(name)
        return unfold(values[0]) if values else None

    def text(self, name: bytes) -> str:
        """The first field of that lower-case name as text, "" without it."""
        value = self.first(name)
        return "" if value is None else collapse(decode_unstructured(value))

    @property
    def fields(self) -> list[Field]:
        """All fields in order, with their offsets."""
        if self._fields is None:
            self._fields = list(self._cut())
        return self._fields

    def _cut(self) -> Iterator[Field]:
        count = 0
        for match in FIELD.finditer(self.octets):
            if match[1] is None:
                continue
            value = match[2]
            value_start, value_end = match.span(2)
            if value.endswith(b"\r"):
                value, value_end = value[:-1], value_end - 1
            yield Field(
                name=match[1].decode("ascii"),
                start=self.start + match.start(),
                value_start=self.start + value_start,
                value_end=self.start + value_end,
                value=value,
            )
            count += 1
            if count >= MAX_HEADER_FIELDS:
                return

    def strays(self) -> list[int]:
        """Offsets of lines that are neither fields nor their continuation."""
        strays = (m for m in FIELD.finditer(self.octets) if m[1] is None)
        found = (self.start + m.start() for m in strays if m[0].strip(b"\r\n"))
        return list(islice(found, MAX_HEADER_FIELDS))


def pairs_of(octets: bytes) -> Iterable[tuple[bytes, bytes]]:
    """Names and values, MAX_HEADER_FIELDS at most; stray lines have no name."""
    if len(octets) <= _AT_ONCE:
        return FIELD.findall(octets)[:MAX_HEADER_FIELDS]
    matches = (m for m in FIELD.finditer(octets) if m[1] is not None)
    return ((m[1], m[2]) for m in islice(matches, MAX_HEADER_FIELDS))
