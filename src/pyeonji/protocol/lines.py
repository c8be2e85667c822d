"""The one line reader: only CRLF ends a line, and no line may be too long.

It never looks at the same octets twice, so octets that come one by one cost
no more than octets that come at once, and whether a line is too long does not
depend on how packets were cut.
"""

from __future__ import annotations

from typing import Final, Literal

from pyeonji.protocol.machine import NEED_DATA, Status

TOO_LONG: Final = None
"""What `next_line` returns once for an overlong line, which it throws away."""


class LineReader:
    """A buffer of octets that gives lines, or exact numbers of octets."""

    __slots__ = ("_buffer", "_discarding", "_searched")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._discarding = False

    def feed(self, data: bytes) -> None:
        """Add octets from the peer."""
        self._buffer += data

    def __len__(self) -> int:
        return len(self._buffer)

    @property
    def discarding(self) -> bool:
        """Whether the line that is coming in is known to be too long."""
        return self._discarding

    def next_line(self, limit: int) -> bytes | Literal[Status.NEED_DATA] | None:
        """The next line without its CRLF.

        Args:
            limit: octets that a line may have, CRLF included.

        Returns:
            The line; NEED_DATA; or TOO_LONG, once for each overlong line, at
            the moment when the whole of it has been thrown away.
        """
        buffer = self._buffer
        end = buffer.find(b"\r\n", self._searched)
        if end < 0:
            if len(buffer) > limit or self._discarding:
                # a CR at the end may be half of the CRLF that ends the line
                self._discarding = True
                del buffer[: -1 if buffer.endswith(b"\r") else len(buffer)]
            self._searched = max(len(buffer) - 1, 0)
            return NEED_DATA
        too_long = self._discarding or end + 2 > limit
        line = TOO_LONG if too_long else bytes(buffer[:end])
        del buffer[: end + 2]
        self._searched = 0
        self._discarding = False
        return line

    def take(self, most: int) -> bytes:
        """Up to `most` octets, at once; b"" when there are none."""
        taken = bytes(self._buffer[:most])
        del self._buffer[:most]
        self._searched = 0
        return taken

    def unread(self, data: bytes) -> None:
        """Put back octets that `take` gave; they come next."""
        self._buffer[:0] = data
        self._searched = 0

    def clear(self) -> bytes:
        """Empty the buffer and return what was in it."""
        return self.take(len(self._buffer))
