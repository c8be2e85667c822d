"""ESEARCH: SEARCH in many mailboxes (RFC 7377)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.mra.imap import looking, search_results
from pyeonji.mra.imap.contexts import (
    NotSearched,
    check_tag,
    follow_results,
    wants_updates,
)
from pyeonji.mra.imap.search_query import OtherPlace
from pyeonji.mra.imap.uid_map import UidMap
from pyeonji.protocol.imap.commands import ReturnOption, SourceKind
from pyeonji.protocol.imap.commands.searching import ALL_RESULTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyeonji.base.ids import MailboxId
    from pyeonji.mra.imap.looking import Look
    from pyeonji.mra.imap.search_query import Place
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands
    from pyeonji.storage.mailboxes import AccountStore, Mailbox

MAX_SEARCHED: Final = 2000
"""Mailboxes that one ESEARCH looks through (RFC 7377 §2.4)."""

_OWN: Final = frozenset({SourceKind.PERSONAL, SourceKind.INBOXES})


async def multi_search(session: Session, command: commands.MultiSearch) -> None:
    """Answer once for each mailbox in which something matches."""
    in_selected = any(one.kind is SourceKind.SELECTED for one in command.sources)
    if in_selected and not session.has_selected:
        session.tagged(command.tag, b"BAD", "No mailbox is selected.")
        return
    try:
        if session.has_selected:
            check_tag(session.selected, command)
        look = await looking.look_of(session, command)
        others = await _others(session, command)
    except NotSearched as why:
        looking.refuse(session, command, why)
        return
    if in_selected:
        await _in_selected(session, command, look)
    for mailbox in others:
        await _in_other(session, command, look, mailbox)
        await session.connection.drain()
    await session.updates(only_if_dirty=True)
    session.tagged(command.tag, b"OK", "That is all.")


async def _in_selected(
    session: Session, command: commands.MultiSearch, look: Look
) -> None:
    selected = session.selected
    returns = command.returns or ALL_RESULTS
    query = look.query(selected)
    looking.forget_saved(selected, command)
    uids = await looking.found_uids(
        selected.account, selected.mailbox_id, selected, query
    )
    name = search_results.correlated_mailbox(
        session.name(selected.name), selected.uid_validity
    )
    if ReturnOption.SAVE in returns:
        indices = search_results.picked(returns, len(uids))
        looking.save(
            selected, uids if indices is None else [uids[at] for at in indices]
        )
    await _tell(
        session, command, look, (selected.account, selected.mailbox_id, selected), uids,
        name,
    )  # fmt: skip
    if wants_updates(command):
        follow_results(session, command, look, uids, mailbox=name)


async def _in_other(
    session: Session, command: commands.MultiSearch, look: Look, mailbox: Mailbox
) -> None:
    account = session.account
    place = OtherPlace(
        view=UidMap(await account.uids(mailbox.id)),
        recents=((mailbox.first_recent, mailbox.uid_next),),
    )
    uids = await looking.found_uids(account, mailbox.id, place, look.query(place))
    name = search_results.correlated_mailbox(
        session.name(mailbox.name), mailbox.uid_validity
    )
    await _tell(session, command, look, (account, mailbox.id, place), uids, name)


async def _tell(
    session: Session,
    command: commands.MultiSearch,
    look: Look,
    where: tuple[AccountStore, MailboxId, Place],
    uids: Sequence[int],
    name: bytes,
) -> None:
    """The ESEARCH response of one mailbox; none where nothing matches."""
    if not uids:
        return
    account, mailbox_id, place = where
    returns = command.returns or ALL_RESULTS
    mod_seq = 0
    if look.by_mod_seq:
        indices = search_results.picked(returns, len(uids))
        chosen = uids if indices is None else [uids[at] for at in indices]
        mod_seq = await looking.highest_mod_seq(account, mailbox_id, place.view, chosen)
    scores: Sequence[int] = ()
    if ReturnOption.RELEVANCY in returns:
        scores = await look.scores(account, mailbox_id, place, uids)
    session.write(
        search_results.extended(
            search_results.correlator(command.tag, name),
            uids,
            returns,
            by_uid=True,
            mod_seq=mod_seq,
            scores=scores,
        )
    )


async def _others(session: Session, command: commands.MultiSearch) -> list[Mailbox]:
    """The mailboxes that the sources name, once each, without the selected one.

    The selected one is left out only where SELECTED names it, too. Mailboxes
    that are not there are passed over.

    Raises:
        NotSearched: there are too many of them.
    """
    if all(source.kind is SourceKind.SELECTED for source in command.sources):
        return []
    boxes = [box for box in await session.account.mailboxes() if box.selectable]
    found: dict[int, Mailbox] = {}
    for source in command.sources:
        found.update((box.id, box) for box in _of_source(source, boxes))
    if any(one.kind is SourceKind.SELECTED for one in command.sources):
        found.pop(session.selected.mailbox_id, None)
    if len(found) > MAX_SEARCHED:
        raise NotSearched(b"NO", "Too many mailboxes.", b"LIMIT")
    return [box for box in boxes if box.id in found]


def _of_source(source: commands.Source, boxes: Iterable[Mailbox]) -> Iterator[Mailbox]:
    if source.kind in _OWN:
        yield from boxes
        return
    if source.kind is SourceKind.SUBSCRIBED:
        yield from (box for box in boxes if box.subscribed)
        return
    names = set(source.names)
    for box in boxes:
        if box.name in names or _is_below(source.kind, names, box.name):
            yield box


def _is_below(kind: SourceKind, names: set[str], name: str) -> bool:
    """Whether a mailbox is below one of these, as far as the source goes."""
    if kind is SourceKind.MAILBOXES:
        return False
    above = name.rpartition("/")[0]
    while above:
        if above in names:
            return True
        if kind is SourceKind.SUBTREE_ONE:
            return False
        above = above.rpartition("/")[0]
    return False
