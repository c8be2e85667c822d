"""The structure of a message: where each part begins and ends.

One pass over the octets, which may be anything and stay where they are; only
header blocks (at most MAX_HEADER_OCTETS each) are copied out. A line ends at
LF, with or without CR before it. What RFC 2046 forbids is read as well as it
can be: boundaries that are missing, repeated or never closed, headers without
an empty line after them, parts nested without end. What was odd is noted in
`Part.defects`.

Nothing here recurses, so no message is too deep, and no octet is looked at
more than a fixed number of times.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyeonji.base.limits import MAX_HEADER_OCTETS, MAX_MIME_DEPTH, MAX_MIME_PARTS
from pyeonji.message.encoding import IDENTITY, MISNAMED, is_known
from pyeonji.message.header import Header
from pyeonji.message.parameters import (
    Parametrised,
    decode_parameters,
    parse_parametrised,
    strip_comments,
)

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

    Octets = bytes | bytearray | mmap.mmap

MAX_BOUNDARY: Final = 998
"""Octets of a boundary that we look for (RFC 2046 §5.1.1 allows 70)."""

_COUNT_STEP: Final = 1 << 20  # octets copied at once where `count` is not at hand
_FIRST_LINE = re.compile(rb"[!-9;-~]++[ \t]*+:|>?From ")
_TYPE = re.compile(r"[!-'*+\-./0-9A-Z^-~]+/[!-'*+\-.0-9A-Z^-~]+", re.IGNORECASE)

_PLAIN_TEXT: Final = Parametrised("text/plain")
_MESSAGE: Final = Parametrised("message/rfc822")
MESSAGE_TYPES: Final = frozenset({"message/rfc822", "message/global", "message/news"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanLimits:
    """How much of a message is looked at (the reasons stand in base.limits)."""

    header_octets: int = MAX_HEADER_OCTETS
    depth: int = MAX_MIME_DEPTH
    parts: int = MAX_MIME_PARTS


LIMITS: Final = ScanLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """Something that the standards forbid: what, and where in the octets."""

    what: str
    offset: int


@dataclass(slots=True, kw_only=True, eq=False)
class Part:
    """A message, or a part of one; complete when `scan` returns it.

    Offsets are into the scanned octets; always header_start <= body_start <=
    body_end. The header includes the empty line that ends it, the body
    excludes the line end that belongs to the boundary after it (RFC 2046
    §5.1.1). `path` is "" for the whole message and the IMAP part number for
    the parts (RFC 3501 §6.4.5). `lines` counts LFs of the body, and one more
    for a last line without one.
    """

    path: str
    header: Header
    header_start: int
    body_start: int
    body_end: int
    content_type: Parametrised
    encoding: str = "7bit"
    lines: int = 0
    children: list[Part] = field(default_factory=list)
    message: Part | None = None  # what a message/rfc822 part holds
    defects: list[Defect] = field(default_factory=list)

    @property
    def type(self) -> str:
        """Media type, lower-case, e.g. `text/plain`."""
        return self.content_type.value

    @property
    def read_type(self) -> str:
        """The media type to go by when its content is read (RFC 2045 §6.4)."""
        return self.type if is_known(self.encoding) else "application/octet-stream"

    @property
    def is_attachment(self) -> bool:
        """Whether the sender means it as a file; so is any new word (RFC 2183 §2.8)."""
        disposition = self.disposition
        return disposition is not None and disposition.value not in {"inline", ""}

    @property
    def number(self) -> str:
        """IMAP part number; "1" for a message that has no parts (RFC 3501 §6.4.5)."""
        return self.path or "1"

    @property
    def size_octets(self) -> int:
        """Octets of the body as encoded."""
        return self.body_end - self.body_start

    @property
    def is_multipart(self) -> bool:
        """Whether the body is a run of parts."""
        return self.content_type.value.startswith("multipart/")

    @property
    def parameters(self) -> dict[str, str]:
        """Parameters of Content-Type, decoded."""
        return decode_parameters(self.content_type.parameters)

    @property
    def charset(self) -> str | None:
        """The declared charset as it stands there, or None."""
        given = self.content_type.first(b"charset")
        return None if given is None else given.decode("ascii", "replace")

    @property
    def id(self) -> str:
        """Content-ID with its angle brackets, or ""."""
        return self.header.text(b"content-id")

    @property
    def description(self) -> str:
        """Content-Description as text, or ""."""
        return self.header.text(b"content-description")

    @property
    def disposition(self) -> Parametrised | None:
        """Content-Disposition (RFC 2183), or None."""
        value = self.header.first(b"content-disposition")
        return None if value is None else parse_parametrised(value)

    @property
    def language(self) -> tuple[str, ...]:
        """Content-Language (RFC 3282) as a list of tags."""
        value = self.header.unfolded(b"content-language")
        return tuple(
            tag.decode("ascii", "replace")
            for tag in strip_comments(value or b"").replace(b",", b" ").split()
        )

    @property
    def location(self) -> str:
        """Content-Location (RFC 2557), or ""."""
        return self.header.text(b"content-location")

    @property
    def md5(self) -> str:
        """Content-MD5 (RFC 1864), or ""."""
        return self.header.text(b"content-md5")

    @property
    def file_name(self) -> str:
        """The name that the sender gave the part, NFC, or ""."""
        disposition = self.disposition
        if disposition is not None and disposition.parameters:
            name = decode_parameters(disposition.parameters).get("filename", "")
            if name:
                return name
        if not self.content_type.parameters:
            return ""
        return self.parameters.get("name", "")

    def walk(self) -> Iterator[Part]:
        """This part, then all parts below it in order, embedded messages too."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            if part.message is not None:
                waiting.append(part.message)
            waiting.extend(reversed(part.children))


