"""Events that a web server did not take survive a restart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from tests.patience import PATIENCE_S, until

from pyeonji.base.clock import SetClock
from pyeonji.mta.hooks import webhook
from pyeonji.mta.hooks.options import WebhookOptions
from pyeonji.mta.hooks.webhook import Webhooks
from pyeonji.storage.embedded.webhooks import EmbeddedWaitingEvents
from pyeonji.storage.queue import NewLetter, Recipient
from pyeonji.storage.webhooks import WaitingEvent

DAY = 86400.0


class Web:
    """A web server that says what it is told to; knows who told it what."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.asked = 0
        self.status: dict[str, int] = {}  # by sender; "" is for all others
        self.server: asyncio.Server | None = None
        self.answering: set[asyncio.Task[None]] = set()
        self.port = 0

    async def open(self) -> None:
        self.server = await asyncio.start_server(self._answer, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self.server is not None
        self.server.close()
        while self.answering:
            await asyncio.wait(self.answering, timeout=PATIENCE_S)

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.answering.add(task)
        # who is closed while it asks goes without a word
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._answer_one(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        self.answering.discard(task)

    async def _answer_one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        event = json.loads(await reader.readexactly(length))
        self.asked += 1
        status = self.status.get(event["from"], self.status.get("", 204))
        if status == 204:
            self.told.append(event["from"])
        writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()

    async def until(self, *told: str) -> None:
        await until(lambda: self.told == list(told), lambda: self.told)


def letter(sender: str, at: float) -> NewLetter:
    to = (Recipient(address="kim@example.test"),)
    return NewLetter(
        reverse_path=sender, recipients=to, content=b"", prefix=b"", accepted_at=at
    )


class House:
    def __init__(self, folder: Path, threads: ThreadPoolExecutor, web: Web) -> None:
        self.folder = folder
        self.threads = threads
        self.web = web
        self.clock = SetClock()
        self.files: list[EmbeddedWaitingEvents] = []

    def open(self, *, worker: int = 0, workers: int = 1) -> Webhooks:
        """A worker starts."""
        kept = EmbeddedWaitingEvents(
            self.folder / "w.db", self.threads, worker=worker, workers=workers
        )
        self.files.append(kept)
        options = WebhookOptions(
            url=f"http://127.0.0.1:{self.web.port}/",
            secret=b"s" * 16,
            retry_s=(0.02, 0.03),
        )
        return Webhooks([options], self.clock, kept)

    def tell(self, hooks: Webhooks, *senders: str) -> None:
        for sender in senders:
            hooks.taken(letter(sender, self.clock.time()))

    async def until_kept(self, number: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(await self.kept()) != number:  # noqa: ASYNC110 - it is a file
                await asyncio.sleep(0.02)

    async def kept(self) -> list[WaitingEvent]:
        url = f"http://127.0.0.1:{self.web.port}/"
        return await self.files[0].waiting(url, since=0.0)


def play(folder: Path, scene: Callable[[House], Awaitable[None]]) -> None:
    async def inside() -> None:
        web = Web()
        await web.open()
        with ThreadPoolExecutor(2) as threads:
            house = House(folder, threads, web)
            try:
                await scene(house)
            finally:
                for file in house.files:
                    file.close()
        await web.close()

    asyncio.run(inside())


def test_they_are_told_after_a_restart_in_order(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        await house.web.close()
        hooks = house.open()
        house.tell(hooks, "a@x.test", "b@x.test")
        await asyncio.sleep(0.1)
        await hooks.close()
        assert len(await house.kept()) == 2
        await house.web.open()
        hooks = house.open()
        house.tell(hooks, "c@x.test")
        await house.web.until("a@x.test", "b@x.test", "c@x.test")
        await until(lambda: hooks.waiting == 0)  # the last answer was read, too
        await hooks.close()
        assert await house.kept() == []

    play(tmp_path, scene)


def test_a_crash_takes_the_last_second_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "FLUSH_S", 0.05)

    async def scene(house: House) -> None:
        house.web.status = {"": 503}
        hooks = house.open()
        house.tell(hooks, "a@x.test")
        await house.until_kept(1)
        house.web.status = {}
        await house.web.until("a@x.test")
        await house.until_kept(0)
        await hooks.close()

    play(tmp_path, scene)


def test_what_is_taken_at_once_is_never_written(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        hooks = house.open()
        house.tell(hooks, *(f"{number}@x.test" for number in range(50)))
        await house.web.until(*(f"{number}@x.test" for number in range(50)))
        await until(lambda: hooks.waiting == 0)
        await hooks.close()
        assert await house.kept() == []

    play(tmp_path, scene)


def test_one_that_is_refused_does_not_keep_the_others(tmp_path: Path) -> None:
    """One that is not there does: its events wait for it, a day at most."""

    async def scene(house: House) -> None:
        house.web.status = {"a@x.test": 400, "b@x.test": 503}
        hooks = house.open()
        house.tell(hooks, "a@x.test", "b@x.test", "c@x.test")
        await until(lambda: house.web.asked >= 12)
        assert house.web.told == []  # a was given up after 3, b is tried again
        house.clock.advance(DAY + 1)
        await house.web.until()
        await asyncio.sleep(0.1)
        house.tell(hooks, "d@x.test")
        await house.web.until("d@x.test")  # b and c are no news any more
        await hooks.close()

    play(tmp_path, scene)


def test_old_news_are_not_read(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        house.web.status = {"": 503}
        hooks = house.open()
        house.tell(hooks, "a@x.test")
        await asyncio.sleep(0.05)
        await hooks.close()
        house.clock.advance(DAY + 1)
        house.web.status = {}
        hooks = house.open()
        house.tell(hooks, "b@x.test")
        await house.web.until("b@x.test")
        await until(lambda: hooks.waiting == 0)
        await hooks.close()
        assert await house.kept() == []

    play(tmp_path, scene)


def test_what_a_worker_leaves_that_is_no_more(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        house.web.status = {"": 503}
        for worker in (0, 1):
            hooks = house.open(worker=worker, workers=2)
            house.tell(hooks, f"{worker}@x.test")
            await asyncio.sleep(0.05)
            await hooks.close()
        house.web.status = {}
        hooks = house.open()
        await house.web.until("0@x.test", "1@x.test")
        await hooks.close()

    play(tmp_path, scene)
