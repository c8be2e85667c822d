"""Handing letters to a submission server (RFC 6409)."""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

from pyeonji.message.convert import Hindrance, to_seven_bit
from pyeonji.mua.agent.conversation import (
    Conversation,
    describe,
    dial,
)
from pyeonji.mua.agent.errors import LoginRefused, ServerRefused, TryLater
from pyeonji.net.errors import TlsFailed, Unreachable
from pyeonji.protocol.smtp.client import ClientMachine, ClientOptions
from pyeonji.protocol.smtp.outcomes import (
    Answered,
    AuthDone,
    BodyWanted,
    ConnectionBroken,
    Envelope,
    Greeted,
    HelloDone,
    LetterDone,
    Outcome,
    RecipientWanted,
    TlsReady,
    Verdict,
)
from pyeonji.protocol.smtp.words import BodyType, Offer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyeonji.mua.agent.profiles import Server
    from pyeonji.net.dial import ClientStream

FINAL_TIMEOUT_S: Final = 600.0  # RFC 5321 §4.5.3.2.6
PIECE_OCTETS: Final = 64 * 1024

E = TypeVar("E")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """Octets and their envelope."""

    octets: bytes
    reverse_path: str
    recipients: tuple[str, ...]
    eight_bit: bool = False
    smtputf8: bool = False
    requiretls: bool = False  # TLS all the way, or it comes back (RFC 8689)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What the server said for each recipient."""

    accepted: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]  # address, the server's words
    reply: str  # to the letter as a whole


class Submission:
    """One connection to a submission server."""

    def __init__(self, stream: ClientStream, server: Server) -> None:
        self._server = server
        self._machine = ClientMachine(
            ClientOptions(hostname=_own_name()), tls=server.tls == "implicit"
        )
        self._conversation = Conversation(stream, self._machine)

    @classmethod
    async def open(cls, server: Server, login: str, password: str) -> Submission:
        """Connect, protect, log in (without a login where it is "").

        Raises:
            Unreachable, TlsFailed: no connection as it was asked for.
            LoginRefused: wrong name or secret, or only unsafe ways of saying it.
            ServerRefused, TryLater: the server does not want us.
        """
        stream = await dial(server)
        session = cls(stream, server)
        try:
            await session._begin(login, password)
        except BaseException:
            await stream.cut()
            raise
        return session

    async def _begin(self, login: str, password: str) -> None:
        greeted = await self._expect(Greeted)
        _refuse(greeted.reply.code, greeted.reply.text)
        await self._hello()
        if self._server.tls == "starttls":
            await self._start_tls()
        if login:
            await self._authenticate(login, password)

    async def _hello(self) -> None:
        self._machine.hello()
        done = await self._expect(HelloDone)
        _refuse(done.reply.code, done.reply.text)

    async def _start_tls(self) -> None:
        if not self._machine.offers(Offer.STARTTLS):
            raise TlsFailed("the server offers no STARTTLS (--tls none goes without)")
        self._machine.start_tls()
        ready = await self._expect(TlsReady)
        if not ready.go:
            raise TlsFailed(ready.reply.text)
        await self._conversation.start_tls(self._server.host)
        self._machine.tls_started()
        await self._hello()

    async def _authenticate(self, login: str, password: str) -> None:
        offered = self._machine.mechanisms
        exchange = self._conversation.choose(self._server, offered, login, password)
        if exchange is None:
            why = "none that is safe without TLS" if offered else "none at all"
            raise LoginRefused(f"the server offers no way to log in: {why}")
        self._machine.authenticate_by(exchange)
        done = await self._expect(AuthDone)
        if not done.succeeded:
            raise LoginRefused(done.reason or done.reply.text)

    async def hand_over(
        self, parcel: Parcel, told: Callable[[int], None] = lambda _done: None
    ) -> Handed:
        """Hand over a letter; when this returns the server has it.

        Args:
            parcel: the letter; made 7-bit if the server cannot take 8 bits.
            told: called with the octets that have gone.

        Raises:
            ServerRefused, TryLater: nobody gets it.
        """
        parcel, envelope = self._suited(parcel)
        self._machine.send_letter(envelope)
        sent = 0
        event = await self._conversation.next()
        while isinstance(event, BodyWanted):
            piece = parcel.octets[sent : sent + PIECE_OCTETS]
            if piece:
                self._machine.send_body(piece)
                sent += len(piece)
                told(sent)
            else:
                self._machine.end_body()
            await self._conversation.flush()
            event = await self._conversation.next(FINAL_TIMEOUT_S)
        if not isinstance(event, LetterDone):
            raise Unreachable(_describe(event))
        return _handed(event.outcomes)

    def _suited(self, parcel: Parcel) -> tuple[Parcel, Envelope]:
        if parcel.requiretls and not self._machine.offers(Offer.REQUIRETLS):
            raise ServerRefused("the server does not offer REQUIRETLS")
        envelope = _envelope(parcel)
        lacking = self._machine.lacks(envelope)
        if Offer.SMTPUTF8 in lacking:
            raise ServerRefused("an address needs SMTPUTF8, which the server lacks")
        if Offer.EIGHT_BIT_MIME in lacking:
            converted = to_seven_bit(parcel.octets)
            if any(o.hindrance is Hindrance.SIGNED for o in converted.obstacles):
                raise ServerRefused(
                    "a signed part needs 8BITMIME, which the server lacks"
                )
            parcel = replace(parcel, octets=converted.octets, eight_bit=False)
            envelope = _envelope(parcel)
            lacking = self._machine.lacks(envelope)
        if Offer.SIZE in lacking:
            raise ServerRefused(
                f"{len(parcel.octets)} octets are more than the server takes"
            )
        return parcel, envelope

    async def close(self) -> None:
        """Say goodbye."""
        try:
            self._machine.quit()
            await self._expect(Answered)
        except (Unreachable, TryLater):
            pass  # the letter has gone; how the connection ends does not matter
        finally:
            await self._conversation.stream.finish()

    async def _expect(self, kind: type[E]) -> E:
        event = await self._conversation.next()
        if isinstance(event, kind):
            return event
        raise Unreachable(_describe(event))


