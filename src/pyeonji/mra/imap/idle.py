"""IDLE (RFC 2177): the client listens, the server speaks when there is news."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.mra.imap.selected import Gone
from pyeonji.net.eager import run_eagerly
from pyeonji.net.errors import Unreachable
from pyeonji.protocol.imap import responses
from pyeonji.storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands

EVERY_S: Final = 60.0
"""How often results are looked at that time alone changes."""

log = structlog.get_logger("pyeonji.imap")


async def idle(session: Session, command: commands.Idle) -> None:
    """Begin; from now on news are sent at once."""
    await session.updates()
    session.write(responses.continuation(b"Listening."))
    session.machine.expect_done()
    session.idle_tag = command.tag
    session.wake = lambda: _wake(session)
    if session.notifier is not None:
        session.wake = lambda: None  # the notifier tells, as NOTIFY said
    elif _has_news(session):
        _wake(session)
    if session.has_selected and session.selected.contexts.by_time:
        _as_time_passes(session, command.tag)


def _as_time_passes(session: Session, tag: bytes) -> None:
    """Look every minute whether messages have become old (RFC 5032 §2)."""

    def look() -> None:
        if session.idle_tag is not tag or not session.has_selected:
            return
        session.selected.dirty = True
        if session.notifier is not None:
            session.notifier.selected_changed()
        session.wake()
        asyncio.get_running_loop().call_later(EVERY_S, look)

    asyncio.get_running_loop().call_later(EVERY_S, look)


def _wake(session: Session) -> None:
    if session.refreshing is None:
        session.refreshing = run_eagerly(_tell(session), lambda _: _told(session))


def _told(session: Session) -> None:
    session.refreshing = None
    if session.idle_tag is not None and _has_news(session):
        _wake(session)


def _has_news(session: Session) -> bool:
    if session.notes is not None and session.notes.pending:
        return True
    return session.has_selected and session.selected.dirty


async def _tell(session: Session) -> None:
    """Tell what is new; never raises, for nobody waits for it."""
    try:
        await session.updates()
        session.connection.flush()
    except Gone:
        session.mailbox_gone()
        session.connection.close()
    except (StorageUnavailable, Unreachable):
        pass  # what was not told now is told with the next change
    except Exception:  # the top of a job of its own
        log.exception("imap.idle", connection=session.connection.id)
        session.connection.abort()


async def idle_ended(session: Session, event: commands.IdleEnded) -> None:
    """The client wants to speak again."""
    tag = session.idle_tag or b"*"
    session.idle_tag = None
    if event.properly:
        await session.ok(tag, "Enough listened.")
    else:
        session.tagged(tag, b"BAD", "Expected DONE.")
