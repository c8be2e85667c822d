"""The keys of SEARCH as a tree of values (RFC 3501 §6.4.4 and extensions).

A string argument stays octets: its charset is the command's, and turning it
into text is left to who carries the search out. Dates are days since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyeonji.protocol.imap.sequences import SequenceSet


class FlagKey(Enum):
    """Keys without arguments."""

    ALL = b"ALL"
    ANSWERED = b"ANSWERED"
    DELETED = b"DELETED"
    DRAFT = b"DRAFT"
    FLAGGED = b"FLAGGED"
    NEW = b"NEW"
    OLD = b"OLD"
    RECENT = b"RECENT"
    SAVEDATESUPPORTED = b"SAVEDATESUPPORTED"  # RFC 8514 §4.3
    SEEN = b"SEEN"
    UNANSWERED = b"UNANSWERED"
    UNDELETED = b"UNDELETED"
    UNDRAFT = b"UNDRAFT"
    UNFLAGGED = b"UNFLAGGED"
    UNSEEN = b"UNSEEN"


class TextField(Enum):
    """Keys with a string to be found."""

    BCC = b"BCC"
    BODY = b"BODY"
    CC = b"CC"
    FROM = b"FROM"
    SUBJECT = b"SUBJECT"
    TEXT = b"TEXT"
    TO = b"TO"


class DateField(Enum):
    """Keys with a date."""

    BEFORE = b"BEFORE"
    ON = b"ON"
    SINCE = b"SINCE"
    SAVEDBEFORE = b"SAVEDBEFORE"  # RFC 8514 §4.3
    SAVEDON = b"SAVEDON"
    SAVEDSINCE = b"SAVEDSINCE"
    SENTBEFORE = b"SENTBEFORE"
    SENTON = b"SENTON"
    SENTSINCE = b"SENTSINCE"


@dataclass(frozen=True, slots=True)
class TextKey:
    """One of BCC, BODY, CC, FROM, SUBJECT, TEXT, TO."""

    where: TextField
    octets: bytes


@dataclass(frozen=True, slots=True)
class HeaderKey:
    """HEADER field-name string."""

    name: bytes
    octets: bytes


@dataclass(frozen=True, slots=True)
class DateKey:
    """A date key; `day` is days since 1970."""

    which: DateField
    day: int


@dataclass(frozen=True, slots=True)
class KeywordKey:
    """KEYWORD flag, or UNKEYWORD where not `present`."""

    keyword: bytes
    present: bool


@dataclass(frozen=True, slots=True)
class SizeKey:
    """LARGER, or SMALLER where not `larger`."""

    larger: bool
    octets: int


@dataclass(frozen=True, slots=True)
class MessagesKey:
    """A sequence set, or UID sequence-set."""

    by_uid: bool
    messages: SequenceSet


@dataclass(frozen=True, slots=True)
class WithinKey:
    """OLDER, or YOUNGER where not `older`, than so many seconds (RFC 5032 §2)."""

    older: bool
    seconds: int


@dataclass(frozen=True, slots=True)
class ModSeqKey:
    """MODSEQ at least this; entries share one mod-sequence (RFC 7162 §3.1.5)."""

    mod_seq: int


@dataclass(frozen=True, slots=True)
class ObjectKey:
    """THREADID, or EMAILID where not `thread` (RFC 8474 §6)."""

    thread: bool
    object_id: bytes


@dataclass(frozen=True, slots=True)
class FilterKey:
    """FILTER: stands for the keys kept under that name (RFC 5466 §3.1)."""

    name: bytes


@dataclass(frozen=True, slots=True)
class FuzzyKey:
    """FUZZY: the key need only match nearly (RFC 6203 §3)."""

    key: Key


@dataclass(frozen=True, slots=True)
class AllOf:
    """Keys that must all match."""

    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """OR: chains of it become one."""

    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class NotKey:
    """NOT."""

    key: Key


Key = (
    FlagKey
    | TextKey
    | HeaderKey
    | DateKey
    | KeywordKey
    | SizeKey
    | MessagesKey
    | WithinKey
    | ModSeqKey
    | ObjectKey
    | FilterKey
    | FuzzyKey
    | AllOf
    | AnyOf
    | NotKey
)


def walk(key: Key) -> Iterator[Key]:
    """A key and all keys inside it."""
    waiting = [key]
    while waiting:
        one = waiting.pop()
        yield one
        if isinstance(one, AllOf | AnyOf):
            waiting.extend(one.keys)
        elif isinstance(one, NotKey | FuzzyKey):
            waiting.append(one.key)


def has(key: Key, kind: type) -> bool:
    """Whether a key of this kind is in it."""
    return any(isinstance(one, kind) for one in walk(key))
