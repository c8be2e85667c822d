"""Everything that is kept below one folder, opened for one process."""

from __future__ import annotations

import asyncio
import shutil
import weakref
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from pyeonji.base.clock import Clock, SystemClock
from pyeonji.storage.credentials import Sealer
from pyeonji.storage.embedded import letters
from pyeonji.storage.embedded.account import EmbeddedAccount
from pyeonji.storage.embedded.accountfile import AccountFile, Workshop, open_account
from pyeonji.storage.embedded.directory import EmbeddedDirectory
from pyeonji.storage.embedded.habits import EmbeddedHabits
from pyeonji.storage.embedded.locks import lock_file
from pyeonji.storage.embedded.notices import Notices
from pyeonji.storage.embedded.octets import SpoolFile
from pyeonji.storage.embedded.office import EmbeddedOffice
from pyeonji.storage.embedded.queue import EmbeddedQueue
from pyeonji.storage.embedded.reportrecords import EmbeddedReportRecords
from pyeonji.storage.embedded.searching import Searcher
from pyeonji.storage.embedded.sqlite import connect, errors_named, make_folder
from pyeonji.storage.embedded.strangers import EmbeddedStrangers
from pyeonji.storage.embedded.suppressions import EmbeddedSuppressions
from pyeonji.storage.embedded.threads import Mailbag
from pyeonji.storage.embedded.tlsrecords import EmbeddedTlsRecords
from pyeonji.storage.embedded.webhooks import EmbeddedWaitingEvents
from pyeonji.storage.errors import NoSuchAccount, StorageUnavailable
from pyeonji.storage.queue import JourneyLimits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyeonji.base.ids import AccountId
    from pyeonji.protocol.sasl.steps import Verdict
    from pyeonji.storage.authentication import Authenticator
    from pyeonji.storage.content import Spool
    from pyeonji.storage.mailboxes import Delivered, Delivery

MAX_OPEN_ACCOUNTS: Final = 500
"""Accounts kept open though no session holds them."""

SPOOL_KEPT_S: Final = 86400.0
"""Nothing is spooled for so long; what is older was left behind by a crash."""

TEND_S: Final = 3.0
"""An account that wrote nothing for so long is quiet."""


