"""The part map: which octets answer a BODY[…] or BINARY[…] section.

Made when a message arrives and kept beside it, so that FETCH finds any part
without parsing. Offsets count from the first octet as scanned; trace headers
that stand before it are added by whoever holds them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from pyeonji.message.scan import Part

_VERSION: Final = 1
_WIDTH: Final = 7  # path, kind, four offsets, encoding
_LEAF, _MULTIPART, _MESSAGE = 0, 1, 2
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Any]).decode


class SectionKind(StrEnum):
    """What of a part is asked for (RFC 3501 §6.4.5)."""

    WHOLE = ""  # the message, or the body of a part
    HEADER = "HEADER"  # of the message, or of a message/rfc822 part's message
    TEXT = "TEXT"  # what follows that header
    MIME = "MIME"  # the header of the part itself


def pack(root: Part) -> bytes:
    """Write the map of a scanned message."""
    flat: list[object] = [_VERSION]
    if not root.children and root.message is None:  # most of all mail
        flat += ("", _LEAF, root.header_start, root.body_start, root.body_end, 0)
        flat.append(root.encoding)
        return _encode(flat)
    embedded = set()
    for part in root.walk():
        kind, inner = _LEAF, 0
        if part.message is not None:
            kind, inner = _MESSAGE, part.message.body_start
            embedded.add(id(part.message))
        elif part.is_multipart:
            if id(part) in embedded:
                continue  # its parts stand below the message/rfc822 part
            kind = _MULTIPART
        flat += (part.path, kind, part.header_start, part.body_start)
        flat += (part.body_end, inner, part.encoding)
    return _encode(flat)


def unpack(packed: bytes) -> PartMap:
    """Read what `pack` wrote.

    Raises:
        ValueError: these octets are no part map.
    """
    try:
        flat = _decode(packed)
    except msgspec.DecodeError as error:
        raise ValueError("not a part map") from error
    if not flat or flat[0] != _VERSION or (len(flat) - 1) % _WIDTH:
        raise ValueError("not a part map")
    return PartMap(flat)


@dataclass(slots=True)
class PartMap:
    """Offsets of every part of one message."""

    _flat: list[Any]
    _index: dict[str, int] | None = None

    def section(self, path: str, kind: str) -> tuple[int, int] | None:
        """The octets [start, end) of a section, or None if there is none.

        Args:
            path: "" for the message, or a part number such as "1.2".
            kind: a SectionKind; "HEADER" and "TEXT" of a part exist only where
                it is a message/rfc822, "MIME" only with a part number.
        """
        at = self._find(path)
        if at is None:
            return None
        _, what, header, body, end, inner, _ = self._flat[at : at + _WIDTH]
        if not path:
            return _of_message(kind, header, body, end)
        if kind == SectionKind.WHOLE:
            return body, end
        if kind == SectionKind.MIME:
            return header, body
        if what == _MESSAGE:
            return _of_message(kind, body, inner, end)
        return None

    def encoding(self, path: str) -> str | None:
        """The transfer encoding of a part, lower-case (for BINARY), or None."""
        at = self._find(path)
        return None if at is None else self._flat[at + 6]

    def is_multipart(self, path: str) -> bool:
        """Whether there are parts below; BINARY of such a part has no sense."""
        at = self._find(path)
        return at is not None and self._flat[at + 1] == _MULTIPART

    def paths(self) -> list[str]:
        """All part numbers in order, "" first."""
        return self._flat[1::_WIDTH]

    def spans(self) -> list[tuple[bool, int, int, int]] | None:
        """Of each part: whether it is a leaf, where header, body and end are.

        None where there are messages inside, whose headers this does not tell.
        """
        flat = self._flat
        kinds = flat[2::_WIDTH]
        if _MESSAGE in kinds:
            return None
        leaves = [kind == _LEAF for kind in kinds]
        starts, bodies, ends = flat[3::_WIDTH], flat[4::_WIDTH], flat[5::_WIDTH]
        return list(zip(leaves, starts, bodies, ends, strict=True))

    def _find(self, path: str) -> int | None:
        if path == "":
            return 1
        if path == "1" and self._flat[2] != _MULTIPART:
            return 1  # a message without parts has a part 1 (RFC 3501 §6.4.5)
        if self._index is None:
            paths = enumerate(self._flat[1::_WIDTH])
            self._index = {p: 1 + n * _WIDTH for n, p in paths}
        return self._index.get(path)


def _of_message(kind: str, start: int, body: int, end: int) -> tuple[int, int] | None:
    if kind == SectionKind.HEADER:
        return start, body
    if kind == SectionKind.TEXT:
        return body, end
    if kind == SectionKind.WHOLE:
        return start, end
    return None
