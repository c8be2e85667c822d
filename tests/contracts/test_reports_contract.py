"""What storage promises of reports (storage/reports.py)."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pyeonji.storage import reports as limits
from pyeonji.storage.embedded import open_store, reportrecords
from pyeonji.storage.reports import KeptReport, KeptRow, Reporter, Seen, SeenCount

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from typing import TypeVar

    from pyeonji.storage.embedded.reportrecords import EmbeddedReportRecords

    T = TypeVar("T")

NOW = time.time()

REPORT = KeptReport(
    kind="dmarc",
    organization="Receiver",
    report_id="1",
    domain="example.test",
    begin=1000,
    end=2000,
    received_at=NOW,
    rows=(
        KeptRow(
            source="::1", name="a", outcome="none", dkim="pass", spf="fail", count=2
        ),
        KeptRow(
            source="::1", name="a", outcome="none", dkim="pass", spf="fail", count=3
        ),
        KeptRow(source="::2", name="a", outcome="reject", count=40),
    ),
)

SEEN = Seen(
    domain="sender.test",
    header_from="a.sender.test",
    envelope_from="b.test",
    source="192.0.2.1",
    disposition="none",
    dkim="pass",
    spf="fail",
    reason="local_policy: 편지",
    dkim_results=(("sender.test", "s1", "pass"),),
    spf_results=(("b.test", "mfrom", "fail"),),
)


def with_records(
    data: Path, work: Callable[[EmbeddedReportRecords], Awaitable[T]]
) -> T:
    async def run() -> T:
        store = await open_store(data)
        try:
            return await work(store.reports)
        finally:
            await store.close()

    return asyncio.run(run())


def test_a_report_is_kept_once(tmp_path: Path) -> None:
    """The same report comes again where a letter is delivered twice."""

    async def work(kept: EmbeddedReportRecords) -> list[bool]:
        return [
            await kept.keep(REPORT),
            await kept.keep(replace(REPORT, received_at=NOW + 5)),
            await kept.keep(replace(REPORT, report_id="2")),
            await kept.keep(replace(REPORT, organization="Other")),
            await kept.keep(replace(REPORT, kind="tls")),
        ]

    assert with_records(tmp_path, work) == [True, False, True, True, True]


def test_a_summary_adds_up(tmp_path: Path) -> None:
    async def work(kept: EmbeddedReportRecords) -> None:
        await kept.keep(REPORT)
        await kept.keep(replace(REPORT, report_id="2", end=5000))
        await kept.keep(replace(REPORT, domain="other.test"))
        assert await kept.summary("dmarc", "example.test", 0) == [
            KeptRow(source="::2", name="a", outcome="reject", count=80),
            KeptRow(
                source="::1",
                name="a",
                outcome="none",
                dkim="pass",
                spf="fail",
                count=10,
            ),
        ]
        newest = await kept.summary("dmarc", "example.test", 3000)
        assert [row.count for row in newest] == [40, 5]
        assert await kept.summary("tls", "example.test", 0) == []
        assert await kept.reporters("dmarc", "example.test", 0) == [
            Reporter(organization="Receiver", reports=2, count=90)
        ]

    with_records(tmp_path, work)


def test_old_reports_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reportrecords, "MAX_KEPT_REPORTS", 3)

    async def work(kept: EmbeddedReportRecords) -> None:
        old = NOW - limits.KEPT_S - 10
        await kept.keep(replace(REPORT, report_id="old", received_at=old))
        assert await kept.reporters("dmarc", "example.test", 0) == []
        for number in range(5):
            at = NOW + number
            await kept.keep(replace(REPORT, report_id=str(number), received_at=at))
            # a flood of one kind pushes out nothing of another
            await kept.keep(replace(REPORT, kind="failure", report_id=f"f{number}"))
        [reporter] = await kept.reporters("dmarc", "example.test", 0)
        assert reporter.reports == 3
        # rows go with their reports
        assert (
            sum(x.count for x in await kept.summary("dmarc", "example.test", 0)) == 135
        )

    with_records(tmp_path, work)


def test_what_was_seen_is_counted(tmp_path: Path) -> None:
    async def count(kept: EmbeddedReportRecords) -> None:
        for _ in range(3):
            kept.count(SEEN, "2026-11-24")
        kept.count(replace(SEEN, disposition="reject"), "2026-11-24")
        kept.count(SEEN, "2026-11-25")
        kept.count(replace(SEEN, domain="b.test"), "2026-11-24")

    async def look(kept: EmbeddedReportRecords) -> None:
        days = [("2026-11-24", "b.test"), ("2026-11-24", "sender.test")]
        assert await kept.reportable("2026-11-25") == days
        found = await kept.seen("2026-11-24", "sender.test")
        assert sorted(found, key=lambda x: x.count) == [
            SeenCount(seen=replace(SEEN, disposition="reject"), count=1),
            SeenCount(seen=SEEN, count=3),
        ]
        await kept.forget(days)
        assert await kept.reportable("2026-11-26") == [("2026-11-25", "sender.test")]

    with_records(tmp_path, count)  # closing writes what waits
    with_records(tmp_path, look)


def test_many_ways_of_one_domain_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reportrecords, "MAX_SEEN_ROWS", 3)

    async def work(kept: EmbeddedReportRecords) -> None:
        for number in range(6):
            kept.count(replace(SEEN, source=f"::{number}"), "2026-11-24")
        await kept.settled()
        kept.count(replace(SEEN, source="::0"), "2026-11-24")
        await kept.settled()
        found = await kept.seen("2026-11-24", "sender.test")
        assert sorted(x.count for x in found) == [1, 1, 2]

    with_records(tmp_path, work)
