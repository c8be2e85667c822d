"""CAPABILITY, NOOP, LOGOUT, ID, ENABLE, NAMESPACE, CHECK, and broken commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from pyeonji import __version__
from pyeonji.mra.imap.enabled import SPELLINGS
from pyeonji.mra.imap.login import capabilities
from pyeonji.mra.imap.notes_watch import NotesWatch, TooMany
from pyeonji.mra.imap.places import OTHERS, SHARED
from pyeonji.protocol.imap import responses
from pyeonji.protocol.imap.states import State, Step

if TYPE_CHECKING:
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands

log = structlog.get_logger("pyeonji.imap")


async def capability(session: Session, command: commands.Capability) -> None:
    """Say what this server can do, here and now (RFC 3501 §6.1.1)."""
    session.write(responses.untagged(b"CAPABILITY " + capabilities(session)))
    await session.ok(command.tag, "That is all.")


async def noop(session: Session, command: commands.Noop | commands.Check) -> None:
    """Say what is new (RFC 3501 §6.1.2); CHECK is the same here (§6.4.1)."""
    await session.ok(command.tag, "Done.")


async def logout(session: Session, command: commands.Logout) -> None:
    """Part as friends (RFC 3501 §6.1.3)."""
    session.write(responses.tagged(b"*", b"BYE", "Until next time."))
    session.tagged(command.tag, b"OK", "Logged out.")
    session.machine.advance(Step.LOGGED_OUT)


async def identify(session: Session, command: commands.Id) -> None:
    """Exchange names (RFC 2971 §3.1); nothing depends on them."""
    log.info(
        "imap.client",
        connection=session.connection.id,
        name=(command.fields.get("name") or "")[:100],
        version=(command.fields.get("version") or "")[:100],
    )
    ours = {b"name": b"Pyeonji", b"version": __version__.encode("ascii")}
    fields = b" ".join(
        responses.string(name) + b" " + responses.string(value)
        for name, value in ours.items()
    )
    session.write(responses.untagged(b"ID (%b)" % fields))
    await session.ok(command.tag, "Pleased to meet you.")


async def enable(session: Session, command: commands.Enable) -> None:
    """Turn extensions on that change what the server says (RFC 5161 §3.1)."""
    wanted = [name for name in command.capabilities if name in ENABLED_BY_CLIENT]
    had_condstore = session.enabled.mod_seqs
    if b"METADATA" in wanted and not await _watch_notes(session):
        wanted.remove(b"METADATA")
    new = session.enabled.turn_on(wanted)
    session.machine.utf8 = session.enabled.utf8
    names = [SPELLINGS.get(name, name) for name in new]
    session.write(responses.untagged(b" ".join([b"ENABLED", *names])))
    if session.has_selected:
        selected = session.selected
        if session.enabled.mod_seqs and not had_condstore:
            session.write(b"* OK [HIGHESTMODSEQ %d] Noted.\r\n" % selected.synced)
        if session.enabled.rev2:
            selected.recents.clear()
    await session.ok(command.tag, "Done.")


ENABLED_BY_CLIENT: frozenset[bytes] = frozenset(
    {b"CONDSTORE", b"QRESYNC", b"UIDONLY", b"METADATA", b"IMAP4REV2", b"UTF8=ACCEPT"}
)
"""Extensions that wait for ENABLE; each must be announced too."""


async def _watch_notes(session: Session) -> bool:
    """Tell changed annotations from now on (RFC 5464 §4.4), if it is possible."""
    if session.notes is None:
        watch = NotesWatch(session)
        try:
            await watch.begin()
        except TooMany:
            return False
        finally:
            if not watch.begun:
                watch.close()
        session.notes = watch
    return True


async def unauthenticate(session: Session, command: commands.Unauthenticate) -> None:
    """Forget who it is; the connection can be used by another (RFC 8437 §3)."""
    session.unauthenticate()
    session.tagged(command.tag, b"OK", "Who comes next?")
    if session.connection.compressed:  # the OK is the last in it (RFC 8437 §4.1)
        session.connection.stop_compression()


async def namespace(session: Session, command: commands.Namespace) -> None:
    """The user's own mailboxes, those of others, and shared ones (RFC 2342 §5)."""
    session.write(_NAMESPACES)
    await session.ok(command.tag, "Done.")


_NAMESPACES = b'* NAMESPACE (("" "/")) (("%b" "/")) (("%b" "/"))\r\n' % (
    OTHERS.encode("ascii"),
    SHARED.encode("ascii"),
)


async def refused(session: Session, event: commands.Refused) -> None:
    """Answer what was no command; who sends nothing else is shown out."""
    if session.appending is not None:
        session.appending.abort()
        session.appending = None
    session.tagged(event.tag, event.status, event.text, event.code)
    if event.fatal or event.status != b"BAD":
        return
    session.bad_commands += 1
    options = session.house.options
    before_login = session.machine.state is State.NOT_AUTHENTICATED
    allowed = (
        options.bad_commands_before_login if before_login else options.bad_commands
    )
    if session.bad_commands >= allowed:
        session.bye("Too many bad commands.")
