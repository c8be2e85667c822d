"""Received reports and what we saw of others: one small file for all workers."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pyeonji.storage.embedded.sqlite import connect, errors_named, transaction
from pyeonji.storage.embedded.tally import Tally
from pyeonji.storage.reports import (
    KEPT_S,
    MAX_KEPT_REPORTS,
    MAX_SEEN_ROWS,
    MAX_SUMMARY_ROWS,
    KeptReport,
    KeptRow,
    Reporter,
    Seen,
    SeenCount,
)

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from pyeonji.storage.embedded.sqlite import Database

T = TypeVar("T")

MIGRATIONS: Final = (
    """
    CREATE TABLE reports (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        domain TEXT NOT NULL,
        organization TEXT NOT NULL,
        report_id TEXT NOT NULL,
        begins INTEGER NOT NULL,
        ends INTEGER NOT NULL,
        received_at REAL NOT NULL,
        UNIQUE (kind, domain, organization, report_id, begins)
    );
    CREATE INDEX reports_by_time ON reports (received_at);
    CREATE TABLE rows (
        report INTEGER NOT NULL REFERENCES reports ON DELETE CASCADE,
        source TEXT NOT NULL,
        name TEXT NOT NULL,
        outcome TEXT NOT NULL,
        dkim TEXT NOT NULL,
        spf TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (report, source, name, outcome, dkim, spf)
    ) WITHOUT ROWID;
    CREATE TABLE seen (
        day TEXT NOT NULL,
        domain TEXT NOT NULL,
        facts TEXT NOT NULL,            -- JSON, all other fields of Seen
        count INTEGER NOT NULL,
        PRIMARY KEY (day, domain, facts)
    ) WITHOUT ROWID;
    """,
    "CREATE INDEX reports_of_kind ON reports (kind, received_at)",
)


class EmbeddedReportRecords:
    """See ReceivedReports and SeenLetters."""

    def __init__(self, path: Path, pool: Executor) -> None:
        self._path = path
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._opened: Database | None = None
        self._seen: Tally[Seen] = Tally(self._write, pool, name="seen", unit="letters")

    def _database(self) -> Database:
        """The file, opened when first needed."""
        if self._opened is None:
            self._opened = connect(
                self._path, MIGRATIONS, synchronous="FULL", cache_kib=256
            )
            self._opened.execute("PRAGMA foreign_keys = ON")
        return self._opened

    def close(self) -> None:
        """Write what was counted and close the file (blocks)."""
        self._seen.close()
        with self._lock:
            if self._opened is not None:
                self._opened.close()

    async def _in_thread(self, call: Callable[[Database], T]) -> T:
        def work() -> T:
            with self._lock, errors_named():
                return call(self._database())

        return await self._loop.run_in_executor(self._pool, work)

    # -- received

    async def keep(self, report: KeptReport) -> bool:
        """See ReceivedReports."""
        now = time.time()

        def work(database: Database) -> bool:
            with transaction(database):
                kept = _keep(database, report)
                _prune(database, report.kind, now)
            return kept

        return await self._in_thread(work)

    async def summary(self, kind: str, domain: str, since: float) -> list[KeptRow]:
        """See ReceivedReports."""
        found = await self._in_thread(
            lambda d: d.execute(
                "SELECT source, name, outcome, dkim, spf, sum(count) AS total"
                " FROM reports JOIN rows ON report = id"
                " WHERE kind = ? AND domain = ? AND ends >= ?"
                " GROUP BY source, name, outcome, dkim, spf"
                " ORDER BY total DESC, source LIMIT ?",
                (kind, domain, since, MAX_SUMMARY_ROWS),
            ).fetchall()
        )
        names = ("source", "name", "outcome", "dkim", "spf", "count")
        return [KeptRow(**dict(zip(names, row, strict=True))) for row in found]

    async def reporters(self, kind: str, domain: str, since: float) -> list[Reporter]:
        """See ReceivedReports."""
        found = await self._in_thread(
            lambda d: d.execute(
                "SELECT organization, count(DISTINCT id) AS reports, sum(count)"
                " FROM reports LEFT JOIN rows ON report = id"
                " WHERE kind = ? AND domain = ? AND ends >= ?"
                " GROUP BY organization ORDER BY reports DESC, organization LIMIT ?",
                (kind, domain, since, MAX_SUMMARY_ROWS),
            ).fetchall()
        )
        return [
            Reporter(organization=row[0], reports=row[1], count=row[2] or 0)
            for row in found
        ]

    # -- seen

    def count(self, seen: Seen, day: str) -> None:
        """See SeenLetters."""
        self._seen.add(day, seen)

    def _write(self, waiting: Counter[tuple[str, Seen]]) -> None:
        with self._lock, errors_named():
            database = self._database()
            with transaction(database):
                for (day, seen), letters in waiting.items():
                    _add(database, day, seen, letters)

    async def settled(self) -> None:
        """Write now what was counted (for tests and reports)."""
        await self._seen.settled()

    async def reportable(self, before: str) -> list[tuple[str, str]]:
        """See SeenLetters."""
        return await self._in_thread(
            lambda d: d.execute(
                "SELECT DISTINCT day, domain FROM seen WHERE day < ?"
                " ORDER BY day, domain",
                (before,),
            ).fetchall()
        )

    async def seen(self, day: str, domain: str) -> list[SeenCount]:
        """See SeenLetters."""
        rows = await self._in_thread(
            lambda d: d.execute(
                "SELECT facts, count FROM seen WHERE day = ? AND domain = ?",
                (day, domain),
            ).fetchall()
        )
        return [SeenCount(seen=_seen(domain, row[0]), count=row[1]) for row in rows]

    async def forget(self, days: Sequence[tuple[str, str]]) -> None:
        """See SeenLetters."""
        await self._in_thread(
            lambda d: d.executemany(
                "DELETE FROM seen WHERE day = ? AND domain = ?", days
            )
        )


def _keep(database: Database, report: KeptReport) -> bool:
    database.execute(
        "INSERT OR IGNORE INTO reports (kind, domain, organization, report_id, begins,"
        " ends, received_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            report.kind,
            report.domain,
            report.organization,
            report.report_id,
            report.begin,
            report.end,
            report.received_at,
        ),
    )
    if not database.changes():
        return False
    number = database.last_insert_rowid()
    database.executemany(
        "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET count = count + excluded.count",
        [
            (number, row.source, row.name, row.outcome, row.dkim, row.spf, row.count)
            for row in report.rows
        ],
    )
    return True


def _prune(database: Database, kind: str, now: float) -> None:
    """Forget what is old, and the oldest of a kind beyond the limit."""
    database.execute("DELETE FROM reports WHERE received_at < ?", (now - KEPT_S,))
    database.execute(
        "DELETE FROM reports WHERE id IN (SELECT id FROM reports WHERE kind = ?"
        " ORDER BY received_at DESC LIMIT -1 OFFSET ?)",
        (kind, MAX_KEPT_REPORTS),
    )


def _add(database: Database, day: str, seen: Seen, letters: int) -> None:
    """Count; a domain that is seen in too many ways is counted no further."""
    facts = json.dumps(
        [
            seen.header_from,
            seen.envelope_from,
            seen.source,
            seen.disposition,
            seen.dkim,
            seen.spf,
            seen.reason,
            seen.dkim_results,
            seen.spf_results,
        ],
        ensure_ascii=False,
    )
    database.execute(
        "UPDATE seen SET count = count + ? WHERE day = ? AND domain = ? AND facts = ?",
        (letters, day, seen.domain, facts),
    )
    if database.changes():
        return
    rows = database.execute(
        "SELECT count(*) FROM seen WHERE day = ? AND domain = ?", (day, seen.domain)
    ).fetchall()
    if rows[0][0] < MAX_SEEN_ROWS:
        database.execute(
            "INSERT INTO seen VALUES (?, ?, ?, ?)", (day, seen.domain, facts, letters)
        )


def _seen(domain: str, facts: str) -> Seen:
    values: list[Any] = json.loads(facts)
    header_from, envelope_from, source, disposition, dkim, spf, reason = values[:7]
    dkim_results, spf_results = (
        tuple((str(a), str(b), str(c)) for a, b, c in each) for each in values[7:9]
    )
    return Seen(
        domain=domain,
        header_from=header_from,
        envelope_from=envelope_from,
        source=source,
        disposition=disposition,
        dkim=dkim,
        spf=spf,
        reason=reason,
        dkim_results=dkim_results,
        spf_results=spf_results,
    )
