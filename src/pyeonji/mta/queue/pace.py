"""How many connections a next hop gets: few at first, more as letters get through.

Pure. As in TCP: a pace begins slowly and doubles while all goes well, halves at
a failure, and then grows by about one connection for as many letters as there
are connections. One that puts letters off gets fewer; who puts off all that comes
is offered them by one, and not at full speed, for others have use for the time. A
next hop that cannot be called at all is left alone for longer
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

PUT_OFF_IN_A_ROW: Final = 10
"""Letters put off after which a next hop is given time between them."""

PUT_OFF_PAUSE_S: Final = 0.01
"""So much more before each further letter,"""

MAX_PUT_OFF_PAUSE_S: Final = 0.1
"""and so much at most: all that come first are offered once, and soon enough."""

JITTER: Final = 0.1
"""Part of a wait by which calls are spread."""


@dataclass(slots=True)
class Pace:
    """Connections that one next hop may have now."""

    most: int  # whatever happens
    limit: float = BEGINNING
    threshold: float = float("inf")  # beyond it growth is slow
    put_off_in_a_row: int = 0  # letters

    @property
    def connections(self) -> int:
        """How many, one at least."""
        return max(1, min(int(self.limit), self.most))

    @property
    def pause_s(self) -> float:
        """What a connection waits before the next letter; 0 while any is taken."""
        beyond = self.put_off_in_a_row - PUT_OFF_IN_A_ROW
        return min(max(beyond, 0) * PUT_OFF_PAUSE_S, MAX_PUT_OFF_PAUSE_S)

    def went_through(self) -> None:
        """The next hop answered a letter as it should."""
        self.put_off_in_a_row = 0
        step = 1.0 if self.limit < self.threshold else 1.0 / self.limit
        self.limit = min(self.limit + step, float(self.most))

    def put_off(self) -> None:
        """A whole letter is to come again later: greylisting, or too much at once."""
        self.limit = max(self.limit - 1.0, 1.0)
        self.put_off_in_a_row += 1

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
