"""What is remembered of strangers, and for how long."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pyeonji.storage.embedded import strangers
from pyeonji.storage.embedded.strangers import EmbeddedStrangers
from pyeonji.storage.errors import StorageUnavailable
from pyeonji.storage.strangers import GreyTimes

TIMES = GreyTimes(delay_s=300, window_s=86400, keep_s=30 * 86400)
DAY = 86400.0


def run(path: Path, scene: Callable[[EmbeddedStrangers], Awaitable[None]]) -> None:
    async def inside() -> None:
        with ThreadPoolExecutor(2) as threads:
            kept = EmbeddedStrangers(path, threads)
            try:
                await scene(kept)
            finally:
                kept.close()

    asyncio.run(inside())


def test_a_triplet_grows_older(tmp_path: Path) -> None:
    async def first(kept: EmbeddedStrangers) -> None:
        assert await kept.grey("n", "s", "r", 1000.0, TIMES) == 0.0
        assert await kept.grey("n", "s", "r", 1100.0, TIMES) == 100.0
        assert await kept.grey("n", "s", "other", 1100.0, TIMES) == 0.0

    async def again(kept: EmbeddedStrangers) -> None:
        # the other never comes again in time, and begins anew
        assert await kept.grey("n", "s", "other", 1101.0 + DAY, TIMES) == 0.0
        assert await kept.grey("n", "s", "other", 1401.0 + DAY, TIMES) == 300.0

    run(tmp_path / "s.db", first)
    run(tmp_path / "s.db", again)  # it was kept


def test_a_client_that_passed_is_known(tmp_path: Path) -> None:
    """After one good retry all its letters go through (RFC 6647 §5)."""

    async def scene(kept: EmbeddedStrangers) -> None:
        await kept.grey("n", "s", "r", 1000.0, TIMES)
        assert await kept.grey("n", "s", "r", 1300.0, TIMES) == 300.0
        assert await kept.grey("n", "new", "new", 1301.0, TIMES) is None
        assert await kept.grey("n", "s", "r", 1000.0 + 20 * DAY, TIMES) is None
        assert await kept.grey("other", "new", "new", 1301.0, TIMES) == 0.0
        late = 1000.0 + 60 * DAY
        assert await kept.grey("n", "s", "r", late, TIMES) == 0.0  # forgotten

    run(tmp_path / "s.db", scene)


def test_senders(tmp_path: Path) -> None:
    async def scene(kept: EmbeddedStrangers) -> None:
        assert await kept.first_seen("x@a.example", 1000.0, DAY)
        assert not await kept.first_seen("x@a.example", 2000.0, DAY)
        assert await kept.first_seen("x@a.example", 2001.0 + DAY, DAY)

    run(tmp_path / "s.db", scene)


def test_it_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "MAX_ROWS", 10)
    monkeypatch.setattr(strangers, "PRUNE_S", 1.0)

    async def scene(kept: EmbeddedStrangers) -> None:
        for number in range(100):
            await kept.first_seen(f"{number}@a.example", 1000.0 + number, DAY)
        assert not await kept.first_seen("99@a.example", 1100.0, DAY)
        assert await kept.first_seen("1@a.example", 1101.0, DAY)

    run(tmp_path / "s.db", scene)


def test_a_disk_that_refuses(tmp_path: Path) -> None:
    async def scene(kept: EmbeddedStrangers) -> None:
        with pytest.raises(StorageUnavailable):
            await kept.first_seen("x@a.example", 1000.0, DAY)

    run(tmp_path / "no" / "s.db", scene)
