"""Folding: one header field as lines that everyone can carry (RFC 5322 §2.2.3).

A field is a run of units (an address, a parameter, a word), a unit a run of
tokens. Each token brings its own leading white space, and only before a token
may a line break. A unit that would fit on one line is not broken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.message.compose.errors import BadValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PREFERRED: Final = 72  # octets of a line, where white space allows
USUAL: Final = 78  # RFC 5322 §2.1.1: should not be more
MAX_LINE: Final = 998  # RFC 5322 §2.1.1: must not be more


def fold(name: str, units: Iterable[Sequence[bytes]]) -> bytes:
    """Write a header field with its CRLF.

    Args:
        name: the field's name.
        units: tokens with their leading white space; the first one's is the
            space after the colon.

    Raises:
        BadValue: a token is longer than a line may be.
    """
    lines = []
    line = name.encode("ascii") + b":"
    empty = True  # whether only the name stands on the line
    for unit in units:
        whole = sum(map(len, unit))
        together = whole < PREFERRED
        if not empty and together and len(line) + whole > PREFERRED:
            lines.append(line)
            line = b""
        for token in unit:
            limit = USUAL if empty else PREFERRED
            if line and len(line) + len(token) > limit:
                lines.append(line)
                line = b""
            line += token
            empty = False
            if len(line) > MAX_LINE:
                raise BadValue(name, f"a word is longer than {MAX_LINE} octets")
    lines.append(line)
    return b"\r\n".join(lines) + b"\r\n"