def _describe(event: object) -> str:
    return event.reason if isinstance(event, ConnectionBroken) else describe(event)


def _refuse(code: int, text: str) -> None:
    if 400 <= code < 500:
        raise TryLater(text)
    if code >= 500:
        raise ServerRefused(text)


def _envelope(parcel: Parcel) -> Envelope:
    eight = parcel.eight_bit or not parcel.octets.isascii()
    return Envelope(
        reverse_path=parcel.reverse_path,
        recipients=tuple(RecipientWanted(address=one) for one in parcel.recipients),
        size_octets=len(parcel.octets),
        body_type=BodyType.EIGHT_BIT if eight else BodyType.SEVEN_BIT,
        smtputf8=parcel.smtputf8,
        requiretls=parcel.requiretls,
    )


def _handed(outcomes: Sequence[Outcome]) -> Handed:
    """Raises ServerRefused or TryLater where no recipient was accepted."""
    accepted = tuple(o.address for o in outcomes if o.verdict is Verdict.DONE)
    refused = [o for o in outcomes if o.verdict is not Verdict.DONE]
    if not accepted and refused:
        words = "; ".join(f"{o.address}: {o.reply.text}" for o in refused)
        never = any(o.verdict is Verdict.NEVER for o in refused)
        raise (ServerRefused if never else TryLater)(words)
    done = next((o.reply.text for o in outcomes if o.verdict is Verdict.DONE), "")
    return Handed(
        accepted=accepted,
        refused=tuple((o.address, o.reply.text) for o in refused),
        reply=done,
    )


def _own_name() -> str:
    """What EHLO says: our name if it is a full one (RFC 5321 §4.1.1.1)."""
    name = socket.gethostname()
    full = "." in name and name.isascii() and "_" not in name
    return name if full else "[127.0.0.1]"
