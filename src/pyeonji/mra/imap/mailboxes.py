"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE and STATUS (RFC 3501 §6.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap import responses
from pyeonji.protocol.imap.commands import StatusItem
from pyeonji.storage.errors import NoSuchMailbox
from pyeonji.storage.mailboxes import SpecialUse

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands
    from pyeonji.storage.mailboxes import Mailbox

SPECIAL_USES: Final = {
    rb"\ARCHIVE": SpecialUse.ARCHIVE,
    rb"\DRAFTS": SpecialUse.DRAFTS,
    rb"\FLAGGED": SpecialUse.FLAGGED,
    rb"\JUNK": SpecialUse.JUNK,
    rb"\SENT": SpecialUse.SENT,
    rb"\TRASH": SpecialUse.TRASH,
}


async def create(session: Session, command: commands.Create) -> None:
    """Make a mailbox, perhaps for a special use (RFC 6154 §3)."""
    uses = [SPECIAL_USES.get(use.upper()) for use in command.uses]
    if len(uses) > 1 or None in uses:
        await session.no(command.tag, "Not with that use.", b"USEATTR")
        return
    await session.account.create(command.mailbox, special_use=uses[0] if uses else None)
    await session.ok(command.tag, "Made.")


async def delete(session: Session, command: commands.Delete) -> None:
    """Delete a mailbox; with others below it, its name stays (RFC 3501 §6.3.4)."""
    account = session.account
    mailbox = await account.mailbox(command.mailbox)
    if not mailbox.selectable:
        await session.no(command.tag, "Others are below it.", b"HASCHILDREN")
        return
    if session.has_selected and session.selected.mailbox_id == mailbox.id:
        session.unselect()
    await account.delete(mailbox.id)
    await session.ok(command.tag, "Deleted.")


async def rename(session: Session, command: commands.Rename) -> None:
    """Rename a mailbox and all below it (RFC 3501 §6.3.5)."""
    account = session.account
    mailbox = await account.mailbox(command.mailbox)
    await account.rename(mailbox.id, command.new_name.removesuffix("/"))
    await session.ok(command.tag, "Renamed.")


async def subscribe(session: Session, command: commands.Subscribe) -> None:
    """SUBSCRIBE and UNSUBSCRIBE (RFC 3501 §6.3.6, §6.3.7)."""
    if command.wanted:
        await session.account.mailbox(command.mailbox)
    await session.account.subscribe(command.mailbox, wanted=command.wanted)
    await session.ok(command.tag, "Done.")


STATUS_VALUES: Final[dict[StatusItem, Callable[[Mailbox], int]]] = {
    StatusItem.MESSAGES: lambda mailbox: mailbox.exists,
    StatusItem.UIDNEXT: lambda mailbox: mailbox.uid_next,
    StatusItem.UIDVALIDITY: lambda mailbox: mailbox.uid_validity,
    StatusItem.UNSEEN: lambda mailbox: mailbox.unseen,
    StatusItem.HIGHESTMODSEQ: lambda mailbox: mailbox.highest_mod_seq,
}


async def status(session: Session, command: commands.Status) -> None:
    """Counters of a mailbox (RFC 3501 §6.3.10)."""
    mailbox = await session.account.mailbox(command.mailbox)
    if not mailbox.selectable:
        raise NoSuchMailbox
    if StatusItem.HIGHESTMODSEQ in command.items:
        session.enable_condstore()  # RFC 7162 §3.1
    values = []
    for item in command.items:
        if item is StatusItem.RECENT:
            value = await _recent(session, mailbox)
        else:
            value = STATUS_VALUES[item](mailbox)
        values.append(b"%b %d" % (item.value, value))
    session.write(
        b"* STATUS %b (%b)\r\n" % (responses.mailbox(mailbox.name), b" ".join(values))
    )
    await session.ok(command.tag, "Done.")


async def _recent(session: Session, mailbox: Mailbox) -> int:
    """How many entries no session has taken as recent yet."""
    if mailbox.first_recent >= mailbox.uid_next:
        return 0
    uids = await session.account.uids(mailbox.id)
    return sum(1 for uid in uids if uid >= mailbox.first_recent)
