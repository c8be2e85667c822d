"""Before the greeting: a client that speaks now does not keep the rules.

RFC 5321 §4.3.1 has a client wait for the greeting; programs that send spam
often do not. The greeting is held back a little, and what comes meanwhile is
kept.
"""

from __future__ import annotations

from typing import Final

from pyeonji.protocol.machine import CLOSED, NEED_DATA, Status

MAX_EARLY_OCTETS: Final = 16 * 1024
"""Octets that are kept until the greeting; more ends the connection."""


class Hush:
    """The machine of a connection that was not greeted yet."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self._gone = False

    def receive_data(self, data: bytes) -> None:
        """Keep what comes too early."""
        self.heard += data

    def receive_eof(self) -> None:
        """It did not want to wait."""
        self._gone = True

    def next_event(self) -> Status:
        """Nothing is answered yet."""
        over = self._gone or len(self.heard) > MAX_EARLY_OCTETS
        return CLOSED if over else NEED_DATA

    def data_to_send(self) -> bytes:
        """Nothing is said yet."""
        return b""
