"""The door of one connection, and the factory that makes doors."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any, Final

from pyeonji.base.clock import SystemClock
from pyeonji.message.prepare import prepare as prepare_message
from pyeonji.mra.imap import places
from pyeonji.mra.imap.append import JOINS
from pyeonji.mra.imap.errors import REFUSALS, refuse
from pyeonji.mra.imap.handlers import HANDLERS
from pyeonji.mra.imap.login import capabilities
from pyeonji.mra.imap.progress import SLOW, told
from pyeonji.mra.imap.selected import Gone, UidRequired
from pyeonji.mra.imap.session import House, Session
from pyeonji.protocol.imap import commands, responses
from pyeonji.storage.content import opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyeonji.base.clock import Clock
    from pyeonji.message.prepare import Prepared
    from pyeonji.mra.imap.options import Options
    from pyeonji.net.connection import Connection
    from pyeonji.protocol.imap.server import ServerMachine
    from pyeonji.storage.authentication import Authenticator
    from pyeonji.storage.content import Content, Spool
    from pyeonji.storage.directory import Directory
    from pyeonji.storage.mailboxes import MailStore


def prepare(content: Content) -> Prepared:
    """What storage keeps beside a message, from its octets in memory or a file."""
    with opened(content) as octets:
        return prepare_message(octets)


NUMBERED: Final = frozenset(
    {
        commands.Fetch,
        commands.Store,
        commands.Copy,
        commands.Search,
        commands.Sort,
        commands.Thread,
    }
)
"""Commands that speak of sequence numbers where UID is not before them."""

_IN_SELECTED: Final = frozenset(
    {
        commands.Append,
        commands.Close,
        commands.Copy,
        commands.Expunge,
        commands.Fetch,
        commands.MultiSearch,
        commands.Search,
        commands.Sort,
        commands.Store,
        commands.Thread,
    }
)
"""Commands that read or change the selected mailbox."""

_REFUSABLE: Final = tuple(REFUSALS)


def _tag_of(session: Session, event: Any) -> bytes:
    """The tag that an answer to this event has to carry."""
    tag: bytes | None = getattr(event, "tag", None)  # of commands, and refused ones
    if tag is not None:
        return tag
    if isinstance(event, commands.IdleEnded):
        return session.idle_tag or b"*"
    if isinstance(event, commands.SaslResponse):
        return session.sasl_tag
    return session.append_tag


async def _handle(session: Session, event: Any) -> None:
    """Do what was asked. Raises what `REFUSALS` has, and Gone."""
    kind = type(event)
    if kind in NUMBERED and session.enabled.uid_only and not event.by_uid:
        raise UidRequired
    if session.has_selected and kind in _IN_SELECTED:
        await places.recheck(session)
    if kind in SLOW:
        with told(session, event):
            await HANDLERS[kind](session, event)
    else:
        await HANDLERS[kind](session, event)


class ImapDoor:
    """Answers one client."""

    __slots__ = ("_session", "machine")

    def __init__(self, house: House, connection: Connection) -> None:
        session = Session(house, connection)
        self._session = session
        self.machine: ServerMachine = session.machine
        connection.set_deadline(house.options.login_timeout_s)
        connection.set_timeout(house.options.login_timeout_s)
        connection.write(
            responses.tagged(
                b"*", b"OK", "Pyeonji.", b"CAPABILITY " + capabilities(session)
            )
        )

    async def answer(self, event: Any) -> None:
        """Answer one event of the machine."""
        session = self._session
        while session.refreshing is not None:  # the one after may have begun too
            await asyncio.wait((session.refreshing,))
        if len(session.unanswered) and not isinstance(event, JOINS):
            await session.unanswered.settle()
        if type(event) is not commands.Refused:
            session.bad_commands = 0
        tag = _tag_of(session, event)
        session.answering = True
        if session.notifier is not None:
            session.notifier.before(event)
        try:
            await _handle(session, event)
            if session.notifier is not None:
                await session.notifier.after(event)
        except _REFUSABLE as error:
            refuse(session, tag, error)
        except Gone:
            session.mailbox_gone()
        finally:
            session.answering = False

    def timed_out(self) -> None:
        """The client was silent too long (RFC 3501 §5.4)."""
        self._session.bye("Silent too long.")

    def failed(self) -> None:
        """Something broke here."""
        self._session.bye("Something broke here; it is being looked at.", b"SERVERBUG")

    def shutting_down(self) -> None:
        """The server stops."""
        self._session.bye("The server stops; come back soon.", b"UNAVAILABLE")

    def lost(self) -> None:
        """The connection is gone."""
        self._session.end()


def door(
    options: Options,
    directory: Directory,
    mail_store: MailStore,
    authenticator: Authenticator,
    *,
    spool: Callable[[], Spool],
    clock: Clock | None = None,
    nonce: Callable[[], bytes] = lambda: secrets.token_bytes(18),
) -> Callable[[Connection], ImapDoor]:
    """Make the factory of a listener's doors.

    Args:
        options: the listener's.
        directory: who exists.
        mail_store: what they keep.
        authenticator: who says so.
        spool: a place for a large message that streams in; its file is on the
            same file system as the accounts.
        clock: for internal dates.
        nonce: chance for SASL exchanges.
    """
    house = House(
        options=options,
        directory=directory,
        mail_store=mail_store,
        authenticator=authenticator,
        clock=clock or SystemClock(),
        nonce=nonce,
        spool=spool,
        prepare=prepare,
    )
    return lambda connection: ImapDoor(house, connection)
