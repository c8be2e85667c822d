"""Several addresses of one host: call the next before the first has given up.

RFC 8305 §5, with the addresses already looked up and put in order. It is the
TCP connection that is raced; who wins is spoken to.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from pyeonji.net.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pyeonji.net.dial import ClientStream

T = TypeVar("T")


async def race(
    candidates: Sequence[T],
    connect: Callable[[T], Awaitable[ClientStream]],
    delay_s: float,
) -> tuple[T, ClientStream]:
    """Connect to the first candidate that answers.

    Args:
        candidates: one at least, the best first.
        connect: raises Unreachable.
        delay_s: seconds after which the next one is tried as well; it is tried
            at once when those before have failed.

    Raises:
        Unreachable: none answered; what the first one said.
    """
    if len(candidates) == 1:
        return candidates[0], await connect(candidates[0])
    running: dict[asyncio.Future[ClientStream], T] = {}
    waiting = list(candidates)
    failures: dict[int, Unreachable] = {}
    try:
        while waiting or running:
            if waiting:
                one = waiting.pop(0)
                running[asyncio.ensure_future(connect(one))] = one
            done, _ = await asyncio.wait(
                running,
                timeout=delay_s if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in sorted(done, key=lambda each: candidates.index(running[each])):
                one = running.pop(task)
                try:
                    return one, task.result()
                except Unreachable as error:
                    failures[candidates.index(one)] = error
    finally:
        await _drop(running)
    raise failures[min(failures)]


async def _drop(running: dict[asyncio.Future[ClientStream], T]) -> None:
    """End what is still under way; a connection that came too late is closed."""
    for task in running:
        task.cancel()
    for late in await asyncio.gather(*running, return_exceptions=True):
        if not isinstance(late, BaseException):
            late.abort()
