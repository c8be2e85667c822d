"""SELECT, EXAMINE, CLOSE, UNSELECT and EXPUNGE (RFC 3501 §6.3.1, §6.4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.mra.imap import places
from pyeonji.mra.imap.changed import resynchronize
from pyeonji.mra.imap.limiting import limited
from pyeonji.mra.imap.rights import WRITING
from pyeonji.mra.imap.selected import Selected, UidRequired
from pyeonji.mra.imap.shared_flags import permanent_flags
from pyeonji.mra.imap.uid_map import UidMap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands
    from pyeonji.storage.mailboxes import Mailbox, Opened


async def select(session: Session, command: commands.Select) -> None:
    """Open a mailbox; the one that was open is left, even if this fails."""
    enabled = session.enabled
    if command.resync is not None and not enabled.resync:
        session.tagged(command.tag, b"BAD", "First ENABLE QRESYNC.")
        return
    if command.resync is not None and command.resync.numbers and enabled.uid_only:
        raise UidRequired
    if session.has_selected:
        session.unselect()
        # what comes from now on is of the other mailbox (RFC 7162 §3.2.11)
        session.write(b"* OK [CLOSED] The mailbox before is closed.\r\n")
    if command.condstore:
        enabled.add(b"CONDSTORE")
    place = await places.find_selectable(session, command.mailbox, "r")
    account, mailbox = place.account, place.mailbox
    read_only = command.read_only or not WRITING & set(place.rights)
    # the row before the uids: what comes in between is told as a change
    opened = await account.opened(
        mailbox.id,
        claim=not read_only and not enabled.rev2,
        unseen=not enabled.rev2 and not enabled.uid_only,
    )
    selected = Selected(
        account,
        mailbox,
        UidMap.of_runs(opened.runs),
        read_only=read_only,
        enabled=enabled,
        rights=place.rights,
    )
    selected.name = place.name  # as this user writes it
    if not enabled.rev2:
        selected.add_recent(opened.first_recent, selected.view.last)
    session.select(selected)
    session.write(_description(session, selected, mailbox, opened))
    if enabled.rev2:
        session.write(_name_line(session, command.mailbox, place.name))
    if command.resync is not None:
        session.write(await resynchronize(selected, command.resync))
    session.tagged(
        command.tag,
        b"OK",
        "Here you are.",
        b"READ-ONLY" if read_only else b"READ-WRITE",
    )


def _name_line(session: Session, asked: str, name: str) -> bytes:
    """LIST with the name as it is, and as it was asked for (RFC 9051 §6.3.2)."""
    line = b'* LIST () "/" ' + session.name(name)
    if asked != name:
        line += b' ("OLDNAME" (%b))' % session.name(asked)
    return line + b"\r\n"


def _description(
    session: Session, selected: Selected, mailbox: Mailbox, opened: Opened
) -> bytes:
    enabled = session.enabled
    lines = [selected.flags_response(), b"* %d EXISTS\r\n" % len(selected.view)]
    if not enabled.rev2:
        lines.append(b"* %d RECENT\r\n" % selected.recent_count())
    if not enabled.rev2 and not enabled.uid_only:  # it is a sequence number
        unseen = selected.view.number(opened.first_unseen or 0)
        if unseen:
            lines.append(b"* OK [UNSEEN %d] First unseen.\r\n" % unseen)
    if selected.read_only:
        lines.append(b"* OK [PERMANENTFLAGS ()] Read-only.\r\n")
    else:
        kept = permanent_flags(selected.rights)
        lines.append(b"* OK [PERMANENTFLAGS %b] Kept.\r\n" % kept)
    lines.append(
        b"* OK [UIDNEXT %d] Next uid.\r\n"
        % max(mailbox.uid_next, selected.view.last + 1)
    )
    lines.append(b"* OK [UIDVALIDITY %d] Uids valid.\r\n" % mailbox.uid_validity)
    object_id = mailbox.object_id.encode("ascii")
    lines.append(b"* OK [MAILBOXID (%b)] This one.\r\n" % object_id)  # RFC 8474 §4.2
    lines.append(b"* OK [HIGHESTMODSEQ %d] So far.\r\n" % selected.since)
    return b"".join(lines)


async def close(session: Session, command: commands.Close) -> None:
    r"""Remove what is \Deleted, without telling, and leave (RFC 3501 §6.4.2)."""
    selected = session.selected
    if not selected.read_only and "e" in selected.rights:
        await selected.account.expunge(selected.mailbox_id)
    session.unselect()
    session.tagged(command.tag, b"OK", "Closed.")


async def unselect(session: Session, command: commands.Unselect) -> None:
    """Leave, removing nothing (RFC 3691 §2)."""
    session.unselect()
    session.tagged(command.tag, b"OK", "Left.")


async def expunge(session: Session, command: commands.Expunge) -> None:
    r"""Remove what is \Deleted, all or among uids (RFC 3501 §6.4.3, RFC 4315 §2.1)."""
    selected = session.selected
    if selected.read_only:
        await session.no(command.tag, "The mailbox is read-only.", b"READ-ONLY")
        return
    if "e" not in selected.rights:
        raise places.NoRight("EXPUNGE")
    ranges, limit = None, b""
    if command.uids is not None:
        ranges = selected.ranges(command.uids, by_uid=True)
        ranges, limit = limited(session, ranges)
    gone: Sequence[int] = ()
    if ranges is None or ranges:
        gone = await selected.account.expunge(selected.mailbox_id, ranges)
    if not gone or not session.enabled.resync:
        await session.ok(command.tag, "Done.", limit)
        return
    if limit:  # there is one code only: HIGHESTMODSEQ comes untagged
        await session.ok(command.tag, "The newest of them.", limit)
        return
    await selected.refresh(session.write, expunges=True)
    selected.owed = False
    code = b"HIGHESTMODSEQ %d" % selected.synced  # RFC 7162 §3.2.7, §3.2.9
    session.tagged(command.tag, b"OK", "Done.", code)
