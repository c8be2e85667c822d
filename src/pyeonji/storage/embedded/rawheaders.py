"""Header fields of messages whose texts are not made yet, searched as they are.

After many messages have come at once, a search for a sender need not wait until
all of them have been read: their header fields are enough. What is found is
what their texts would say.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from msgspec import json

from pyeonji.message.fields import COMMON_FIELDS
from pyeonji.message.seeking import Sought

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.storage.embedded.sqlite import Database

AT_ONCE: Final = 500
"""Messages whose headers are in memory, all of them in one piece."""


class RawHeaders:
    """Those of some messages of an account."""

    def __init__(self, connection: Database, messages: Sequence[int]) -> None:
        self._connection = connection
        self._messages = messages

    def holding(self, name: str, text: str) -> list[int]:
        """Messages with a field of that name that has a normalised text in it."""
        if not name.isascii():
            return []
        field = name.lower().encode()
        table = "fields f" if field in COMMON_FIELDS else "heads f"
        column = "f.octets" if field in COMMON_FIELDS else "f.header"
        sql = (
            f"SELECT w.value, {column} FROM json_each(?) w"  # noqa: S608 - fixed names
            f" CROSS JOIN {table} ON f.message = w.value"
        )
        looking = _Looking(field, text)
        found: list[int] = []
        for at in range(0, len(self._messages), AT_ONCE):
            wanted = json.encode(self._messages[at : at + AT_ONCE]).decode()
            rows = self._connection.execute(sql, (wanted,)).fetchall()
            holding = looking.among([header for _, header in rows])
            found += (rows[index][0] for index in holding)
        return found


class _Looking:
    """Looks for one text in fields of one name."""

    def __init__(self, name: bytes, text: str) -> None:
        self._sought = Sought(text)
        # what begins with a line end is found faster than what a line begins with
        self._field = re.compile(
            rb"\n%b[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)" % re.escape(name)
        )

    def among(self, headers: Sequence[bytes]) -> list[int]:
        """Which of some headers have it, ascending."""
        lines = [b"", *map(_ended, headers)]
        octets = b"\n".join(lines)  # an empty line ends each
        fields = list(self._field.finditer(octets.lower()))
        sought = self._sought
        found: dict[int, None] = {}
        ends: list[int] = []
        for index in sought.perhaps_in([field[1] for field in fields]):
            start, end = fields[index].span(1)
            if sought.in_value(octets[start:end]):
                ends = ends or list(accumulate(len(line) + 1 for line in lines))
                found[bisect_right(ends, start) - 1] = None
        return list(found)


def _ended(header: bytes) -> bytes:
    return header if header.endswith(b"\n") else header + b"\r\n"