class EmbeddedMailStore:
    """See MailStore."""

    def __init__(
        self,
        folder: Path,
        spool_folder: Path,
        directory: EmbeddedDirectory,
        shop: Workshop,
        notices: Notices,
        threads: ThreadPoolExecutor,
    ) -> None:
        self._folder = folder
        self._spool_folder = spool_folder
        self._directory = directory
        self._shop = shop
        self._notices = notices
        self._threads = threads
        self._searcher = Searcher(threads, shop.makers)
        self._open: weakref.WeakValueDictionary[AccountId, EmbeddedAccount] = (
            weakref.WeakValueDictionary()
        )
        self._recent: OrderedDict[AccountId, EmbeddedAccount] = OrderedDict()
        self._opening: dict[AccountId, asyncio.Task[EmbeddedAccount]] = {}
        self._tending: asyncio.TimerHandle | None = None

    async def account(self, account_id: AccountId) -> EmbeddedAccount:
        """See MailStore."""
        account = self._open.get(account_id)
        if account is not None:
            if account_id in self._recent:
                self._recent.move_to_end(account_id)
            else:
                self._keep(account)
            return account
        opening = self._opening.get(account_id)
        if opening is None:
            opening = asyncio.ensure_future(self._open_it(account_id))
            self._opening[account_id] = opening
            opening.add_done_callback(lambda _: self._opening.pop(account_id, None))
        return await asyncio.shield(opening)

    async def _open_it(self, account_id: AccountId) -> EmbeddedAccount:
        folder = self._folder / account_id
        known = await self._directory.account(account_id)
        if known is None:
            raise NoSuchAccount(account_id)
        file: AccountFile = await self._shop.mailbag.loop.run_in_executor(
            self._threads, open_account, account_id, folder, self._shop
        )
        account = EmbeddedAccount(file, self._notices, self._searcher)
        self._open[account_id] = account
        self._keep(account)
        if self._tending is None:
            self._tending = self._shop.mailbag.loop.call_later(TEND_S, self._tend)
        return account

    def _tend(self) -> None:
        """Look after the open accounts that are quiet."""
        self._tending = None
        for account in list(self._open.values()):
            account.file.tend()
        making = self._shop.makers.rest()
        if self._open or making:
            self._tending = self._shop.mailbag.loop.call_later(TEND_S, self._tend)

    def _keep(self, account: EmbeddedAccount) -> None:
        self._recent[account.id] = account
        if len(self._recent) > MAX_OPEN_ACCOUNTS:
            self._recent.popitem(last=False)

    async def deliver(self, delivery: Delivery) -> Delivered:
        """See MailStore."""
        account = self._open.get(delivery.account_id)
        if account is None:
            account = await self.account(delivery.account_id)
        delivered: Delivered = await account.file.submit(delivery, stable=False)
        return delivered

    async def sync(self, account_id: AccountId) -> None:
        """See MailStore."""
        account = self._open.get(account_id)
        if account is None:
            # closed since: closing wrote and synced all of it
            return
        future = account.file.sync()
        if future is not None:
            await future

    def spool(self) -> Spool:
        """A place for a message that a client appends.

        Call `abort` when the content has been appended (or not): what the
        account keeps is a link of its own.
        """
        return SpoolFile(self._spool_folder, self._in_thread)

    async def _in_thread(self, call: Callable[[], None]) -> None:
        await self._shop.mailbag.loop.run_in_executor(self._threads, call)

    async def erase(self, account_id: AccountId) -> None:
        """See MailStore; sessions that still hold the account read on at a loss."""
        self._recent.pop(account_id, None)
        self._open.pop(account_id, None)

        def work() -> None:
            with errors_named():
                folder = self._folder / account_id
                gone = folder.with_name(f"{account_id}.erased")
                if folder.is_dir():
                    folder.rename(gone)
                if gone.is_dir():
                    shutil.rmtree(gone)

        await self._in_thread(work)

    def close(self) -> None:
        """Let go of all accounts; the workshop then finishes their work."""
        if self._tending is not None:
            self._tending.cancel()
        for account in list(self._open.values()):
            account.file.close()
        self._recent.clear()


