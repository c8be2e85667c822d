"""Time as an argument: what needs to know it is given a Clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from."""

    def time(self) -> float:
        """Unix time in seconds; may jump when somebody sets the clock."""

    def monotonic(self) -> float:
        """Seconds that never go back, from an unnamed start."""


class SystemClock:
    """The machine's own clock."""

    def time(self) -> float:
        """Unix time in seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some start."""
        return time.monotonic()


class SetClock:
    """A clock that stands until it is told to move (for tests and replays)."""

    def __init__(self, unix_time: float = 1_700_000_000.0) -> None:
        self._time = unix_time
        self._monotonic = 0.0

    def time(self) -> float:
        """Unix time in seconds."""
        return self._time

    def monotonic(self) -> float:
        """Seconds since the start of this clock."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._time += seconds
        self._monotonic += seconds


def utc(unix_time: float) -> datetime:
    """Unix seconds as an aware datetime in UTC."""
    return datetime.fromtimestamp(unix_time, UTC)
