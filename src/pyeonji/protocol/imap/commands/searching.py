"""SEARCH and its relatives: what is looked for, and what is wanted of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap.commands.base import Command

if TYPE_CHECKING:
    from pyeonji.protocol.imap.commands.messages import FetchItem
    from pyeonji.protocol.imap.search_keys import Key


class ReturnOption(Enum):
    """What RETURN can ask for."""

    MIN = b"MIN"  # RFC 4731 §3.1
    MAX = b"MAX"
    ALL = b"ALL"
    COUNT = b"COUNT"
    SAVE = b"SAVE"  # RFC 5182 §2.1
    CONTEXT = b"CONTEXT"  # RFC 5267 §4.2
    UPDATE = b"UPDATE"  # RFC 5267 §4.3
    PARTIAL = b"PARTIAL"  # RFC 5267 §4.4, RFC 9394 §3.1
    RELEVANCY = b"RELEVANCY"  # RFC 6203 §4


@dataclass(frozen=True, slots=True)
class Returns:
    """The list after RETURN; `partial` as written, negative from the end.

    `items` are to be told of new messages that come to the result (RFC 5465 §7).
    """

    options: frozenset[ReturnOption]
    partial: tuple[int, int] | None = None
    items: tuple[FetchItem, ...] = ()

    def __contains__(self, option: ReturnOption) -> bool:
        """Whether it was asked for."""
        return option in self.options


ALL_RESULTS: Final = Returns(frozenset({ReturnOption.ALL}))
"""What an empty list asks for (RFC 4731 §3.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search(Command):
    """RFC 3501 §6.4.4; `charset` as written, b"" where there is none.

    `returns` is None where there is no RETURN: then SEARCH answers, not ESEARCH.
    """

    by_uid: bool
    charset: bytes
    key: Key
    returns: Returns | None = None


class SortKey(Enum):
    """What messages can be sorted by (RFC 5256 §3, SORT)."""

    ARRIVAL = b"ARRIVAL"
    CC = b"CC"
    DATE = b"DATE"
    FROM = b"FROM"
    SIZE = b"SIZE"
    SUBJECT = b"SUBJECT"
    TO = b"TO"
    DISPLAYFROM = b"DISPLAYFROM"  # RFC 5957 §4
    DISPLAYTO = b"DISPLAYTO"
    RELEVANCY = b"RELEVANCY"  # RFC 6203 §6


@dataclass(frozen=True, slots=True)
class SortCriterion:
    """A key, `reverse` where REVERSE came before it."""

    key: SortKey
    reverse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort(Search):
    """RFC 5256 §3, SORT; with `returns` RFC 5267 §3."""

    criteria: tuple[SortCriterion, ...]


class Algorithm(Enum):
    """How messages are threaded."""

    ORDEREDSUBJECT = b"ORDEREDSUBJECT"  # RFC 5256 §3, THREAD
    REFERENCES = b"REFERENCES"
    REFS = b"REFS"  # by references alone, the newest thread last


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread(Search):
    """RFC 5256 §3, THREAD."""

    algorithm: Algorithm


class SourceKind(Enum):
    """Which mailboxes ESEARCH means (RFC 7377 §2.2, RFC 5465 §6)."""

    SELECTED = b"SELECTED"
    INBOXES = b"INBOXES"
    PERSONAL = b"PERSONAL"
    SUBSCRIBED = b"SUBSCRIBED"
    SUBTREE = b"SUBTREE"
    SUBTREE_ONE = b"SUBTREE-ONE"
    MAILBOXES = b"MAILBOXES"


@dataclass(frozen=True, slots=True)
class Source:
    """Mailboxes to be searched; `names` of SUBTREE, SUBTREE-ONE and MAILBOXES."""

    kind: SourceKind
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiSearch(Search):
    """ESEARCH (RFC 7377 §2); always `by_uid`."""

    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelUpdate(Command):
    """RFC 5267 §4.3.5."""

    tags: tuple[bytes, ...]
