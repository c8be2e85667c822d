"""On which line a key stands: tomllib doesn't say, people want to know."""

from __future__ import annotations

import re
from typing import Final

_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY: Final = re.compile(r"""\s*(?:"([^"]+)"|'([^']+)'|([\w-]+))\s*[=.]""")


def line_of(source: str, where: tuple[str | int, ...]) -> int:
    """The line of a key, or of the table it is missing in; 1 when not found.

    Args:
        source: the text of the file, which must be TOML.
        where: keys, with an index after the name of an array of tables.
    """
    best, best_depth = 1, 0
    table: tuple[str | int, ...] = ()
    seen: dict[str, int] = {}
    for number, line in enumerate(source.splitlines(), 1):
        if header := _HEADER.match(line):
            name = header[2]
            table = tuple(part.strip(" \"'") for part in name.split("."))
            if header[1] == "[[":
                seen[name] = seen.get(name, -1) + 1
                table = (*table, seen[name])
            here = table
        elif key := _KEY.match(line):
            here = (*table, key[1] or key[2] or key[3])
        else:
            continue
        if len(here) > best_depth and here == where[: len(here)]:
            best, best_depth = number, len(here)
    return best
