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
_FIELD_LISTS: Final = frozenset(
    {SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT}
)


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

    def find(self, section: Section) -> tuple[int, int] | None:
        """Start and end of a section before its field list and partial apply."""
        if not section.path and section.text is SectionText.ALL:
            return 0, len(self.octets)
        if self.parts is None:
            return None
        path = ".".join(map(str, section.path))
        found = self.parts.section(path, _KINDS[section.text])
        if found is None:
            return None
        start, end = found
        shift = self.prefix_size
        # our trace headers are the beginning of the message's own header
        is_own_header = start == 0 and section.text in _OWN_HEADER
        if is_own_header and path in {"", "1"}:
            return 0, end + shift
        return start + shift, end + shift

    def span(self, section: Section) -> tuple[int, int] | None:
        """The octets of a section that is no field list, its partial applied."""
        found = self.find(section)
        if found is None or section.partial is None:
            return found
        start, end = found
        first, most = section.partial
        start = min(start + first, end)
        return start, min(start + most, end)

    def value(self, section: Section) -> bytes:
        """A section as FETCH sends it: a literal, or NIL where it does not exist."""
        if section.text in _FIELD_LISTS:
            octets = self._fields(section)
        else:
            span = self.span(section)
            octets = None if span is None else self.octets.slice(*span)
        if octets is None:
            return b"NIL"
        return b"{%d}\r\n%b" % (len(octets), octets)

    def _fields(self, section: Section) -> bytes | None:
        found = self.find(section)
        if found is None:
            return None
        header = self.octets.slice(*found)
        wanted = fields_of(
            header,
            section.fields,
            wanted=section.text is SectionText.HEADER_FIELDS,
        )
        if section.partial is not None:
            first, most = section.partial
            return wanted[first : first + most]
        return wanted


_OWN_HEADER: Final = _FIELD_LISTS | {SectionText.HEADER, SectionText.MIME}


@lru_cache(maxsize=256)
def _pattern(fields: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """Whole fields of these names, folded lines included."""
    names = b"|".join(map(re.escape, fields))
    return re.compile(
        rb"^(?:" + names + rb")[ \t]*+:[^\n]*+\n(?:[ \t][^\n]*+\n)*+",
        re.IGNORECASE | re.MULTILINE,
    )


def fields_of(header: bytes, fields: tuple[bytes, ...], *, wanted: bool) -> bytes:
    """Header fields of these names, or all others, and the empty line after them.

    RFC 3501 §6.4.5: names are matched without regard to case, the order stays.
    """
    if header and not header.endswith(b"\n"):
        header += b"\r\n"
    if wanted:
        return b"".join(_pattern(fields).findall(header)) + b"\r\n"
    left = _pattern(fields).sub(b"", header)
    return left if left.endswith(b"\n\r\n") or left == b"\r\n" else left + b"\r\n"
