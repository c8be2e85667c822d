"""What can go wrong with kept things.

PyeonjiError
  TemporaryError
    StorageUnavailable     disk full, I/O error, database busy too long
    MaildropLocked         another POP3 session has it
  PermanentError
    NoSuchMailbox  MailboxExists  BadMailboxName  MailboxIsFixed
    NoSuchMessage
    NoSuchDomain  NoSuchAccount  NoSuchAlias  AlreadyExists
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


class NoSuchDomain(PermanentError):
    """The domain is not ours."""


class NoSuchAccount(PermanentError):
    """No account has that address or id."""


class NoSuchAlias(PermanentError):
    """No alias has that address."""


class AlreadyExists(PermanentError):
    """The address or domain is taken."""


class NoSuchLetter(PermanentError):
    """The queue does not hold that letter."""


class OverQuota(PyeonjiError):
    """The account is full; nothing was stored."""

    def __init__(self, *, used_octets: int, limit_octets: int) -> None:
        super().__init__(f"{used_octets} of {limit_octets} octets used")
        self.used_octets = used_octets
        self.limit_octets = limit_octets
