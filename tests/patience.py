"""Waiting for what must come, and what may be spent, on a machine that is busy.

wait_until(lambda: sink.taken)
await until(lambda: not house.connections)
with cpu_time_below(2.0):
    read_results(value)
"""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_S: Final = 60.0
"""For what takes a moment, but must share the machine with everybody else."""


def wait_until(
    true: Callable[[], object],
    told: Callable[[], object] = lambda: "it did not come to that",
    *,
    limit_s: float = PATIENCE_S,
    every_s: float = 0.02,
) -> None:
    """Return once it is true; `told` says what is wrong if it never is."""
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, told()
        time.sleep(every_s)


async def until(
    true: Callable[[], object],
    told: Callable[[], object] = lambda: "it did not come to that",
    *,
    limit_s: float = PATIENCE_S,
) -> None:
    """The same in a loop."""
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, told()
        await asyncio.sleep(0.005)


@contextmanager
def cpu_time_below(seconds: float) -> Iterator[None]:
    """What this thread computes takes less; that others compute, too, does not count.

    Limits are ten times what is usual: they are for what grows with the square.
    """
    began = time.thread_time()
    yield
    took = time.thread_time() - began
    assert took < seconds, f"{took:.2f} s"
