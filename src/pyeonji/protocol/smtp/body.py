"""Where a letter ends, and what it was meant to be (RFC 5321 §4.1.1.4, §4.5.2).

Only CRLF.CRLF ends DATA. A CR or LF alone is no line end for anybody here: a
letter that has one is read to its true end and refused as a whole, so that
nobody behind us can read a second letter in it.
"""

from __future__ import annotations

import re
from io import IncrementalNewlineDecoder
from typing import Final

from pyeonji.protocol.lines import LineReader
from pyeonji.protocol.smtp.limits import SMALL_LETTER_OCTETS

_END: Final = b"\r\n.\r\n"

_DOT: Final = re.compile(rb"\r\n\.")
"""Before an end, or a line that was stuffed; found sooner so than by `find`."""


def has_bare_newline(octets: bytes | bytearray) -> bool:
    """Whether a CR or LF stands alone."""
    # it notes which line ends it sees, in one pass: a quarter of what counting takes
    reader = IncrementalNewlineDecoder(None, translate=False)
    reader.decode(octets.decode("latin-1"), final=True)
    return reader.newlines is not None and reader.newlines != "\r\n"


class Input(LineReader):
    """The line reader that also reads letters.

    For DATA, call `begin_data`, then `take_data` until `ended`. What it gives
    is unstuffed; `bare` tells that a lone CR or LF has been seen.
    """

    __slots__ = ("_dots", "_line_start", "_small", "bare", "ended")

    def __init__(self) -> None:
        super().__init__()
        self._line_start = True
        self._small = True
        self._dots = False  # a line with a dot in front may stand in the buffer
        self.bare = False
        self.ended = True

    def starts_with(self, octets: bytes) -> bool:
        """Whether the next octets are these."""
        return self._buffer.startswith(octets)

    def begin_data(self) -> None:
        """The next octet is the first of a letter."""
        self._line_start = True
        self._small = True
        self._dots = False
        self.bare = False
        self.ended = False
        self._searched = 0

    def take_data(self) -> bytes | None:
        """What can be had of the letter now; None: wait for more octets.

        A letter whose octets with their end are not more than
        SMALL_LETTER_OCTETS comes whole. `ended` says that this was the last.
        """
        buffer = self._buffer
        if self._line_start and buffer.startswith(b".\r\n"):
            return self._end(0, 3)
        end = self._find_end()
        if end < 0 or (self._small and end + 5 > SMALL_LETTER_OCTETS):
            self._searched = max(len(buffer) - 4, 0) if end < 0 else end
            if self._small and len(buffer) <= SMALL_LETTER_OCTETS:
                return None
            self._small = False
            return self._piece(end + 2 if end >= 0 else self._safe_cut())
        return self._end(end + 2, end + 5)

    def _find_end(self) -> int:
        """Where the letter ends in the buffer; below 0: not yet."""
        dot = _DOT.search(self._buffer, self._searched)
        if dot is None:
            return -1
        self._dots = True
        return self._buffer.find(_END, dot.start())

    def _end(self, content: int, whole: int) -> bytes:
        octets = self._unstuffed(content)
        del self._buffer[: whole - content]
        self._searched = 0
        self.ended = True
        return octets

    def _piece(self, cut: int) -> bytes | None:
        if cut <= 0:
            return None
        octets = self._unstuffed(cut)
        self._searched = 0
        return octets

    def _safe_cut(self) -> int:
        """How much can't be part of the end, of a pair or of a stuffed dot."""
        buffer = self._buffer
        cut = buffer.rfind(b"\r\n") + 2
        if cut >= 2:
            return cut
        if self._line_start and len(buffer) < 3:
            return 0
        return len(buffer) - buffer.endswith(b"\r")

    def _unstuffed(self, cut: int) -> bytes:
        with memoryview(self._buffer) as view:
            octets = bytes(view[:cut])
        del self._buffer[:cut]
        if not self.bare and has_bare_newline(octets):
            self.bare = True
        at_start = self._line_start
        self._line_start = octets.endswith(b"\r\n")
        if self._dots:
            self._dots = False  # what is left is looked through again
            octets = octets.replace(b"\r\n.", b"\r\n")
        if at_start and octets.startswith(b"."):
            octets = octets[1:]
        return octets
