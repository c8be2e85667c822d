"""A session with an IMAP server; letters are named by UID."""

from __future__ import annotations

import asyncio
import unicodedata
from typing import TYPE_CHECKING, Final

from pyeonji.mua.agent.conversation import (
    Conversation,
    describe,
    dial,
)
from pyeonji.mua.agent.errors import LoginRefused, NotFound, ServerRefused, TryLater
from pyeonji.mua.agent.letters import FolderInfo, News, Summary
from pyeonji.net.errors import TlsFailed, Unreachable
from pyeonji.protocol.imap.client import (
    Challenged,
    ClientMachine,
    Command,
    Counted,
    Event,
    Exists,
    Expunged,
    Fetched,
    Found,
    Greeted,
    IdleStarted,
    Listed,
    LiteralBegan,
    LiteralChunk,
    State,
    Streamed,
    Tagged,
    Told,
    UploadWanted,
    commands,
)
from pyeonji.protocol.imap.client.responses import Condition
from pyeonji.protocol.machine import CLOSED, PAUSED
from pyeonji.protocol.sasl.client import ServerNotTrusted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from pyeonji.mua.agent.profiles import Server
    from pyeonji.protocol.imap.client import Address
    from pyeonji.protocol.imap.client.commands import Key
    from pyeonji.protocol.sasl.client import Exchange

PIECE_OCTETS: Final = 64 * 1024
IDLE_RENEWED_S: Final = 25 * 60.0  # RFC 2177: at least every 29 minutes
LOGOUT_WAIT_S: Final = 5.0
LOGIN_CODES: Final = frozenset({"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED"})
_LATER_CODES: Final = frozenset({"UNAVAILABLE", "INUSE", "LIMIT"})  # RFC 5530
_SUMMARY: Final = ("UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE")
_SENT_NAMES: Final = (
    "sent", "sent messages", "sent items", "sent mail", "보낸편지함", "보낸 편지함",
    "보낸메일함", "보낸 메일함",
)  # fmt: skip


def _nothing_told(_done: int) -> None:
    """Who does not want to know how far it is."""


