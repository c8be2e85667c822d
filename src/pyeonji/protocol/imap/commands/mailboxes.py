"""Commands about mailboxes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from pyeonji.protocol.imap.commands.base import Command

if TYPE_CHECKING:
    from pyeonji.protocol.imap.commands.sync import Resync


@dataclass(frozen=True, slots=True, kw_only=True)
class Enable(Command):
    """RFC 5161 §3.1; names in upper case."""

    capabilities: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Select(Command):
    """SELECT, or EXAMINE where `read_only` (RFC 3501 §6.3.1, §6.3.2).

    `condstore` and `resync` are its parameters (RFC 7162 §3.1.8, §3.2.5).
    """

    mailbox: str
    read_only: bool
    condstore: bool = False
    resync: Resync | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Create(Command):
    """RFC 3501 §6.3.3; `uses` are attributes as in RFC 6154 §3."""

    mailbox: str
    uses: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete(Command):
    """RFC 3501 §6.3.4."""

    mailbox: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename(Command):
    """RFC 3501 §6.3.5."""

    mailbox: str
    new_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe(Command):
    """SUBSCRIBE, or UNSUBSCRIBE where not `wanted` (RFC 3501 §6.3.6, §6.3.7)."""

    mailbox: str
    wanted: bool


class StatusItem(Enum):
    """What STATUS can tell (RFC 3501 §6.3.10 and many after it)."""

    __hash__ = object.__hash__  # members are equal to themselves only; Enum's is slow

    MESSAGES = b"MESSAGES"
    RECENT = b"RECENT"
    UIDNEXT = b"UIDNEXT"
    UIDVALIDITY = b"UIDVALIDITY"
    UNSEEN = b"UNSEEN"
    SIZE = b"SIZE"  # RFC 8438
    HIGHESTMODSEQ = b"HIGHESTMODSEQ"  # RFC 7162 §3.1.7
    DELETED = b"DELETED"  # RFC 9208 §4.1.4
    DELETED_STORAGE = b"DELETED-STORAGE"
    APPENDLIMIT = b"APPENDLIMIT"
    MAILBOXID = b"MAILBOXID"


@dataclass(frozen=True, slots=True, kw_only=True)
class List(Command):
    """LIST, or LSUB where `lsub` (RFC 3501 §6.3.8, §6.3.9, RFC 5258 §3).

    Options are in upper case; the items of the return option STATUS (RFC 5819)
    and the entries of METADATA (RFC 9590) stand apart. `extended`: a selection
    or return option or several patterns were given.
    """

    reference: str
    patterns: tuple[str, ...]
    selections: frozenset[bytes] = frozenset()
    returns: frozenset[bytes] = frozenset()
    status: tuple[StatusItem, ...] = ()
    metadata: tuple[str, ...] = ()
    extended: bool = False
    lsub: bool = False


class Namespace(Command):
    """RFC 2342 §5."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Command):
    """RFC 3501 §6.3.10."""

    mailbox: str
    items: tuple[StatusItem, ...]


class Idle(Command):
    """RFC 2177 §3; until IdleEnded comes, the server may speak at any time."""

    __slots__ = ()
