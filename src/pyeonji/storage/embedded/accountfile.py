"""An open account: a connection that reads on the loop, jobs that write in threads.

Jobs that wait for the same account share one transaction; each runs in a
savepoint of its own, so that a refused one hinders no other. What must be
stable waits for one `fdatasync` of the write-ahead log, which serves all who
wait at that moment.
"""

from __future__ import annotations

import contextlib
import os
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import apsw

from pyeonji.base.errors import PyeonjiError
from pyeonji.storage.embedded import naming, writing
from pyeonji.storage.embedded.ahead import Ahead
from pyeonji.storage.embedded.delivering import deliver, forget_old
from pyeonji.storage.embedded.ledger import Ledger
from pyeonji.storage.embedded.mail_schema import MIGRATIONS
from pyeonji.storage.embedded.pace import Pace
from pyeonji.storage.embedded.sqlite import (
    Database,
    connect,
    errors_named,
    make_folder,
    sync_folder,
)
from pyeonji.storage.embedded.textmaker import Makers
from pyeonji.storage.embedded.texts import (
    Made,
    keep_texts,
    make_texts,
    without_texts,
)
from pyeonji.storage.embedded.threads import AnyFuture, Mailbag, Pool, resolve
from pyeonji.storage.errors import StorageUnavailable
from pyeonji.storage.mailboxes import Delivery

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pyeonji.base.clock import Clock
    from pyeonji.base.ids import AccountId

WRITER_THREADS: Final = 2
SYNC_THREADS: Final = 4

CHECKPOINT_PAGES: Final = 1000
"""Length of the log after which its pages go to the file (after the answers)."""

GARBAGE_AT_ONCE: Final = 200
"""Thrown-away messages removed in one transaction."""

TEXTS_WHEN_QUIET: Final = 20
"""Messages whose texts are written at once: what comes meanwhile waits so long."""

OCTETS_WHEN_QUIET: Final = 1 << 20
"""Of these messages, but for a single one."""

HANDED_IN_S: Final = 60.0
"""For so long a thread waits until a job of its own was done."""

READER_CACHE_KIB: Final = 256
WRITER_CACHE_KIB: Final = 1024
"""Few: what a file holds is cached once, by the system. It is not mapped: a sector
that cannot be read would be the end of the process, not of one command."""

FILE_NAME: Final = "mail.db"

Job = "Callable[[Ledger], Any]"


