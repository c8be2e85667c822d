"""Threads, and how results come back: many of them in one wake-up of the loop."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

AnyFuture = asyncio.Future[Any] | Future[Any]


class Mailbag:
    """Carries calls from threads to the loop.

    However many calls are put in while the loop is busy, it is woken once.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._woken = False

    def put(self, call: Callable[..., object], *arguments: Any) -> None:
        """Have a call made on the loop soon (any thread)."""
        self._calls.append((call, arguments))
        if not self._woken:
            self._woken = True
            try:
                self.loop.call_soon_threadsafe(self._empty)
            except RuntimeError:  # the loop is closed: nobody waits any more
                self._calls.clear()

    def _empty(self) -> None:
        self._woken = False
        calls = self._calls
        while calls:
            call, arguments = calls.popleft()
            call(*arguments)


def resolve(future: AnyFuture, result: Any) -> None:
    """Set a result or an error, unless the waiter has gone away (on the loop)."""
    if future.done():
        return
    if isinstance(result, BaseException):
        future.set_exception(result)
    else:
        future.set_result(result)


class Pool:
    """Threads that call what is put in; closing waits for all of it."""

    def __init__(self, name: str, threads: int) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()
        self.put = self._calls.put

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()

    def close(self) -> None:
        """Return when everything put in has been done."""
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()
