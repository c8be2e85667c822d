"""Policies and counts of TLS: kept, shared by workers, there after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from pyeonji.storage.embedded.tlsrecords import EmbeddedTlsRecords
from pyeonji.storage.tls import MAX_FAILURE_ROWS, KeptPolicy, Policy, TlsResult

KEPT = KeptPolicy(
    domain="a.test", id="1", octets=b"version: STSv1", fetched_at=100.0, max_age_s=50
)
STS = Policy(kind="sts", lines=("version: STSv1",), mx=("mx.a.test",))
GOOD = TlsResult(domain="a.test", policy=STS, mx="mx.a.test", address="192.0.2.1")
BAD = replace(GOOD, failure="certificate-expired", reason="it is old")
DAY = "2026-11-25"


def run(folder: Path, scene: Callable[[EmbeddedTlsRecords], Awaitable[None]]) -> None:
    async def opened() -> None:
        with ThreadPoolExecutor(2) as pool:
            records = EmbeddedTlsRecords(folder / "tls.db", pool)
            try:
                await scene(records)
            finally:
                records.close()

    asyncio.run(opened())


def test_policies(tmp_path: Path) -> None:
    async def first(records: EmbeddedTlsRecords) -> None:
        assert await records.policy("a.test") is None
        await records.keep_policy(replace(KEPT, id="0"))
        await records.keep_policy(KEPT)

    async def later(records: EmbeddedTlsRecords) -> None:
        assert await records.policy("a.test") == KEPT
        assert await records.policies(150.0) == []
        assert await records.policies(151.0) == [KEPT]
        await records.drop_policies(150.0)
        assert await records.policy("a.test") == KEPT
        await records.drop_policies(151.0)
        assert await records.policy("a.test") is None

    run(tmp_path, first)
    run(tmp_path, later)


def test_counts(tmp_path: Path) -> None:
    """Two workers count into one file; what was counted last is there, too."""

    async def count(records: EmbeddedTlsRecords) -> None:
        for result in (GOOD, GOOD, replace(GOOD, mx="mx2.a.test"), BAD):
            records.count(result, DAY)
        await records.settled()
        records.count(BAD, DAY)
        records.count(replace(GOOD, domain="b.test"), "2026-11-24")

    async def look(records: EmbeddedTlsRecords) -> None:
        assert await records.reportable(DAY) == [("2026-11-24", "b.test")]
        assert await records.reportable("2026-11-26") == [
            ("2026-11-24", "b.test"),
            (DAY, "a.test"),
        ]
        found = {
            one.result: one.sessions for one in await records.results(DAY, "a.test")
        }
        assert found == {GOOD.without_details(): 6, BAD: 4}
        await records.forget_results([(DAY, "a.test")])
        assert await records.results(DAY, "a.test") == []

    run(tmp_path, count)
    run(tmp_path, count)
    run(tmp_path, look)


def test_failures_of_all_kinds_are_counted_roughly(tmp_path: Path) -> None:
    """Nobody fills our disk with ways to fail."""

    async def scene(records: EmbeddedTlsRecords) -> None:
        for number in range(MAX_FAILURE_ROWS + 50):
            records.count(replace(BAD, mx=f"mx{number}.a.test"), DAY)
        await records.settled()
        found = await records.results(DAY, "a.test")
        assert sum(one.sessions for one in found) == MAX_FAILURE_ROWS + 50
        assert len(found) == MAX_FAILURE_ROWS + 1

    run(tmp_path, scene)
