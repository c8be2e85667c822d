"""Threads for plain functions of hooks: a bounded number, whatever they do.

Nothing can end a function that hangs. Its thread is lost until it returns; when
all are, nobody waits for them any more: a call fails at once.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_THREADS: Final = 16
"""Functions of one hook that run at once; more wait, and their time runs."""

MAX_WAITING: Final = 256
"""Calls that wait for a thread."""

log = structlog.get_logger("pyeonji.mta.hooks")


class AllBusy(Exception):
    """No thread can be had in time."""


@dataclass(slots=True, eq=False)
class _Call:
    function: Callable[[Any], Any] | None  # None: nobody waits for it any more
    argument: Any
    future: asyncio.Future[Any]
    began: float = 0.0  # seconds of a clock that never goes back; 0: it waits
    hangs: bool = False  # it took too long, and goes on


class Threads:
    """Those of one hook; they end with the process."""

    def __init__(self, name: str, time_s: float) -> None:
        """No thread is started yet.

        Args:
            name: of the hook, for logs.
            time_s: a function that runs longer hangs.
        """
        self.changed: Callable[[], None] | None = None
        """Called in the loop when another number of functions hangs."""

        self._name = name
        self._time_s = time_s
        self._waiting: deque[_Call] = deque()
        self._calls: dict[int, _Call] = {}
        self._threads = 0
        self._idle = 0
        self._ended = False
        self._ready = threading.Condition()

    @property
    def hanging(self) -> int:
        """How many functions run longer than they may."""
        with self._ready:
            return sum(call.hangs for call in self._calls.values())

    async def call(self, function: Callable[[Any], Any], argument: Any) -> Any:
        """What a function returns, or raises.

        Raises:
            AllBusy: too many hang or wait.
            TimeoutError: it is late.
        """
        if self.hanging >= MAX_THREADS:
            raise AllBusy(f"all of its {MAX_THREADS} threads hang")
        call = _Call(function, argument, asyncio.get_running_loop().create_future())
        del function, argument  # the call has them, until nobody waits for it
        with self._ready:
            if self._ended or len(self._waiting) >= MAX_WAITING:
                raise AllBusy(f"{len(self._waiting)} calls wait already")
            self._waiting.append(call)
            if len(self._waiting) > self._idle and self._threads < MAX_THREADS:
                self._threads += 1
                threading.Thread(target=self._work, name="hook", daemon=True).start()
            self._ready.notify()
        try:
            async with asyncio.timeout(self._time_s):
                return await call.future
        except TimeoutError:
            self._late(call)
            raise
        finally:
            call.function = call.argument = None
            if not call.began:
                with self._ready, suppress(ValueError):
                    self._waiting.remove(call)

    def _late(self, call: _Call) -> None:
        """A call took too long: if its function goes on, its thread is lost."""
        with self._ready:
            call.hangs = id(call) in self._calls
        if not call.hangs:  # it had none yet
            return
        log.error("hook.hangs", hook=self._name, threads=self.hanging, of=MAX_THREADS)
        if self.changed is not None:
            self.changed()

    def end(self) -> None:
        """No function begins any more."""
        with self._ready:
            self._ended = True
            self._waiting.clear()
            self._ready.notify_all()

    # -- in a thread

    def _work(self) -> None:
        while (call := self._next()) is not None:
            function, argument = call.function, call.argument
            if function is None:
                self._over(call)
                continue
            result, error = None, None
            try:
                result = function(argument)
            except BaseException as raised:  # noqa: BLE001 - it is for who called
                error = raised
            self._over(call)
            del function, argument
            with suppress(RuntimeError):  # the loop has been closed
                call.future.get_loop().call_soon_threadsafe(
                    self._told, call, result, error
                )

    def _next(self) -> _Call | None:
        with self._ready:
            self._idle += 1
            while not self._waiting and not self._ended:
                self._ready.wait()
            self._idle -= 1
            if self._ended:
                return None
            call = self._waiting.popleft()
            call.began = time.monotonic()
            self._calls[id(call)] = call
            return call

    def _over(self, call: _Call) -> None:
        with self._ready:
            del self._calls[id(call)]

    # -- in the loop again

    def _told(self, call: _Call, result: Any, error: BaseException | None) -> None:
        if call.hangs:
            took_s = round(time.monotonic() - call.began, 1)
            log.warning("hook.returned", hook=self._name, took_s=took_s)
            if self.changed is not None:
                self.changed()
        if call.future.done():
            return
        if error is None:
            call.future.set_result(result)
        elif isinstance(error, Exception) and not isinstance(error, StopIteration):
            call.future.set_exception(error)
        else:
            call.future.set_exception(RuntimeError(repr(error)))