class ImapSession:
    """One logged-in connection."""

    def __init__(self, conversation: Conversation, machine: ClientMachine) -> None:
        self._conversation = conversation
        self._machine = machine
        self.exists = 0

    @classmethod
    async def open(cls, server: Server, login: str, password: str) -> ImapSession:
        """Connect, protect, log in.

        Raises:
            Unreachable, TlsFailed: no connection as it was asked for.
            LoginRefused: wrong name or secret, or only unsafe ways of saying it.
            ServerRefused, TryLater: the server does not want us.
        """
        machine = ClientMachine(want_tls=server.tls == "starttls")
        stream = await dial(server)
        session = cls(Conversation(stream, machine), machine)
        try:
            await session._begin(server, login, password)
        except BaseException:
            await stream.cut()
            raise
        return session

    async def _begin(self, server: Server, login: str, password: str) -> None:
        greeted = await self._conversation.next()
        if not isinstance(greeted, Greeted):
            raise Unreachable(describe(greeted))
        if greeted.told.condition is Condition.BYE:
            raise TryLater(greeted.told.text)
        if server.tls == "starttls":
            if "STARTTLS" not in await self._capabilities():
                raise TlsFailed(
                    "the server offers no STARTTLS (--tls none goes without)"
                )
            await self._do(commands.starttls())
            if self._machine.next_event() is not PAUSED:
                raise TlsFailed("the server goes on in clear")
            await self._conversation.start_tls(server.host)
            self._machine.tls_started()
        if self._machine.state is State.NOT_AUTHENTICATED:
            await self._log_in(server, login, password)

    async def _capabilities(self) -> frozenset[str]:
        if self._machine.capabilities is None:
            await self._do(commands.capability())
        return self._machine.capabilities or frozenset()

    async def _log_in(self, server: Server, login: str, password: str) -> None:
        known = await self._capabilities()
        offered = {c[5:] for c in known if c.startswith("AUTH=")}
        protected = self._conversation.protected
        exchange = self._conversation.choose(server, offered, login, password)
        try:
            if exchange is not None:
                command = commands.authenticate(exchange.mechanism)
                await self._do(command, exchange=exchange)
                if not exchange.complete:
                    raise LoginRefused("the server has not proved that it knows us")
            elif server.token:
                raise LoginRefused("the server takes no tokens")
            elif protected and "LOGINDISABLED" not in known:
                await self._do(commands.login(login, password))
            else:
                raise LoginRefused("no safe way to log in: the server needs TLS first")
        except ServerRefused as error:
            raise LoginRefused(str(error)) from error

    # -- commands

    async def _do(
        self,
        command: Command,
        *,
        upload: bytes = b"",
        exchange: Exchange | None = None,
        told: Callable[[int], None] = _nothing_told,
    ) -> list[Event]:
        """Send a command and wait for its end; gives what came before it.

        Raises:
            ServerRefused, TryLater: NO or BAD, with the server's words.
            Unreachable: the connection is gone.
        """
        initial = exchange.initial if exchange is not None else None
        tag = self._machine.send(command, initial=initial)
        events: list[Event] = []
        received = 0
        while True:
            event = await self._conversation.next()
            if isinstance(event, Tagged) and event.tag == tag:
                _judge(event)
                return [*events, event]
            if event is CLOSED or event is PAUSED:
                raise Unreachable(_farewell(events) or describe(event))
            if isinstance(event, UploadWanted):
                await self._upload(upload, told)
            elif isinstance(event, Challenged) and exchange is not None:
                await self._respond(exchange, event.octets)
            else:
                if isinstance(event, LiteralChunk):
                    received += len(event.octets)
                    told(received)
                self._count(event)
                events.append(event)

    def _count(self, event: Event) -> None:
        """Keep the number of letters of the open folder (RFC 3501 §7.3.1, §7.4.1)."""
        if isinstance(event, Exists):
            self.exists = event.count
        elif isinstance(event, Expunged):
            self.exists -= 1

    async def _respond(self, exchange: Exchange, challenge: bytes) -> None:
        try:
            self._machine.respond(exchange.respond(challenge))
        except ServerNotTrusted as error:
            raise LoginRefused(str(error)) from error
        await self._conversation.flush()

    async def _upload(self, octets: bytes, told: Callable[[int], None]) -> None:
        for start in range(0, len(octets), PIECE_OCTETS):
            piece = octets[start : start + PIECE_OCTETS]
            self._machine.upload(piece)
            await self._conversation.flush()
            told(start + len(piece))

    # -- folders

    async def folders(self, *, counters: bool = False) -> list[FolderInfo]:
        """All folders, in the server's order; with counters each is asked."""
        events = await self._do(commands.list_mailboxes())
        found = []
        for listed in (e for e in events if isinstance(e, Listed)):
            counts = {}
            if counters and r"\noselect" not in listed.attributes:
                counts = await self._counters(listed.wire_name)
            found.append(
                FolderInfo(
                    name=listed.name,
                    delimiter=listed.delimiter,
                    attributes=tuple(sorted(listed.attributes)),
                    counters=counts,
                )
            )
        return found

    async def _counters(self, wire_name: bytes) -> dict[str, int]:
        status = commands.status(wire_name, ("MESSAGES", "UNSEEN"))
        try:
            events = await self._do(status)
        except ServerRefused:
            return {}
        counted = [e for e in events if isinstance(e, Counted)]
        return counted[0].counters if counted else {}

    async def resolve(self, name: str) -> str | bytes:
        """The folder that a person means: the same letters, however composed.

        Raises:
            NotFound: no such folder.
        """
        if name.isascii():
            return name
        wanted = unicodedata.normalize("NFC", name)
        events = await self._do(commands.list_mailboxes())
        for listed in (e for e in events if isinstance(e, Listed)):
            if unicodedata.normalize("NFC", listed.name) == wanted:
                return listed.wire_name
        raise NotFound(f"there is no folder {name}")

    async def select(self, name: str, *, read_only: bool = False) -> int:
        """Open a folder; gives the number of its letters.

        Raises:
            NotFound: no such folder.
        """
        folder = await self.resolve(name)
        command = commands.examine(folder) if read_only else commands.select(folder)
        self.exists = 0
        try:
            await self._do(command)
        except ServerRefused as error:
            raise NotFound(f"{name}: {error}") from error
        return self.exists

    async def sent_folder(self, configured: str) -> str | bytes:
        """Where copies of sent letters go.

        As configured, as the server says (RFC 6154), by its usual names, or a
        new folder Sent.
        """
        if configured:
            return await self.resolve(configured)
        events = await self._do(commands.list_mailboxes())
        listed = [e for e in events if isinstance(e, Listed)]
        for one in listed:
            if r"\sent" in one.attributes:
                return one.wire_name
        for one in listed:
            if unicodedata.normalize("NFC", one.name).casefold() in _SENT_NAMES:
                return one.wire_name
        await self._do(commands.create("Sent"))
        return "Sent"

    # -- letters

    async def latest(self, limit: int) -> list[Summary]:
        """The last letters of the open folder, newest last."""
        if not self.exists:
            return []
        first = max(1, self.exists - limit + 1)
        wanted = f"{first}:{self.exists}"
        return _summaries(await self._do(commands.fetch(wanted, _SUMMARY, uid=False)))

    async def summaries(self, uids: Sequence[int]) -> list[Summary]:
        """Letters of the open folder, those that exist."""
        if not uids:
            return []
        return _summaries(await self._do(commands.fetch(uids, _SUMMARY)))

    async def search(self, *keys: Key) -> list[int]:
        """UIDs of the letters that all keys find."""
        events = await self._do(commands.search(*keys))
        return sorted(n for e in events if isinstance(e, Found) for n in e.numbers)

    async def octets(
        self,
        uid: int,
        *,
        section: str = "",
        seen: bool = False,
        told: Callable[[int], None] = _nothing_told,
    ) -> bytes:
        """A letter, or a section of it (HEADER, 1.2 …).

        Args:
            uid: the letter.
            section: what stands between the brackets of BODY[].
            seen: mark it as read.
            told: called with the octets that have come.

        Raises:
            NotFound: no such letter.
        """
        item = f"BODY[{section}]" if seen else f"BODY.PEEK[{section}]"
        events = await self._do(commands.fetch([uid], ["UID", item]), told=told)
        streamed: list[bytes] = []
        for event in events:
            if isinstance(event, LiteralBegan):
                streamed.clear()
            elif isinstance(event, LiteralChunk):
                streamed.append(event.octets)
            elif isinstance(event, Fetched) and event.uid == uid:
                for content in event.sections.values():
                    if isinstance(content, bytes):
                        return content
                    if isinstance(content, Streamed):
                        return b"".join(streamed)
        raise NotFound(f"there is no letter {uid}")

    async def flag(
        self, uids: Sequence[int], change: str, flags: Sequence[str]
    ) -> None:
        """Set ("+") or take away ("-") flags."""
        await self._do(commands.store(uids, change, flags, silent=True))

    async def move(
        self, uids: Sequence[int], name: str, *, create: bool = False
    ) -> None:
        """Move letters to another folder; with `create` it is made if missing."""
        wanted = unicodedata.normalize("NFC", name)
        if create and all(
            unicodedata.normalize("NFC", one.name) != wanted
            for one in await self.folders()
        ):
            await self._do(commands.create(wanted))
        folder = await self.resolve(name)
        known = await self._capabilities()
        for command in commands.move_plan(uids, folder, known):
            await self._do(command)

    async def delete(self, uids: Sequence[int]) -> bool:
        r"""Remove letters for good.

        Returns:
            False where the server can only mark them as \Deleted without
            removing others' marks too (no UIDPLUS).
        """
        await self._do(commands.store(uids, "+", [r"\Deleted"], silent=True))
        if "UIDPLUS" not in await self._capabilities():
            return False
        await self._do(commands.expunge(uids))
        return True

    async def append(
        self,
        folder: str | bytes,
        octets: bytes,
        flags: Sequence[str],
        told: Callable[[int], None] = _nothing_told,
    ) -> None:
        """Store a letter; it is stable when this returns."""
        command = commands.append(folder, len(octets), flags=flags)
        await self._do(command, upload=octets, told=told)

    async def watch(self) -> AsyncIterator[News]:
        """News of the open folder as they happen, until the caller stops.

        Uses IDLE (RFC 2177), renewed in time.

        Raises:
            ServerRefused: the server has no IDLE.
        """
        if "IDLE" not in await self._capabilities():
            raise ServerRefused("the server offers no IDLE")
        while True:
            tag = self._machine.send(commands.idle())
            idling = True
            while idling:
                try:
                    event = await self._conversation.next(IDLE_RENEWED_S)
                except Unreachable:
                    if self._conversation.stream.closed:
                        raise
                    self._machine.done()
                    continue
                if event is CLOSED or event is PAUSED:
                    raise Unreachable(describe(event))
                if isinstance(event, Tagged) and event.tag == tag:
                    _judge(event)
                    idling = False
                elif not isinstance(event, IdleStarted):
                    self._count(event)
                    for news in _news(event):
                        yield news

    async def close(self) -> None:
        """Log out; a server that is slow about it is not waited for."""
        if self._machine.idling:
            self._machine.done()
        try:
            async with asyncio.timeout(LOGOUT_WAIT_S):
                await self._do(commands.logout())
        except (Unreachable, TryLater, ServerRefused, TimeoutError):
            pass  # what was asked has been done; how it ends does not matter
        finally:
            await self._conversation.stream.finish()