@dataclass(slots=True)
class Waiting:
    """A job and who waits for it."""

    job: Callable[[Ledger], Any] | Delivery
    future: AnyFuture
    stable: bool
    result: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What the open accounts of a process share."""

    mailbag: Mailbag
    clock: Clock
    announce: Callable[[AccountId, frozenset[int], bool], None]  # on the loop
    writers: Pool = field(default_factory=lambda: Pool("mail-writer", WRITER_THREADS))
    syncers: Pool = field(default_factory=lambda: Pool("mail-sync", SYNC_THREADS))
    tidiers: Pool = field(default_factory=lambda: Pool("mail-tidier", 1))
    indexers: Pool = field(default_factory=lambda: Pool("mail-indexer", 1))
    makers: Makers = field(default_factory=Makers)
    pace: Pace = field(default_factory=Pace)

    def close(self) -> None:
        """Finish all writing, then all syncing."""
        self.pace.end()
        self.makers.close()
        self.indexers.close()
        self.tidiers.close()
        self.writers.close()
        self.syncers.close()


class AccountFile:
    """The file of one account and its blobs; made by `open_account` in a thread."""

    def __init__(self, account_id: AccountId, folder: Path, shop: Workshop) -> None:
        self.id = account_id
        self.folder = folder
        self.blobs = folder / "blobs"
        self.path = folder / FILE_NAME
        self.reader = self._connect(READER_CACHE_KIB)
        self.ahead = Ahead(self.reader)
        self.spare: list[Database] = []  # for searching, used in turn
        self.texts_until: dict[int, int] = {}  # by mailbox: uids below have texts
        self._submitted = 0
        self._tended = 0
        self._textless = True  # look once after opening
        self._texts_wanted = False  # a search had to do without
        self._texts_after: int | None = None  # message; None: those that came last
        self._making_texts = False
        self._resting = False
        self._shop = shop
        self._writer: Database | None = None
        self._log_pages = 0
        self._jobs: list[Waiting] = []
        self._lock = threading.Lock()
        self._busy = False
        self._garbage = True  # look once after opening
        self._closing = False
        # stability
        self._wal = -1
        self._written = 0
        self._synced = 0
        self._new_files = False
        self._suspect = False
        self._sync_lock = threading.Lock()
        self._sync_waiting: list[tuple[AnyFuture, Any]] = []
        self._syncing = False

    def _connect(self, cache_kib: int) -> Database:
        return connect(
            self.path,
            MIGRATIONS,
            synchronous="NORMAL",
            cache_kib=cache_kib,
            checkpoint_pages=0,
        )

    # -- on the loop

    def submit(
        self, job: Callable[[Ledger], Any] | Delivery, *, stable: bool
    ) -> asyncio.Future[Any]:
        """Have a job run in the next transaction; the future is its result."""
        future: asyncio.Future[Any] = self._shop.mailbag.loop.create_future()
        self._submitted += 1
        with self._lock:
            self._jobs.append(Waiting(job, future, stable))
            busy, self._busy = self._busy, True
        if not busy:
            # what else this turn of the loop brings goes in the same transaction
            self._shop.mailbag.loop.call_soon(self._shop.writers.put, self._work)
        return future

    def sync(self) -> asyncio.Future[Any] | None:
        """A future for "all written so far is stable"; None if it is already."""
        if self._synced >= self._written:
            return None
        future: asyncio.Future[Any] = self._shop.mailbag.loop.create_future()
        self._await_sync([(future, None)])
        return future

    def tend(self) -> None:
        """Called every few seconds: a quiet account makes its texts, then rests.

        It gives up its writing connection and the pages that it has in memory.
        """
        self.ahead.forget()
        if self._submitted != self._tended and not self._texts_wanted:
            self._tended = self._submitted
            return
        if self._making_texts:
            return
        if self._textless:
            self._making_texts = True
            self._shop.indexers.put(self._make_texts)
            return
        if self._writer is None and not self.spare:
            return
        with self._lock:
            if self._busy:
                return
            self._busy = self._resting = True
        self.reader.execute("PRAGMA shrink_memory")
        self._shop.tidiers.put(self._work)

    def want_texts(self, first: int) -> None:
        """Have texts made soon, quiet or not, from a message on (a search thread)."""
        before = self._texts_after
        self._texts_after = first - 1 if before is None else min(first - 1, before)
        self._texts_wanted = self._textless = True

    def give_back(self, connection: Database) -> None:
        """Keep a connection for the next search (a search thread)."""
        if self.spare or self._closing:
            connection.close()
        else:
            self.spare.append(connection)

    def close(self) -> None:
        """Close when the jobs under way are done (any thread)."""
        with self._lock:
            self._closing = True
            busy, self._busy = self._busy, True
        if not busy:
            self._shop.writers.put(self._work)

    # -- in the indexer's thread

    def _make_texts(self) -> None:
        """Have texts of a few messages made, and write them as any job does."""
        self._shop.pace.give_way()
        more = False
        try:
            with errors_named():
                more = self._make_some_texts()
        except StorageUnavailable:
            self._textless = False
        self._texts_wanted &= more
        if more and (self._texts_wanted or self._submitted == self._tended):
            self._shop.indexers.put(self._make_texts)
        else:
            self._making_texts = False

    def _make_some_texts(self) -> bool:
        """Whether there may be more of them to make."""
        connection = self._connect(READER_CACHE_KIB)
        try:
            self._textless = False  # what comes from now on says so again
            lacking, more = without_texts(
                connection, self._texts_after, TEXTS_WHEN_QUIET, OCTETS_WHEN_QUIET
            )
            makers = self._shop.makers
            made: list[Made] = []
            if more or makers.background.running:
                made = list(makers.background.make(self.path, lacking))
            if sum(len(rows) for rows, _ in made) < len(lacking):
                made = [make_texts(connection, self.blobs, lacking)]
        finally:
            connection.close()
        for each in made:
            if not self._write_texts(each):
                return False
        if self._texts_after is not None:
            self._texts_after = lacking[-1] if more else None
        self._textless |= more
        return more

    def _write_texts(self, made: Made) -> bool:
        """Whether it could be done."""
        future: Future[Any] = Future()
        job = partial(_keep_texts, made)
        with self._lock:
            if self._closing:
                return False
            self._jobs.append(Waiting(job, future, stable=False))
            busy, self._busy = self._busy, True
        if not busy:
            self._shop.writers.put(self._work)
        try:
            future.result(HANDED_IN_S)
        except (PyeonjiError, TimeoutError):
            return False
        return True

    # -- in a writer thread

    def _work(self) -> None:
        """Run transactions until no job is left."""
        while True:
            with self._lock:
                jobs, self._jobs = self._jobs, []
                if not jobs and not self._housekeeping_due():
                    if self._closing:
                        self._close()
                        return  # stays busy: nobody may come after
                    if not self._resting:
                        self._busy = False
                        return
            if jobs:
                self._resting = False
                self._transact(jobs)
            elif self._housekeeping_due():
                self._keep_house()
            else:
                self._rest()

    def _transact(self, jobs: list[Waiting]) -> None:
        try:
            with errors_named():
                ledger = self._run_all(jobs)
        except StorageUnavailable as error:
            self._reopen_writer()
            for waiting in jobs:
                waiting.result = StorageUnavailable(str(error))
            self._answer(jobs)
            return
        if ledger.changed or ledger.list_changed:
            self._shop.mailbag.put(
                self._shop.announce,
                self.id,
                frozenset(ledger.changed),
                ledger.list_changed,
            )
        self._answer(jobs)

    def _run_all(self, jobs: list[Waiting]) -> Ledger:
        connection = self._writer or self._open_writer()
        connection.execute("BEGIN IMMEDIATE")
        try:
            ledger = Ledger(connection, self.folder, int(self._shop.clock.time()))
            before = connection.total_changes()
            for group in _grouped(jobs):
                self._run(ledger, group)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if connection.total_changes() != before:
            self._new_files |= ledger.new_files
            self._textless |= ledger.messages_came
            self._written += 1
        return ledger

    def _run(self, ledger: Ledger, group: list[Waiting]) -> None:
        """One job, or deliveries that stand together, in a savepoint."""
        connection = ledger.connection
        changed, list_changed = set(ledger.changed), ledger.list_changed
        connection.execute("SAVEPOINT job")
        try:
            job = group[0].job
            if isinstance(job, Delivery):
                deliveries: Sequence[Any] = [waiting.job for waiting in group]
                for waiting, result in zip(
                    group, deliver(ledger, deliveries), strict=True
                ):
                    waiting.result = result
            else:
                group[0].result = job(ledger)
            ledger.flush()
        except PyeonjiError as refusal:
            connection.execute("ROLLBACK TO job")
            ledger.forget()
            ledger.changed, ledger.list_changed = changed, list_changed
            for waiting in group:
                waiting.result = refusal
        connection.execute("RELEASE job")

    def _answer(self, jobs: list[Waiting]) -> None:
        stable: list[tuple[AnyFuture, Any]] = []
        for waiting in jobs:
            if waiting.stable and not isinstance(waiting.result, BaseException):
                stable.append((waiting.future, waiting.result))
            else:
                self._shop.mailbag.put(resolve, waiting.future, waiting.result)
        if stable:
            self._await_sync(stable)

    def _open_writer(self) -> Database:
        connection = self._connect(WRITER_CACHE_KIB)
        connection.set_wal_hook(self._note_log)
        if self._wal < 0:
            self._wal = os.open(f"{self.path}-wal", os.O_RDONLY | os.O_CREAT, 0o600)
        self._writer = connection
        return connection

    def _note_log(self, _connection: Database, _name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _reopen_writer(self) -> None:
        """Give the connection up: after an error nothing about it is sure."""
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.close()
            except apsw.Error:
                return

    def _housekeeping_due(self) -> bool:
        return self._log_pages >= CHECKPOINT_PAGES or (
            self._garbage and self._writer is not None and not self._closing
        )

    def _rest(self) -> None:
        """Close what is for writing."""
        with contextlib.suppress(StorageUnavailable), errors_named():
            if self._writer is not None:
                self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        self._log_pages, self._resting = 0, False
        self._reopen_writer()
        with contextlib.suppress(IndexError):  # a search may take it first
            self.spare.pop().close()

    def _keep_house(self) -> None:
        """A checkpoint, or a portion of garbage; between transactions."""
        writer = self._writer
        if writer is None:
            self._log_pages, self._garbage = 0, False
            return
        try:
            with errors_named():
                if self._log_pages >= CHECKPOINT_PAGES:
                    self._log_pages = 0
                    writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
                else:
                    self._garbage = self._collect(writer)
        except StorageUnavailable:
            self._garbage = False
            self._reopen_writer()

    def _collect(self, writer: Database) -> bool:
        if not writer.execute("SELECT EXISTS (SELECT 1 FROM garbage)").get:
            return False
        with writer:
            ledger = Ledger(writer, self.folder, int(self._shop.clock.time()))
            files, more = writing.collect_garbage(ledger, GARBAGE_AT_ONCE)
            forget_old(ledger)
        self._written += 1
        if files:
            # a file must not go before the commit that gives it up is stable
            os.fdatasync(self._wal)
            writing.unlink_files(ledger, files)
        return more

    def note_garbage(self) -> None:
        """An operation threw messages away (in its job)."""
        self._garbage = True

    def _close(self) -> None:
        for connection in (self._writer, self.reader, *self.spare):
            if connection is not None:
                try:
                    connection.close()
                except apsw.Error:
                    continue
        self._writer = None
        self.spare.clear()
        with self._sync_lock:
            if not self._syncing and self._wal >= 0:
                os.close(self._wal)
                self._wal = -1

    # -- in a sync thread

    def _await_sync(self, waiters: list[tuple[AnyFuture, Any]]) -> None:
        with self._sync_lock:
            self._sync_waiting += waiters
            syncing, self._syncing = self._syncing, True
        if not syncing:
            self._shop.syncers.put(self._sync)

    def _sync(self) -> None:
        while True:
            with self._sync_lock:
                waiters, self._sync_waiting = self._sync_waiting, []
                if not waiters:
                    self._syncing = False
                    return
            try:
                with errors_named():
                    self._sync_once()
            except StorageUnavailable as error:
                self._suspect = True
                for future, _ in waiters:
                    self._shop.mailbag.put(
                        resolve, future, StorageUnavailable(str(error))
                    )
                continue
            for future, result in waiters:
                self._shop.mailbag.put(resolve, future, result)

    def _sync_once(self) -> None:
        written = self._written
        if self._synced >= written:
            return
        if self._new_files:
            self._new_files = False
            sync_folder(self.blobs)
        if self._suspect or self._wal < 0:
            self._checkpoint_all()
            self._suspect = False
        else:
            os.fdatasync(self._wal)
        self._synced = written

    def _checkpoint_all(self) -> None:
        """Write all of the log into the file, anew.

        After a failed sync the system may hold pages for clean that never
        reached the disk, and a second sync of them would succeed.
        """
        connection = self._connect(WRITER_CACHE_KIB)
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        finally:
            connection.close()


def _keep_texts(made: Made, ledger: Ledger) -> None:
    keep_texts(ledger.connection, made)


def _grouped(jobs: list[Waiting]) -> list[list[Waiting]]:
    """Deliveries that follow one another go together, other jobs alone."""
    groups: list[list[Waiting]] = []
    for waiting in jobs:
        together = (
            groups
            and isinstance(waiting.job, Delivery)
            and isinstance(groups[-1][0].job, Delivery)
        )
        if together:
            groups[-1].append(waiting)
        else:
            groups.append([waiting])
    return groups


def open_account(account_id: AccountId, folder: Path, shop: Workshop) -> AccountFile:
    """Open an account's folder, made and furnished if it is new (in a thread).

    Raises:
        StorageUnavailable.
    """
    with errors_named():
        make_folder(folder)
        make_folder(folder / "blobs")
        file = AccountFile(account_id, folder, shop)
        if not file.reader.execute("SELECT EXISTS (SELECT 1 FROM mailboxes)").get:
            with file.reader:
                ledger = Ledger(file.reader, folder, int(shop.clock.time()))
                naming.furnish(ledger)
                ledger.flush()
            file.reader.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            sync_folder(folder)
    return file
