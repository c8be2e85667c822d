"""Responses as nested values: what stands between spaces and parentheses.

A value is None (NIL), a str (an atom, as it stands), bytes (a string, quoted
or literal) or a list of values. Reading is linear, and not recursive.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pyeonji.protocol.imap.client.errors import RemoteProtocolError

MAX_DEPTH: Final = 400
"""Nested lists; a BODYSTRUCTURE takes two for each level of MIME."""

MAX_VALUES: Final = 2_000_000
"""Atoms, strings and lists of one response."""

MAX_NUMBER: Final = 2**64
_DIGITS: Final = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Streamed:
    """A literal that was given in chunks, and is not kept."""

    octets: int


Piece = bytes | Streamed
"""A response is text, literal, text, literal …, text."""

# only the names of sections open a bracket: a flag may hold one ("a[b")
_TOKEN: Final = re.compile(
    rb'[ \t]*+(?:(\()|(\))|"((?:[^"\\]|\\.)*+)"'
    rb'|((?:BODY|BINARY)[A-Z.]*+)(\[)|([^ \t()"]++))?',
    re.DOTALL | re.IGNORECASE,
)
_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)
_SECTION_END: Final = re.compile(
    rb'(?:[^\]"]|"(?:[^"\\]|\\.)*+")*+\][^ \t()"]*+', re.DOTALL
)
LITERAL: Final = re.compile(rb"~?\{([0-9]{1,19})\+?\}\Z")


class _Builder:
    """Puts values where they belong."""

    __slots__ = ("count", "current", "stack")

    def __init__(self) -> None:
        self.stack: list[list[object]] = []
        self.current: list[object] = []
        self.count = 0

    def add(self, value: object) -> None:
        self.current.append(value)
        self.count += 1
        if self.count > MAX_VALUES:
            raise RemoteProtocolError("a response of too many values")

    def open(self) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise RemoteProtocolError("a response nested too deep")
        inner: list[object] = []
        self.add(inner)
        self.stack.append(self.current)
        self.current = inner

    def close(self) -> None:
        if not self.stack:
            raise RemoteProtocolError("a parenthesis closed that was not open")
        self.current = self.stack.pop()


def parse_values(pieces: list[Piece]) -> list[object]:
    """Read a response, without its `*` and CRLF.

    Args:
        pieces: texts at even places, literals at odd ones; the texts without
            the `{n}` that announced the literals.

    Raises:
        RemoteProtocolError: parentheses that don't fit, or a limit.
    """
    builder = _Builder()
    for index, piece in enumerate(pieces):
        if index % 2 or isinstance(piece, Streamed):
            builder.add(piece)
        else:
            _read_text(piece, builder)
    if builder.stack:
        raise RemoteProtocolError("a parenthesis that is not closed")
    return builder.current


def _read_text(text: bytes, builder: _Builder) -> None:
    position, end = 0, len(text)
    match_at = _TOKEN.match
    while position < end:
        match = match_at(text, position)
        if match is None or match.end() == position:
            # only a quote that is never closed gets here
            raise RemoteProtocolError("a quoted string that does not end")
        position = match.end()
        kind = match.lastindex
        if kind == 6:
            builder.add(_atom(match[6]))
        elif kind == 3:
            string = match[3]
            builder.add(_ESCAPE.sub(rb"\1", string) if b"\\" in string else string)
        elif kind == 1:
            builder.open()
        elif kind == 2:
            builder.close()
        elif kind is not None:
            start = match.start(4)
            position = _end_of_section(text, position)
            builder.add(_atom(text[start:position]))


def _end_of_section(text: bytes, position: int) -> int:
    """Where an atom with `[…]` ends, such as BODY[HEADER.FIELDS (TO)]<0>."""
    match = _SECTION_END.match(text, position)
    if match is None:
        raise RemoteProtocolError("a bracket that is not closed")
    return match.end()


def _atom(octets: bytes) -> str | None:
    if octets in (b"NIL", b"nil", b"Nil"):
        return None
    return octets.decode("utf-8", "replace")


# -- what a value should be; servers that say otherwise get the nearest sense


def number(value: object) -> int | None:
    """A number, or None where there is none."""
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        found = int(value)
        return found if found < MAX_NUMBER else None
    return None


def string(value: object) -> bytes | None:
    """An nstring or astring as octets."""
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, bytes) else None


def text(value: object) -> str:
    """An atom or string as text; "" where there is none."""
    octets = string(value)
    return "" if octets is None else octets.decode("utf-8", "replace")


def items(value: object) -> list[object]:
    """A list, or an empty one."""
    return value if isinstance(value, list) else []


def texts(value: object) -> tuple[str, ...]:
    """A list of atoms or strings, or a single one, as texts."""
    if isinstance(value, list):
        return tuple(text(v) for v in value if isinstance(v, str | bytes))
    return (text(value),) if isinstance(value, str | bytes) else ()