def scan(
    octets: Octets, *, limits: ScanLimits = LIMITS, all_lines: bool = True
) -> Part:
    """Find the structure of a message; takes any octets, never raises.

    Args:
        octets: the message as it came in; it must not change meanwhile.
        limits: beyond them parts are leaves, which their defects say.
        all_lines: count the lines of all parts, not only of texts and messages,
            whose lines BODYSTRUCTURE tells (RFC 3501 §7.4.2).
    """
    return _Scanner(octets, limits, all_lines=all_lines).run()


def part_of_header(octets: bytes) -> Part:
    """A part as its header alone tells: type, encoding, charset, file name."""
    part = _headed(Header(octets[: LIMITS.header_octets]), 0, len(octets))
    _Scanner(octets, LIMITS, all_lines=False).classify(part, digest=False)
    return part


def _headed(header: Header, start: int, end: int) -> Part:
    return Part(
        path="",
        header=header,
        header_start=start,
        body_start=end,
        body_end=end,
        content_type=_PLAIN_TEXT,
    )


class _Level:
    """An open multipart: what its delimiter lines look like, and the next one."""

    __slots__ = ("depth", "needle", "next", "part", "searched")

    def __init__(self, part: Part, boundary: bytes, depth: int) -> None:
        self.part = part
        self.needle = b"\n--" + boundary
        self.depth = depth  # its place in the chain of open parts
        self.next = -1  # offset of a delimiter that was found ahead
        self.searched = 0  # up to here there is none

    def find(self, octets: Octets, position: int, end: int) -> int:
        """The next delimiter from `position` on that ends before `end`, or -1."""
        if self.next >= position:
            return self.next
        begin = max(position, self.searched)
        length = len(self.needle)
        if begin + length > end:
            return -1
        self.next = octets.find(self.needle, begin, end)
        if self.next < 0:
            self.searched = end - length + 1
        return self.next


