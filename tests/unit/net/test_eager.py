"""Coroutines that need not wait cost no task; the others go on in one."""

from __future__ import annotations

import asyncio

import pytest

from pyeonji.net.eager import run_eagerly


def test_a_coroutine_that_never_waits_ends_at_once() -> None:
    done: list[str] = []

    async def work() -> None:
        done.append("worked")

    async def main() -> None:
        assert run_eagerly(work(), lambda _: done.append("task")) is None
        assert done == ["worked"]

    asyncio.run(main())
    assert done == ["worked"]


def test_a_waiting_coroutine_goes_on_where_it_stopped() -> None:
    said: list[object] = []

    async def work(future: asyncio.Future[str]) -> None:
        said.append("before")
        said.append(await future)
        await asyncio.sleep(0)
        said.append(await asyncio.to_thread(lambda: "from a thread"))

    async def main() -> None:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        task = run_eagerly(work(future), lambda _: said.append("then"))
        assert task is not None
        assert said == ["before"]
        future.set_result("answer")
        await task
        await asyncio.sleep(0)

    asyncio.run(main())
    assert said == ["before", "answer", "from a thread", "then"]


def test_errors_come_at_once_or_by_the_task() -> None:
    async def at_once() -> None:
        raise ValueError("now")

    async def later() -> None:
        await asyncio.sleep(0)
        raise ValueError("later")

    async def main() -> None:
        with pytest.raises(ValueError, match="now"):
            run_eagerly(at_once(), lambda _: None)
        task = run_eagerly(later(), lambda _: None)
        assert task is not None
        with pytest.raises(ValueError, match="later"):
            await task

    asyncio.run(main())


def test_cancelling_reaches_the_coroutine() -> None:
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main() -> None:
        task = run_eagerly(work(), lambda _: None)
        assert task is not None
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == ["cancelled"]
