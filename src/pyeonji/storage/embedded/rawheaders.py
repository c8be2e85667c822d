"""Header fields of messages whose texts are not made yet, searched as they are.

After many messages have come at once, a search for a sender need not wait until
all of them have been read: their header fields are enough. What is found is
what their texts would say.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import json

from pyeonji.message.fields import COMMON_FIELDS, fields_pattern
from pyeonji.message.header import Header
from pyeonji.storage.embedded.texts import has_field, header_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.storage.embedded.sqlite import Database

AT_ONCE: Final = 500
"""Messages whose headers are in memory."""

_NOT_PLAIN: Final = re.compile(rb"=\?|[^ -~]|  ")
"""In one line, what makes a value something else than it is on the wire."""


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
        pattern = fields_pattern((field,))
        table = "fields f" if field in COMMON_FIELDS else "heads f"
        column = "f.octets" if field in COMMON_FIELDS else "f.header"
        sql = (
            f"SELECT w.value, {column} FROM json_each(?) w"  # noqa: S608 - fixed names
            f" CROSS JOIN {table} ON f.message = w.value"
        )
        octets = text.encode()
        found = []
        for at in range(0, len(self._messages), AT_ONCE):
            wanted = json.encode(self._messages[at : at + AT_ONCE]).decode()
            for message, header in self._connection.execute(sql, (wanted,)):
                whole = header if header.endswith(b"\n") else header + b"\r\n"
                fields = pattern.findall(whole)
                if any(_holds(field, name, text, octets) for field in fields):
                    found.append(message)
        return found


def _holds(field: bytes, name: str, text: str, octets: bytes) -> bool:
    value = field.rstrip(b"\r\n")
    if not _NOT_PLAIN.search(value) and octets not in value.lower():
        return False
    return has_field(header_text(Header(field).fields), name, text)