class _Scanner:
    """The work of one `scan`."""

    def __init__(self, octets: Octets, limits: ScanLimits, *, all_lines: bool) -> None:
        self.octets = octets
        self.size = len(octets)
        self.limits = limits
        self.all_lines = all_lines
        self.parts: list[Part] = []  # parents before their children
        self.chain: list[Part] = []  # parts whose end is not yet known
        self.levels: list[_Level] = []  # multiparts whose boundaries count
        self.blank_crlf = -2  # next LF CR LF; -1: there is none
        self.blank_lf = -2
        self.no_blank_lf_until = 0

    def run(self) -> Part:
        root = self.open_part(None, 0)
        if self.levels:
            self.split()
        for level in self.levels:
            note(level.part, "multipart not closed", self.size)
        for part in self.chain:
            part.body_end = self.size
        self.fill_unsplit()
        self.count_lines()
        return root

    def split(self) -> None:
        """Follow the delimiter lines to the end of the message."""
        position = self.chain[-1].body_start - 1
        while self.levels:
            found = self.delimiter(position, self.size)
            if found is None:
                break
            at, index = found
            level = self.levels[index]
            after = at + len(level.needle)
            line_end = self.octets.find(b"\n", after)
            position = line_end if line_end >= 0 else self.size
            closing = self.octets[after : after + 2] == b"--"
            if not closing and len(self.parts) >= self.limits.parts:
                note(level.part, "too many parts", at + 1)
                self.levels.clear()  # what follows belongs to the last part
                return
            self.close_parts(level.depth + 1, at)
            self.close_levels(index if closing else index + 1)
            if not closing:
                self.open_part(level.part, min(position + 1, self.size))
                position = self.chain[-1].body_start - 1

    def delimiter(self, position: int, end: int) -> tuple[int, int] | None:
        """The next delimiter line: offset of the LF before it, and its level.

        Of two boundaries that begin alike the longer counts, of two that are
        equal the inner.
        """
        best = -1
        best_index = -1
        for index, level in enumerate(self.levels):
            # what comes after a delimiter of an outer part cannot be ours
            most = self.size if best < 0 else best + len(level.needle)
            at = level.find(self.octets, position, most)
            if at < 0 or (best >= 0 and at > best):
                continue
            if at == best and len(level.needle) < len(self.levels[best_index].needle):
                continue
            best, best_index = at, index
        if best < 0 or best >= end:
            return None
        return best, best_index

    def close_parts(self, depth: int, at: int) -> None:
        """End the parts below a multipart at the delimiter whose LF is at `at`."""
        end = at - 1 if at > 0 and self.octets[at - 1] == 0x0D else at
        for part in self.chain[depth:]:
            part.body_end = max(end, part.body_start)
        del self.chain[depth:]

    def close_levels(self, index: int) -> None:
        del self.levels[index:]

    # -- one part ---------------------------------------------------------

    def open_part(self, parent: Part | None, start: int) -> Part:
        """Open the part whose header is at `start`, and messages right inside it."""
        first = part = self.read_header(start)
        self.classify(part, digest=parent is not None and is_digest(parent))
        if parent is not None:
            parent.children.append(part)
            number = str(len(parent.children))
            part.path = f"{parent.path}.{number}" if parent.path else number
        self.chain.append(part)
        while part.type in MESSAGE_TYPES and self.may_open(part):
            inner = self.read_header(part.body_start)
            self.classify(inner, digest=False)
            inner.path = part.number if inner.is_multipart else f"{part.number}.1"
            part.message = inner
            self.chain.append(inner)
            part = inner
        if part.is_multipart:
            self.open_multipart(part)
        return first

    def read_header(self, start: int) -> Part:
        end, oddity = self.header_end(start)
        most = min(end, start + self.limits.header_octets)
        part = _headed(Header(bytes(self.octets[start:most]), start), start, end)
        self.parts.append(part)
        if oddity:
            note(part, oddity, end)
        if most < end:
            note(part, "header too long", most)
        return part

    def header_end(self, start: int) -> tuple[int, str]:
        """Where the body begins, and what is wrong with the header, if anything."""
        octets = self.octets
        first = octets[start : start + 2]
        if first[:1] == b"\n":
            return start + 1, ""
        if first == b"\r\n":
            return start + 2, ""
        if _FIRST_LINE.match(octets, start) is None:
            return start, "" if start == self.size else "no header"
        blank, end = self.next_blank(start)
        if self.levels:
            found = self.delimiter(start - 1, blank)
            if found is not None:
                return found[0] + 1, "header not ended by an empty line"
        return end, "" if blank < self.size else "header not ended by an empty line"

    def next_blank(self, position: int) -> tuple[int, int]:
        """The next empty line: offset of the LF before it, and of what follows.

        Remembers what it has found, so that many headers without an end cost
        no more than one.
        """
        octets = self.octets
        if -1 != self.blank_crlf < position:
            self.blank_crlf = octets.find(b"\n\r\n", position)
        limit = self.blank_crlf if self.blank_crlf >= 0 else self.size
        if self.blank_lf < position and limit > self.no_blank_lf_until:
            self.blank_lf = octets.find(b"\n\n", position, limit + 1)
            if self.blank_lf < 0:
                self.no_blank_lf_until = limit
        if position <= self.blank_lf < limit:
            return self.blank_lf, self.blank_lf + 2
        if self.blank_crlf >= 0:
            return limit, limit + 3
        return self.size, self.size

    def classify(self, part: Part, *, digest: bool) -> None:
        """Set the type and the transfer encoding."""
        header = part.header
        given = header.first(b"content-transfer-encoding")
        if given is not None:
            part.encoding = read_encoding(given)
            if part.encoding in MISNAMED or not is_known(part.encoding):
                note(part, "unknown transfer encoding", part.header_start)
        value = header.first(b"content-type")
        if value is None:
            if digest:  # RFC 2046 §5.1.5
                part.content_type = _MESSAGE
            return
        part.content_type = parse_parametrised(value)
        if _TYPE.fullmatch(part.type) is None:
            note(part, "Content-Type cannot be read", part.header_start)
            # RFC 2045 §5.2; "text" alone is of old mailers (RFC 1049)
            readable = part.type in {"", "text"}
            part.content_type = Parametrised(
                "text/plain" if readable else "application/octet-stream",
                part.content_type.parameters,
            )

    def open_multipart(self, part: Part) -> None:
        boundary = (part.content_type.first(b"boundary") or b"").rstrip()
        if not boundary or len(boundary) > MAX_BOUNDARY or b"\n" in boundary:
            note(part, "multipart without a usable boundary", part.header_start)
        elif len(self.chain) > self.limits.depth:
            note(part, "nested too deep", part.header_start)
        else:
            if part.encoding not in IDENTITY:
                note(part, "multipart with a transfer encoding", part.header_start)
            self.levels.append(_Level(part, boundary, len(self.chain) - 1))

    def may_open(self, part: Part) -> bool:
        """Whether to look into a message/rfc822 part."""
        if part.encoding not in IDENTITY:
            note(part, "message with a transfer encoding", part.header_start)
        elif len(self.chain) > self.limits.depth:
            note(part, "nested too deep", part.header_start)
        elif len(self.parts) >= self.limits.parts:
            note(part, "too many parts", part.header_start)
        else:
            return True
        return False

    # -- when all ends are known ------------------------------------------

    def fill_unsplit(self) -> None:
        """Give a multipart without any part its whole body as one text part.

        So that its text is seen, and BODYSTRUCTURE is grammatical: a multipart
        has at least one part there (RFC 3501 §9, body-type-mpart).
        """
        for part in [p for p in self.parts if p.is_multipart and not p.children]:
            if not part.defects:
                note(part, "multipart without parts", part.body_start)
            only = Part(
                path=f"{part.path}.1" if part.path else "1",
                header=Header(b"", part.body_start),
                header_start=part.body_start,
                body_start=part.body_start,
                body_end=part.body_end,
                content_type=_PLAIN_TEXT,
            )
            part.children.append(only)
            self.parts.append(only)

    def count_lines(self) -> None:
        """Count LFs, each octet once, from the innermost parts outwards."""
        if not self.all_lines and all(part.message is None for part in self.parts):
            for part in self.parts:
                if part.type.startswith(("text/", "message/")):
                    part.lines = self.lines_of(
                        part, self.count_lf(part.body_start, part.body_end)
                    )
            return
        counted: dict[int, int] = {}
        for part in reversed(self.parts):
            total, position = 0, part.body_start
            inside = part.children if part.message is None else [part.message]
            for child in inside:
                total += self.count_lf(position, child.body_start)
                total += counted.pop(id(child))
                position = child.body_end
            total += self.count_lf(position, part.body_end)
            counted[id(part)] = total
            part.lines = self.lines_of(part, total)

    def lines_of(self, part: Part, line_feeds: int) -> int:
        """LFs, and one more for a last line without one."""
        if part.body_end == part.body_start:
            return 0
        return line_feeds + (self.octets[part.body_end - 1] != 0x0A)

    def count_lf(self, start: int, end: int) -> int:
        octets = self.octets
        if isinstance(octets, (bytes, bytearray)):
            return octets.count(b"\n", start, end)
        return sum(
            octets[at : min(at + _COUNT_STEP, end)].count(b"\n")
            for at in range(start, end, _COUNT_STEP)
        )


def note(part: Part, what: str, offset: int) -> None:
    """Write down a defect, the first of its kind in a part only."""
    if all(defect.what != what for defect in part.defects):
        part.defects.append(Defect(what=what, offset=offset))


def is_digest(part: Part) -> bool:
    """Whether parts are messages unless they say otherwise (RFC 2046 §5.1.5)."""
    return part.type == "multipart/digest"


def read_encoding(octets: bytes) -> str:
    """A Content-Transfer-Encoding value, lower-case; "7bit" where it is empty."""
    text = strip_comments(octets) if b"(" in octets else octets
    return text.strip(b" \t\r\n\"';").decode("ascii", "replace").lower() or "7bit"
