"""Connections that wait for letters to the same next hop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pyeonji.base.ids import LetterId
from pyeonji.mta.queue.destination import Active, Destination, Job
from pyeonji.storage.queue import NewLetter, QueuedLetter

LONG_S = 30.0


def job(name: str) -> Job:
    letter = NewLetter(
        reverse_path="", recipients=(), content=b"", prefix=b"", accepted_at=0.0
    )
    queued = QueuedLetter(
        id=LetterId(name), letter=letter, recipients=(), size_octets=0
    )
    return Job(active=Active(queued), indexes=(0,), domain="remote.test")


def play(scene: Callable[[Destination], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(LONG_S / 2):
            await scene(Destination("remote.test", 10))

    asyncio.run(run())


def test_one_letter_takes_one_connection() -> None:
    """The others go on waiting: they are not closed because one has work."""

    async def scene(line: Destination) -> None:
        waiting = [asyncio.ensure_future(line.next_job(LONG_S)) for _ in range(3)]
        await asyncio.sleep(0)
        first, second = job("1"), job("2")
        line.put(first)
        done, pending = await asyncio.wait(waiting, timeout=0.05)
        assert [one.result() for one in done] == [first]
        assert len(pending) == 2
        line.put(second)
        done, pending = await asyncio.wait(pending, timeout=0.05)
        assert [one.result() for one in done] == [second]
        assert len(pending) == 1
        line.wake()
        assert [await one for one in pending] == [None]

    play(scene)


def test_a_letter_that_another_took() -> None:
    """Who was woken for it waits for the next."""

    async def scene(line: Destination) -> None:
        waiting = asyncio.ensure_future(line.next_job(LONG_S))
        await asyncio.sleep(0)
        first, second = job("1"), job("2")
        line.put(first)
        assert await line.next_job(0) is first
        await asyncio.sleep(0.01)
        assert not waiting.done()
        line.put(second)
        assert await waiting is second

    play(scene)


def test_patience_ends() -> None:
    """None after so long, and nobody is left who would be woken for a letter."""

    async def scene(line: Destination) -> None:
        assert await line.next_job(0.01) is None
        assert await line.next_job(0) is None
        late = asyncio.ensure_future(line.next_job(LONG_S))
        await asyncio.sleep(0)
        late.cancel()
        await asyncio.wait([late])
        first = job("1")
        line.put(first)
        assert await line.next_job(LONG_S) is first

    play(scene)
