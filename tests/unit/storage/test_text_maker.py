"""Texts are made by another process; whatever becomes of it, searches are true."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.contracts.engines import Engine, World, letter, new_message

from pyeonji.base.clock import SystemClock
from pyeonji.base.ids import MailboxId
from pyeonji.storage import query as q
from pyeonji.storage.embedded import searching, store, texts
from pyeonji.storage.embedded.mail_schema import MIGRATIONS
from pyeonji.storage.embedded.textmaker import TextMaker
from pyeonji.storage.mailboxes import SEEN, FlagChange

NUMBER = 130
HELD = 26
"""Of NUMBER letters, those that say "quince"."""


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path / "data", SystemClock())


async def filled(world: World, number: int = NUMBER) -> MailboxId:
    inbox = await world.mail.mailbox("INBOX")
    what = ("quince", "plum", "pear", "fig", "lime")
    letters = [letter(each, what[each % 5]) for each in range(number)]
    await world.mail.append(inbox.id, [new_message(octets) for octets in letters])
    return inbox.id


async def found(world: World, mailbox: MailboxId, text: str = "quince") -> int:
    """How many hold it; so many texts are looked for that they are made first."""
    nowhere = (f"{text}nowhere{n}" for n in range(searching.MAX_RAW))
    texts = (text, *nowhere)
    query = q.Or(tuple(q.BodyContains(text=each) for each in texts))
    return len(await world.mail.search(mailbox, query))


async def found_as_it_is(world: World, mailbox: MailboxId) -> int:
    return len(await world.mail.search(mailbox, q.BodyContains(text="quince")))


def makers(world: World) -> tuple[TextMaker, TextMaker]:
    """For whom somebody waits, and for whom nobody does."""
    both = world.store._shop.makers
    return both.asked, both.background


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


def test_a_search_has_many_texts_made_elsewhere(engine: Engine) -> None:
    async def scenario(world: World) -> None:
        inbox = await filled(world)
        asked, background = makers(world)

        assert await found(world, inbox) == HELD
        assert asked.running
        assert not background.running
        assert await found(world, inbox, "nowhere") == 0

    engine.run(scenario)


def test_few_texts_are_made_here(engine: Engine) -> None:
    async def scenario(world: World) -> None:
        inbox = await filled(world, texts.FEW)

        assert await found(world, inbox) == texts.FEW // 5
        assert not any(maker.running for maker in makers(world))

    engine.run(scenario)


def test_one_text_needs_no_texts_made(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But then they are made, though the account is never quiet."""
    monkeypatch.setattr(store, "TEND_S", 0.02)
    count = "SELECT count(*) FROM texts"

    async def scenario(world: World) -> None:
        inbox = await filled(world, 60)
        file = world.mail.file
        writing = asyncio.ensure_future(keep_writing(world, inbox))
        assert await found_as_it_is(world, inbox) == 12
        asked, _ = makers(world)
        assert not asked.running

        await until(lambda: file.reader.execute(count).get >= 60)
        writing.cancel()
        assert await found_as_it_is(world, inbox) == 12

    engine.run(scenario)


async def keep_writing(world: World, mailbox: MailboxId) -> None:
    while True:
        for change in (FlagChange.ADD, FlagChange.REMOVE):
            await world.mail.store_flags(mailbox, [(1, 1)], change, SEEN)


def test_gaps_are_filled(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts of an older mailbox, where those of a newer one were made first."""
    monkeypatch.setattr(store, "TEND_S", 0.02)
    count = "SELECT count(*) FROM texts"

    async def scenario(world: World) -> None:
        file = world.mail.file
        file._making_texts = True  # nobody makes them for now
        inbox = await filled(world, 30)
        newer = (await world.mail.create("newer")).id
        await world.mail.append(newer, [new_message(letter(1, "quince"))])
        assert await found(world, newer) == 1
        assert file.reader.execute(count).get == 1
        file._making_texts = False

        assert await found_as_it_is(world, inbox) == 6
        await until(lambda: file.reader.execute(count).get == 31)
        assert await found_as_it_is(world, inbox) == 6
        assert file.texts_until

    engine.run(scenario)


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.3, 0.5])
def test_a_killed_maker_is_done_without(engine: Engine, after_s: float) -> None:
    async def scenario(world: World) -> None:
        inbox = await filled(world, 1000)
        asked, _ = makers(world)
        searching = asyncio.ensure_future(found(world, inbox))
        await until(lambda: asked._process is not None or searching.done())
        await asyncio.sleep(after_s)
        if asked._process is not None:
            os.kill(asked._process.pid, signal.SIGKILL)

        assert await asyncio.wait_for(searching, 30) == 200

    engine.run(scenario)


def test_one_that_cannot_start_is_done_without(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")

    async def scenario(world: World) -> None:
        inbox = await filled(world)

        assert await found(world, inbox) == HELD
        assert not any(maker.running for maker in makers(world))

    engine.run(scenario)


def test_a_file_of_another_version_is_left_alone(engine: Engine) -> None:
    async def scenario(world: World) -> None:
        await filled(world)
        asked, _ = makers(world)
        world.mail.file.reader.execute("PRAGMA user_version = 1000")

        assert list(asked.make(world.mail.file.path, [1, 2, 3])) == []
        assert not asked.running

        world.mail.file.reader.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    engine.run(scenario)


def test_texts_are_made_when_all_is_quiet(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "TEND_S", 0.02)
    count = "SELECT count(*) FROM texts"

    async def scenario(world: World) -> None:
        inbox = await filled(world)
        asked, background = makers(world)
        file = world.mail.file

        await until(lambda: file.reader.execute(count).get == NUMBER)
        assert background.running
        await until(lambda: file._writer is None)  # then the account rests
        assert await found(world, inbox) == HELD
        assert not asked.running

    engine.run(scenario)


def test_closing_does_not_wait_for_texts(engine: Engine) -> None:
    async def scenario(world: World) -> None:
        inbox = await filled(world, 3000)
        searching = asyncio.ensure_future(found(world, inbox))
        await asyncio.sleep(0.4)
        asked, background = makers(world)

        started = time.monotonic()
        asked.close()
        background.close()
        await asyncio.gather(searching, return_exceptions=True)
        assert time.monotonic() - started < 2

    engine.run(scenario)


def test_a_process_ends_with_whoever_started_it() -> None:
    """Even where that one is killed."""
    program = (
        "import os, signal\n"
        "from pyeonji.storage.embedded.textmaker import TextMaker\n"
        "maker = TextMaker(0)\nmaker._started()\n"
        "print(maker._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False
    )
    pid = int(ran.stdout)

    deadline = time.monotonic() + 10
    while alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
