"""One account's mailboxes: AccountStore on an open file."""

from __future__ import annotations

import os
import weakref
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import apsw

from pyeonji.base.ids import Uid
from pyeonji.storage.embedded import (
    ahead,
    flagging,
    inserting,
    marks,
    naming,
    notes,
    reading,
    transfer,
    writing,
)
from pyeonji.storage.embedded.inserting import quota_of
from pyeonji.storage.embedded.ledger import consecutive
from pyeonji.storage.embedded.locks import lock_file
from pyeonji.storage.embedded.runs import Runs
from pyeonji.storage.embedded.sqlite import (
    BUSY_TIMEOUT_MS,
    errors_named,
    one,
    transaction,
)
from pyeonji.storage.entries import MAX_UID
from pyeonji.storage.errors import MaildropLocked, NoSuchMailbox
from pyeonji.storage.mailboxes import Usage
from pyeonji.storage.names import mailbox_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyeonji.base.ids import AccountId, MailboxId, ModSeq
    from pyeonji.storage.content import StoredOctets
    from pyeonji.storage.embedded.accountfile import AccountFile
    from pyeonji.storage.embedded.ledger import Ledger
    from pyeonji.storage.embedded.notices import Notices
    from pyeonji.storage.embedded.searching import Searcher
    from pyeonji.storage.mailboxes import (
        AccountStore,
        Changes,
        Column,
        Copied,
        FlagChange,
        FlagsStored,
        Mailbox,
        NewMessage,
        Opened,
        Quota,
        Row,
        Settable,
        SpecialUse,
        UidRanges,
    )
    from pyeonji.storage.query import Query


