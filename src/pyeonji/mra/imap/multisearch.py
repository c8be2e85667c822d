"""ESEARCH: SEARCH in many mailboxes (RFC 7377)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.mra.imap import looking, places, search_results
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
from pyeonji.storage.errors import NoSuchMailbox

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyeonji.base.ids import MailboxId
    from pyeonji.mra.imap.looking import Look
    from pyeonji.mra.imap.places import Place as Found
    from pyeonji.mra.imap.search_query import Place
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands
    from pyeonji.storage.mailboxes import AccountStore

MAX_SEARCHED: Final = 2000
"""Mailboxes that one ESEARCH looks through (RFC 7377 §2.4)."""

_OWN: Final = frozenset({SourceKind.PERSONAL, SourceKind.INBOXES})
"""Sources that mean one's own mailboxes; what may be delivered to is any of them."""


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
    for box in others:
        await _in_other(session, command, look, box)
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
    session: Session, command: commands.MultiSearch, look: Look, box: Found
) -> None:
    account, mailbox = box.account, box.mailbox
    place = OtherPlace(
        account_id=account.id,
        view=UidMap(await account.uids(mailbox.id)),
        recents=((mailbox.first_recent, mailbox.uid_next),),
    )
    uids = await looking.found_uids(account, mailbox.id, place, look.query(place))
    name = search_results.correlated_mailbox(
        session.name(box.name), mailbox.uid_validity
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


async def _others(session: Session, command: commands.MultiSearch) -> list[Found]:
    """The mailboxes that the sources name, once each, without the selected one.

    The selected one is left out only where SELECTED names it, too. Mailboxes
    that are not there, or may not be read, are passed over (RFC 7377 §2.2).

    Raises:
        NotSearched: there are too many of them.
    """
    kinds = {source.kind for source in command.sources}
    if kinds == {SourceKind.SELECTED}:
        return []
    boxes = await places.own(session)
    if not kinds <= _OWN:
        boxes += await places.of_others(session)
        boxes += await _named(session, command, {box.name for box in boxes})
    boxes = [box for box in boxes if box.mailbox.selectable and box.has("r")]
    found: set[tuple[str, int]] = set()
    for source in command.sources:
        found.update(_key(box) for box in await _of_source(session, source, boxes))
    if SourceKind.SELECTED in kinds:
        selected = session.selected
        found.discard((selected.account.id, selected.mailbox_id))
    if len(found) > MAX_SEARCHED:
        raise NotSearched(b"NO", "Too many mailboxes.", b"LIMIT")
    return [box for box in boxes if _key(box) in found]


async def _named(
    session: Session, command: commands.MultiSearch, known: set[str]
) -> list[Found]:
    """Mailboxes of others that are named, and may be read though not listed."""
    found = []
    for source in command.sources:
        for name in source.names:
            if name in known or not places.is_foreign(name):
                continue
            known.add(name)
            try:
                found.append(await places.find_selectable(session, name, "r"))
            except (NoSuchMailbox, places.NoRight):
                continue
    return found


def _key(box: Found) -> tuple[str, int]:
    return box.account.id, box.mailbox.id


async def _of_source(
    session: Session, source: commands.Source, boxes: Iterable[Found]
) -> list[Found]:
    if source.kind in _OWN:
        own = session.account.id
        return [box for box in boxes if box.account.id == own]
    if source.kind is SourceKind.SUBSCRIBED:
        subscribed = set(await session.account.subscriptions())
        return [box for box in boxes if box.name in subscribed]
    names = set(source.names)
    return [
        box
        for box in boxes
        if box.name in names or _is_below(source.kind, names, box.name)
    ]


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
