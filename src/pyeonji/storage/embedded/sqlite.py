"""SQLite files: opening, migrating, writing in a transaction, naming errors."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

import apsw
import zstandard

from pyeonji.storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

BUSY_TIMEOUT_MS: Final = 10_000
"""How long a writer waits for another process's transaction."""


class Database(Protocol):
    """What we use of apsw.Connection; its rows are Any, as C gives them."""

    in_transaction: bool
    filename: str

    def execute(self, sql: str, bindings: Any = ..., /) -> Any: ...  # noqa: D102 - as in apsw
    def executemany(self, sql: str, bindings: Any, /) -> Any: ...  # noqa: D102 - as in apsw
    def changes(self) -> int: ...  # noqa: D102 - as in apsw
    def total_changes(self) -> int: ...  # noqa: D102 - as in apsw
    def last_insert_rowid(self) -> int: ...  # noqa: D102 - as in apsw
    def pragma(self, name: str, /) -> Any: ...  # noqa: D102 - as in apsw
    def file_control(self, name: str, op: int, pointer: int, /) -> bool: ...  # noqa: D102 - as in apsw
    def close(self) -> None: ...  # noqa: D102 - as in apsw
    def set_busy_timeout(self, milliseconds: int, /) -> None: ...  # noqa: D102 - as in apsw
    def set_wal_hook(self, hook: Any, /) -> None: ...  # noqa: D102 - as in apsw
    def wal_checkpoint(self, *, mode: int) -> tuple[int, int]: ...  # noqa: D102 - as in apsw
    def create_scalar_function(  # noqa: D102 - as in apsw
        self, name: str, function: Any, arguments: int, /, *, deterministic: bool
    ) -> None: ...
    def __enter__(self) -> Any: ...
    def __exit__(self, *error: object) -> bool | None: ...


@contextmanager
def errors_named() -> Iterator[None]:
    """Turn SQLite's and the disk's errors into StorageUnavailable."""
    try:
        yield
    except (apsw.Error, zstandard.ZstdError) as error:
        raise StorageUnavailable(str(error)) from error
    except OSError as error:
        raise StorageUnavailable(error.strerror or str(error)) from error


def connect(
    path: Path,
    migrations: Sequence[str | Callable[[Database], None]],
    *,
    synchronous: str,
    cache_kib: int = 2048,
    checkpoint_pages: int = 1000,
) -> Database:
    """Open a file, bring its schema up to date, and set what all files have.

    Args:
        path: made if missing; the folder must be there.
        migrations: all of them; the first is the first schema.
        synchronous: NORMAL (stable only after `fdatasync` of the log) or FULL.
        cache_kib: most memory for pages.
        checkpoint_pages: length of the log that starts a checkpoint at a
            commit; 0 leaves checkpoints to the caller.

    Raises:
        StorageUnavailable: it cannot be opened, or is of a newer version.
    """
    with errors_named():
        connection: Database = apsw.Connection(os.fspath(path))  # type: ignore[assignment]
        try:
            connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            connection.execute(
                f"PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous};"
                f"PRAGMA cache_size = -{cache_kib};"
                f"PRAGMA wal_autocheckpoint = {checkpoint_pages};"
                "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF"
            ).fetchall()  # the first gives a row, and the others come after it
            migrate(connection, migrations)
        except BaseException:
            connection.close()
            raise
    return connection


def open_to_read(path: str) -> Database:
    """Open a file that is there, as it is. Raises apsw.Error."""
    connection: Database = apsw.Connection(  # type: ignore[assignment]
        path, flags=apsw.SQLITE_OPEN_READONLY
    )
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    return connection


def migrate(
    connection: Database,
    migrations: Sequence[str | Callable[[Database], None]],
) -> None:
    """Apply the migrations that a file lacks, each in its own transaction.

    `user_version` counts those applied.

    Raises:
        StorageUnavailable: the file is from a newer program.
    """
    version: int = connection.pragma("user_version")
    if version == len(migrations):
        return
    if version > len(migrations):
        raise StorageUnavailable(f"schema version {version} is newer than this program")
    for number in range(version, len(migrations)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            # another process may have been quicker
            if connection.pragma("user_version") == number:
                step = migrations[number]
                if isinstance(step, str):
                    connection.execute(step)
                else:
                    step(connection)
                connection.execute(f"PRAGMA user_version = {number + 1}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


@contextmanager
def transaction(connection: Database) -> Iterator[None]:
    """BEGIN IMMEDIATE … COMMIT, or ROLLBACK when the block raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def one(connection: Database, sql: str, bindings: Sequence[Any] = ()) -> Any:
    """The first row as a tuple, or None."""
    return connection.execute(sql, bindings).fetchone()


def data_version(connection: Database) -> int:
    """A number that is another when another connection has committed something.

    The pragma looks at the file; `Connection.data_version` knows only what this
    connection has read already.
    """
    (version,) = one(connection, "PRAGMA data_version")
    return int(version)


def sync_folder(path: Path) -> None:
    """Make names in a folder stable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """Make a folder of mode 0700 whose name is stable. Raises OSError."""
    if not path.is_dir():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(path.parent)
