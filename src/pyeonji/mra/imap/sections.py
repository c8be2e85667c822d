"""Finding a body section in stored octets, without parsing the message."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pyeonji.message.parts import SectionKind, unpack
from pyeonji.protocol.imap.commands import SectionText

if TYPE_CHECKING:
    from pyeonji.message.parts import PartMap
    from pyeonji.protocol.imap.commands import Section
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
        """From what storage keeps; a broken part map leaves only the whole."""
        if not packed:
            return cls(octets, None, 0)
        try:
            return cls(octets, unpack(packed), prefix_size)
        except ValueError:
            return cls(octets, None, 0)


class SectionReader:
    """Reads one section of any message."""

    __slots__ = ("_fields", "_is_whole", "_kind", "_path", "_wanted", "section")

    def __init__(self, section: Section) -> None:
        self.section: Final = section
        self._path = ".".join(map(str, section.path))
        self._kind = _KINDS[section.text]
        self._is_whole = not section.path and section.text is SectionText.ALL
        self._fields = _pattern(section.fields) if section.fields else None
        self._wanted = section.text is SectionText.HEADER_FIELDS

    def _find(self, message: Message) -> tuple[int, int] | None:
        """Start and end before field list and partial apply."""
        if self._is_whole:
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


@lru_cache(maxsize=256)
def _pattern(fields: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """Whole fields of these names, folded lines included."""
    names = b"|".join(map(re.escape, fields))
    return re.compile(
        rb"^(?:" + names + rb")[ \t]*+:[^\n]*+\n(?:[ \t][^\n]*+\n)*+",
        re.IGNORECASE | re.MULTILINE,
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
