"""A session with a POP3 server; letters are named by their number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.message.compose.replies import header_of
from pyeonji.mua.agent.conversation import (
    Conversation,
    describe,
    dial,
)
from pyeonji.mua.agent.errors import LoginRefused, NotFound, ServerRefused, TryLater
from pyeonji.mua.agent.letters import Summary
from pyeonji.net.errors import TlsFailed, Unreachable
from pyeonji.protocol.machine import PAUSED
from pyeonji.protocol.pop3.client import (
    BodyChunk,
    Challenged,
    ClientMachine,
    Ended,
    Greeted,
    Listed,
    Replied,
    Told,
)
from pyeonji.protocol.sasl.client import ServerNotTrusted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyeonji.mua.agent.profiles import Server
    from pyeonji.protocol.sasl.client import Exchange

_LATER_CODES: Final = frozenset({"IN-USE", "SYS/TEMP", "LOGIN-DELAY"})


def _nothing_told(_done: int) -> None:
    """Who does not want to know how far it is."""


class Pop3Session:
    """One logged-in connection."""

    def __init__(self, conversation: Conversation, machine: ClientMachine) -> None:
        self._conversation = conversation
        self._machine = machine

    @classmethod
    async def open(cls, server: Server, login: str, password: str) -> Pop3Session:
        """Connect, protect, log in.

        Raises:
            Unreachable, TlsFailed: no connection as it was asked for.
            LoginRefused: wrong name or secret, or only unsafe ways of saying it.
            TryLater: the mailbox is in use, or the server is not well.
        """
        machine = ClientMachine()
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
        if not greeted.ok:
            raise TryLater(greeted.text)
        if server.tls == "starttls":
            self._machine.stls()
            replied = await self._reply()
            if not replied.ok or self._machine.next_event() is not PAUSED:
                raise TlsFailed(f"no TLS: {replied.text} (--tls none goes without)")
            await self._conversation.start_tls(server.host)
            self._machine.tls_started()
        await self._log_in(server, login, password)

    async def _log_in(self, server: Server, login: str, password: str) -> None:
        mechanisms = await self._mechanisms()
        protected = self._conversation.protected
        exchange = self._conversation.choose(server, mechanisms, login, password)
        if exchange is not None:
            self._machine.auth(exchange.mechanism, exchange.initial)
            replied = await self._exchange(exchange)
            if replied.ok and not exchange.complete:
                raise LoginRefused("the server has not proved that it knows us")
        elif server.token:
            raise LoginRefused("the server takes no tokens")
        elif self._machine.timestamp:
            self._machine.apop(login, password)
            replied = await self._reply()
        elif protected:
            self._machine.user(login)
            replied = await self._reply()
            if replied.ok:
                self._machine.password(password)
                replied = await self._reply()
        else:
            raise LoginRefused("no safe way to log in: the server needs TLS first")
        if not replied.ok:
            if replied.code in _LATER_CODES:
                raise TryLater(replied.text)
            raise LoginRefused(replied.text)

    async def _mechanisms(self) -> frozenset[str]:
        self._machine.capa()
        replied = await self._reply()
        if not replied.ok:
            return frozenset()
        while not isinstance(event := await self._conversation.next(), Ended):
            if not isinstance(event, Told):
                raise Unreachable(describe(event))
        known = self._machine.capabilities or {}
        return frozenset(known.get("SASL", "").upper().split())

    async def _exchange(self, exchange: Exchange) -> Replied:
        while isinstance(event := await self._conversation.next(), Challenged):
            try:
                self._machine.respond(exchange.respond(event.octets))
            except ServerNotTrusted as error:
                raise LoginRefused(str(error)) from error
            await self._conversation.flush()
        if not isinstance(event, Replied):
            raise Unreachable(describe(event))
        return event

    async def _reply(self) -> Replied:
        event = await self._conversation.next()
        if not isinstance(event, Replied):
            raise Unreachable(describe(event))
        return event

    async def _content(self, told: Callable[[int], None] = _nothing_told) -> bytes:
        """The message that follows a good reply."""
        pieces: list[bytes] = []
        done = 0
        while not isinstance(event := await self._conversation.next(), Ended):
            if not isinstance(event, BodyChunk):
                raise Unreachable(describe(event))
            pieces.append(event.octets)
            done += len(event.octets)
            told(done)
        return b"".join(pieces)

    # -- letters

    async def sizes(self) -> dict[int, int]:
        """Numbers and octets of all letters."""
        self._machine.list()
        replied = await self._reply()
        if not replied.ok:
            raise ServerRefused(replied.text)
        found: dict[int, int] = {}
        while not isinstance(event := await self._conversation.next(), Ended):
            if not isinstance(event, Listed):
                raise Unreachable(describe(event))
            found.update((number, int(size)) for number, size in event.entries)
        return found

    async def latest(self, limit: int) -> list[Summary]:
        """The last letters, newest last."""
        sizes = await self.sizes()
        return [await self._summary(n, sizes[n]) for n in sorted(sizes)[-limit:]]

    async def _summary(self, number: int, size_octets: int) -> Summary:
        self._machine.top(number, 0)
        replied = await self._reply()
        if not replied.ok:
            return Summary(id=number, size_octets=size_octets)
        header = header_of(await self._content())
        return Summary(
            id=number,
            date=header.text(b"date"),
            from_=header.text(b"from"),
            to=header.text(b"to"),
            subject=header.text(b"subject"),
            message_id=header.text(b"message-id"),
            size_octets=size_octets,
        )

    async def octets(
        self, number: int, *, told: Callable[[int], None] = _nothing_told
    ) -> bytes:
        """A letter. Raises NotFound."""
        self._machine.retr(number)
        replied = await self._reply()
        if not replied.ok:
            raise NotFound(f"letter {number}: {replied.text}")
        return await self._content(told)

    async def delete(self, numbers: Sequence[int]) -> None:
        """Remove letters; done when `close` returns. Raises NotFound."""
        for number in numbers:
            self._machine.dele(number)
            replied = await self._reply()
            if not replied.ok:
                raise NotFound(f"letter {number}: {replied.text}")

    async def close(self) -> None:
        """Say goodbye; what is marked is removed now (RFC 1939 §6).

        Raises:
            ServerRefused: not all of it could be removed.
        """
        try:
            self._machine.quit()
            replied = await self._reply()
            if not replied.ok:
                raise ServerRefused(replied.text)
        finally:
            await self._conversation.stream.finish()

    async def abort(self) -> None:
        """Leave without removing anything."""
        await self._conversation.stream.cut()
