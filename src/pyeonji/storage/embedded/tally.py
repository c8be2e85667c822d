"""Counts of a day that are written together, some seconds after the first."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import structlog

from pyeonji.storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

What = TypeVar("What")

FLUSH_S: Final = 2.0
"""What is counted in so many seconds is written together."""

MAX_UNWRITTEN: Final = 10_000
"""Kinds that wait for a disk that fails; more are not counted."""

log = structlog.get_logger("pyeonji.storage")


class Tally(Generic[What]):
    """Counts in memory, and has them written in a thread.

    What a crash takes away is what was counted since the last writing.
    """

    def __init__(
        self,
        write: Callable[[Counter[tuple[str, What]]], None],
        pool: Executor,
        *,
        name: str,
        unit: str,
        retry_s: float = FLUSH_S,
    ) -> None:
        """Nothing is counted yet.

        Args:
            write: adds counts of (day, what) to what is kept; blocks.
            pool: where it runs.
            name: of the events in the log.
            unit: what is counted, in the log.
            retry_s: after so long a disk that failed is tried again.
        """
        self._write = write
        self._pool = pool
        self._not_written = f"{name}.not_written"
        self._lost = f"{name}.lost"
        self._unit = unit
        self._retry_s = retry_s
        self._loop = asyncio.get_running_loop()
        self._unwritten: Counter[tuple[str, What]] = Counter()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def add(self, day: str, what: What) -> None:
        """Count one."""
        if self._closed or len(self._unwritten) >= MAX_UNWRITTEN:
            return
        self._unwritten[day, what] += 1
        if self._timer is None:
            self._timer = self._loop.call_later(FLUSH_S, self._flush)

    async def settled(self) -> None:
        """Write now what was counted."""
        await self._loop.run_in_executor(self._pool, self._write_all, self._taken())

    def close(self) -> None:
        """Write what was counted, the last time (blocks)."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        waiting = self._taken()
        try:
            self._write_all(waiting)
        except StorageUnavailable:
            log.exception(self._lost, **{self._unit: waiting.total()})

    def _taken(self) -> Counter[tuple[str, What]]:
        waiting, self._unwritten = self._unwritten, Counter()
        return waiting

    def _flush(self) -> None:
        self._timer = None
        waiting = self._taken()
        writing = self._loop.run_in_executor(self._pool, self._write_all, waiting)
        writing.add_done_callback(lambda done: self._written(done, waiting))

    def _written(
        self, done: asyncio.Future[None], waiting: Counter[tuple[str, What]]
    ) -> None:
        if done.cancelled() or done.exception() is None:
            return
        log.error(self._not_written, exc_info=done.exception())
        if not self._closed:
            self._unwritten.update(waiting)
            self._timer = self._timer or self._loop.call_later(
                self._retry_s, self._flush
            )

    def _write_all(self, waiting: Counter[tuple[str, What]]) -> None:
        if waiting:
            self._write(waiting)
