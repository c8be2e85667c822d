"""Messages whose texts are not made yet, searched as they are kept.

After many messages have come at once, a search for a text need not wait until
their texts and words are made, which costs many times what looking costs. What
is found is what their texts would say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import json

from pyeonji.message.parts import unpack as unpack_parts
from pyeonji.message.seeking import Sought
from pyeonji.storage.embedded import reading
from pyeonji.storage.embedded.octets import map_file, unpack
from pyeonji.storage.embedded.texts import texts_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pyeonji.storage.embedded.sqlite import Database

AT_ONCE: Final = 500
"""Messages that one statement reads, one after the other."""

MAX_HEADER: Final = 16384
"""Octets of a header; of a message with a longer one all of the text is made."""

_READ: Final = (
    f"SELECT m.id, m.parts, {reading.STORED} FROM json_each(?) w"  # noqa: S608 - fixed names
    " CROSS JOIN messages m ON m.id = w.value"
    " CROSS JOIN heads h ON h.message = m.id"
    " CROSS JOIN bodies b ON b.message = m.id"
)


class RawTexts:
    """Those of some messages of an account."""

    def __init__(
        self, connection: Database, blobs: Path, messages: Sequence[int]
    ) -> None:
        self._connection = connection
        self._blobs = blobs
        self._messages = messages

    def holding(self, text: str, *, header: bool) -> list[int]:
        """Messages that have a normalised text in their body, or in all of them.

        Args:
            text: without NULs and line ends it is found fast.
            header: whether header fields are looked at, too.
        """
        seeker = _Seeker(self._blobs, text, header=header)
        found: list[int] = []
        for at in range(0, len(self._messages), AT_ONCE):
            wanted = json.encode(self._messages[at : at + AT_ONCE]).decode()
            for message, parts, *stored in self._connection.execute(_READ, (wanted,)):
                if seeker.is_in(parts, *stored):
                    found.append(message)
        return found


class _Seeker:
    """Looks for one text."""

    def __init__(self, blobs: Path, text: str, *, header: bool) -> None:
        self._blobs = blobs
        self._text = text
        self._header = header
        simple = not any(sign in text for sign in "\0\r\n")
        self._sought = Sought(text) if simple else None

    def is_in(
        self,
        parts: bytes,
        prefix_size: int,
        header: bytes,
        kept: bytes | None,
        file: str | None,
        checksum: int | None,
    ) -> bool:
        """Whether a message, in the pieces in which it is kept, has the text."""
        sought = self._sought
        if sought is not None and _ends_once(header):
            if self._header and sought.in_header(header):
                return True
            if kept is None:
                octets, shift = map_file(self._blobs / (file or "")), 0
            else:
                octets = unpack(kept, checksum)
                shift = len(header) - prefix_size
            found = sought.in_body(header, octets, shift, unpack_parts(parts))
            if found is not None:
                return found
        whole = reading.stored(self._blobs, prefix_size, header, kept, file, checksum)
        texts = texts_of(whole.whole())
        return any(self._text in each for each in texts[not self._header :])


def _ends_once(header: bytes) -> bool:
    """Whether a header ends in the only empty line that it has.

    Then the parts of the message are where they were when it came, though our
    own fields stand before it now.
    """
    if len(header) > MAX_HEADER or header.find(b"\n\n", 0, -2) >= 0:
        return False
    return header.find(b"\n\r\n") in {len(header) - 3, -1} and header.endswith(
        (b"\n\r\n", b"\n\n")
    )
