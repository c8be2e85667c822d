"""The dots of multi-line replies: put in, taken out (RFC 1939 §3)."""

from __future__ import annotations

import re
from typing import Final

_DOTTED: Final = re.compile(rb"\n\.")
"""To find nothing, `bytes.replace` takes three times as long."""

END: Final = b"\r\n.\r\n"


class DotStuffer:
    """Prepares a message for the wire, chunk by chunk, cut anywhere."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last = b"\r\n"

    def stuff(self, chunk: bytes) -> bytes:
        """Double the dots that begin lines.

        LIBERTY: a dot after a lone LF is doubled, too. To a client that takes
        LF for a line's end (many do) it could else end the message, and what
        follows in the message would be read as our replies.
        """
        if not chunk:
            return chunk
        begins_line = self._last.endswith(b"\n") and chunk.startswith(b".")
        self._last = chunk[-2:] if len(chunk) > 1 else self._last[-1:] + chunk
        stuffed = chunk
        if _DOTTED.search(chunk) is not None:
            stuffed = chunk.replace(b"\n.", b"\n..")
        return b"." + stuffed if begins_line else stuffed

    def end(self) -> bytes:
        """What ends the reply; a last line without CRLF is given one."""
        return END[2:] if self._last == b"\r\n" else END


class DotUnstuffer:
    """Reads a message from the wire, chunk by chunk, cut anywhere."""

    __slots__ = ("_held", "_skip")

    def __init__(self) -> None:
        self._held = b"\r\n"  # as if a line had just ended, which it has
        self._skip = 2  # but that line is not the message's

    def take(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Take octets from the wire.

        Returns:
            The octets of the message that they bring, and None as long as it
            goes on; at its end, what comes after it (maybe b"").
        """
        data = self._held + data
        end = data.find(END)
        if end >= 0:
            octets = self._without_dots(data[: end + 2])
            return octets, data[end + len(END) :]
        keep = next(size for size in (4, 3, 2, 1, 0) if data.endswith(END[:size]))
        cut = len(data) - keep
        self._held = data[cut:]
        return self._without_dots(data[:cut]), None

    def _without_dots(self, octets: bytes) -> bytes:
        if not octets:
            return octets
        octets = octets.replace(b"\r\n.", b"\r\n")[self._skip :]
        self._skip = 0
        return octets
