"""NOTIFY (RFC 5465): which news a client wants at any time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.mra.imap.notifier import MAX_WATCHED, Notifier, TooMuch
from pyeonji.protocol.imap import parse_notify

if TYPE_CHECKING:
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands

SUPPORTED: Final = (
    b"MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange"
    b" MailboxMetadataChange ServerMetadataChange"
)
"""Annotations of messages are not kept, so they don't change either."""

_KNOWN: Final = (
    parse_notify.MESSAGE_EVENTS - {parse_notify.ANNOTATION}
) | parse_notify.MAILBOX_EVENTS


async def notify(session: Session, command: commands.Notify) -> None:
    """Replace what is watched; what was accumulated is told first (§3.1)."""
    if any(group.events - _KNOWN for group in command.groups):
        code = b"BADEVENT (%b)" % SUPPORTED
        await session.no(command.tag, "Not all of these events.", code)
        return
    session.stop_notifying()
    if command.groups:
        notifier = Notifier(session, command.groups)
        try:
            lines = await notifier.begin(status=command.status)
        except TooMuch:
            notifier.close()
            text = f"More than {MAX_WATCHED} mailboxes."
            await session.no(command.tag, text, b"NOTIFICATIONOVERFLOW")
            return
        session.notifier = notifier
        session.write(lines)
    await session.ok(command.tag, "As you wish.")
    if session.notifier is not None:
        session.notifier.told_all()
