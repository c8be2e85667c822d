"""COPY and MOVE (RFC 3501 §6.4.7, RFC 6851), with COPYUID (RFC 4315 §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.mra.imap import places
from pyeonji.mra.imap.limiting import exceeds_saving, limited
from pyeonji.mra.imap.shared_flags import settable_in
from pyeonji.protocol.imap.sequences import runs, write_ranges
from pyeonji.storage.errors import NoSuchMailbox

if TYPE_CHECKING:
    from pyeonji.mra.imap.changed import Ranges
    from pyeonji.mra.imap.places import Place
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands
    from pyeonji.storage.mailboxes import Copied


async def copy(session: Session, command: commands.Copy) -> None:
    """Copy messages, or move them, all or none; also from account to account."""
    selected = session.selected
    if command.move and selected.read_only:
        session.tagged(command.tag, b"NO", "The mailbox is read-only.", b"READ-ONLY")
        return
    if command.move and not {"t", "e"} <= set(selected.rights):
        # as \Deleted and EXPUNGE would need (RFC 6851 §4.2)
        raise places.NoRight("MOVE")
    ranges = selected.ranges(command.messages, by_uid=command.by_uid)
    place = await place_of(session, command.mailbox)
    if place is None:
        await session.no(command.tag, "No such mailbox.", b"TRYCREATE")
        return
    if not ranges:
        await session.ok(command.tag, "Nothing to do.")
        return
    limit = b""
    if command.move:
        ranges, limit = limited(session, ranges)
    elif too_many := exceeds_saving(session, ranges):
        await session.no(command.tag, "Too many; copy fewer at a time.", too_many)
        return
    copied = await _carry(session, command, place, ranges)
    code = _copyuid(copied) if copied.source else b""
    if command.move and code:
        # told before EXPUNGE, so that the client knows where they went
        session.write(b"* OK [%b] Moved.\r\n" % code)
        code = limit
    await session.updates()
    text = "Moved." if command.move else "Copied."
    session.tagged(command.tag, b"OK", text, code)


async def _carry(
    session: Session, command: commands.Copy, place: Place, ranges: Ranges
) -> Copied:
    selected = session.selected
    source, mailbox_id = selected.account, selected.mailbox_id
    target, target_id = place.account, place.mailbox.id
    quota, within = place.owner.quota, settable_in(place.rights)
    if source.id == target.id:
        if command.move:
            copied = await target.move(mailbox_id, ranges, target_id, within=within)
        else:
            copied = await target.copy(
                mailbox_id, ranges, target_id, quota=quota, within=within
            )
    else:
        carry = target.move_from if command.move else target.copy_from
        copied = await carry(
            source, mailbox_id, ranges, target_id, quota=quota, within=within
        )
    return copied


async def place_of(session: Session, name: str) -> Place | None:
    """A mailbox that can take messages, None if it would have to be made.

    Raises:
        NoRight: the user may not put messages there.
    """
    try:
        place = await places.find(session, name, "i")
    except NoSuchMailbox:
        return None
    return place if place.mailbox.selectable else None


def _copyuid(copied: Copied) -> bytes:
    return b"COPYUID %d %b %b" % (
        copied.uid_validity,
        write_ranges(runs(copied.source)),
        write_ranges(runs(copied.target)),
    )
