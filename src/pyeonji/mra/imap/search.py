"""SEARCH (RFC 3501 §6.4.4): from a client's keys to storage's query values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.message.charset import canonical, decode_text
from pyeonji.protocol.imap.parse_search import (
    AllOf,
    AnyOf,
    DateField,
    DateKey,
    FlagKey,
    HeaderKey,
    KeywordKey,
    MessagesKey,
    NotKey,
    SizeKey,
    TextField,
    TextKey,
)
from pyeonji.storage.mailboxes import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
from pyeonji.storage.query import (
    AddressContains,
    All,
    And,
    BodyContains,
    HasFlags,
    HasKeyword,
    HeaderContains,
    Not,
    Or,
    Query,
    ReceivedBetween,
    SentBetween,
    SizeBetween,
    SubjectContains,
    TextContains,
    UidIn,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyeonji.mra.imap.selected import Selected
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands
    from pyeonji.protocol.imap.parse_search import Key

DAY_S: Final = 86400


async def search(session: Session, command: commands.Search) -> None:
    """Say which messages match, by number or by uid."""
    charset = command.charset.decode("ascii", "replace") or "utf-8"
    if canonical(charset) is None:
        session.tagged(
            command.tag, b"NO", "Unknown charset.", b"BADCHARSET (UTF-8 US-ASCII)"
        )
        return
    selected = session.selected
    query = Translation(selected, charset).query(command.key)
    uids = await selected.account.search(selected.mailbox_id, query)
    last = selected.view.last
    known = [uid for uid in uids if uid <= last] if uids and uids[-1] > last else uids
    if command.by_uid:
        found = list(map(int, known))
    else:
        found = [number for number in map(selected.view.number, known) if number]
    session.write(b"* SEARCH%b\r\n" % b"".join([b" %d" % number for number in found]))
    await session.updates(expunges=command.by_uid, only_if_dirty=True)
    session.tagged(command.tag, b"OK", "That is all.")


class Translation:
    """Turns keys into a query for one mailbox as its session sees it."""

    def __init__(self, selected: Selected, charset: str) -> None:
        """`charset` is one that `message.charset` knows."""
        self._selected = selected
        self._charset = charset

    def query(self, key: Key) -> Query:
        """The query that means the same.

        Raises:
            NoSuchNumber: a sequence number is larger than the mailbox.
        """
        match key:
            case FlagKey():
                return FLAGS[key](self._selected)
            case TextKey():
                return TEXTS[key.where](self._text(key.octets))
            case HeaderKey():
                name = key.name.decode("ascii", "replace")
                return HeaderContains(name, self._text(key.octets))
            case DateKey():
                return DATES[key.which](key.day)
            case KeywordKey():
                has = HasKeyword(key.keyword.decode("ascii"))
                return has if key.present else Not(has)
            case SizeKey(larger=True):
                return SizeBetween(least=key.octets + 1)
            case SizeKey():
                return SizeBetween(most=key.octets - 1)
            case MessagesKey():
                return self._messages(key)
            case AllOf() | AnyOf() | NotKey():
                return self._combined(key)

    def _combined(self, key: AllOf | AnyOf | NotKey) -> Query:
        if isinstance(key, NotKey):
            return Not(self.query(key.key))
        queries = tuple(self.query(inner) for inner in key.keys)
        return And(queries) if isinstance(key, AllOf) else Or(queries)

    def _messages(self, key: MessagesKey) -> Query:
        ranges = self._selected.ranges(key.messages, by_uid=key.by_uid)
        return UidIn(ranges) if ranges else Or(())

    def _text(self, octets: bytes) -> str:
        if octets.isascii() and b"\x1b" not in octets and b"+" not in octets:
            return octets.decode("ascii")
        return decode_text(octets, self._charset).text


def _recent(selected: Selected) -> Query:
    return UidIn(tuple(selected.recents)) if selected.recents else Or(())


FLAGS: Final[dict[FlagKey, Callable[[Selected], Query]]] = {
    FlagKey.ALL: lambda _: All(),
    FlagKey.ANSWERED: lambda _: HasFlags(ANSWERED),
    FlagKey.DELETED: lambda _: HasFlags(DELETED),
    FlagKey.DRAFT: lambda _: HasFlags(DRAFT),
    FlagKey.FLAGGED: lambda _: HasFlags(FLAGGED),
    FlagKey.NEW: lambda selected: And((_recent(selected), Not(HasFlags(SEEN)))),
    FlagKey.OLD: lambda selected: Not(_recent(selected)),
    FlagKey.RECENT: _recent,
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
    DateField.SENTBEFORE: lambda day: SentBetween(before_day=day),
    DateField.SENTON: lambda day: SentBetween(day, day + 1),
    DateField.SENTSINCE: lambda day: SentBetween(since_day=day),
}