class Store:
    """One process's view of everything kept; made by `open_store`.

    Attributes:
        directory: who exists.
        mail: everybody's mailboxes.
        queue: this worker's letters (None for the command line).
        office: all workers' letters.
        suppressions: addresses elsewhere that are known not to exist.
        strangers: what is remembered of those who bring mail.
        habits: what accounts usually send.
        waiting_events: what web servers were not told yet.
        tls: what is known of TLS with other hosts.
        reports: reports of others, and what we saw of their domains.
        sealer: for credentials that keep the password sealed.
    """

    def __init__(
        self,
        data: Path,
        *,
        worker: int | None,
        workers: int,
        clock: Clock,
        kept: JourneyLimits,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._clock = clock
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="storage")
        self._release: Callable[[], None] | None = None
        queues, accounts, run = data / "queue", data / "accounts", data / "run"
        with errors_named():
            for folder in (data, queues, accounts, run):
                make_folder(folder)
            spool_folder = queues / "spool" / _spool_name(worker)
            make_folder(spool_folder)
            self.sealer = Sealer.of_file(data / "secret.key")
            if worker is not None:
                self._release = lock_file(queues / f"{worker}.lock")
                if self._release is None:
                    raise StorageUnavailable(f"worker {worker} is running already")
                old = 0.0 if worker else clock.time() - SPOOL_KEPT_S
                _clear(queues / "spool", spool_folder, before=old)
        mailbag = Mailbag(loop)
        self._notices = Notices(run, worker, loop)
        self.directory = EmbeddedDirectory(data / "directory.db", self._threads)
        self._shop = Workshop(
            mailbag=mailbag, clock=clock, announce=self._notices.announce
        )
        self.mail = EmbeddedMailStore(
            accounts,
            spool_folder,
            self.directory,
            self._shop,
            self._notices,
            self._threads,
        )
        self.tls = EmbeddedTlsRecords(data / "tls.db", self._threads)
        self.reports = EmbeddedReportRecords(data / "reports.db", self._threads)
        self._queue: EmbeddedQueue | None = None
        if worker is not None:
            if worker == 0:
                _adopt_orphans(queues, workers)
            self._queue = EmbeddedQueue(
                queues, worker, clock, mailbag, self._threads, kept
            )
            self._notices.on_queue = self._queue.changed_elsewhere
        self.suppressions = EmbeddedSuppressions(data / "suppressed.db", self._threads)
        self.strangers = EmbeddedStrangers(data / "strangers.db", self._threads)
        self.habits = EmbeddedHabits(data / "habits.db", self._threads)
        self.waiting_events = EmbeddedWaitingEvents(
            data / "webhooks.db", self._threads, worker=worker or 0, workers=workers
        )
        self.office = EmbeddedOffice(
            queues, clock, self._threads, self._notices.tell_queue
        )

    @property
    def queue(self) -> EmbeddedQueue:
        """This worker's queue; a store opened without a worker has none."""
        if self._queue is None:
            raise StorageUnavailable("opened without a worker number: no queue")
        return self._queue

    def authenticator(
        self,
        *,
        legacy: bool = False,
        channel_binding: bool | None = None,
        verify_token: Callable[[str], Verdict] | None = None,
    ) -> Authenticator:
        """What answers the doors' questions; close it before the store."""
        # SASL and certificates: a tenth of a second that no command needs
        from pyeonji.storage.authentication import Authenticator  # noqa: PLC0415

        return Authenticator(
            self.directory,
            sealer=self.sealer,
            clock=self._clock,
            legacy=legacy,
            channel_binding=channel_binding,
            verify_token=verify_token,
        )

    async def close(self) -> None:
        """Finish everything that was asked for, then close all files."""
        self._notices.close()
        self.mail.close()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._shop.close)
        if self._queue is not None:
            await loop.run_in_executor(None, self._queue.close)
        await loop.run_in_executor(None, self.tls.close)
        await loop.run_in_executor(None, self.reports.close)
        self._threads.shutdown(wait=True)
        self.directory.close()
        self.suppressions.close()
        self.strangers.close()
        self.habits.close()
        self.waiting_events.close()
        if self._release is not None:
            self._release()


def _spool_name(worker: int | None) -> str:
    """Each worker has a folder of its own, which it may empty when it starts."""
    return "commands" if worker is None else str(worker)


def _clear(spools: Path, own: Path, *, before: float) -> None:
    """Remove what a process that died was spooling; nobody has said OK to it.

    Args:
        spools: all spools.
        own: of this process, where nothing is being spooled yet.
        before: files of others that are older go, too (Unix seconds).
    """
    for path in own.iterdir():
        path.unlink(missing_ok=True)
    for path in spools.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file() and path.stat().st_mtime < before:
                path.unlink()


def _adopt_orphans(queues: Path, workers: int) -> None:
    """Worker 0 takes the letters of workers that there are no more."""
    for path in queues.glob("*.db"):
        if not path.stem.isdecimal() or int(path.stem) < max(workers, 1):
            continue
        with errors_named():
            release = lock_file(path.with_suffix(".lock"))
            if release is None:
                continue  # it lives after all
            own_folder = queues / "0"
            make_folder(own_folder)
            own = connect(queues / "0.db", letters.MIGRATIONS, synchronous="FULL")
            orphan = connect(path, letters.MIGRATIONS, synchronous="FULL")
            try:
                folder = path.with_suffix("")
                letters.adopt(orphan, folder, own, own_folder)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                orphan.close()
                own.close()
                release()


async def open_store(
    data: Path,
    *,
    worker: int | None = None,
    workers: int = 1,
    clock: Clock | None = None,
    kept: JourneyLimits | None = None,
) -> Store:
    """Open (or make) everything below a folder for the running loop.

    Args:
        data: the folder; made with mode 0700.
        worker: this worker's number; None for a process that owns no queue.
        workers: how many there are: worker 0 adopts the queues of others.
        clock: where the time comes from.
        kept: how long, and how much of them, journeys stay in the queue's file.

    Raises:
        StorageUnavailable: the disk refuses, or the worker runs already.
    """
    return Store(
        data,
        worker=worker,
        workers=workers,
        clock=clock or SystemClock(),
        kept=kept or JourneyLimits(),
    )
