"""A small database of its own, opened when it is first needed."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from pyeonji.storage.embedded.sqlite import (
    Database,
    connect,
    errors_named,
    transaction,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor
    from pathlib import Path


class SmallFile:
    """All that is done is a transaction in a thread, one at a time.

    What a crash of the machine takes is the last second.
    """

    def __init__(
        self, path: Path, threads: Executor, migrations: Sequence[str]
    ) -> None:
        self._path = path
        self._threads = threads
        self._migrations = migrations
        self._database: Database | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the file (blocks)."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    async def run(self, work: Callable[[Database], Any]) -> Any:
        """Do something with it. Raises StorageUnavailable."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._in_thread, work)

    def _in_thread(self, work: Callable[[Database], Any]) -> Any:
        with self._lock, errors_named():
            if self._database is None:
                self._database = connect(
                    self._path, self._migrations, synchronous="NORMAL", cache_kib=1024
                )
            with transaction(self._database):
                return work(self._database)
