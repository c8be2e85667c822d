"""From a client's search keys to storage's query values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from pyeonji.message.charset import decode_text
from pyeonji.mra.imap.fuzzy import loosened
from pyeonji.mra.imap.object_ids import number_of
from pyeonji.protocol.imap.search_keys import (
    AllOf,
    AnyOf,
    DateField,
    DateKey,
    FilterKey,
    FlagKey,
    FuzzyKey,
    HeaderKey,
    KeywordKey,
    MessagesKey,
    ModSeqKey,
    NotKey,
    ObjectKey,
    SizeKey,
    TextField,
    TextKey,
    WithinKey,
)
from pyeonji.protocol.imap.sequences import SequenceSet
from pyeonji.storage.mailboxes import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
from pyeonji.storage.query import (
    AddressContains,
    All,
    And,
    BodyContains,
    ChangedSince,
    HasFlags,
    HasKeyword,
    HeaderContains,
    MessageIs,
    Not,
    Or,
    Query,
    ReceivedBetween,
    SavedBetween,
    SentBetween,
    SizeBetween,
    SubjectContains,
    TextContains,
    ThreadIs,
    UidIn,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyeonji.base.ids import AccountId
    from pyeonji.mra.imap.uid_map import UidMap
    from pyeonji.protocol.imap.search_keys import Key

DAY_S: Final = 86400
NOTHING: Final = Or(())


LARGEST_SIZE: Final = 2**63 - 1
"""What storage can compare a size with; no message is so large."""


class Place(Protocol):
    """What keys need to know of the mailbox they are asked of."""

    @property
    def account_id(self) -> AccountId:
        """Whose mailbox it is."""

    @property
    def view(self) -> UidMap:
        """Uids by sequence numbers."""

    @property
    def recents(self) -> Sequence[tuple[int, int]]:
        r"""Uid ranges of \Recent."""

    @property
    def saved(self) -> Sequence[tuple[int, int]]:
        """Uid ranges of "$" (RFC 5182)."""


@dataclass(frozen=True, slots=True)
class OtherPlace:
    """A mailbox that is not selected."""

    account_id: AccountId
    view: UidMap
    recents: Sequence[tuple[int, int]]
    saved: Sequence[tuple[int, int]] = ()


class Translation:
    """Turns keys into a query for one mailbox as its session sees it."""

    def __init__(self, place: Place, charset: str, now: float) -> None:
        """`charset` is one that `message.charset` knows; `now` in Unix seconds."""
        self._place = place
        self._charset = charset
        self._now = int(now)
        self._fuzzy = False

    def query(self, key: Key) -> Query:
        """The query that means the same; FILTER keys must have been replaced."""
        match key:
            case FlagKey():
                return FLAGS[key](self._place)
            case TextKey():
                return self._contains(key.where, key.octets)
            case HeaderKey():
                name = key.name.decode("ascii", "replace")
                return HeaderContains(name, self.text(key.octets))
            case DateKey():
                return DATES[key.which](key.day)
            case KeywordKey():
                has = HasKeyword(key.keyword.decode("ascii"))
                return has if key.present else Not(has)
            case MessagesKey():
                return self._messages(key)
            case AllOf() | AnyOf() | NotKey() | FuzzyKey():
                return self._combined(key)
            case _:
                return self._other(key)

    def _other(
        self, key: SizeKey | WithinKey | ModSeqKey | ObjectKey | FilterKey
    ) -> Query:
        match key:
            case SizeKey(larger=True):
                return SizeBetween(least=min(key.octets + 1, LARGEST_SIZE))
            case SizeKey():
                return SizeBetween(most=key.octets - 1)
            case WithinKey(older=True):
                # both include the moment itself (RFC 5032 §2)
                return ReceivedBetween(before=self._now - key.seconds + 1)
            case WithinKey():
                return ReceivedBetween(since=self._now - key.seconds)
            case ModSeqKey():
                return ChangedSince(key.mod_seq)
            case ObjectKey():
                return _object(key, self._place.account_id)
            case FilterKey():
                raise TypeError(key)

    def _combined(self, key: AllOf | AnyOf | NotKey | FuzzyKey) -> Query:
        if isinstance(key, FuzzyKey):
            outside, self._fuzzy = self._fuzzy, True
            inner = self.query(key.key)
            self._fuzzy = outside
            return inner
        if isinstance(key, NotKey):
            # what does not even nearly match is not what is asked for
            outside, self._fuzzy = self._fuzzy, False
            inner = self.query(key.key)
            self._fuzzy = outside
            return Not(inner)
        queries = tuple(self.query(inner) for inner in key.keys)
        return And(queries) if isinstance(key, AllOf) else Or(queries)

    def _contains(self, where: TextField, octets: bytes) -> Query:
        contains, text = TEXTS[where], self.text(octets)
        return loosened(text, contains) if self._fuzzy else contains(text)

    def _messages(self, key: MessagesKey) -> Query:
        ranges = ranges_of(self._place, key.messages, by_uid=key.by_uid)
        return UidIn(ranges) if ranges else NOTHING

    def text(self, octets: bytes) -> str:
        """A string of the client as text."""
        if octets.isascii() and b"\x1b" not in octets and b"+" not in octets:
            return octets.decode("ascii")
        return decode_text(octets, self._charset).text


def ranges_of(
    place: Place, messages: SequenceSet, *, by_uid: bool
) -> Sequence[tuple[int, int]]:
    """Uid ranges of messages that a key names.

    Numbers beyond the mailbox name nothing; that is no error (RFC 7377 §2).
    """
    if messages.saved:
        return place.saved
    view = place.view
    largest = view.last if by_uid else len(view)
    if not largest:
        return ()
    ranges = [
        (low, min(high, largest))
        for low, high in messages.ranges(largest)
        if low <= largest
    ]
    if by_uid:
        return ranges
    return [view.range_of_numbers(low, high) for low, high in ranges]


def frozen(key: Key, place: Place) -> Key:
    """A key whose messages stay those that are named now (RFC 5267 §4.3)."""
    match key:
        case MessagesKey():
            ranges = ranges_of(place, key.messages, by_uid=key.by_uid)
            return MessagesKey(by_uid=True, messages=SequenceSet(tuple(ranges)))
        case AllOf():
            return AllOf(tuple(frozen(inner, place) for inner in key.keys))
        case AnyOf():
            return AnyOf(tuple(frozen(inner, place) for inner in key.keys))
        case NotKey():
            return NotKey(frozen(key.key, place))
        case FuzzyKey():
            return FuzzyKey(frozen(key.key, place))
        case _:
            return key


def _object(key: ObjectKey, account_id: AccountId) -> Query:
    number = number_of(key.object_id, account_id, thread=key.thread)
    if number is None:
        return NOTHING
    return ThreadIs(number) if key.thread else MessageIs(number)


def _recent(place: Place) -> Query:
    return UidIn(tuple(place.recents)) if place.recents else NOTHING


FLAGS: Final[dict[FlagKey, Callable[[Place], Query]]] = {
    FlagKey.ALL: lambda _: All(),
    FlagKey.ANSWERED: lambda _: HasFlags(ANSWERED),
    FlagKey.DELETED: lambda _: HasFlags(DELETED),
    FlagKey.DRAFT: lambda _: HasFlags(DRAFT),
    FlagKey.FLAGGED: lambda _: HasFlags(FLAGGED),
    FlagKey.NEW: lambda place: And((_recent(place), Not(HasFlags(SEEN)))),
    FlagKey.OLD: lambda place: Not(_recent(place)),
    FlagKey.RECENT: _recent,
    FlagKey.SAVEDATESUPPORTED: lambda _: All(),
    FlagKey.SEEN: lambda _: HasFlags(SEEN),
    FlagKey.UNANSWERED: lambda _: Not(HasFlags(ANSWERED)),
    FlagKey.UNDELETED: lambda _: Not(HasFlags(DELETED)),
    FlagKey.UNDRAFT: lambda _: Not(HasFlags(DRAFT)),
    FlagKey.UNFLAGGED: lambda _: Not(HasFlags(FLAGGED)),
    FlagKey.UNSEEN: lambda _: Not(HasFlags(SEEN)),
}

TEXTS: Final[dict[TextField, Callable[[str], Query]]] = {
    TextField.BCC: lambda text: AddressContains("bcc", text),
    TextField.BODY: BodyContains,
    TextField.CC: lambda text: AddressContains("cc", text),
    TextField.FROM: lambda text: AddressContains("from", text),
    TextField.SUBJECT: SubjectContains,
    TextField.TEXT: TextContains,
    TextField.TO: lambda text: AddressContains("to", text),
}

DATES: Final[dict[DateField, Callable[[int], Query]]] = {
    # internal dates are told in UTC, so their days are UTC's
    DateField.BEFORE: lambda day: ReceivedBetween(before=day * DAY_S),
    DateField.ON: lambda day: ReceivedBetween(day * DAY_S, (day + 1) * DAY_S),
    DateField.SINCE: lambda day: ReceivedBetween(since=day * DAY_S),
    DateField.SAVEDBEFORE: lambda day: SavedBetween(before=day * DAY_S),
    DateField.SAVEDON: lambda day: SavedBetween(day * DAY_S, (day + 1) * DAY_S),
    DateField.SAVEDSINCE: lambda day: SavedBetween(since=day * DAY_S),
    DateField.SENTBEFORE: lambda day: SentBetween(before_day=day),
    DateField.SENTON: lambda day: SentBetween(day, day + 1),
    DateField.SENTSINCE: lambda day: SentBetween(since_day=day),
}
