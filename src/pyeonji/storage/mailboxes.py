"""An account's mailboxes: what can be done with them.

What they hold are the values of `storage.entries`, which stand here too.

Every change of an entry takes the next modification sequence of the account.
A session that wants to know what happened asks for `changes` since the last
sequence it has seen; who changed it (itself, another session, another worker
process, a delivery) makes no difference. `watch` says when asking is worth it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pyeonji.storage.entries import (
    ANSWERED,
    DELETED,
    DRAFT,
    FLAGGED,
    MAX_ANNOTATION_OCTETS,
    MAX_ANNOTATIONS,
    MAX_KEYWORDS,
    MAX_MAILBOX_DEPTH,
    MAX_MAILBOX_NAME,
    MAX_UID,
    SEEN,
    Changes,
    Column,
    Copied,
    Delivered,
    Delivery,
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
    Usage,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyeonji.base.ids import AccountId, MailboxId, ModSeq, Uid
    from pyeonji.storage.content import StoredOctets
    from pyeonji.storage.query import Query

__all__ = [
    "ANSWERED",
    "DELETED",
    "DRAFT",
    "FLAGGED",
    "MAX_ANNOTATIONS",
    "MAX_ANNOTATION_OCTETS",
    "MAX_KEYWORDS",
    "MAX_MAILBOX_DEPTH",
    "MAX_MAILBOX_NAME",
    "MAX_UID",
    "SEEN",
    "AccountStore",
    "Changes",
    "Column",
    "Copied",
    "Delivered",
    "Delivery",
    "FlagChange",
    "FlagsStored",
    "MailStore",
    "Mailbox",
    "NewMessage",
    "Opened",
    "Quota",
    "Row",
    "Settable",
    "SpecialUse",
    "UidRanges",
    "Usage",
]


class AccountStore(Protocol):
    """One account's mailboxes. Methods that change things return when stable."""

    id: AccountId

    # -- the list of mailboxes

    async def mailboxes(self) -> list[Mailbox]:
        """All, by name in code point order, INBOX first."""

    async def mailbox(self, name: str) -> Mailbox:
        """One by its name (INBOX in any case). Raises NoSuchMailbox."""

    async def mailbox_by_id(self, mailbox_id: MailboxId) -> Mailbox:
        """One by its id. Raises NoSuchMailbox."""

    async def create(
        self,
        name: str,
        *,
        special_use: SpecialUse | None = None,
        quota: Quota | None = None,
    ) -> Mailbox:
        """Make a mailbox and the names above it.

        Raises:
            MailboxExists, BadMailboxName, OverQuota.
        """

    async def delete(self, mailbox_id: MailboxId) -> None:
        """Delete it with its entries; with children it stays as a bare name.

        Raises:
            NoSuchMailbox, MailboxIsFixed (INBOX).
        """

    async def rename(self, mailbox_id: MailboxId, name: str) -> None:
        """Rename it and all below it; ids, UIDVALIDITY and uids stay.

        Renaming INBOX moves its messages to the new name (RFC 3501 §6.3.5).
        """

    async def set_special_use(
        self, mailbox_id: MailboxId, special_use: SpecialUse | None
    ) -> None:
        """Say what it is for; another mailbox of that use loses it."""

    async def subscriptions(self) -> list[str]:
        """Subscribed names; a name stays subscribed when its mailbox goes."""

    async def subscribe(self, name: str, *, wanted: bool) -> None:
        """Add a name to the subscriptions or take it off."""

    # -- what is said about mailboxes

    async def rights(self, mailbox_id: MailboxId) -> dict[str, str]:
        """Who was given what: identifier -> letters, sorted (RFC 4314 §2).

        Only what was set; a negative identifier begins with "-".
        """

    async def set_rights(
        self, mailbox_id: MailboxId, identifier: str, rights: str
    ) -> None:
        """Give an identifier these rights instead of what it had; "" takes all.

        Raises:
            NoSuchMailbox, TooManyNotes.
        """

    async def annotations(self, mailbox_id: MailboxId | None) -> dict[str, bytes]:
        """Entries of a mailbox, or of the account itself: name -> value."""

    async def annotate(
        self, mailbox_id: MailboxId | None, changes: Mapping[str, bytes | None]
    ) -> None:
        """Set entries, or remove those given as None; all or none; stable.

        Names are casefolded. Values have at most MAX_ANNOTATION_OCTETS.

        Raises:
            NoSuchMailbox, TooManyNotes, NoteTooLarge.
        """

    # -- reading

    async def uids(self, mailbox_id: MailboxId) -> list[Uid]:
        """All uids, ascending: position + 1 is the sequence number."""

    async def opened(
        self, mailbox_id: MailboxId, *, claim: bool = False, unseen: bool = True
    ) -> Opened:
        """What SELECT needs, of one moment; its cost goes with the number of runs.

        Args:
            mailbox_id: which one.
            claim: as `claim_recent` does, all that there are.
            unseen: look for the first unseen one (quick when asked again).

        Raises:
            NoSuchMailbox.
        """

    async def select(
        self, mailbox_id: MailboxId, ranges: UidRanges, columns: Sequence[Column]
    ) -> list[Row]:
        """Columns of the entries within the ranges, ascending by uid.

        Uids that do not exist are left out. Give at most a few thousand
        entries at a time, and await something in between.
        """

    async def columns(
        self, mailbox_id: MailboxId, ranges: UidRanges, columns: Sequence[Column]
    ) -> list[list[Any]]:
        """The same as `select`, as one list for each column.

        For numbers and texts only; in less time than rows take.
        """

    async def octets(
        self, mailbox_id: MailboxId, uids: Sequence[Uid]
    ) -> list[tuple[Uid, StoredOctets]]:
        """The messages themselves, ascending by uid; missing ones left out."""

    async def search(self, mailbox_id: MailboxId, query: Query) -> list[Uid]:
        """Uids of the entries that match, ascending.

        Text is matched as substring: decoded, NFKC, casefolded, in every script.
        """

    async def changes(self, mailbox_id: MailboxId, since: ModSeq) -> Changes:
        """What happened after `since`, exactly; cheap when nothing did."""

    async def usage(self) -> Usage:
        """What is held, from counters."""

    def watch(self, told: Callable[[frozenset[MailboxId]], None]) -> Callable[[], None]:
        """Be told (on the loop) which mailboxes changed, by whomever.

        Changed rights and annotations count. An empty set means the list of
        mailboxes, the subscriptions or the account's own annotations changed.
        Returns the function that ends the watch. Several changes may be told as
        one; none is missed.
        """

    # -- changing

    async def append(
        self,
        mailbox_id: MailboxId,
        messages: Sequence[NewMessage],
        *,
        quota_octets: int | None = None,
        quota: Quota | None = None,
    ) -> list[Uid]:
        """Store messages, all or none; stable when this returns.

        `quota` is looked at, and `quota_octets` only without it.

        Raises:
            OverQuota, NoMoreUids, NoSuchMailbox, StorageUnavailable.
        """

    async def replace(
        self,
        mailbox_id: MailboxId,
        uid: Uid,
        target: MailboxId,
        message: NewMessage,
        *,
        quota: Quota | None = None,
    ) -> Uid:
        """Store a message in `target` and remove the entry `uid`, both or none.

        Stable when this returns (RFC 8508 §3). The quota counts the difference.

        Raises:
            NoSuchMessage: uid is gone. OverQuota, NoMoreUids, NoSuchMailbox.
        """

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
        """Change flags; stable within a second (not on return).

        Flags that are not `within` stay as they are, whatever is given.

        Entries with a mod-seq above `unchanged_since` are refused; where flags
        are added or taken away, only if one of these was touched since, as far
        as it is known (RFC 7162 §3.1.12).

        Entries that already are as asked keep their mod-seq and are not in
        `changed`.
        """

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
        """Copy entries, all or none; stable when this returns.

        Flags are kept, those that are `within` where that is said.
        """

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
        """Copy entries of another account of this engine into `target` of ours.

        All or none, internal dates kept, flags as in `copy`; stable when this
        returns.

        Raises:
            OverQuota, NoMoreUids, NoSuchMailbox (either one).
        """

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
        """As `copy_from`; stable here before they are removed there.

        A crash in between leaves them in both places.
        """

    async def move(
        self,
        mailbox_id: MailboxId,
        ranges: UidRanges,
        target: MailboxId,
        *,
        within: Settable | None = None,
    ) -> Copied:
        """Move entries, all or none, flags as in `copy`; stable when this returns."""

    async def expunge(
        self, mailbox_id: MailboxId, ranges: UidRanges | None = None
    ) -> list[Uid]:
        r"""Remove entries that are \Deleted (within the ranges); stable."""

    async def remove(self, mailbox_id: MailboxId, uids: Sequence[Uid]) -> list[Uid]:
        """Remove entries whatever their flags (POP3); stable."""

    async def claim_recent(self, mailbox_id: MailboxId, uid_next: int) -> Uid:
        r"""Take \Recent for this session.

        Entries from the uid returned on, and below `uid_next`, are recent to it
        and to no session after it (RFC 3501 §2.3.2).
        """

    async def sync(self) -> None:
        """Return when everything written to this account so far is stable."""

    # -- the maildrop

    async def lock_maildrop(self) -> Callable[[], None]:
        """Take the POP3 lock of the account; returns what releases it.

        The lock is held over all worker processes, and goes with a process.

        Raises:
            MaildropLocked.
        """

    async def note_maildrop_login(self, now: float, delay_s: float) -> bool:
        """Note a POP3 login; False, noting nothing, if the last was too short ago.

        Asked under the lock of the maildrop. Times are Unix seconds; what is
        noted outlives the process.
        """


class MailStore(Protocol):
    """All accounts' mailboxes."""

    async def account(self, account_id: AccountId) -> AccountStore:
        """Open an account (kept open while used). Raises NoSuchAccount."""

    async def deliver(self, delivery: Delivery) -> Delivered:
        """Put a letter into a mailbox; it can be seen when this returns.

        Deliveries that arrive together are written together. Stable only
        after `sync`: until then the letter must stay in the queue.

        Raises:
            OverQuota, NoSuchAccount, StorageUnavailable.
        """

    async def sync(self, account_id: AccountId) -> None:
        """Return when all deliveries to the account so far are stable."""

    async def erase(self, account_id: AccountId) -> None:
        """Remove an account's folder with everything in it."""
