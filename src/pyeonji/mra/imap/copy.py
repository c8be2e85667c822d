"""COPY and MOVE (RFC 3501 §6.4.7, RFC 6851), with COPYUID (RFC 4315 §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.protocol.imap.sequences import runs, write_ranges
from pyeonji.storage.errors import NoSuchMailbox

if TYPE_CHECKING:
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands
    from pyeonji.storage.mailboxes import Copied, Mailbox


async def copy(session: Session, command: commands.Copy) -> None:
    """Copy messages, or move them, all or none."""
    selected = session.selected
    if command.move and selected.read_only:
        session.tagged(command.tag, b"NO", "The mailbox is read-only.", b"READ-ONLY")
        return
    ranges = selected.ranges(command.messages, by_uid=command.by_uid)
    target = await target_of(session, command.mailbox)
    if target is None:
        await session.no(command.tag, "No such mailbox.", b"TRYCREATE")
        return
    if not ranges:
        await session.ok(command.tag, "Nothing to do.")
        return
    account = selected.account
    if command.move:
        copied = await account.move(selected.mailbox_id, ranges, target.id)
        if copied.source:
            # told before EXPUNGE, so that the client knows where they went
            session.write(b"* OK [%b] Moved.\r\n" % _copyuid(copied))
        await session.ok(command.tag, "Moved.")
        return
    copied = await account.copy(
        selected.mailbox_id, ranges, target.id, quota_octets=session.quota_octets
    )
    code = _copyuid(copied) if copied.source else b""
    await session.updates()
    session.tagged(command.tag, b"OK", "Copied.", code)


async def target_of(session: Session, name: str) -> Mailbox | None:
    """A mailbox that can take messages, None if it would have to be made."""
    try:
        mailbox = await session.account.mailbox(name)
    except NoSuchMailbox:
        return None
    return mailbox if mailbox.selectable else None


def _copyuid(copied: Copied) -> bytes:
    return b"COPYUID %d %b %b" % (
        copied.uid_validity,
        write_ranges(runs(copied.source)),
        write_ranges(runs(copied.target)),
    )
