"""The file of strangers: `strangers.db`, made when it is first needed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from pyeonji.storage.embedded.smallfile import SmallFile
from pyeonji.storage.embedded.sqlite import Database, one

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

    from pyeonji.storage.strangers import GreyTimes

MAX_ROWS: Final = 1_000_000
"""Of each table; beyond it those go first that were met longest ago."""

PRUNE_S: Final = 600.0
KNOWN_AFTER: Final = 1
"""Triplets of a client that must pass before it is known (RFC 6647 §5)."""

MIGRATIONS: Final = (
    """
    CREATE TABLE triplets (
        key BLOB PRIMARY KEY,
        first REAL NOT NULL,
        last REAL NOT NULL,
        passed INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX triplets_last ON triplets (last);
    CREATE TABLE clients (
        key BLOB PRIMARY KEY,
        last REAL NOT NULL,
        passed INTEGER NOT NULL         -- triplets
    ) WITHOUT ROWID;
    CREATE INDEX clients_last ON clients (last);
    CREATE TABLE senders (
        key BLOB PRIMARY KEY,
        last REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX senders_last ON senders (last);
    """,
)


def _key(*words: str) -> bytes:
    """Addresses of strangers are not kept, only what tells them apart."""
    text = "\0".join(words).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text, digest_size=16).digest()


class EmbeddedStrangers:
    """See Strangers."""

    def __init__(self, path: Path, threads: Executor) -> None:
        self._file = SmallFile(path, threads, MIGRATIONS)
        self._pruned_at = 0.0

    def close(self) -> None:
        """Close the file (blocks)."""
        self._file.close()

    async def grey(
        self, client: str, sender: str, recipient: str, now: float, times: GreyTimes
    ) -> float | None:
        """See Strangers."""

        def work(database: Database) -> float | None:
            self._prune(database, now, times.keep_s)
            return _grey(
                database, _key(client), (client, sender, recipient), now, times
            )

        return await self._file.run(work)  # type: ignore[no-any-return]

    async def first_seen(self, sender: str, now: float, keep_s: float) -> bool:
        """See Strangers."""
        key = _key(sender)

        def work(database: Database) -> bool:
            self._prune(database, now, keep_s)
            row = one(database, "SELECT last FROM senders WHERE key = ?", (key,))
            database.execute("INSERT OR REPLACE INTO senders VALUES (?, ?)", (key, now))
            return row is None or now - row[0] > keep_s

        return await self._file.run(work)  # type: ignore[no-any-return]

    def _prune(self, database: Database, now: float, keep_s: float) -> None:
        if 0 <= now - self._pruned_at < PRUNE_S:
            return
        self._pruned_at = now
        for table in ("triplets", "clients", "senders"):
            database.execute(f"DELETE FROM {table} WHERE last < ?", (now - keep_s,))  # noqa: S608 - fixed names
            (count,) = one(database, f"SELECT count(*) FROM {table}")  # noqa: S608 - fixed names
            if count > MAX_ROWS:
                database.execute(
                    f"DELETE FROM {table} WHERE key IN (SELECT key FROM {table}"  # noqa: S608 - fixed names
                    " ORDER BY last LIMIT ?)",
                    (count - MAX_ROWS,),
                )


def _grey(
    database: Database,
    client: bytes,
    words: tuple[str, str, str],
    now: float,
    times: GreyTimes,
) -> float | None:
    known = one(database, "SELECT last, passed FROM clients WHERE key = ?", (client,))
    if known is not None and known[1] >= KNOWN_AFTER and now - known[0] <= times.keep_s:
        database.execute("UPDATE clients SET last = ? WHERE key = ?", (now, client))
        return None
    key = _key(*words)
    row = one(
        database, "SELECT first, last, passed FROM triplets WHERE key = ?", (key,)
    )
    first, passed = now, 0
    if row is not None:
        forgotten = now - row[1] > times.keep_s
        too_late = not row[2] and now - row[0] > times.window_s
        if not forgotten and not too_late:
            first, passed = row[0], row[2]
    since: float = max(now - first, 0.0)
    if since >= times.delay_s and not passed:
        passed = 1
        database.execute(
            "INSERT INTO clients VALUES (?, ?, 1) ON CONFLICT DO UPDATE"
            " SET last = excluded.last, passed = passed + 1",
            (client, now),
        )
    database.execute(
        "INSERT OR REPLACE INTO triplets VALUES (?, ?, ?, ?)", (key, first, now, passed)
    )
    return since
