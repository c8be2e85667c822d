"""What SEARCH, SORT, THREAD and ESEARCH have in common: from command to uids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.message.charset import canonical
from pyeonji.mra.imap import relevancy
from pyeonji.mra.imap.contexts import NotSearched
from pyeonji.mra.imap.filters import UndefinedFilter, without_filters
from pyeonji.mra.imap.search_query import Translation, frozen
from pyeonji.mra.imap.selected import UidRequired
from pyeonji.protocol.imap.commands import ReturnOption, Sort, SortKey
from pyeonji.protocol.imap.search_keys import (
    FilterKey,
    FuzzyKey,
    MessagesKey,
    ModSeqKey,
    has,
    walk,
)
from pyeonji.protocol.imap.sequences import runs
from pyeonji.storage.mailboxes import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.base.ids import MailboxId, Uid
    from pyeonji.mra.imap.search_query import Place
    from pyeonji.mra.imap.selected import Selected
    from pyeonji.mra.imap.session import Session
    from pyeonji.mra.imap.uid_map import UidMap
    from pyeonji.protocol.imap import commands
    from pyeonji.protocol.imap.search_keys import Key
    from pyeonji.storage.mailboxes import AccountStore
    from pyeonji.storage.query import Query

CHARSETS: Final = b"BADCHARSET (UTF-8 US-ASCII)"
DENSE: Final = 4
"""Columns of a whole mailbox are read where one in so many entries is wanted."""
PORTION: Final = 5000
"""Entries whose columns are read at once."""


class Look:
    """One search, ready to be asked of mailboxes."""

    def __init__(self, session: Session, charset: str, key: Key) -> None:
        self._session = session
        self._charset = charset
        self.key = key
        self.by_mod_seq = has(key, ModSeqKey)

    def translation(self, place: Place) -> Translation:
        """For a mailbox."""
        return Translation(place, self._charset, self._session.house.clock.time())

    def query(self, place: Place) -> Query:
        """What it means in a mailbox."""
        return self.translation(place).query(self.key)

    def fixed(self, place: Place) -> Look:
        """The same, of the messages that its sequence sets name now."""
        return Look(self._session, self._charset, frozen(self.key, place))

    async def scores(
        self,
        account: AccountStore,
        mailbox_id: MailboxId,
        place: Place,
        uids: Sequence[int],
    ) -> list[int]:
        """Relevancy of each of ascending uids (RFC 6203 §4)."""
        translation = self.translation(place)
        return await relevancy.scores(account, mailbox_id, translation, self.key, uids)


async def found_uids(
    account: AccountStore, mailbox_id: MailboxId, place: Place, query: Query
) -> list[Uid]:
    """Uids of what matches, ascending, no later ones than the place knows."""
    uids = await account.search(mailbox_id, query)
    last = place.view.last
    if uids and uids[-1] > last:
        return [uid for uid in uids if uid <= last]
    return uids


async def look_of(session: Session, command: commands.Search) -> Look:
    """Check a command and make it ready.

    Raises:
        NotSearched: it cannot be done.
        UidRequired: it has sequence numbers, and UIDONLY is on.
    """
    if command.charset and b"UTF8=ACCEPT" in session.enabled:  # RFC 6855 §3
        raise NotSearched(b"BAD", "Everything is UTF-8 now.")
    charset = command.charset.decode("ascii", "replace") or "utf-8"
    known = canonical(charset)
    if known is None:
        raise NotSearched(b"NO", "Unknown charset.", CHARSETS)
    if has(command.key, FilterKey) and known not in {"utf-8", "ascii", "us-ascii"}:
        # the texts of filters are UTF-8 (RFC 5466 §3.1)
        raise NotSearched(b"BAD", "Filters are in UTF-8.", CHARSETS)
    try:
        key = await without_filters(session, command.key)
    except UndefinedFilter as error:
        code = b"UNDEFINED-FILTER " + error.name
        raise NotSearched(b"NO", "No such filter.", code) from None
    if _wants_relevancy(command) and not has(key, FuzzyKey):
        raise NotSearched(b"BAD", "RELEVANCY without FUZZY.")  # RFC 6203 §4
    if session.enabled.uid_only and any(
        isinstance(one, MessagesKey) and not one.by_uid and not one.messages.saved
        for one in walk(key)
    ):
        raise UidRequired  # RFC 9586 §3
    if has(key, ModSeqKey):
        session.enable_condstore()  # RFC 7162 §3.1
    return Look(session, charset, key)


def _wants_relevancy(command: commands.Search) -> bool:
    if command.returns is not None and ReturnOption.RELEVANCY in command.returns:
        return True
    return isinstance(command, Sort) and any(
        criterion.key is SortKey.RELEVANCY for criterion in command.criteria
    )


def refuse(session: Session, command: commands.Search, why: NotSearched) -> None:
    """Answer a search that cannot be done."""
    if _saves(command) and why.status == b"NO" and session.has_selected:
        session.selected.saved = []  # RFC 5182 §2.1
    session.tagged(command.tag, why.status, why.text, why.code)


def _saves(command: commands.Search) -> bool:
    return command.returns is not None and ReturnOption.SAVE in command.returns


def forget_saved(selected: Selected, command: commands.Search) -> None:
    """What was saved goes; a search that fails from now on saves nothing."""
    if _saves(command):
        selected.saved = []


def save(selected: Selected, uids: Sequence[int]) -> None:
    """Keep uids as "$"; they follow what is expunged (RFC 5182 §2.1).

    They are kept as ranges between whose ends the mailbox holds no others,
    and no uid ever comes back: so what is expunged just is not there.
    """
    view = selected.view
    numbers = runs(map(view.number, sorted(uids)))
    selected.saved = [view.range_of_numbers(low, high) for low, high in numbers]


def spans(view: UidMap, uids: Sequence[int]) -> list[tuple[int, int]]:
    """Ranges that cover ascending uids, without many gaps for few others."""
    if not uids:
        return []
    if len(uids) * DENSE >= view.count(uids[0], uids[-1]):
        return [(uids[0], uids[-1])]
    return [
        view.range_of_numbers(low, high) for low, high in runs(map(view.number, uids))
    ]


async def highest_mod_seq(
    account: AccountStore, mailbox_id: MailboxId, view: UidMap, uids: Sequence[int]
) -> int:
    """The highest mod-sequence among ascending uids, 0 if there are none."""
    wanted = set(uids)
    highest = 0
    for portion in view.split(spans(view, uids), PORTION):
        rows = await account.select(mailbox_id, portion, (Column.UID, Column.MOD_SEQ))
        highest = max([highest, *(row[1] for row in rows if row[0] in wanted)])
    return highest