def _judge(tagged: Tagged) -> None:
    if tagged.ok:
        return
    words = tagged.told.text or f"{tagged.name} refused"
    if tagged.told.code in _LATER_CODES:
        raise TryLater(words)
    raise ServerRefused(words)


def _farewell(events: list[Event]) -> str:
    told = [
        e.text for e in events if isinstance(e, Told) and e.condition.value == "BYE"
    ]
    return told[-1] if told else ""


def _news(event: Event) -> list[News]:
    if isinstance(event, Exists):
        return [News(what="exists", number=event.count)]
    if isinstance(event, Expunged):
        return [News(what="expunged", number=event.number)]
    if isinstance(event, Fetched) and event.flags is not None:
        return [News(what="flags", number=event.number, flags=event.flags)]
    return []


def _summaries(events: list[Event]) -> list[Summary]:
    fetched = [e for e in events if isinstance(e, Fetched) and e.uid is not None]
    return [_summary(e) for e in sorted(fetched, key=lambda e: e.uid or 0)]


def _summary(fetched: Fetched) -> Summary:
    envelope = fetched.envelope
    return Summary(
        id=fetched.uid or 0,
        flags=fetched.flags or (),
        received_at=fetched.internal_date,
        date=_ascii(envelope.date) if envelope else "",
        from_=_people(envelope.from_) if envelope else "",
        to=_people(envelope.to) if envelope else "",
        subject=envelope.subject_text if envelope else "",
        message_id=_ascii(envelope.message_id) if envelope else "",
        size_octets=fetched.size_octets or 0,
    )


def _ascii(octets: bytes | None) -> str:
    return (octets or b"").decode("utf-8", "replace")


def _people(addresses: Sequence[Address]) -> str:
    shown = [
        f"{one.display_name} <{one.address}>" if one.display_name else one.address
        for one in addresses
        if one.address
    ]
    return ", ".join(shown)
