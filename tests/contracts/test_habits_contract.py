"""What accounts usually do is known after a restart, and to all workers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pyeonji.mta.policy.habits import AccountOptions, Habits, Remembered
from pyeonji.storage.embedded.habits import KEPT_S, EmbeddedHabits
from pyeonji.storage.errors import StorageUnavailable
from pyeonji.storage.habits import Habit, HabitStore

OPTIONS = AccountOptions(hold=True, usual_recipients=20, factor=5, failures=3)
KIM = "kim@example.test"


def run(path: Path, scene: Callable[[EmbeddedHabits], Awaitable[None]]) -> None:
    async def inside() -> None:
        with ThreadPoolExecutor(2) as threads:
            kept = EmbeddedHabits(path, threads)
            try:
                await scene(kept)
            finally:
                kept.close()

    asyncio.run(inside())


async def keeps_its_promises(kept: HabitStore) -> None:
    assert await kept.held(0.0) == []
    assert not await kept.release(KIM)
    seen: list[Habit | None] = []

    def change(known: Habit | None) -> Habit:
        seen.append(known)
        held = 500.0 if known else 0.0
        return Habit(hour=100.0, recipients=7, most=2.5, held_until=held, reason="x")

    first = await kept.change(KIM, change)
    second = await kept.change(KIM, change)
    assert seen == [None, first]
    assert await kept.held(499.0) == [(KIM, second)]
    assert await kept.held(500.0) == []
    assert await kept.release(KIM)
    assert await kept.held(0.0) == []
    await kept.change(KIM, change)
    assert seen[2] == Habit(hour=100.0, recipients=7, most=7.0)


def test_in_memory() -> None:
    asyncio.run(keeps_its_promises(Remembered()))


def test_in_a_file(tmp_path: Path) -> None:
    run(tmp_path / "habits.db", keeps_its_promises)


def test_a_hold_survives_a_restart_and_spelling(tmp_path: Path) -> None:
    async def before(kept: EmbeddedHabits) -> None:
        assert await Habits(OPTIONS, kept).wrote(KIM, 21, 1000.0)

    async def after(kept: EmbeddedHabits) -> None:
        again = Habits(OPTIONS, kept)
        assert "21 recipients" in await again.wrote("KIM@EXAMPLE.TEST", 1, 2000.0)

    run(tmp_path / "habits.db", before)
    run(tmp_path / "habits.db", after)


def test_two_workers_count_together(tmp_path: Path) -> None:
    async def scene(one: EmbeddedHabits) -> None:
        with ThreadPoolExecutor(2) as threads:
            other = EmbeddedHabits(tmp_path / "habits.db", threads)
            both = [Habits(OPTIONS, one), Habits(OPTIONS, other)]
            letters = [both[n % 2].wrote(KIM, 1, 1000.0) for n in range(21)]
            reasons = await asyncio.gather(*letters)
            assert sum(map(bool, reasons)) == 1
            other.close()

    run(tmp_path / "habits.db", scene)


def test_who_is_silent_for_long_is_forgotten(tmp_path: Path) -> None:
    async def scene(kept: EmbeddedHabits) -> None:
        seen: list[Habit | None] = []

        def at(hour: float) -> Callable[[Habit | None], Habit]:
            def change(known: Habit | None) -> Habit:
                seen.append(known)
                return Habit(hour=hour)

            return change

        await kept.change(KIM, at(0.0))
        await kept.change("lee@example.test", at(KEPT_S + 1))
        await kept.change(KIM, at(KEPT_S + 1))
        assert seen == [None, None, None]

    run(tmp_path / "habits.db", scene)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "habits.db").write_bytes(b"no database" * 500)

    async def scene(kept: EmbeddedHabits) -> None:
        with pytest.raises(StorageUnavailable):
            await kept.held(0.0)

    run(tmp_path / "habits.db", scene)
