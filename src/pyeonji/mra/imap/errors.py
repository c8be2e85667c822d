"""From what storage says went wrong to IMAP's words (RFC 5530)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.mra.imap.places import NoRight
from pyeonji.mra.imap.selected import NoSuchNumber, UidRequired
from pyeonji.storage.errors import (
    BadMailboxName,
    MailboxExists,
    MailboxIsFixed,
    NoMoreUids,
    NoSuchMailbox,
    NoSuchMessage,
    OverQuota,
    StorageUnavailable,
)

if TYPE_CHECKING:
    from pyeonji.mra.imap.session import Session


@dataclass(frozen=True, slots=True)
class Words:
    """A tagged refusal."""

    status: bytes
    code: bytes
    text: str


REFUSALS: Final[dict[type[Exception], Words]] = {
    NoSuchMailbox: Words(b"NO", b"NONEXISTENT", "No such mailbox."),
    MailboxExists: Words(b"NO", b"ALREADYEXISTS", "The mailbox exists already."),
    BadMailboxName: Words(b"NO", b"CANNOT", "This cannot be a mailbox's name."),
    MailboxIsFixed: Words(b"NO", b"CANNOT", "Not with this mailbox."),
    NoMoreUids: Words(b"NO", b"LIMIT", "The mailbox has given its last uid."),
    NoSuchMessage: Words(b"NO", b"EXPUNGEISSUED", "The message is gone."),
    OverQuota: Words(b"NO", b"OVERQUOTA", "The account is full."),
    StorageUnavailable: Words(b"NO", b"UNAVAILABLE", "Not now; try again later."),
    UidRequired: Words(b"BAD", b"UIDREQUIRED", "Only uids: UIDONLY is on."),
    NoRight: Words(b"NO", b"NOPERM", "You have no right to do that."),
    NoSuchNumber: Words(b"BAD", b"", "No message has that number."),
}
"""Every error that a handler may let pass."""


def refuse(session: Session, tag: bytes, error: Exception) -> None:
    """Answer a command that ended with one of `REFUSALS`."""
    words = REFUSALS[type(error)]
    session.tagged(tag, words.status, words.text, words.code)
