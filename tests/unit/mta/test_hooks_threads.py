"""Plain functions of hooks, and what they may hold when they hang."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import threading
import time
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.patience import until

from pyeonji import hooks as public
from pyeonji.mta.hooks import threads
from pyeonji.mta.hooks.options import PythonOptions
from pyeonji.mta.hooks.python import HookFailed, PythonHook
from pyeonji.mta.hooks.threads import AllBusy, Threads
from pyeonji.serve.hanging import HangingHooks, hanging_seen


class Event:
    """What a function is told; somebody may look whether it is still there."""


def play(
    scene: Callable[[Threads, threading.Event], Awaitable[None]], time_s: float = 0.2
) -> None:
    async def run() -> None:
        go = threading.Event()
        pool = Threads("x:Y", time_s)
        try:
            await scene(pool, go)
        finally:
            go.set()
            pool.end()

    asyncio.run(run())


def test_many_run_at_once_and_more_wait() -> None:
    async def scene(pool: Threads, _: threading.Event) -> None:
        most = [0, 0]
        lock = threading.Lock()

        def work(number: int) -> int:
            with lock:
                most[0] += 1
                most[1] = max(most)
            time.sleep(0.01)
            with lock:
                most[0] -= 1
            return number

        found = await asyncio.gather(*(pool.call(work, n) for n in range(50)))
        assert found == list(range(50))
        assert 2 <= most[1] <= threads.MAX_THREADS

    play(scene, 60.0)


def test_what_it_raises_is_raised_here() -> None:
    async def scene(pool: Threads, _: threading.Event) -> None:
        def work(error: BaseException) -> None:
            raise error

        with pytest.raises(KeyError):
            await pool.call(work, KeyError("x"))
        for odd in (StopIteration(), SystemExit(1)):
            with pytest.raises(RuntimeError):
                await pool.call(work, odd)
        with pytest.raises(TimeoutError):
            await pool.call(work, TimeoutError())
        assert pool.hanging == 0

    play(scene, 60.0)


def test_when_all_hang_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "MAX_THREADS", 3)

    async def scene(pool: Threads, go: threading.Event) -> None:
        changes: list[int] = []
        pool.changed = lambda: changes.append(pool.hanging)
        before = threading.active_count()
        calls = [pool.call(lambda _: go.wait(60), None) for _ in range(3)]
        for found in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(found, TimeoutError)
        assert threading.active_count() <= before + 3
        assert pool.hanging == changes[-1] == 3
        began = time.monotonic()
        for _ in range(100):
            with pytest.raises(AllBusy, match="all of its 3 threads hang"):
                await pool.call(lambda _: None, None)
        assert time.monotonic() - began < 10
        go.set()
        await until(lambda: pool.hanging == 0 and changes[-1] == 0)
        assert await pool.call(lambda x: x, 7) == 7

    play(scene)


def test_few_wait_and_nothing_is_kept_of_who_has_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A letter that waited must not stay in memory behind those that hang."""
    monkeypatch.setattr(threads, "MAX_THREADS", 1)
    monkeypatch.setattr(threads, "MAX_WAITING", 5)

    async def scene(pool: Threads, go: threading.Event) -> None:
        first = asyncio.ensure_future(pool.call(lambda _: go.wait(60), None))
        await asyncio.sleep(0.05)
        event = Event()
        seen = weakref.ref(event)
        ran: list[object] = []
        waiting = [
            asyncio.ensure_future(pool.call(ran.append, event)) for _ in range(5)
        ]
        await asyncio.sleep(0)
        with pytest.raises(AllBusy, match="5 calls wait"):
            await pool.call(ran.append, None)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        del event, waiting, task
        gc.collect()
        assert seen() is None
        go.set()
        await first
        assert await pool.call(lambda x: x, 7) == 7
        assert ran == []

    play(scene, 60.0)


def test_a_hook_that_hangs_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "MAX_THREADS", 2)
    go = threading.Event()

    class Sleeper(public.Hook):
        def mail(self, event: public.Mail) -> None:
            go.wait(60)

    async def run() -> None:
        (tmp_path / "run").mkdir()
        options = PythonOptions(module="sleeper:Sleeper", time_s=0.1)
        hook = PythonHook(options, Sleeper())
        HangingHooks(tmp_path, 0, [hook])
        try:
            for reason in ("TimeoutError", "TimeoutError", "all of its 2 threads hang"):
                with pytest.raises(HookFailed, match=reason):
                    await hook.ask("mail", None)
            assert hanging_seen(tmp_path) == {"sleeper:Sleeper": 2}
            go.set()
            await until(lambda: hanging_seen(tmp_path) == {})
            assert list((tmp_path / "run").iterdir()) == []
        finally:
            go.set()
            hook.end()

    asyncio.run(run())


def test_workers_that_have_died_and_files_of_others(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    for name, octets in {
        "hooks.0.json": json.dumps({"pid": gone.pid, "hanging": {"a:B": 1}}),
        "hooks.1.json": json.dumps({"pid": os.getpid(), "hanging": {"a:B": 2}}),
        "hooks.2.json": json.dumps(
            {"pid": os.getpid(), "hanging": {"a:B": 3, "c:D": 0}}
        ),
        "hooks.3.json": "rubbish",
        "hooks.4.json": "[]",
        "hooks.5.json": json.dumps({"pid": os.getpid(), "hanging": {"a:B": "many"}}),
    }.items():
        (folder / name).write_text(octets)
    assert hanging_seen(tmp_path) == {"a:B": 5}
    HangingHooks(tmp_path, 1, [])
    assert hanging_seen(tmp_path) == {"a:B": 3}
