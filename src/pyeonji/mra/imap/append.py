"""APPEND, with RFC 3502 and 4469, and REPLACE (RFC 8508): all or nothing.

Whether a message may come is decided before its octets are asked for; what
comes flows through a spool; what is kept is one append of storage, and OK is
said only when that is stable.

LIBERTY: octets over 127 in a header are taken from every client. RFC 6855 §4
wants them refused before ENABLE UTF8=ACCEPT; then nobody could bring old mail
(EUC-KR in subjects) or what others sent that way from server to server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.base.limits import SMALL_BLOB_OCTETS
from pyeonji.mra.imap.copy import place_of
from pyeonji.mra.imap.flags import BadFlags, split
from pyeonji.mra.imap.incoming import (
    MAX_HELD_OCTETS,
    Appending,
    Incoming,
    Unkeepable,
)
from pyeonji.mra.imap.limiting import saving_limit
from pyeonji.mra.imap.places import NoRight
from pyeonji.mra.imap.selected import NoSuchNumber, UidRequired
from pyeonji.mra.imap.shared_flags import kept_flags
from pyeonji.protocol.imap import commands
from pyeonji.protocol.imap.commands import MessageForm
from pyeonji.protocol.imap.sequences import runs, write_ranges
from pyeonji.storage.entries import Column
from pyeonji.storage.errors import NoSuchMessage, OverQuota

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyeonji.base.ids import Uid
    from pyeonji.mra.imap.session import Session

JOINS: Final = (
    commands.Append,
    commands.MessageBegun,
    commands.MessageChunk,
    commands.AppendEnded,
)
"""Events that need not wait for the answers of APPENDs before them."""


async def append(session: Session, command: commands.Append) -> None:
    """Decide whether the first message may come."""
    if command.waits or command.replaced is not None:
        await session.unanswered.settle()
    session.append_tag = command.tag

    async def begin() -> None:
        session.appending = await _begin(session, command)
        _message(session, session.appending, command.first)

    await decide(session, begin)


async def message_begun(session: Session, event: commands.MessageBegun) -> None:
    """Decide whether a further message may come (RFC 3502 §6.3.11)."""

    async def begin() -> None:
        if session.appending is not None:
            session.appending.messages[-1].check()
            limit = saving_limit(session)
            if limit is not None and len(session.appending.messages) >= limit:
                raise Unkeepable("Too many at once.", b"MESSAGELIMIT %d" % limit)
            _message(session, session.appending, event)

    await decide(session, begin)


async def decide(session: Session, begin: Callable[[], Awaitable[None]]) -> None:
    """Tell the machine whether what it asked about may come; answer if not."""
    try:
        await begin()
    except Unkeepable as error:
        _drop(session)
        session.machine.refuse_message()
        await session.unanswered.settle()
        await session.no(session.append_tag, str(error), error.code)
    except BaseException:
        _drop(session)
        session.machine.refuse_message()
        await session.unanswered.settle()
        raise
    else:
        session.machine.accept_message()


async def _begin(session: Session, command: commands.Append) -> Appending:
    place = await place_of(session, command.mailbox)
    if place is None:
        raise Unkeepable("No such mailbox.", b"TRYCREATE")
    mailbox = place.mailbox
    appending = Appending(
        tag=command.tag,
        account=place.account,
        mailbox_id=mailbox.id,
        uid_validity=mailbox.uid_validity,
        rights=place.rights,
        quota=place.owner.quota,
    )
    if command.replaced is not None:
        await _find_replaced(session, appending, command.replaced)
    quota = appending.quota.octets
    if quota is not None:
        used = (await place.account.usage()).octets + session.unanswered.octets
        appending.room = quota - used + appending.replaced_octets
    return appending


async def _find_replaced(
    session: Session, appending: Appending, replaced: commands.Replaced
) -> None:
    """The message that goes (RFC 8508 §3.2): it must be there."""
    selected = session.selected
    if selected.read_only:
        raise Unkeepable("The mailbox is read-only.", b"READ-ONLY")
    if not {"t", "e"} <= set(selected.rights):
        raise NoRight("REPLACE")
    if selected.account.id != appending.account.id:
        raise Unkeepable("Not from one account to another.")
    view = selected.view
    uid = replaced.number
    if not uid:
        uid = view.last
    elif not replaced.by_uid and session.enabled.uid_only:
        raise UidRequired
    elif not replaced.by_uid:
        if uid > len(view):
            raise NoSuchNumber
        uid = view.range_of_numbers(uid, uid)[0]
    rows = await selected.account.select(
        selected.mailbox_id, [(uid, uid)], (Column.UID, Column.SIZE)
    )
    if not rows:
        raise NoSuchMessage
    appending.replaced, appending.replaced_octets = rows[0]


def _message(
    session: Session, appending: Appending, head: commands.MessageBegun
) -> None:
    """Make ready for one message. Raises Unkeepable, OverQuota."""
    try:
        bits, keywords = split(head.flags)
    except BadFlags as error:
        raise Unkeepable(str(error)) from None
    bits, keywords = kept_flags(appending.rights, bits, keywords)
    appending.catenating = head.form is MessageForm.CATENATE
    if not head.size_octets and not appending.catenating:
        raise Unkeepable("An empty message is none.")
    check_room(appending, head.size_octets)
    house = session.house
    is_large = appending.catenating or head.size_octets > SMALL_BLOB_OCTETS
    appending.messages.append(
        Incoming(
            flags=bits,
            keywords=" ".join(keywords),
            internal_date=int(house.clock.time())
            if head.internal_date is None
            else head.internal_date,
            binary=head.form is MessageForm.BINARY,
            spool=house.spool() if is_large else None,
        )
    )


def check_room(appending: Appending, octets: int) -> None:
    """See whether so many octets more may come.

    Raises:
        OverQuota: the account would hold too much.
        Unkeepable: too much for one command.
    """
    so_far = appending.octets
    if appending.room is not None and so_far + octets > appending.room:
        raise OverQuota(used=so_far + octets, limit=max(appending.room, 0))
    small = sum(
        message.octets
        for message in appending.messages
        if message.octets <= SMALL_BLOB_OCTETS
    )
    if small + min(octets, SMALL_BLOB_OCTETS) > MAX_HELD_OCTETS:
        raise Unkeepable("Too much for one command.", b"TOOBIG")


async def message_chunk(session: Session, event: commands.MessageChunk) -> None:
    """Take octets of the message."""
    if session.appending is not None:
        session.appending.write(event.octets)


async def append_ended(session: Session, event: commands.AppendEnded) -> None:  # noqa: ARG001 - a row of HANDLERS
    """All is here: keep it. Said OK only when it is stable."""
    appending, session.appending = session.appending, None
    if appending is None:
        return
    unanswered = session.unanswered
    if appending.replaced is None and (len(unanswered) or session.machine.has_input):
        unanswered.add(appending, _keep(session, appending))
        if unanswered.full or not session.machine.has_input:
            await unanswered.settle()
        return
    await unanswered.settle()
    try:
        code = await _keep(session, appending)
    except Unkeepable as error:
        await session.no(appending.tag, str(error), error.code)
        return
    finally:
        appending.abort()
    if appending.replaced is not None:
        # told before EXPUNGE, so that the client knows the new one (RFC 8508 §4.3)
        session.write(b"* OK [%b] Kept.\r\n" % code)
        code = b""
        if session.enabled.resync:  # as UID EXPUNGE (RFC 8508 §4.5)
            selected = session.selected
            await selected.refresh(session.write, expunges=True)
            selected.owed = False
            code = b"HIGHESTMODSEQ %d" % selected.synced
            session.tagged(appending.tag, b"OK", "Kept.", code)
            return
    await session.ok(appending.tag, "Kept.", code)


async def _keep(session: Session, appending: Appending) -> bytes:
    """Store what came; returns the response code (RFC 4315 §3)."""
    house = session.house
    for message in appending.messages:
        message.check()
    messages = [
        await message.finish(house.prepare, house.spool)
        for message in appending.messages
    ]
    quota = appending.quota
    account = appending.account
    uids: list[Uid]
    if appending.replaced is None:
        uids = await account.append(appending.mailbox_id, messages, quota=quota)
    else:
        uids = [
            await account.replace(
                session.selected.mailbox_id,
                appending.replaced,
                appending.mailbox_id,
                messages[0],
                quota=quota,
            )
        ]
    return b"APPENDUID %d %b" % (appending.uid_validity, write_ranges(runs(uids)))


def _drop(session: Session) -> None:
    """Nothing is under way any more."""
    if session.appending is not None:
        session.appending.abort()
        session.appending = None
