"""Policies and counts of TLS: kept, shared by workers, there after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from pyeonji.storage.embedded import tlsrecords
from pyeonji.storage.embedded.sqlite import connect
from pyeonji.storage.embedded.tlsrecords import MIGRATIONS, EmbeddedTlsRecords
from pyeonji.storage.tls import (
    MAX_FAILURE_ROWS,
    NO_TLS,
    Counted,
    DomainTls,
    KeptPolicy,
    Policy,
    TlsResult,
)

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
        await records.note_reported([(DAY, "a.test")])
        await records.note_reported([(DAY, "a.test")])
        assert await records.reportable("2026-11-26") == [("2026-11-24", "b.test")]
        assert await records.results(DAY, "a.test")  # they stay for us

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


def test_how_it_goes_with_others(tmp_path: Path) -> None:
    """Those with most trouble first; of one the results, most first."""
    plain = TlsResult(domain="c.test", failure=NO_TLS, mx="mx.c.test")

    async def scene(records: EmbeddedTlsRecords) -> None:
        for day in (DAY, "2026-11-24"):
            for result in (*[GOOD] * 5, BAD, BAD, plain):
                records.count(result, day)
        for _ in range(20):
            records.count(TlsResult(domain="b.test"), DAY)
        await records.settled()
        bad = DomainTls(
            domain="a.test", sessions=14, encrypted=10, without=0, policies=("sts",)
        )
        clear = DomainTls(domain="c.test", sessions=2, encrypted=0, without=2)
        good = DomainTls(domain="b.test", sessions=20, encrypted=20, without=0)
        assert (bad.failed, clear.failed) == (4, 0)
        assert await records.outbound("2026-11-24", 9) == [bad, clear, good]
        assert await records.outbound(DAY, 1) == [
            DomainTls(
                domain="a.test", sessions=7, encrypted=5, without=0, policies=("sts",)
            )
        ]
        assert await records.outbound_to("a.test", "2026-11-01") == [
            Counted(result=GOOD.without_details(), sessions=10),
            Counted(result=BAD, sessions=4),
        ]

    run(tmp_path, scene)


def test_old_results_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After thirty days, and the oldest of too many; never today's."""

    async def scene(records: EmbeddedTlsRecords) -> None:
        for day in ("2026-10-25", "2026-10-26", DAY):
            records.count(GOOD, day)
        await records.note_reported([("2026-10-25", "a.test"), (DAY, "a.test")])
        await records.settled()
        days = await records.reportable("2027")
        assert days == [("2026-10-26", "a.test")]
        monkeypatch.setattr(tlsrecords, "MAX_ROWS", 3)
        for number in range(5):
            records.count(replace(GOOD, domain=f"{number}.test"), "2026-11-26")
        await records.settled()
        assert {day for day, _ in await records.reportable("2027")} == {"2026-11-26"}
        assert len(await records.outbound("2026", 99)) == 5

    run(tmp_path, scene)


def test_results_of_an_earlier_version(tmp_path: Path) -> None:
    """What waits to be reported still does."""
    old = connect(tmp_path / "tls.db", MIGRATIONS[:1], synchronous="FULL")
    old.execute(
        "INSERT INTO results VALUES (?, 'a.test', '[\"sts\", [], []]', '', '', '', '',"
        " '', 7)",
        (DAY,),
    )
    old.close()

    async def scene(records: EmbeddedTlsRecords) -> None:
        assert await records.reportable("2027") == [(DAY, "a.test")]
        [found] = await records.outbound(DAY, 9)
        assert (found.sessions, found.policies) == (7, ("sts",))

    run(tmp_path, scene)
