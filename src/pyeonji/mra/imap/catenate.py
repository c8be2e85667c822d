"""CATENATE (RFC 4469): a message made of new octets and of what is kept here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyeonji.base.ids import Uid
from pyeonji.mra.imap import places
from pyeonji.mra.imap.append import check_room, decide
from pyeonji.mra.imap.incoming import Unkeepable
from pyeonji.mra.imap.sections import Message, SectionReader
from pyeonji.protocol.imap.urls import BadUrl, parse_message_url
from pyeonji.storage.entries import Column
from pyeonji.storage.errors import NoSuchMailbox

if TYPE_CHECKING:
    from pyeonji.mra.imap.incoming import Appending
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands
    from pyeonji.protocol.imap.urls import MessageUrl

PIECE_OCTETS: Final = 256 * 1024
"""Copied into the spool at once."""

_UNTELLABLE: Final = re.compile(rb"[^ -\\^-~]+")


async def text_part(session: Session, event: commands.TextPart) -> None:
    """Decide whether new octets may come."""

    async def begin() -> None:
        if session.appending is not None:
            _check(session, session.appending, event.size_octets)

    await decide(session, begin)


async def url_part(session: Session, event: commands.UrlPart) -> None:
    """Copy what a URL names behind what is there already."""

    async def begin() -> None:
        if session.appending is None:
            return
        try:
            url = parse_message_url(event.url)
            await _copy(session, session.appending, url)
        except (BadUrl, NoSuchMailbox):
            code = b"BADURL " + _UNTELLABLE.sub(b"?", event.url)[:200]
            raise Unkeepable("No such octets.", code) from None

    await decide(session, begin)


def _check(session: Session, appending: Appending, octets: int) -> None:
    """Room for so much more of this message."""
    message = appending.messages[-1]
    if message.octets + octets > session.house.options.message_octets:
        raise Unkeepable("Message too large.", b"TOOBIG")
    check_room(appending, octets)


async def _copy(session: Session, appending: Appending, url: MessageUrl) -> None:
    """Raises BadUrl, NoSuchMailbox, Unkeepable, OverQuota."""
    if not _is_ours(session, url):
        raise BadUrl("another server or user")
    try:
        place = await places.find_selectable(session, url.mailbox, "r")
    except places.NoRight:
        raise BadUrl("no right to read") from None
    account, mailbox = place.account, place.mailbox
    if url.uid_validity not in {None, mailbox.uid_validity}:
        raise BadUrl("another UIDVALIDITY")
    rows = await account.select(
        mailbox.id, [(url.uid, url.uid)], (Column.PARTS, Column.PREFIX_SIZE)
    )
    found = await account.octets(mailbox.id, [Uid(url.uid)]) if rows else []
    if not found:
        raise BadUrl("no such message")
    message = Message.of(found[0][1], *rows[0])
    reader = SectionReader(url.section)
    span = reader.span(message)
    if span is None:
        octets = reader.octets(message)
        if octets is None:
            raise BadUrl("no such section")
        _check(session, appending, len(octets))
        appending.write(octets)
        return
    start, end = span
    _check(session, appending, end - start)
    while start < end:
        stop = min(start + PIECE_OCTETS, end)
        appending.write(message.octets.slice(start, stop))
        start = stop


def _is_ours(session: Session, url: MessageUrl) -> bool:
    """Whether a URL means this server and this user (or says neither)."""
    user = session.user
    host = session.house.options.hostname.lower()
    return url.host.lower() in {"", host} and (
        not url.user or (user is not None and url.user.lower() == user.address.lower())
    )
