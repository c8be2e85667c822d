"""What mailboxes hold and what is said about them: plain values.

A message is stored once in its account and stands in one or more mailboxes as
an *entry*: (mailbox, uid) with flags of its own. Everything that reading needs
was made when it arrived (`message.prepare`) and is kept beside the octets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pyeonji.base.ids import AccountId, MailboxId, ModSeq, Uid, UidValidity
    from pyeonji.message.prepare import Prepared
    from pyeonji.storage.content import Content

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

MAX_UID: Final = 2**32 - 1
"""The last uid a mailbox can give (RFC 3501 §2.3.1.1)."""

MAX_ANNOTATION_OCTETS: Final = 65536
"""Value of one annotation."""

MAX_ANNOTATIONS: Final = 1000
"""Annotations of one mailbox, and of the account itself."""

MAX_GUEST_ANNOTATIONS: Final = 20
"""Those that another user may have for themselves on one mailbox, besides."""

GUEST: Final = "/user:"
"""Such annotations are named `/user:<account id>/private/…`."""

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
    object_id: str  # 1 to 255 of A-Za-z0-9_-, in no other mailbox (RFC 8474 §4)
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
    REFERENCES = 19  # str, message ids, see message.thread.references
    PREVIEW = 20  # str (RFC 8970)
    THREAD_ID = 21  # int, the same for all messages of a thread (RFC 8474 §5.2)
    HEADER = 22  # bytes, the whole header section, prefix and empty line included
    SORT_DISPLAY_FROM = 23  # str, name or address, normalised (RFC 5957 §3)
    SORT_DISPLAY_TO = 24
    SUBJECT = 25  # str, decoded, whole
    COMMON_FIELDS = 26  # bytes, of the header, see message.fields.COMMON_FIELDS


Row = tuple[Any, ...]


class FlagChange(StrEnum):
    """How given flags meet those that are there (RFC 3501 §6.4.6)."""

    SET = "set"
    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Settable:
    """The flags that somebody may set; all others stay as they are."""

    bits: int
    keywords: bool

    def of(self, flags: int, keywords: str) -> tuple[int, str]:
        """What of an entry's flags they may set on a copy of it."""
        return flags & self.bits, keywords if self.keywords else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What SELECT needs of a mailbox, all of one moment."""

    runs: list[tuple[Uid, Uid]]  # first and last uids, ascending, not touching
    first_recent: Uid
    first_unseen: Uid | None  # None also where it was not looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagsStored:
    """What a change of flags did; entries that changed as columns, ascending."""

    refused: list[Uid]  # changed by another since `unchanged_since`
    beside: list[Uid] = field(default_factory=list)  # the same, but other flags only
    uids: Sequence[Uid] = ()
    flags: Sequence[int] = ()
    keywords: Sequence[str] = ()
    mod_seq: ModSeq | None = None  # of all that changed
    before: ModSeq | None = None  # the mailbox's highest before, None: not known

    def entries(self) -> list[tuple[Uid, int, str, ModSeq]]:
        """Those that changed: uid, flags, keywords, mod-sequence."""
        if self.mod_seq is None:
            return []
        mod_seqs = repeat(self.mod_seq, len(self.uids))
        return list(zip(self.uids, self.flags, self.keywords, mod_seqs, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What an account may hold at most; None is no limit."""

    octets: int | None = None
    messages: int | None = None
    mailboxes: int | None = None


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
    special_use: SpecialUse | None = (
        None  # a mailbox of this use comes before `mailbox`
    )
    content: Content
    prefix: bytes
    prepared: Prepared
    internal_date: int
    flags: int = 0
    keywords: str = ""
    quota_octets: int | None = None
    quota: Quota | None = None  # with it, quota_octets is not looked at


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
    new or changed; `vanished` are uids expunged since, however long ago, also
    those that came and went. `gone`: the mailbox itself was deleted.
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
    mailboxes: int
