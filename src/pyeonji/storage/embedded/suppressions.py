"""The list of suppressed addresses: `suppressed.db`.

A file of its own: each write to `directory.db` would have all workers forget
what they remember of it.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final

from pyeonji.storage.embedded.sqlite import (
    Database,
    connect,
    errors_named,
    one,
    transaction,
)
from pyeonji.storage.names import canonical, canonical_domain, domain_of
from pyeonji.storage.suppressions import Suppression

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor
    from pathlib import Path

MAX_SUPPRESSED: Final = 1_000_000
"""Beyond it, those go first whose time is over first."""

MIGRATIONS: Final = (
    """
    CREATE TABLE suppressed (
        key TEXT PRIMARY KEY,           -- canonical address
        domain TEXT NOT NULL,
        address TEXT NOT NULL,
        reason TEXT NOT NULL,
        added_at REAL NOT NULL,
        until REAL NOT NULL,
        letter TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX suppressed_until ON suppressed (until);
    """,
)

_COLUMNS: Final = "address, reason, added_at, until, letter"


class EmbeddedSuppressions:
    """See Suppressions."""

    def __init__(self, path: Path, threads: Executor) -> None:
        self._threads = threads
        self._reader = self._connect(path)
        self._writer = self._connect(path)
        self._writing = threading.Lock()

    def _connect(self, path: Path) -> Database:
        return connect(path, MIGRATIONS, synchronous="NORMAL", cache_kib=512)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._writer.close()

    async def find(self, address: str, now: float) -> Suppression | None:
        """See Suppressions."""
        with errors_named():
            row = one(
                self._reader,
                f"SELECT {_COLUMNS} FROM suppressed WHERE key = ? AND until > ?",  # noqa: S608 - fixed names
                (canonical(address), now),
            )
        return None if row is None else _suppression(row)

    async def add(self, suppression: Suppression) -> None:
        """See Suppressions."""
        one_ = suppression

        def job(connection: Database) -> None:
            connection.execute(
                "DELETE FROM suppressed WHERE until <= ?", (one_.added_at,)
            )
            connection.execute(
                "INSERT OR REPLACE INTO suppressed VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    canonical(one_.address),
                    domain_of(one_.address),
                    one_.address,
                    one_.reason,
                    one_.added_at,
                    one_.until,
                    one_.letter,
                ),
            )
            # a million rows are counted in some milliseconds, so only now and then
            if int(one_.added_at) % 64 == 0:
                connection.execute(
                    "DELETE FROM suppressed WHERE key IN (SELECT key FROM suppressed"
                    " ORDER BY until DESC LIMIT -1 OFFSET ?)",
                    (MAX_SUPPRESSED,),
                )

        await self._write(job)

    async def remove(self, address: str) -> bool:
        """See Suppressions."""

        def job(connection: Database) -> bool:
            connection.execute(
                "DELETE FROM suppressed WHERE key = ?", (canonical(address),)
            )
            return bool(connection.changes())

        removed: bool = await self._write(job)
        return removed

    async def listed(
        self, now: float, *, domain: str = "", limit: int | None = None
    ) -> list[Suppression]:
        """See Suppressions."""
        wanted = canonical_domain(domain.lstrip("@"))
        with errors_named():
            rows = self._reader.execute(
                f"SELECT {_COLUMNS} FROM suppressed WHERE until > ?1 AND"  # noqa: S608 - fixed names
                " (?2 = '' OR domain = ?2) ORDER BY added_at DESC, key LIMIT ?3",
                (now, wanted, -1 if limit is None else limit),
            )
            return [_suppression(row) for row in rows]

    async def _write(self, job: Callable[[Database], Any]) -> Any:
        def work() -> Any:
            with self._writing, errors_named(), transaction(self._writer):
                return job(self._writer)

        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _suppression(row: tuple[Any, ...]) -> Suppression:
    address, reason, added_at, until, letter = row
    return Suppression(
        address=address, reason=reason, added_at=added_at, until=until, letter=letter
    )
