"""Commands about the messages of the selected mailbox."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING

from pyeonji.protocol.imap.commands.base import Command

if TYPE_CHECKING:
    from pyeonji.protocol.imap.sequences import SequenceSet


class Check(Command):
    """RFC 3501 §6.4.1."""

    __slots__ = ()


class Close(Command):
    """RFC 3501 §6.4.2."""

    __slots__ = ()


class Unselect(Command):
    """RFC 3691 §2."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expunge(Command):
    """EXPUNGE, or UID EXPUNGE with `uids` (RFC 3501 §6.4.3, RFC 4315 §2.1)."""

    uids: SequenceSet | None


class Simple(Enum):
    """Fetch items without arguments (RFC 3501 §6.4.5)."""

    UID = b"UID"
    FLAGS = b"FLAGS"
    INTERNALDATE = b"INTERNALDATE"
    RFC822_SIZE = b"RFC822.SIZE"
    ENVELOPE = b"ENVELOPE"
    BODYSTRUCTURE = b"BODYSTRUCTURE"
    BODY = b"BODY"
    MODSEQ = b"MODSEQ"  # RFC 7162 §3.1.4.2
    EMAILID = b"EMAILID"  # RFC 8474 §5.1
    THREADID = b"THREADID"  # RFC 8474 §5.2
    SAVEDATE = b"SAVEDATE"  # RFC 8514 §4.2
    PREVIEW = b"PREVIEW"  # RFC 8970 §3.1


class SectionText(Enum):
    """What of a part a body section names (RFC 3501 §6.4.5)."""

    ALL = b""
    HEADER = b"HEADER"
    HEADER_FIELDS = b"HEADER.FIELDS"
    HEADER_FIELDS_NOT = b"HEADER.FIELDS.NOT"
    TEXT = b"TEXT"
    MIME = b"MIME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    r"""BODY[section]<partial> and its RFC822 relatives.

    `label` is what the response calls it, with the origin of a partial.
    `peek`: it does not set \Seen.
    """

    label: bytes
    path: tuple[int, ...] = ()
    text: SectionText = SectionText.ALL
    fields: tuple[bytes, ...] = ()  # in upper case
    peek: bool = False
    partial: tuple[int, int] | None = None  # first octet, number of octets


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """BINARY[part]<partial> or BINARY.SIZE[part]: decoded octets (RFC 3516 §4.2)."""

    label: bytes
    path: tuple[int, ...] = ()
    peek: bool = False
    size: bool = False  # only how many there are
    partial: tuple[int, int] | None = None


FetchItem = Simple | Section | Binary


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch(Command):
    """RFC 3501 §6.4.5; `changed_since`, `vanished` (RFC 7162 §3.1.4.1, §3.2.6).

    `partial`: positions among the messages named, counted from the end where
    negative (RFC 9394 §3.3).
    """

    by_uid: bool
    messages: SequenceSet
    items: tuple[FetchItem, ...]
    changed_since: int | None = None
    vanished: bool = False
    partial: tuple[int, int] | None = None


class StoreMode(StrEnum):
    """How STORE treats the flags (RFC 3501 §6.4.6)."""

    REPLACE = "FLAGS"
    ADD = "+FLAGS"
    REMOVE = "-FLAGS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Store(Command):
    """RFC 3501 §6.4.6; `unchanged_since` makes it conditional (RFC 7162 §3.1.3)."""

    by_uid: bool
    messages: SequenceSet
    mode: StoreMode
    silent: bool
    flags: tuple[bytes, ...]
    unchanged_since: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy(Command):
    """COPY, or MOVE where `move` (RFC 3501 §6.4.7, RFC 6851 §3)."""

    by_uid: bool
    messages: SequenceSet
    mailbox: str
    move: bool
