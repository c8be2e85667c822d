"""Policies of other domains and results of TLS: one small file for all workers."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pyeonji.storage.embedded.sqlite import connect, errors_named, transaction
from pyeonji.storage.embedded.tally import Tally
from pyeonji.storage.tls import (
    KEPT_DAYS,
    MAX_FAILURE_ROWS,
    MAX_ROWS,
    NO_POLICY,
    NO_TLS,
    Counted,
    DomainTls,
    KeptPolicy,
    Policy,
    TlsResult,
)

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from pyeonji.storage.embedded.sqlite import Database

T = TypeVar("T")

TROUBLE_S: Final = 60.0
"""A disk that failed is tried again after so long."""

MIGRATIONS: Final = (
    """
    CREATE TABLE policies (
        domain TEXT PRIMARY KEY,
        id TEXT NOT NULL,
        octets BLOB NOT NULL,
        fetched_at REAL NOT NULL,
        max_age INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE results (
        day TEXT NOT NULL,
        domain TEXT NOT NULL,
        policy TEXT NOT NULL,           -- JSON: kind, lines, mx
        failure TEXT NOT NULL,
        mx TEXT NOT NULL,
        address TEXT NOT NULL,
        source TEXT NOT NULL,
        reason TEXT NOT NULL,
        sessions INTEGER NOT NULL,
        PRIMARY KEY (day, domain, policy, failure, mx, address, source)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE reported (             -- of results, which stay
        day TEXT NOT NULL,
        domain TEXT NOT NULL,
        PRIMARY KEY (day, domain)
    ) WITHOUT ROWID;
    CREATE INDEX results_of ON results (domain, day);
    """,
)


class EmbeddedTlsRecords:
    """See PolicyStore and ResultStore."""

    def __init__(self, path: Path, pool: Executor) -> None:
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._database = connect(path, MIGRATIONS, synchronous="FULL", cache_kib=256)
        self._pruned = ""  # the day when old results were dropped last
        self._results: Tally[TlsResult] = Tally(
            self._write, pool, name="tls_results", unit="sessions", retry_s=TROUBLE_S
        )

    def close(self) -> None:
        """Write what was counted and close the file (blocks)."""
        self._results.close()
        with self._lock:
            self._database.close()

    async def _in_thread(self, call: Callable[[Database], T]) -> T:
        def work() -> T:
            with self._lock, errors_named():
                return call(self._database)

        return await self._loop.run_in_executor(self._pool, work)

    # -- policies

    async def policy(self, domain: str) -> KeptPolicy | None:
        """See PolicyStore."""
        rows = await self._in_thread(
            lambda d: d.execute(_POLICY + "WHERE domain = ?", (domain,)).fetchall()
        )
        return _kept(rows[0]) if rows else None

    async def keep_policy(self, kept: KeptPolicy) -> None:
        """See PolicyStore."""
        row = (kept.domain, kept.id, kept.octets, kept.fetched_at, kept.max_age_s)
        await self._in_thread(
            lambda d: d.execute(
                "INSERT OR REPLACE INTO policies VALUES (?, ?, ?, ?, ?)", row
            )
        )

    async def policies(self, expire_before: float) -> list[KeptPolicy]:
        """See PolicyStore."""
        rows = await self._in_thread(
            lambda d: d.execute(
                _POLICY + "WHERE fetched_at + max_age < ?", (expire_before,)
            ).fetchall()
        )
        return [_kept(row) for row in rows]

    async def drop_policies(self, expired_before: float) -> None:
        """Forget those whose time was over then."""
        await self._in_thread(
            lambda d: d.execute(
                "DELETE FROM policies WHERE fetched_at + max_age < ?",
                (expired_before,),
            )
        )

    # -- results

    def count(self, result: TlsResult, day: str) -> None:
        """See ResultStore."""
        if not result.failure:
            result = result.without_details()  # a report tells only how many
        self._results.add(day, result)

    def _write(self, waiting: Counter[tuple[str, TlsResult]]) -> None:
        with self._lock, errors_named(), self._database as database:
            for (day, result), sessions in waiting.items():
                _add(database, day, result, sessions)
            today = max(day for day, _ in waiting)
            if today != self._pruned:
                _prune(database, today)
                self._pruned = today

    async def settled(self) -> None:
        """Write now what was counted (for tests and reports)."""
        await self._results.settled()

    async def reportable(self, before: str) -> list[tuple[str, str]]:
        """See ResultStore."""
        return await self._in_thread(
            lambda d: d.execute(
                "SELECT DISTINCT day, domain FROM results WHERE day < ?"
                " AND NOT EXISTS (SELECT 1 FROM reported WHERE reported.day ="
                " results.day AND reported.domain = results.domain)"
                " ORDER BY day, domain",
                (before,),
            ).fetchall()
        )

    async def results(self, day: str, domain: str) -> list[Counted]:
        """See ResultStore."""
        rows = await self._in_thread(
            lambda d: d.execute(
                "SELECT policy, failure, mx, address, source, reason, sessions"
                " FROM results WHERE day = ? AND domain = ?",
                (day, domain),
            ).fetchall()
        )
        return [_counted(domain, row) for row in rows]

    async def note_reported(self, days: Sequence[tuple[str, str]]) -> None:
        """See ResultStore."""

        def work(database: Database) -> None:
            with transaction(database):
                database.executemany(
                    "INSERT OR IGNORE INTO reported VALUES (?, ?)", days
                )

        await self._in_thread(work)

    async def outbound(self, since: str, limit: int) -> list[DomainTls]:
        """See ResultStore."""
        rows = await self._in_thread(
            lambda d: d.execute(
                "SELECT domain, sum(sessions) AS total,"
                " sum(iif(failure = '', sessions, 0)) AS good,"
                " sum(iif(failure = ?1, sessions, 0)),"
                " group_concat(DISTINCT json_extract(policy, '$[0]'))"
                " FROM results WHERE day >= ?2 GROUP BY domain"
                " ORDER BY total - good DESC, total DESC, domain LIMIT ?3",
                (NO_TLS, since, limit),
            ).fetchall()
        )
        return [
            DomainTls(
                domain=row[0],
                sessions=row[1],
                encrypted=row[2],
                without=row[3],
                policies=tuple(sorted({*row[4].split(",")} - {NO_POLICY.kind})),
            )
            for row in rows
        ]

    async def outbound_to(self, domain: str, since: str) -> list[Counted]:
        """See ResultStore."""
        rows = await self._in_thread(
            lambda d: d.execute(
                "SELECT policy, failure, mx, address, source, max(reason),"
                " sum(sessions) AS total FROM results WHERE domain = ? AND day >= ?"
                " GROUP BY policy, failure, mx, address, source"
                " ORDER BY total DESC LIMIT ?",
                (domain, since, MAX_FAILURE_ROWS),
            ).fetchall()
        )
        return [_counted(domain, row) for row in rows]


_POLICY: Final = "SELECT domain, id, octets, fetched_at, max_age FROM policies "


def _kept(row: tuple[Any, ...]) -> KeptPolicy:
    return KeptPolicy(
        domain=row[0], id=row[1], octets=row[2], fetched_at=row[3], max_age_s=row[4]
    )


def _prune(database: Database, today: str) -> None:
    """Forget old days, and the oldest of too many results."""
    last = date.fromisoformat(today)
    oldest = last - timedelta(days=KEPT_DAYS)
    (count,) = database.execute("SELECT count(*) FROM results").fetchone()
    if count > MAX_ROWS:
        # the day of the first result that is not one too many
        (day,) = database.execute(
            "SELECT day FROM results ORDER BY day LIMIT 1 OFFSET ?", (count - MAX_ROWS,)
        ).fetchone()
        # today's are still to be reported
        oldest = min(max(oldest, date.fromisoformat(day) + timedelta(days=1)), last)
    for table in ("results", "reported"):
        database.execute(
            f"DELETE FROM {table} WHERE day < ?",  # noqa: S608 - fixed names
            (oldest.isoformat(),),
        )


def _add(database: Database, day: str, result: TlsResult, sessions: int) -> None:
    """Count; a domain that fails in too many ways is counted roughly."""
    if result.failure:
        rows = database.execute(
            "SELECT count(*) FROM results WHERE day = ? AND domain = ?",
            (day, result.domain),
        ).fetchall()
        if rows[0][0] >= MAX_FAILURE_ROWS:
            result = result.without_details()
    policy = result.policy
    database.execute(
        "INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET sessions = sessions + excluded.sessions",
        (
            day,
            result.domain,
            json.dumps([policy.kind, policy.lines, policy.mx]),
            result.failure,
            result.mx,
            result.address,
            result.source,
            result.reason[:500],
            sessions,
        ),
    )


def _counted(domain: str, row: tuple[Any, ...]) -> Counted:
    kind, lines, mx = json.loads(row[0])
    return Counted(
        result=TlsResult(
            domain=domain,
            policy=Policy(kind=kind, lines=tuple(lines), mx=tuple(mx)),
            failure=row[1],
            mx=row[2],
            address=row[3],
            source=row[4],
            reason=row[5],
        ),
        sessions=row[6],
    )
