"""What to look for in a mailbox: plain values, no protocol's words.

Texts are given as the user typed them; the engine normalises (NFKC, casefold)
both sides and matches substrings. Dates are days since 1970-01-01.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyeonji.storage.mailboxes import UidRanges


@dataclass(frozen=True, slots=True)
class All:
    """Everything."""


@dataclass(frozen=True, slots=True)
class And:
    """All of them (none: everything)."""

    of: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of them (none: nothing)."""

    of: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Those that do not match."""

    query: Query


@dataclass(frozen=True, slots=True)
class UidIn:
    """Uid within the ranges."""

    ranges: UidRanges


@dataclass(frozen=True, slots=True)
class HasFlags:
    """All of the flag bits are set."""

    flags: int


@dataclass(frozen=True, slots=True)
class HasKeyword:
    """The keyword is set (ASCII case-insensitive)."""

    keyword: str


@dataclass(frozen=True, slots=True)
class HeaderContains:
    """A header field of that name has the text; "" means it is present."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class AddressContains:
    """A from, to, cc or bcc field has the text, in names or addresses."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class SubjectContains:
    """The decoded subject has the text."""

    text: str


@dataclass(frozen=True, slots=True)
class BodyContains:
    """A text part has the text."""

    text: str


@dataclass(frozen=True, slots=True)
class TextContains:
    """The header or a text part has the text."""

    text: str


@dataclass(frozen=True, slots=True)
class SizeBetween:
    """Octets of the whole message, both ends included; None is open."""

    least: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class ReceivedBetween:
    """Internal date in Unix seconds: since <= date < before."""

    since: int | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class SavedBetween:
    """When it came into the mailbox, in Unix seconds: since <= date < before."""

    since: int | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class SentBetween:
    """Day of the Date field as written: since <= day < before."""

    since_day: int | None = None
    before_day: int | None = None


@dataclass(frozen=True, slots=True)
class ChangedSince:
    """Modification sequence at least this."""

    mod_seq: int


@dataclass(frozen=True, slots=True)
class MessageIs:
    """The stored message (MessageId): the same in every mailbox it stands in."""

    message_id: int


@dataclass(frozen=True, slots=True)
class ThreadIs:
    """A message of this thread."""

    thread_id: int


Query = (
    All
    | And
    | Or
    | Not
    | UidIn
    | HasFlags
    | HasKeyword
    | HeaderContains
    | AddressContains
    | SubjectContains
    | BodyContains
    | TextContains
    | SizeBetween
    | ReceivedBetween
    | SavedBetween
    | SentBetween
    | ChangedSince
    | MessageIs
    | ThreadIs
)
