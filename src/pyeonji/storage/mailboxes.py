"""An account's mailboxes: what they hold, and what can be done with them.

A message is stored once in its account and stands in one or more mailboxes as
an *entry*: (mailbox, uid) with flags of its own. Everything that reading needs
was made when it arrived (`message.prepare`) and is kept beside the octets.

Every change of an entry takes the next modification sequence of the account.
A session that wants to know what happened asks for `changes` since the last
sequence it has seen; who changed it (itself, another session, another worker
process, a delivery) makes no difference. `watch` says when asking is worth it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyeonji.base.ids import AccountId, MailboxId, ModSeq, Uid, UidValidity
    from pyeonji.message.prepare import Prepared
    from pyeonji.storage.content import Content, StoredOctets
    from pyeonji.storage.query import Query

SEEN: Final = 1
ANSWERED: Final = 2
FLAGGED: Final = 4
DELETED: Final = 8
DRAFT: Final = 16
"""System flags are bits of one int; keywords are a space-joined sorted str."""

MAX_KEYWORDS: Final = 64
"""Different keywords on one message."""

MAX_MAILBOX_NAME: Final = 255
"""Octets of a mailbox name in UTF-8."""

MAX_MAILBOX_DEPTH: Final = 50
"""Levels of hierarchy."""

UidRanges = Sequence[tuple[int, int]]
"""Inclusive (first, last) pairs, ascending, not overlapping."""


class SpecialUse(StrEnum):
    """What a mailbox is for (RFC 6154 §2)."""

    ARCHIVE = "archive"
    DRAFTS = "drafts"
    FLAGGED = "flagged"
    JUNK = "junk"
    SENT = "sent"
    TRASH = "trash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """One row of the list of mailboxes; reading it costs the same at any size."""

    id: MailboxId
    name: str  # NFC, hierarchy by "/"; INBOX always "INBOX"
    uid_validity: UidValidity
    uid_next: Uid
    highest_mod_seq: ModSeq
    exists: int
    unseen: int
    deleted: int
    octets: int
    first_recent: Uid  # entries from this uid on are \Recent to the next SELECT
    special_use: SpecialUse | None
    subscribed: bool
    selectable: bool  # False: only a name above others (deleted with children)


class Column(IntEnum):
    """What `select` can give of each entry, in the order asked for."""

    UID = 0
    FLAGS = 1  # int, bits above
    KEYWORDS = 2  # str, "" or names joined by one space
    MOD_SEQ = 3  # int
    INTERNAL_DATE = 4  # int, Unix seconds
    SAVE_DATE = 5  # int, Unix seconds: when it came into this mailbox
    SIZE = 6  # int, octets of the whole message, prefix included
    MESSAGE_ID = 7  # int, MessageId: the same in every mailbox it stands in
    PREFIX_SIZE = 8  # int, octets of the trace headers before `parts` offsets
    ENVELOPE = 9  # bytes, IMAP ENVELOPE as it goes on the wire
    BODY_STRUCTURE = 10  # bytes, IMAP BODYSTRUCTURE as it goes on the wire
    PARTS = 11  # bytes, message.parts.unpack() reads it
    SENT_DATE = 12  # int or None, Unix seconds of Date
    SENT_DAY = 13  # int or None, days since 1970 as written, zone disregarded
    SORT_SUBJECT = 14  # str, base subject (RFC 5256 §2.1)
    SORT_FROM = 15  # str, first mailbox name, casefolded
    SORT_TO = 16
    SORT_CC = 17
    HEADER_MESSAGE_ID = 18  # str, "" where there is none
    REFERENCES = 19  # str, message ids joined by one space
    PREVIEW = 20  # str (RFC 8970)


Row = tuple[Any, ...]


class FlagChange(StrEnum):
    """How given flags meet those that are there (RFC 3501 §6.4.6)."""

    SET = "set"
    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagsStored:
    """What a change of flags did."""

    changed: list[tuple[Uid, int, str, ModSeq]]  # uid, flags, keywords, mod-sequence
    refused: list[Uid]  # changed by another since `unchanged_since`


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message for APPEND: octets, what was prepared from them, and its flags."""

    content: Content
    prepared: Prepared
    flags: int = 0
    keywords: str = ""
    internal_date: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A letter for one mailbox of one account.

    `delivery_id` names (letter, recipient): a second delivery with the same id
    changes nothing and returns what the first did, so that doing it again
    after a crash is harmless.
    """

    account_id: AccountId
    delivery_id: str
    mailbox: str  # made if it is missing
    content: Content
    prefix: bytes
    prepared: Prepared
    internal_date: int
    flags: int = 0
    keywords: str = ""
    quota_octets: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """Where a letter now stands."""

    mailbox: str
    mailbox_id: MailboxId
    uid: Uid


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """Which entries became which (RFC 4315 §3): equal lengths, same order."""

    uid_validity: UidValidity
    source: list[Uid]
    target: list[Uid]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What happened in a mailbox after a modification sequence.

    `entries` (uid, flags, keywords, mod-sequence), ascending by uid, are those
    new or changed; `vanished` are uids expunged since. `gone`: the mailbox
    itself was deleted.
    """

    highest_mod_seq: ModSeq
    exists: int
    uid_next: Uid
    entries: list[tuple[Uid, int, str, ModSeq]] = field(default_factory=list)
    vanished: list[Uid] = field(default_factory=list)
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an account holds; a message in two mailboxes counts once."""

    octets: int
    messages: int


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
        self, name: str, *, special_use: SpecialUse | None = None
    ) -> Mailbox:
        """Make a mailbox and the names above it.

        Raises:
            MailboxExists, BadMailboxName.
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

    # -- reading

    async def uids(self, mailbox_id: MailboxId) -> list[Uid]:
        """All uids, ascending: position + 1 is the sequence number."""

    async def select(
        self, mailbox_id: MailboxId, ranges: UidRanges, columns: Sequence[Column]
    ) -> list[Row]:
        """Columns of the entries within the ranges, ascending by uid.

        Uids that do not exist are left out. Give at most a few thousand
        entries at a time, and await something in between.
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
        """What happened after `since`; cheap when nothing did."""

    async def usage(self) -> Usage:
        """Octets and messages held, from counters."""

    def watch(self, told: Callable[[frozenset[MailboxId]], None]) -> Callable[[], None]:
        """Be told (on the loop) which mailboxes changed, by whomever.

        An empty set means the list of mailboxes changed. Returns the function
        that ends the watch. Several changes may be told as one; none is missed.
        """

    # -- changing

    async def append(
        self,
        mailbox_id: MailboxId,
        messages: Sequence[NewMessage],
        *,
        quota_octets: int | None = None,
    ) -> list[Uid]:
        """Store messages, all or none; stable when this returns.

        Raises:
            OverQuota, NoSuchMailbox, StorageUnavailable.
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
    ) -> FlagsStored:
        """Change flags; stable within a second (not on return).

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
    ) -> Copied:
        """Copy entries, all or none, flags kept; stable when this returns."""

    async def move(
        self, mailbox_id: MailboxId, ranges: UidRanges, target: MailboxId
    ) -> Copied:
        """Move entries, all or none; stable when this returns."""

    async def expunge(
        self, mailbox_id: MailboxId, ranges: UidRanges | None = None
    ) -> list[Uid]:
        r"""Remove entries that are \Deleted (within the ranges); stable."""

    async def remove(self, mailbox_id: MailboxId, uids: Sequence[Uid]) -> list[Uid]:
        """Remove entries whatever their flags (POP3); stable."""

    async def claim_recent(self, mailbox_id: MailboxId) -> Uid:
        r"""Take \Recent for this session.

        Entries from the uid returned on are recent to it and to no session
        after it (RFC 3501 §2.3.2).
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
