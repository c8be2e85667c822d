"""Events that wait for web servers: `webhooks.db`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.storage.embedded.smallfile import SmallFile
from pyeonji.storage.webhooks import WaitingEvent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from pyeonji.storage.embedded.sqlite import Database

MIGRATIONS: Final = (
    """
    CREATE TABLE waiting (
        number INTEGER PRIMARY KEY,
        url TEXT NOT NULL,
        id TEXT NOT NULL,
        worker INTEGER NOT NULL,
        at REAL NOT NULL,               -- Unix seconds
        body BLOB NOT NULL,
        UNIQUE (url, id)
    );
    CREATE INDEX waiting_at ON waiting (at);
    """,
)


class EmbeddedWaitingEvents:
    """See WaitingEvents."""

    def __init__(
        self, path: Path, threads: Executor, *, worker: int, workers: int
    ) -> None:
        self._file = SmallFile(path, threads, MIGRATIONS)
        self._worker = worker
        self._workers = workers

    def close(self) -> None:
        """Close the file (blocks)."""
        self._file.close()

    async def waiting(self, url: str, *, since: float) -> list[WaitingEvent]:
        """See WaitingEvents."""

        def work(database: Database) -> list[WaitingEvent]:
            database.execute("DELETE FROM waiting WHERE at < ?", (since,))
            if self._worker == 0:
                database.execute(
                    "UPDATE waiting SET worker = 0 WHERE worker >= ?", (self._workers,)
                )
            rows = database.execute(
                "SELECT id, at, body FROM waiting WHERE url = ? AND worker = ?"
                " ORDER BY at, number",
                (url, self._worker),
            )
            return [WaitingEvent(id=i, at=at, body=body) for i, at, body in rows]

        return await self._file.run(work)  # type: ignore[no-any-return]

    async def change(
        self, url: str, *, add: Sequence[WaitingEvent], remove: Sequence[str]
    ) -> None:
        """See WaitingEvents."""

        def work(database: Database) -> None:
            database.executemany(
                "INSERT OR IGNORE INTO waiting (url, id, worker, at, body)"
                " VALUES (?, ?, ?, ?, ?)",
                [(url, each.id, self._worker, each.at, each.body) for each in add],
            )
            database.executemany(
                "DELETE FROM waiting WHERE url = ? AND id = ?",
                [(url, each) for each in remove],
            )

        await self._file.run(work)
