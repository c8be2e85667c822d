"""SEARCH (RFC 3501 §6.4.4), extended by RFC 4731, 5182, 5267, 6203 and 9394."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.mra.imap import looking, search_results
from pyeonji.mra.imap.contexts import NotSearched, check_tag, follow_results
from pyeonji.mra.imap.limiting import newest
from pyeonji.protocol.imap.commands import ReturnOption
from pyeonji.protocol.imap.commands.searching import ALL_RESULTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mra.imap.looking import Look
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands


async def search(session: Session, command: commands.Search) -> None:
    """Say which messages match, by number or by uid."""
    selected = session.selected
    try:
        check_tag(selected, command)
        look = await looking.look_of(session, command)
    except NotSearched as why:
        looking.refuse(session, command, why)
        return
    returns = returns_of(session, command)
    query = look.query(selected)  # before "$" is forgotten: it may be in it
    query, limit = newest(session, look, query)
    looking.forget_saved(selected, command)
    uids = await looking.found_uids(
        selected.account, selected.mailbox_id, selected, query
    )
    found = said(session, uids, by_uid=command.by_uid)
    session.write(await answer(session, command, returns, look, uids, found))
    follow_results(session, command, look, uids)
    await session.updates(expunges=command.by_uid, only_if_dirty=True)
    session.tagged(command.tag, b"OK", "That is all.", limit)


def returns_of(session: Session, command: commands.Search) -> commands.Returns | None:
    """What is asked for; an IMAP4rev2 client gets ESEARCH (RFC 9051 §6.4.4)."""
    if command.returns is None and session.enabled.rev2:
        return ALL_RESULTS
    return command.returns


def said(session: Session, uids: Sequence[int], *, by_uid: bool) -> Sequence[int]:
    """Ascending uids as they are told."""
    if by_uid:
        return uids
    return session.selected.view.numbers(uids)


async def answer(
    session: Session,
    command: commands.Search,
    returns: commands.Returns | None,
    look: Look,
    uids: Sequence[int],
    found: Sequence[int],
) -> bytes:
    """The response for ascending uids, told as `found`; saves them if asked."""
    selected = session.selected
    chosen = uids
    if returns is not None:
        indices = search_results.picked(returns, len(uids))
        chosen = uids if indices is None else [uids[index] for index in indices]
        if ReturnOption.SAVE in returns:
            looking.save(selected, chosen)
    mod_seq = 0
    if look.by_mod_seq:
        mod_seq = await looking.highest_mod_seq(
            selected.account, selected.mailbox_id, selected.view, chosen
        )
    if returns is None:
        return search_results.plain(b"SEARCH", found, mod_seq)
    scores: Sequence[int] = ()
    if ReturnOption.RELEVANCY in returns:
        scores = await look.scores(
            selected.account, selected.mailbox_id, selected, uids
        )
    return search_results.extended(
        search_results.correlator(command.tag),
        found,
        returns,
        by_uid=command.by_uid,
        mod_seq=mod_seq,
        scores=scores,
    )
