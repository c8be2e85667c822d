"""What can go wrong with kept things.

PyeonjiError
  TemporaryError
    StorageUnavailable     disk full, I/O error, database busy too long
    MaildropLocked         another POP3 session has it
  PermanentError
    NoSuchMailbox  MailboxExists  BadMailboxName  MailboxIsFixed
    NoSuchMessage  NoMoreUids
    TooManyNotes  NoteTooLarge
    NoSuchDomain  NoSuchAccount  NoSuchAlias  NoSuchKey  AlreadyExists
    NoSuchLetter
  OverQuota                (temporary for SMTP, a plain NO for IMAP)
"""

from __future__ import annotations

from pyeonji.base.errors import PermanentError, PyeonjiError, TemporaryError


class StorageUnavailable(TemporaryError):
    """The disk or the database did not do its work; nothing was changed."""


class MaildropLocked(TemporaryError):
    """Another session holds the maildrop (RFC 1939 §4)."""


class NoSuchMailbox(PermanentError):
    """No mailbox of that name or id."""


class MailboxExists(PermanentError):
    """The name is taken."""


class BadMailboxName(PermanentError):
    """A name that cannot be a mailbox's; the message says why."""


class MailboxIsFixed(PermanentError):
    """INBOX can be neither deleted nor created."""


class NoSuchMessage(PermanentError):
    """The message is gone (expunged by another session)."""


class NoMoreUids(PermanentError):
    """The mailbox has given its last uid (RFC 3501 §2.3.1.1): copy to another."""


class TooManyNotes(PermanentError):
    """As many annotations or identifiers with rights as a mailbox can have."""


class NoteTooLarge(PermanentError):
    """An annotation of more than MAX_ANNOTATION_OCTETS."""


class NoSuchDomain(PermanentError):
    """The domain is not ours."""


class NoSuchAccount(PermanentError):
    """No account has that address or id."""


class NoSuchAlias(PermanentError):
    """No alias has that address."""


class NoSuchKey(PermanentError):
    """The domain has no DKIM key of that selector."""


class NotHeld(PermanentError):
    """No letters of this account are held."""


class NotSuppressed(PermanentError):
    """The address is not among those that nothing is sent to."""


class AlreadyExists(PermanentError):
    """The address or domain is taken."""


class NoSuchLetter(PermanentError):
    """The queue does not hold that letter."""


class OverQuota(PyeonjiError):
    """The account is full; nothing was stored.

    Attributes:
        resource: what there is too much of: "octets", "messages" or "mailboxes".
        used: how much is held.
        limit: how much may be.
    """

    def __init__(self, resource: str = "octets", *, used: int, limit: int) -> None:
        super().__init__(f"{used} of {limit} {resource} used")
        self.resource = resource
        self.used = used
        self.limit = limit
