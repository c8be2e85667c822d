"""Files that stand within a text: uuencode and yEnc, as old mailers put them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pyeonji.message.charset import decode_undeclared
from pyeonji.message.encoding import decode_uuencode

MAX_INLINE_FILES: Final = 100
"""Files looked for in one text."""

_BEGIN = re.compile(
    rb"^(?:begin (?P<mode>[0-7]{3,4}) (?P<name>[^\r\n]{1,255})"
    rb"|=ybegin [^\r\n]{0,255}?name=(?P<yname>[^\r\n]{1,255}))\r?\n",
    re.MULTILINE,
)
_UU_END = re.compile(rb"^end[ \t]*\r?$", re.MULTILINE)
_Y_END = re.compile(rb"^=yend[^\r\n]*\r?$", re.MULTILINE)
_Y_PART = re.compile(rb"=ypart [^\r\n]*\r?\n")
_Y_ESCAPE = re.compile(rb"=(.)", re.DOTALL)
_Y_TABLE: Final = bytes((octet - 42) & 0xFF for octet in range(256))


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineFile:
    """A file within a text: its octets stand at [start, end) of the decoded part."""

    name: str
    encoding: str  # "x-uuencode" or "x-yenc"
    start: int
    end: int
    octets: bytes


def inline_files(content: bytes) -> list[InlineFile]:
    """Find and decode the files within a text part; takes any octets.

    Args:
        content: the part after its transfer encoding has been undone.
    """
    found: list[InlineFile] = []
    position = 0
    while len(found) < MAX_INLINE_FILES:
        begin = _BEGIN.search(content, position)
        if begin is None:
            break
        yenc = begin["mode"] is None
        end = (_Y_END if yenc else _UU_END).search(content, begin.end())
        if end is None:
            break  # no end: it is text
        inside = content[begin.end() : end.start()]
        found.append(
            InlineFile(
                name=decode_undeclared((begin["yname"] or begin["name"]).strip()),
                encoding="x-yenc" if yenc else "x-uuencode",
                start=begin.start(),
                end=end.end(),
                octets=decode_yenc(inside) if yenc else decode_uuencode(inside),
            )
        )
        position = end.end()
    return found


def decode_yenc(inside: bytes) -> bytes:
    """The data lines of a yEnc file, its =ypart line left out."""
    part = _Y_PART.match(inside)
    data = (inside[part.end() :] if part else inside).translate(None, b"\r\n")
    plain = _Y_ESCAPE.sub(lambda m: bytes(((m[1][0] - 64) & 0xFF,)), data)
    return plain.translate(_Y_TABLE)
