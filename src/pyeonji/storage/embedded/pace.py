"""What nobody waits for gives way while the loop has much to do."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

BUSY: Final = 0.25
"""Share of a processor that the loop takes when it has much to do."""

LOOK_S: Final = 0.1
"""How long the loop is watched before it is called busy or not."""

WAITS: Final = 20
"""A piece of work waits so many times as long as the one before it took."""

LONGEST_S: Final = 30.0
"""At most: it goes on, slowly, in any case."""


class Pace:
    """Watches the loop of the thread that makes it."""

    def __init__(self, spent: Callable[[], float] | None = None) -> None:
        """Watch from now on.

        Args:
            spent: CPU seconds of the loop so far; None: of the thread that asks.
        """
        self._spent = spent or clock_of_this_thread()
        self._ended = threading.Event()
        self._busy = False
        self._at = time.monotonic()
        self._then = self._spent()
        self._began = self._at

    def give_way(self) -> None:
        """Before a piece of work: wait, but not for ever, while the loop is busy.

        For one thread, which does one piece after another.
        """
        began = time.monotonic()
        longest = min(WAITS * (began - self._began), LONGEST_S)
        while self._loop_is_busy() and time.monotonic() - began < longest:
            if self._ended.wait(LOOK_S):
                return
        self._began = time.monotonic()

    def end(self) -> None:
        """Nobody waits any more."""
        self._ended.set()

    def _loop_is_busy(self) -> bool:
        now = time.monotonic()
        passed = now - self._at
        if passed >= LOOK_S:
            spent = self._spent()
            self._busy = spent - self._then > BUSY * passed
            self._at, self._then = now, spent
        return self._busy


def clock_of_this_thread() -> Callable[[], float]:
    """Its CPU time, as other threads may ask it; the process's where none tells."""
    clock_of = getattr(time, "pthread_getcpuclockid", None)
    if clock_of is None:
        return time.process_time
    clock = clock_of(threading.get_ident())
    return lambda: time.clock_gettime(clock)
