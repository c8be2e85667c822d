"""From 8bit or binary to 7bit: a whole message, part by part (RFC 6152 §3).

For next hops without 8BITMIME. Text and other leaves become quoted-printable
or base64, whichever is shorter; multiparts and messages are relabelled.
Nothing below a multipart/signed or multipart/encrypted is touched, since one
changed octet would break the signature (RFC 1847 §2.1): such a part is
reported, and so is every header with octets over 127, which no transfer
encoding can carry. The caller then knows whether it must bounce.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from pyeonji.message.compose.transfer import (
    Encoding,
    encode,
    has_lone_line_end,
    why_not_lines,
)
from pyeonji.message.encoding import IDENTITY, decode, is_known
from pyeonji.message.scan import scan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyeonji.message.scan import Part

_CLOSED: Final = frozenset({"multipart/signed", "multipart/encrypted"})
_TO_QUESTION_MARK: Final = bytes(range(128)) + b"?" * 128


class Hindrance(Enum):
    """Why a piece of a message cannot be made 7-bit."""

    SIGNED = "signed or encrypted: may not be changed"
    HEADER = "octets over 127 in a header"
    TYPE = "a type or an encoding that may not be coded"
    BOUNDARY = "octets over 127 in a boundary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """A piece that was left as it was."""

    path: str  # IMAP part number, "" for the message itself
    hindrance: Hindrance
    offset: int  # into the original octets


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """The message after conversion; 7-bit if there are no obstacles."""

    octets: bytes
    obstacles: tuple[Obstacle, ...] = ()


def to_seven_bit(octets: bytes) -> Converted:
    """Convert a message so that it can travel in 7 bits.

    Args:
        octets: any message. One that is 7-bit already (ASCII, CRLF line ends,
            no NUL, no line over 998 octets) comes back as the same object.

    Returns:
        The converted octets, and what could not be converted. Never raises.
    """
    if _is_clean(octets):
        return Converted(octets=octets)
    return _Conversion(octets).run()


def _is_clean(octets: bytes) -> bool:
    return octets.isascii() and not why_not_lines(octets)


class _Conversion:
    """The work of one `to_seven_bit`: edits of the octets, made in one go."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.root = scan(octets)
        self.obstacles: list[Obstacle] = []
        self.edits: list[tuple[int, int, bytes]] = []
        self.containers: list[Part] = []
        self.embedded: set[int] = set()  # id() of the messages in message parts

    def run(self) -> Converted:
        waiting = [self.root]
        while waiting:
            waiting.extend(self._visit(waiting.pop()))
        for container in self.containers:
            if not self._hindered(container):
                self._relabel(container, Encoding.SEVEN_BIT.value)
        return Converted(
            octets=self._edited(),
            obstacles=tuple(sorted(self.obstacles, key=lambda one: one.offset)),
        )

    def _hindered(self, container: Part) -> bool:
        start, end = container.body_start, container.body_end
        return any(start <= one.offset < end for one in self.obstacles)

    def _edited(self) -> bytes:
        pieces = []
        position = 0
        for start, end, replacement in sorted(self.edits):
            pieces += [self.octets[position:start], replacement]
            position = end
        return b"".join([*pieces, self.octets[position:]])

    def _meet(self, part: Part, hindrance: Hindrance, offset: int) -> None:
        self.obstacles.append(
            Obstacle(path=part.path, hindrance=hindrance, offset=offset)
        )

    # -- one part ---------------------------------------------------------

    def _visit(self, part: Part) -> Iterator[Part]:
        """Convert a leaf, or note a container; gives what stands below it."""
        if part.type in _CLOSED:
            whole = self.octets[part.header_start : part.body_end]
            if not _is_clean(whole):
                self._meet(part, Hindrance.SIGNED, part.header_start)
            return
        header = self.octets[part.header_start : part.body_start]
        if not header.isascii():
            self._meet(part, Hindrance.HEADER, part.header_start)
        if part.children:
            self._between_children(part)
            self.containers.append(part)
            yield from part.children
        elif part.message is not None and not self._is_global(part):
            self.containers.append(part)
            self.embedded.add(id(part.message))
            yield part.message
        else:
            self._leaf(part)

    def _is_global(self, part: Part) -> bool:
        """Whether it is a UTF-8 message, which may be coded (RFC 6532 §3.7)."""
        inner = part.message
        return (
            part.type == "message/global"
            and inner is not None
            and not self.octets[inner.header_start : inner.body_start].isascii()
        )

    def _between_children(self, part: Part) -> None:
        """Preamble and epilogue, which nobody reads (RFC 2046 §5.1.1)."""
        position = part.body_start
        ends = [(child.header_start, child.body_end) for child in part.children]
        for start, end in [*ends, (part.body_end, part.body_end)]:
            gap = self.octets[position:start]
            if not gap.isascii():
                self._clear_gap(part, position, gap)
            position = end

    def _clear_gap(self, part: Part, position: int, gap: bytes) -> None:
        boundary = part.content_type.first(b"boundary") or b""
        if boundary.isascii():
            replacement = gap.translate(_TO_QUESTION_MARK)
            self.edits.append((position, position + len(gap), replacement))
        else:
            self._meet(part, Hindrance.BOUNDARY, position)

    def _leaf(self, part: Part) -> None:
        body = self.octets[part.body_start : part.body_end]
        if _is_clean(body):
            if part.encoding not in {*IDENTITY, "quoted-printable", "base64"}:
                return
            if part.encoding in ("8bit", "binary"):
                self._relabel(part, Encoding.SEVEN_BIT.value)
            return
        major, _, subtype = part.type.partition("/")
        codable = major != "multipart" and (
            major != "message" or subtype.startswith("global")
        )
        if not codable or not is_known(part.encoding):
            self._meet(part, Hindrance.TYPE, part.body_start)
            return
        content = decode(body, part.encoding)
        text = major == "text" and not has_lone_line_end(content)
        used, coded = encode(content, text=text)
        if part is self.root and not coded.endswith(b"\r\n"):
            # a message is lines; in quoted-printable this one must not count
            soft = used is Encoding.QUOTED_PRINTABLE
            coded += b"=\r\n" if soft else b"\r\n"
        self.edits.append((part.body_start, part.body_end, coded))
        self._relabel(part, used.value)

    # -- its header -------------------------------------------------------

    def _relabel(self, part: Part, encoding: str) -> None:
        """Say the new encoding: in the place of the old one, or at the end."""
        header = part.header
        line = f"Content-Transfer-Encoding: {encoding}\r\n".encode("ascii")
        given = [
            field
            for field in header.fields
            if field.name.lower() == "content-transfer-encoding"
        ]
        if part.encoding == encoding and len(given) == 1:
            return
        if not given and encoding == Encoding.SEVEN_BIT.value:
            return
        for field in given:
            end = self._after_line(field.value_end, part.body_start)
            self.edits.append((field.start, end, line))
            line = b""
        added = line + self._missing(part)
        if added:
            position = self._header_end(part)
            self.edits.append((position, position, added))

    def _missing(self, part: Part) -> bytes:
        """MIME fields that a message without MIME needs now."""
        is_message = part is self.root or id(part) in self.embedded
        if not is_message or b"mime-version" in part.header:
            return b""
        missing = b"MIME-Version: 1.0\r\n"
        if b"content-type" not in part.header:
            # nobody said what the octets mean (RFC 1428 §3)
            missing += b"Content-Type: text/plain; charset=unknown-8bit\r\n"
        return missing

    def _after_line(self, position: int, end: int) -> int:
        line_end = self.octets.find(b"\n", position, end)
        return line_end + 1 if line_end >= 0 else end

    def _header_end(self, part: Part) -> int:
        """Where a field can be added: before the empty line, or else on top."""
        for empty in (b"\r\n", b"\n"):
            position = part.body_start - len(empty)
            if position < part.header_start:
                continue
            before = self.octets[part.header_start : position]
            ends = self.octets[position : part.body_start] == empty
            if ends and (not before or before.endswith(b"\n")):
                return position
        return part.header_start