class EmbeddedAccount:
    """See AccountStore. The file is closed when nobody holds this any more."""

    def __init__(self, file: AccountFile, notices: Notices, searcher: Searcher) -> None:
        self.id: AccountId = file.id
        self.file = file
        self._reader = file.reader
        self._runs = Runs(file.reader)
        self._notices = notices
        self._searcher = searcher
        self._finalizer = weakref.finalize(self, file.close)

    # -- the list of mailboxes

    async def mailboxes(self) -> list[Mailbox]:
        """See AccountStore."""
        with errors_named():
            return reading.mailboxes(self._reader)

    async def mailbox(self, name: str) -> Mailbox:
        """See AccountStore; a name that cannot be one raises BadMailboxName."""
        with errors_named():
            found = reading.mailbox_named(self._reader, mailbox_name(name))
        if found is None:
            raise NoSuchMailbox(name)
        return found

    async def mailbox_by_id(self, mailbox_id: MailboxId) -> Mailbox:
        """See AccountStore."""
        with errors_named():
            found = reading.mailbox_by_id(self._reader, mailbox_id)
        if found is None:
            raise NoSuchMailbox(str(mailbox_id))
        return found

    async def create(
        self,
        name: str,
        *,
        special_use: SpecialUse | None = None,
        quota: Quota | None = None,
    ) -> Mailbox:
        """See AccountStore."""
        made = await self.file.submit(
            lambda ledger: naming.create(ledger, name, special_use, quota), stable=True
        )
        return await self.mailbox_by_id(made)

    async def delete(self, mailbox_id: MailboxId) -> None:
        """See AccountStore."""
        await self._throwing(lambda ledger: naming.delete(ledger, mailbox_id))

    async def rename(self, mailbox_id: MailboxId, name: str) -> None:
        """See AccountStore."""
        await self.file.submit(
            lambda ledger: naming.rename(ledger, mailbox_id, name), stable=True
        )

    async def set_special_use(
        self, mailbox_id: MailboxId, special_use: SpecialUse | None
    ) -> None:
        """See AccountStore."""
        await self.file.submit(
            lambda ledger: naming.set_special_use(ledger, mailbox_id, special_use),
            stable=True,
        )

    async def subscriptions(self) -> list[str]:
        """See AccountStore."""
        with errors_named():
            rows = self._reader.execute("SELECT name FROM subscriptions").fetchall()
        return [name for (name,) in rows]

    async def subscribe(self, name: str, *, wanted: bool) -> None:
        """See AccountStore."""
        await self.file.submit(
            lambda ledger: naming.subscribe(ledger, name, wanted=wanted), stable=True
        )

    # -- what is said about mailboxes

    async def rights(self, mailbox_id: MailboxId) -> dict[str, str]:
        """See AccountStore."""
        with errors_named():
            return notes.rights(self._reader, mailbox_id)

    async def set_rights(
        self, mailbox_id: MailboxId, identifier: str, rights: str
    ) -> None:
        """See AccountStore."""
        await self.file.submit(
            lambda ledger: notes.set_rights(ledger, mailbox_id, identifier, rights),
            stable=True,
        )

    async def annotations(self, mailbox_id: MailboxId | None) -> dict[str, bytes]:
        """See AccountStore."""
        with errors_named():
            return notes.annotations_of(self._reader, mailbox_id)

    async def annotate(
        self, mailbox_id: MailboxId | None, changes: Mapping[str, bytes | None]
    ) -> None:
        """See AccountStore."""
        await self.file.submit(
            lambda ledger: notes.annotate(ledger, mailbox_id, changes), stable=True
        )

    # -- reading

    async def uids(self, mailbox_id: MailboxId) -> list[Uid]:
        """See AccountStore."""
        with errors_named():
            loaded = marks.load(self._reader, mailbox_id, [(1, MAX_UID)])
        return list(map(Uid, loaded.uids))

    async def opened(
        self, mailbox_id: MailboxId, *, claim: bool = False, unseen: bool = True
    ) -> Opened:
        """See AccountStore."""
        with errors_named():
            opened, uid_next = self._runs.opened(mailbox_id, look=unseen)
        if not claim:
            return opened
        first = await self._claim(mailbox_id, opened.first_recent, uid_next)
        return replace(opened, first_recent=first)

    async def select(
        self, mailbox_id: MailboxId, ranges: UidRanges, columns: Sequence[Column]
    ) -> list[Row]:
        """See AccountStore."""
        with errors_named():
            if ranges and (tables := reading.wide_tables(tuple(columns))):
                self.file.ahead.read(mailbox_id, ranges, tables)
            return reading.select(self._reader, mailbox_id, ranges, columns)

    async def columns(
        self, mailbox_id: MailboxId, ranges: UidRanges, columns: Sequence[Column]
    ) -> list[list[Any]]:
        """See AccountStore."""
        with errors_named():
            if ranges and (tables := reading.wide_tables(tuple(columns))):
                self.file.ahead.read(mailbox_id, ranges, tables)
            return reading.columns(self._reader, mailbox_id, ranges, columns)

    async def octets(
        self, mailbox_id: MailboxId, uids: Sequence[Uid]
    ) -> list[tuple[Uid, StoredOctets]]:
        """See AccountStore."""
        with errors_named():
            if len(uids) >= ahead.LEAST:
                ranges = consecutive(sorted(uids))
                self.file.ahead.read(mailbox_id, ranges, ahead.OF_OCTETS)
            return reading.octets(self._reader, self.file.blobs, mailbox_id, uids)

    async def search(self, mailbox_id: MailboxId, query: Query) -> list[Uid]:
        """See AccountStore."""
        return await self._searcher.search(self.file, mailbox_id, query)

    async def changes(self, mailbox_id: MailboxId, since: ModSeq) -> Changes:
        """See AccountStore."""
        with errors_named():
            return reading.changes(self._reader, mailbox_id, since)

    async def usage(self) -> Usage:
        """See AccountStore."""
        with errors_named():
            octets, messages, mailboxes = one(
                self._reader,
                "SELECT octets, messages, (SELECT count(*) FROM mailboxes"
                " WHERE selectable) FROM account",
            )
        return Usage(octets=octets, messages=messages, mailboxes=mailboxes)

    def watch(self, told: Callable[[frozenset[MailboxId]], None]) -> Callable[[], None]:
        """See AccountStore."""
        return self._notices.watch(self, told)

    # -- changing

    async def _throwing(self, job: Callable[[Ledger], Any]) -> Any:
        """A job after which messages may stand nowhere any more."""
        self.file.note_garbage()
        return await self.file.submit(job, stable=True)

    async def append(
        self,
        mailbox_id: MailboxId,
        messages: Sequence[NewMessage],
        *,
        quota_octets: int | None = None,
        quota: Quota | None = None,
    ) -> list[Uid]:
        """See AccountStore."""
        limits = quota_of(quota, quota_octets)
        uids: list[Uid] = await self.file.submit(
            lambda ledger: inserting.append(ledger, mailbox_id, messages, limits),
            stable=True,
        )
        return uids

    async def replace(
        self,
        mailbox_id: MailboxId,
        uid: Uid,
        target: MailboxId,
        message: NewMessage,
        *,
        quota: Quota | None = None,
    ) -> Uid:
        """See AccountStore."""
        limits = quota_of(quota, None)
        new: Uid = await self._throwing(
            lambda ledger: writing.replace(
                ledger, mailbox_id, uid, target, message, limits
            )
        )
        return new

    async def store_flags(
        self,
        mailbox_id: MailboxId,
        ranges: UidRanges,
        change: FlagChange,
        flags: int,
        keywords: Sequence[str] = (),
        *,
        unchanged_since: ModSeq | None = None,
        within: Settable | None = None,
    ) -> FlagsStored:
        """See AccountStore."""
        if not ranges:
            ranges = [(0, 0)]
        stored: FlagsStored = await self.file.submit(
            lambda ledger: flagging.store_flags(
                ledger,
                mailbox_id,
                ranges,
                change,
                flags,
                keywords,
                unchanged_since,
                within,
            ),
            stable=False,
        )
        self._notices.sync_soon(self)
        return stored

    async def copy(
        self,
        mailbox_id: MailboxId,
        ranges: UidRanges,
        target: MailboxId,
        *,
        quota_octets: int | None = None,
        quota: Quota | None = None,
        within: Settable | None = None,
    ) -> Copied:
        """See AccountStore."""
        limits = quota_of(quota, quota_octets)
        copied: Copied = await self.file.submit(
            lambda ledger: writing.copy(
                ledger, mailbox_id, ranges, target, limits, within
            ),
            stable=True,
        )
        return copied

    async def copy_from(
        self,
        source: AccountStore,
        mailbox_id: MailboxId,
        ranges: UidRanges,
        target: MailboxId,
        *,
        quota: Quota | None = None,
        within: Settable | None = None,
    ) -> Copied:
        """See AccountStore."""
        if source.id == self.id:
            return await self.copy(
                mailbox_id, ranges, target, quota=quota, within=within
            )
        if not isinstance(source, EmbeddedAccount):
            raise TypeError(type(source))
        file, limits = source.file, quota_of(quota, None)
        copied: Copied = await self.file.submit(
            lambda ledger: transfer.copy_from(
                ledger,
                file.folder,
                file.path,
                mailbox_id,
                ranges,
                target,
                limits,
                within,
            ),
            stable=True,
        )
        return copied

    async def move_from(
        self,
        source: AccountStore,
        mailbox_id: MailboxId,
        ranges: UidRanges,
        target: MailboxId,
        *,
        quota: Quota | None = None,
        within: Settable | None = None,
    ) -> Copied:
        """See AccountStore."""
        if source.id == self.id:
            return await self.move(mailbox_id, ranges, target, within=within)
        copied = await self.copy_from(
            source, mailbox_id, ranges, target, quota=quota, within=within
        )
        await source.remove(mailbox_id, copied.source)
        return copied

    async def move(
        self,
        mailbox_id: MailboxId,
        ranges: UidRanges,
        target: MailboxId,
        *,
        within: Settable | None = None,
    ) -> Copied:
        """See AccountStore."""
        moved: Copied = await self.file.submit(
            lambda ledger: writing.move(ledger, mailbox_id, ranges, target, within),
            stable=True,
        )
        return moved

    async def expunge(
        self, mailbox_id: MailboxId, ranges: UidRanges | None = None
    ) -> list[Uid]:
        """See AccountStore."""
        uids: list[Uid] = await self._throwing(
            lambda ledger: writing.expunge(ledger, mailbox_id, ranges)
        )
        return uids

    async def remove(self, mailbox_id: MailboxId, uids: Sequence[Uid]) -> list[Uid]:
        """See AccountStore."""
        removed: list[Uid] = await self._throwing(
            lambda ledger: writing.remove(ledger, mailbox_id, uids)
        )
        return removed

    async def claim_recent(self, mailbox_id: MailboxId, uid_next: int) -> Uid:
        """See AccountStore; writes only where something is recent."""
        with errors_named():
            row = one(
                self._reader,
                "SELECT first_recent FROM mailboxes WHERE id = ? AND selectable",
                (mailbox_id,),
            )
        if row is None:
            raise NoSuchMailbox(str(mailbox_id))
        return await self._claim(mailbox_id, row[0], uid_next)

    async def _claim(self, mailbox_id: MailboxId, first: int, uid_next: int) -> Uid:
        """At once where nobody is writing, for it is little; else as any job."""
        if first < uid_next:
            claimed = self._claim_at_once(mailbox_id, uid_next)
            if claimed is None:
                claimed = await self.file.submit(
                    lambda ledger: writing.claim_recent(ledger, mailbox_id, uid_next),
                    stable=False,
                )
            first = claimed
        return Uid(first)

    def _claim_at_once(self, mailbox_id: MailboxId, uid_next: int) -> int | None:
        reader = self._reader
        reader.set_busy_timeout(0)
        try:
            with transaction(reader):
                return writing.claim_directly(reader, mailbox_id, uid_next)
        except apsw.Error:
            return None
        finally:
            reader.set_busy_timeout(BUSY_TIMEOUT_MS)

    async def sync(self) -> None:
        """See AccountStore."""
        future = self.file.sync()
        if future is not None:
            await future

    # -- the maildrop

    async def lock_maildrop(self) -> Callable[[], None]:
        """See AccountStore."""
        with errors_named():
            release = lock_file(self.file.folder / "maildrop.lock")
        if release is None:
            raise MaildropLocked(self.id)
        return partial(_release, release, self)

    async def note_maildrop_login(self, now: float, delay_s: float) -> bool:
        """See AccountStore; the time is that of a file without octets."""
        noted = self.file.folder / "maildrop.login"
        with errors_named():
            try:
                last = noted.stat().st_mtime
            except FileNotFoundError:
                noted.touch(mode=0o600)
            else:
                # a clock that was set back must not keep anybody out
                if 0 <= now - last < delay_s:
                    return False
            os.utime(noted, (now, now))
        return True


def _release(release: Callable[[], None], _held: EmbeddedAccount) -> None:
    release()
