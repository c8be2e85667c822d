"""CREATE, DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE (RFC 3501 §6.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.mra.imap import places
from pyeonji.mra.imap.uses import BadUse, use_of
from pyeonji.storage.errors import MailboxIsFixed

if TYPE_CHECKING:
    from pyeonji.mra.imap.places import Place, Whereabouts
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands


async def create(session: Session, command: commands.Create) -> None:
    """Make a mailbox, perhaps for a special use (RFC 6154 §3).

    Its id is told (MAILBOXID). It inherits the rights of the nearest
    mailbox above it (RFC 4314 §4).
    """
    try:
        use = use_of(command.uses, foreign=places.is_foreign(command.mailbox))
    except BadUse:
        await session.no(command.tag, "Not with that use.", b"USEATTR")
        return
    where, above = await places.place_for_new(session, command.mailbox)
    mailbox = await where.account.create(
        where.name,
        special_use=use,
        quota=where.owner.quota,
    )
    if above is not None:
        await _inherit(session, above, where, mailbox.name)
    _tell_name(session, where, mailbox.name)
    code = b"MAILBOXID (%b)" % mailbox.object_id.encode("ascii")
    await session.ok(command.tag, "Made.", code)


def _tell_name(session: Session, where: Whereabouts, made: str) -> None:
    """LIST with OLDNAME, where a name is kept in another form than it was given.

    RFC 9051 §6.3.9.7; clients of IMAP4rev1 would not understand it.
    """
    if session.enabled.rev2 and made != where.name:
        name = session.name(where.prefix + made)
        asked = session.name(where.prefix + where.name)
        session.write(b'* LIST () "/" %b ("OLDNAME" (%b))\r\n' % (name, asked))


async def _inherit(
    session: Session, above: Place, where: Whereabouts, name: str
) -> None:
    """Give new mailboxes below `above` its rights."""
    granted = await above.account.rights(above.mailbox.id)
    if not granted:
        return
    levels = name.split("/")
    first = above.mailbox.name.count("/") + 2
    for depth in range(first, len(levels) + 1):
        made = await where.account.mailbox("/".join(levels[:depth]))
        for identifier, letters in granted.items():
            await where.account.set_rights(made.id, identifier, letters)
        await session.house.directory.note_share(where.owner.id, made.id, list(granted))


async def delete(session: Session, command: commands.Delete) -> None:
    """Delete a mailbox; with others below it, its name stays (RFC 3501 §6.3.4)."""
    place = await places.find(session, command.mailbox, "x")
    mailbox = place.mailbox
    if not mailbox.selectable:
        await session.no(command.tag, "Others are below it.", b"HASCHILDREN")
        return
    granted = await place.account.rights(mailbox.id)
    if session.has_selected:
        selected = session.selected
        if (
            selected.mailbox_id == mailbox.id
            and selected.account.id == place.account.id
        ):
            session.unselect()
    await place.account.delete(mailbox.id)
    if granted:
        await session.house.directory.note_share(place.owner.id, mailbox.id, ())
    await session.ok(command.tag, "Deleted.")


async def rename(session: Session, command: commands.Rename) -> None:
    """Rename a mailbox and all below it (RFC 3501 §6.3.5); rights stay."""
    place = await places.find(session, command.mailbox, "x")
    new_name = command.new_name.removesuffix("/")
    where, _ = await places.place_for_new(session, new_name)
    if where.owner.id != place.owner.id:
        await session.no(command.tag, "Not to another account.", b"CANNOT")
        return
    if place.mailbox.name == "INBOX" and place.owner.id != session.account.id:
        raise MailboxIsFixed(command.mailbox)
    await place.account.rename(place.mailbox.id, where.name)
    if place.mailbox.name != "INBOX":  # that one stays, only its messages go
        renamed = await place.account.mailbox_by_id(place.mailbox.id)
        _tell_name(session, where, renamed.name)
    await session.ok(command.tag, "Renamed.")


async def subscribe(session: Session, command: commands.Subscribe) -> None:
    """SUBSCRIBE and UNSUBSCRIBE (RFC 3501 §6.3.6, §6.3.7)."""
    name = command.mailbox
    if command.wanted:
        name = (await places.find(session, name)).name
    await session.account.subscribe(name, wanted=command.wanted)
    await session.ok(command.tag, "Done.")
