"""BODY from BODYSTRUCTURE: the same without extension data (RFC 3501 §7.4.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

_TOKEN: Final = re.compile(
    rb' *(?:"(?:[^"\\]|\\.)*+"|\{([0-9]+)\}\r\n|[()]|[^ ()"{]++)', re.DOTALL
)


class BadStructure(ValueError):
    """Octets that are no BODYSTRUCTURE."""


@dataclass(slots=True)
class _Node:
    """A word, or a list of nodes, and the octets [start, end) where it stands."""

    start: int
    end: int
    inside: list[_Node] | None = None
    word: bytes = b""


@dataclass(slots=True)
class _Reader:
    """Reads the tree; nothing here recurses."""

    octets: bytes
    stack: list[_Node] = field(default_factory=list)

    def read(self) -> _Node:
        at, octets = 0, self.octets
        while at < len(octets):
            found = _TOKEN.match(octets, at)
            if found is None:
                raise BadStructure
            token = found.group().lstrip(b" ")
            start, at = found.end() - len(token), found.end()
            if found.group(1) is not None:
                at += int(found.group(1))
            if token == b"(":
                self.stack.append(_Node(start, at, []))
            elif token == b")":
                if (root := self._close(at)) is not None:
                    return root
            else:
                self._add(_Node(start, at, None, token.upper()))
        raise BadStructure

    def _add(self, node: _Node) -> None:
        if not self.stack or (inside := self.stack[-1].inside) is None:
            raise BadStructure
        inside.append(node)

    def _close(self, end: int) -> _Node | None:
        if not self.stack:
            raise BadStructure
        done = self.stack.pop()
        done.end = end
        if self.stack:
            self._add(done)
            return None
        if end != len(self.octets):
            raise BadStructure
        return done


def _basic_length(part: list[_Node]) -> int:
    """How many elements of a leaf are not extension data."""
    if part[0].word == b'"TEXT"':
        return 8
    if (
        part[0].word == b'"MESSAGE"'
        and part[1].word in {b'"RFC822"', b'"GLOBAL"'}
        and len(part) >= 10
        and part[7].inside is not None
    ):
        return 10
    return 7


def _split(part: list[_Node]) -> tuple[int, list[_Node]]:
    """How many elements a part keeps, and the bodies among them."""
    if part and part[0].inside is not None:
        bodies = next(
            (at for at, node in enumerate(part) if node.inside is None), len(part)
        )
        return bodies + 1, part[:bodies]
    if len(part) < 7:
        raise BadStructure
    length = _basic_length(part)
    return length, [part[8]] if length == 10 else []


@lru_cache(maxsize=1024)
def basic_structure(body_structure: bytes) -> bytes:
    """The BODY fetch item from prepared BODYSTRUCTURE octets.

    Octets that cannot be read are returned as they are.
    """
    try:
        waiting = [_Reader(body_structure).read()]
        cuts: list[tuple[int, int]] = []
        while waiting:
            node = waiting.pop()
            keep, bodies = _split(node.inside or [])
            if node.inside is not None and len(node.inside) > keep:
                cuts.append((node.inside[keep - 1].end, node.end - 1))
            waiting.extend(bodies)
    except BadStructure:
        return body_structure
    out, at = [], 0
    for start, end in sorted(cuts):
        out.append(body_structure[at:start])
        at = end
    out.append(body_structure[at:])
    return b"".join(out)
