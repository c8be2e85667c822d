"""How many connections a next hop gets: few at first, more as letters get through.

Pure. As in TCP: a pace begins slowly and doubles while all goes well, halves at
a failure, and then grows by about one connection for as many letters as there
are connections. One that puts letters off gets fewer, so that who greylists all
that comes is asked by one connection. A next hop that cannot be called at all is left alone for longer
each time (`backoff`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGINNING: Final = 2.0
"""Connections for a next hop of which nothing is known."""

MAX_BACKOFF_S: Final = 3600.0
"""A next hop is called once an hour at least while letters wait for it."""

JITTER: Final = 0.1
"""Part of a wait by which calls are spread."""


@dataclass(slots=True)
class Pace:
    """Connections that one next hop may have now."""

    most: int  # whatever happens
    limit: float = BEGINNING
    threshold: float = float("inf")  # beyond it growth is slow

    @property
    def connections(self) -> int:
        """How many, one at least."""
        return max(1, min(int(self.limit), self.most))

    def went_through(self) -> None:
        """The next hop answered a letter as it should."""
        step = 1.0 if self.limit < self.threshold else 1.0 / self.limit
        self.limit = min(self.limit + step, float(self.most))

    def put_off(self) -> None:
        """A whole letter is to come again later: greylisting, or too much at once."""
        self.limit = max(self.limit - 1.0, 1.0)

    def failed(self) -> None:
        """A call was refused or a connection broke while others are well."""
        self.threshold = max(self.limit / 2, 1.0)
        self.limit = self.threshold

    def begin_again(self) -> None:
        """After it was down, a next hop is asked by one connection first."""
        self.threshold = max(self.limit / 2, 1.0)
        self.limit = 1.0


def backoff(failures: int, retry: Sequence[float], chance: float) -> float:
    """Seconds to leave a next hop alone after so many failures in a row.

    Args:
        failures: 1 or more.
        retry: the waits of letters; a next hop waits likewise, an hour at most.
        chance: from 0 to 1.
    """
    seconds = min(retry[min(failures, len(retry)) - 1], MAX_BACKOFF_S)
    return seconds * (1 + JITTER * chance)
