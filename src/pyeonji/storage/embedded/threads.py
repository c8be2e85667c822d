"""How results come back from threads: many of them in one wake-up of the loop."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


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


def resolve(future: asyncio.Future[Any], result: Any) -> None:
    """Set a result or an error, unless the waiter has gone away (on the loop)."""
    if future.done():
        return
    if isinstance(result, BaseException):
        future.set_exception(result)
    else:
        future.set_result(result)
