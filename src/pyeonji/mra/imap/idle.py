"""IDLE (RFC 2177): the client listens, the server speaks when there is news."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pyeonji.mra.imap.selected import Gone
from pyeonji.net.errors import Unreachable
from pyeonji.protocol.imap import responses
from pyeonji.storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands


async def idle(session: Session, command: commands.Idle) -> None:
    """Begin; from now on news are sent at once."""
    await session.updates()
    session.write(responses.continuation(b"Listening."))
    session.machine.expect_done()
    session.idle_tag = command.tag
    session.wake = lambda: _wake(session)
    if session.has_selected and session.selected.dirty:
        _wake(session)


def _wake(session: Session) -> None:
    if session.refreshing is None:
        task = asyncio.get_running_loop().create_task(_tell(session))
        session.refreshing = task
        task.add_done_callback(lambda _: _told(session))


def _told(session: Session) -> None:
    session.refreshing = None
    if session.idle_tag is not None and session.has_selected and session.selected.dirty:
        _wake(session)


async def _tell(session: Session) -> None:
    try:
        await session.updates()
        session.connection.flush()
    except Gone:
        session.mailbox_gone()
        session.connection.close()
    except (StorageUnavailable, Unreachable):
        pass  # what was not told now is told with the next change


async def idle_ended(session: Session, event: commands.IdleEnded) -> None:
    """The client wants to speak again."""
    tag = session.idle_tag or b"*"
    session.idle_tag = None
    if event.properly:
        await session.ok(tag, "Enough listened.")
    else:
        session.tagged(tag, b"BAD", "Expected DONE.")
