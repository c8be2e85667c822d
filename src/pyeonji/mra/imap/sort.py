"""SORT (RFC 5256 §3), extended as SEARCH is (RFC 5267 §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.mra.imap import looking, search_results, sorting
from pyeonji.mra.imap.contexts import NotSearched, check_tag, follow_results
from pyeonji.mra.imap.limiting import newest
from pyeonji.protocol.imap.commands import ReturnOption, SortKey
from pyeonji.storage.mailboxes import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mra.imap.looking import Look
    from pyeonji.mra.imap.selected import Selected
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands


class _Sorted:
    """Rows in the order asked for."""

    def __init__(
        self, columns: sorting.Columns, order: list[int], scores: Sequence[int]
    ) -> None:
        uids = columns[Column.UID]
        self.ascending: list[int] = uids
        self.order = order
        self.uids = [uids[row] for row in order]
        self.scores = [scores[row] for row in order] if scores else []


async def sort(session: Session, command: commands.Sort) -> None:
    """Say which messages match, in the order asked for."""
    selected = session.selected
    try:
        check_tag(selected, command)
        look = await looking.look_of(session, command)
    except NotSearched as why:
        looking.refuse(session, command, why)
        return
    query, limit = newest(session, look, look.query(selected))
    if limit:  # an order of some of them would be none (RFC 9738 §3.3)
        session.tagged(command.tag, b"NO", "Too many messages; name fewer.", limit)
        return
    looking.forget_saved(selected, command)
    uids = await looking.found_uids(
        selected.account, selected.mailbox_id, selected, query
    )
    found = await _sorted(selected, command, look, uids)
    session.write(await _answer(selected, command, look, found))

    async def arrange(uids: Sequence[int]) -> list[int]:
        return (await _sorted(selected, command, look, uids)).uids

    follow_results(session, command, look, found.uids, arrange=arrange)
    await session.updates(expunges=command.by_uid, only_if_dirty=True)
    session.tagged(command.tag, b"OK", "That is all.")


async def _sorted(
    selected: Selected, command: commands.Sort, look: Look, uids: Sequence[int]
) -> _Sorted:
    wanted = sorting.columns_for(command.criteria)
    columns = await sorting.gather(selected, uids, wanted)
    scores: Sequence[int] = ()
    if _by_relevancy(command):
        scores = await look.scores(
            selected.account, selected.mailbox_id, selected, columns[Column.UID]
        )
    return _Sorted(columns, sorting.order_of(command.criteria, columns, scores), scores)


def _by_relevancy(command: commands.Sort) -> bool:
    if command.returns is not None and ReturnOption.RELEVANCY in command.returns:
        return True
    return any(criterion.key is SortKey.RELEVANCY for criterion in command.criteria)


async def _answer(
    selected: Selected, command: commands.Sort, look: Look, found: _Sorted
) -> bytes:
    returns = command.returns
    chosen = found.uids
    if returns is not None:
        indices = search_results.picked(returns, len(found.uids))
        if indices is not None:
            chosen = [found.uids[index] for index in indices]
        if ReturnOption.SAVE in returns:
            looking.save(selected, chosen)
    mod_seq = 0
    if look.by_mod_seq:
        mod_seq = await looking.highest_mod_seq(
            selected.account, selected.mailbox_id, selected.view, sorted(chosen)
        )
    said = found.uids
    if not command.by_uid:
        numbers = selected.view.numbers(found.ascending)
        said = [numbers[row] for row in found.order]
    if returns is None:
        return search_results.plain(b"SORT", said, mod_seq)
    return search_results.extended(
        search_results.correlator(command.tag),
        said,
        returns,
        by_uid=command.by_uid,
        mod_seq=mod_seq,
        scores=found.scores,
    )
