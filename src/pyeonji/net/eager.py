"""Coroutines run at once as far as they can, and as a task only if they wait.

Most answers of a server need no waiting: the directory is in memory, a flag is
one small read. Stepping the coroutine by hand saves the task and the turn of
the loop that it would otherwise cost each command.

Code before the first real wait runs outside any task, so it must not ask for
the current one (asyncio.timeout does).
"""

from __future__ import annotations

import asyncio
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator


def run_eagerly(
    work: Coroutine[Any, Any, None], then: Callable[[asyncio.Task[None]], None]
) -> asyncio.Task[None] | None:
    """Step a coroutine until it ends or waits.

    Args:
        work: a coroutine that was not started.
        then: called with the task when it is done, if one was needed.

    Returns:
        None when it has ended, else the task that runs the rest.

    Raises:
        Whatever the coroutine raises before its first wait.
    """
    try:
        awaited = work.send(None)
    except StopIteration:
        return None
    task = asyncio.get_running_loop().create_task(_rest(work, awaited))
    task.add_done_callback(then)
    return task


async def _rest(work: Coroutine[Any, Any, None], awaited: object) -> None:
    await _resume(work, awaited)


@types.coroutine
def _resume(
    work: Coroutine[Any, Any, None], awaited: object
) -> Generator[Any, Any, None]:
    """Go on with a coroutine that already waits for `awaited`."""
    while True:
        try:
            sent = yield awaited
        except BaseException as error:  # noqa: BLE001 - handed on, cancellation too
            try:
                awaited = work.throw(error)
            except StopIteration:
                return
        else:
            try:
                awaited = work.send(sent)
            except StopIteration:
                return
