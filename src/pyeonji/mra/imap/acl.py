"""SETACL, DELETEACL, GETACL, LISTRIGHTS and MYRIGHTS (RFC 4314 §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.mra.imap import places, rights
from pyeonji.protocol.imap import responses
from pyeonji.storage.errors import NoSuchMailbox, TooManyNotes

if TYPE_CHECKING:
    from pyeonji.mra.imap.places import Place
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands


async def set_acl(session: Session, command: commands.SetAcl) -> None:
    """Give or take rights; the owner keeps every right, always."""
    place = await places.find(session, command.mailbox, "a")
    identifier = rights.kept(command.identifier)
    granted = await place.account.rights(place.mailbox.id)
    try:
        wanted = rights.changed(granted.get(identifier, ""), command.rights)
    except rights.BadRights:
        session.tagged(command.tag, b"BAD", "No such right.")
        return
    if identifier.removeprefix("-") == place.owner.address:
        if identifier[0] != "-" and set(rights.ALL) <= set(wanted):
            await session.ok(command.tag, "Owners have every right.")
        else:
            await session.no(command.tag, "Owners keep every right.", b"CANNOT")
        return
    if wanted and not await _is_somebody(session, identifier.removeprefix("-")):
        await session.no(command.tag, "Nobody has that address.", b"CANNOT")
        return
    await _store(session, place, identifier, wanted)
    await session.ok(command.tag, "Done.")


async def delete_acl(session: Session, command: commands.DeleteAcl) -> None:
    """Take an identifier out; it need not stand in the list."""
    place = await places.find(session, command.mailbox, "a")
    identifier = rights.kept(command.identifier)
    if identifier == place.owner.address:
        await session.no(command.tag, "Owners keep every right.", b"CANNOT")
        return
    await _store(session, place, identifier, "")
    await session.ok(command.tag, "Done.")


async def _is_somebody(session: Session, name: str) -> bool:
    if name in rights.GENERAL:
        return True
    return await session.house.directory.account_at(name) is not None


async def _store(session: Session, place: Place, identifier: str, wanted: str) -> None:
    """Set the rights, and note for whom the mailbox is now to be listed."""
    try:
        await place.account.set_rights(place.mailbox.id, identifier, wanted)
    except TooManyNotes:
        raise places.NoRight("too many identifiers") from None
    granted = await place.account.rights(place.mailbox.id)
    await session.house.directory.note_share(
        place.owner.id,
        place.mailbox.id,
        [name for name in granted if not name.startswith("-")],
    )


def _identifier(name: str) -> bytes:
    return responses.astring(name.encode("utf-8"))


async def get_acl(session: Session, command: commands.GetAcl) -> None:
    """Who has which rights, the owner first."""
    place = await places.find(session, command.mailbox, "a")
    granted = await place.account.rights(place.mailbox.id)
    pairs = {place.owner.address: rights.ALL, **granted}
    told = b"".join(
        b" %b %b" % (_identifier(name), rights.told(letters) or b'""')
        for name, letters in pairs.items()
    )
    session.write(b"* ACL %b%b\r\n" % (session.name(place.name), told))
    await session.ok(command.tag, "That is all.")


async def list_rights(session: Session, command: commands.ListRights) -> None:
    """What can be given to somebody: each right by itself (§2.1.1)."""
    place = await places.find(session, command.mailbox, "a")
    identifier = rights.kept(command.identifier)
    if identifier == place.owner.address:
        options = rights.told(rights.ALL)  # never taken, so nothing to choose
    else:
        each = [*rights.ALL, *rights.VIRTUAL]
        options = b'"" ' + " ".join(each).encode("ascii")
    session.write(
        b"* LISTRIGHTS %b %b %b\r\n"
        % (session.name(place.name), _identifier(command.identifier), options)
    )
    await session.ok(command.tag, "That is all.")


async def my_rights(session: Session, command: commands.MyRights) -> None:
    """What the user may do; with no right at all the mailbox does not exist."""
    place = await find_with_any(session, command.mailbox)
    session.write(
        b"* MYRIGHTS %b %b\r\n" % (session.name(place.name), rights.told(place.rights))
    )
    await session.ok(command.tag, "That is all.")


async def find_with_any(session: Session, name: str) -> Place:
    """A mailbox in which the user has one of the rights ANY (§4)."""
    for letter in "lrikxa":
        try:
            return await places.find(session, name, letter)
        except places.NoRight:
            continue
        except NoSuchMailbox:
            if letter == "a" or not places.is_foreign(name):
                raise
    raise NoSuchMailbox(name)
