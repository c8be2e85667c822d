# ruff: noqa: SLF001 - the table at the end names methods of the class above it
"""One SMTP connection: each event of the machine gets its answer.

The answers that need no waiting (most) cost no task. What a transaction has
come to so far is a `Transaction`; the letter itself is `letter`'s business,
questions about users and queues are `inquiries`'.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import structlog

from pyeonji.base.networks import parsed
from pyeonji.mta.hooks.session import Peer
from pyeonji.mta.receive import (
    future,
    inquiries,
    letter,
    recipients,
    signing_in,
    turning,
)
from pyeonji.mta.receive.hush import Hush
from pyeonji.mta.receive.inspect import Refusal
from pyeonji.mta.receive.transaction import Transaction
from pyeonji.mta.receive.wishes import wishes_of
from pyeonji.protocol.smtp.events import (
    AuthAsked,
    AuthCancelled,
    AuthResponse,
    BodyChunk,
    BodyEnded,
    ClientTold,
    ErrorsMounting,
    EtrnAsked,
    ExpandAsked,
    HelloGiven,
    LetterReceived,
    MailAsked,
    Quit,
    RecipientAsked,
    StartTlsAsked,
    TransactionDropped,
    TurnAsked,
    VerboseAsked,
    VerifyAsked,
)
from pyeonji.protocol.smtp.server import ServerMachine

if TYPE_CHECKING:
    from pyeonji.mta.policy.decision import Decision
    from pyeonji.mta.receive.receiver import Receiver
    from pyeonji.net.connection import Connection
    from pyeonji.protocol.machine import Machine
    from pyeonji.protocol.sasl.steps import Exchange
    from pyeonji.protocol.smtp.options import Options as MachineOptions
    from pyeonji.storage.directory import Account

ERROR_PAUSE_S: Final = 1.0
"""How long a client waits for its reply that has erred often."""

log = structlog.get_logger("pyeonji.mta.receive")


class Door:
    """Answers one client."""

    __slots__ = (
        "account", "connection", "exchange", "hushed", "machine", "receiver", "smtp",
        "transaction", "turned", "visit",
    )  # fmt: skip

    def __init__(
        self, receiver: Receiver, connection: Connection, options: MachineOptions
    ) -> None:
        """Greet the client.

        Args:
            receiver: what all doors share.
            connection: the client's.
            options: what is offered to it.
        """
        self.receiver = receiver
        self.connection = connection
        self.smtp = ServerMachine(options, tls=connection.tls is not None)
        self.machine: Machine = self.smtp  # changes when roles turn
        self.account: Account | None = None
        self.exchange: Exchange | None = None
        self.transaction: Transaction | None = None
        self.turned: turning.TurnedStream | None = None
        self.visit = receiver.judge.visit(peer_of(connection, options))
        self.hushed: asyncio.TimerHandle | None = None
        delay_s = receiver.judge.options.banner_delay_s
        if delay_s and self._is_made_to_wait():
            hush = Hush()
            self.machine = hush
            loop = asyncio.get_running_loop()
            self.hushed = loop.call_later(delay_s, self._speak, hush)
        else:
            self.smtp.greet()

    def _is_made_to_wait(self) -> bool:
        """Not our users, and not who is here on this machine."""
        address = parsed(self.connection.peer_address)
        here = address is None or address.is_loopback
        return self.visit.is_stranger and not here and not self.visit.peer.submission

    def _speak(self, hush: Hush) -> None:
        """Greet a client that had to wait, or turn it away if it did not."""
        self.hushed = None
        self.machine = self.smtp
        self.visit.early = bool(hush.heard)
        decision = self.visit.connect()
        if decision.refuses:
            code = 554 if decision.code >= 500 else 421  # RFC 5321 §3.1
            self.smtp.turn_away(code, decision.status, decision.text)
        else:
            self.smtp.greet()
        self.smtp.receive_data(bytes(hush.heard))
        self.connection.resume()

    async def answer(self, event: Any) -> None:
        """Answer one event of the machine."""
        await _ANSWERS[type(event)](self, event)

    def timed_out(self) -> None:
        """RFC 5321 §4.5.3.2.7: five minutes of silence are enough."""
        self.smtp.shut_down("timeout")

    def failed(self) -> None:
        """Something broke here; the client may come again."""
        self.smtp.shut_down("internal error, try again later")

    def shutting_down(self) -> None:
        """The server stops (RFC 5321 §3.8)."""
        self.smtp.shut_down("shutting down")

    def lost(self) -> None:
        """Throw away what will not become a letter."""
        self.drop()
        self.visit.close()
        if self.hushed is not None:
            self.hushed.cancel()
        if self.turned is not None:
            self.turned.lost()

    def drop(self) -> None:
        """The transaction is over without a letter."""
        if self.transaction is not None:
            self.transaction.abort()
            self.transaction = None
            self.visit.abort()

    def refuse(self, decision: Decision) -> None:
        """Say what policy decided."""
        self.smtp.reply(decision.code, decision.status, decision.text)

    # -- the answers

    async def _hello(self, event: HelloGiven) -> None:
        self.drop()
        decision = self.visit.hello(event.name)
        if decision.refuses:
            self.refuse(decision)
            return
        self.smtp.accept()

    async def _mail(self, event: MailAsked) -> None:
        self.drop()
        account = self.account
        if account is not None and not await self.receiver.submitter.may_send_as(
            account, event.reverse_path
        ):
            log.info(
                "smtp.sender_refused",
                connection=self.connection.id,
                account=account.address,
                sender=event.reverse_path,
            )
            self.smtp.reply(
                550, "5.7.1", f"{account.address} may not send as this address"
            )
            return
        decision = await self.visit.mail(event.reverse_path)
        if decision.refuses:
            self.refuse(decision)
            return
        wishes = wishes_of(
            event,
            now=self.receiver.clock.time(),
            trusted=account is not None,
            max_hold=self.receiver.options.max_hold,
        )
        if isinstance(wishes, Refusal):
            self.smtp.reply(wishes.code, wishes.status, wishes.text)
            return
        too_much = await future.refused(self, wishes, event.size_octets or 0)
        if too_much is not None:  # RFC 4865 §6
            self.smtp.reply(too_much.code, too_much.status, too_much.text)
            return
        self.transaction = Transaction(event, wishes)
        if decision.rule:
            self.transaction.decisions.append(decision)
        if wishes.priority != event.priority:  # RFC 6710 §4.1
            self.smtp.reply(250, "2.3.6", f"{wishes.priority} is its priority here")
            return
        self.smtp.accept()

    async def _recipient(self, event: RecipientAsked) -> None:
        await recipients.take(self, event)

    async def _letter(self, event: LetterReceived) -> None:
        await letter.take_small(self, event.octets)

    async def _chunk(self, event: BodyChunk) -> None:
        await letter.take_chunk(self, event.octets)

    async def _ended(self, event: BodyEnded) -> None:  # noqa: ARG002
        await letter.take_end(self)

    async def _dropped(self, event: TransactionDropped) -> None:  # noqa: ARG002
        self.drop()

    async def _start_tls(self, event: StartTlsAsked) -> None:  # noqa: ARG002
        self.drop()
        self.smtp.accept()
        await self.connection.start_tls()
        receiver = self.receiver
        if self.connection.tls is not None:
            self.visit.peer.tls = (
                self.connection.tls.version,
                self.connection.tls.cipher,
            )
        self.smtp.tls_started(receiver.after_tls(self.connection, self.smtp.options))

    async def _auth(self, event: AuthAsked) -> None:
        await signing_in.begin_exchange(self, event.mechanism, event.initial)

    async def _auth_response(self, event: AuthResponse) -> None:
        await signing_in.respond(self, event.octets)

    async def _auth_cancelled(self, event: AuthCancelled) -> None:  # noqa: ARG002
        self.exchange = None

    async def _verify(self, event: VerifyAsked) -> None:
        await inquiries.verify(self, event.text)

    async def _expand(self, event: ExpandAsked) -> None:
        await inquiries.expand(self, event.text)

    async def _etrn(self, event: EtrnAsked) -> None:
        await inquiries.start_queue(self, event.node)

    async def _turn(self, event: TurnAsked) -> None:
        await turning.turn(self, event.domains)

    async def _client_told(self, event: ClientTold) -> None:
        """Begin again with the client that XCLIENT names."""
        connection = self.connection
        account = await signing_in.told(self, event.login)
        if account is None and event.login is not None:
            return
        self.drop()
        self.visit.close()
        rest = self.smtp.leave()
        if event.address is not None:
            connection.peer_address = event.address
            connection.peer_port = event.port or 0
        self.smtp = ServerMachine(self.smtp.options, tls=connection.tls is not None)
        self.machine = self.smtp
        self.visit = self.receiver.judge.visit(peer_of(connection, self.smtp.options))
        self.account = account
        if account is not None:
            self.smtp.authenticated_as = account.address
            self.visit.authenticated(account.address)
        self.visit.peer.reverse_name = event.name or ""
        self.visit.peer.helo = event.helo or ""
        log.info(
            "smtp.xclient",
            connection=connection.id,
            peer=connection.peer_address,
            account=account.address if account is not None else "",
        )
        self.smtp.greet()
        self.smtp.receive_data(rest)

    async def _verbose(self, event: VerboseAsked) -> None:  # noqa: ARG002
        self.smtp.accept()

    async def _erring(self, event: ErrorsMounting) -> None:  # noqa: ARG002
        await asyncio.sleep(ERROR_PAUSE_S)

    async def _quit(self, event: Quit) -> None:  # noqa: ARG002
        self.drop()


def peer_of(connection: Connection, options: MachineOptions) -> Peer:
    """Who is connected, as policy and hooks are told."""
    tls = connection.tls
    return Peer(
        connection_id=connection.id,
        address=connection.peer_address,
        port=connection.peer_port,
        hostname=options.hostname,
        submission=options.auth_required,
        tls=(tls.version, tls.cipher) if tls is not None else None,
    )


_ANSWERS: Final[dict[type, Any]] = {
    HelloGiven: Door._hello,
    MailAsked: Door._mail,
    RecipientAsked: Door._recipient,
    LetterReceived: Door._letter,
    BodyChunk: Door._chunk,
    BodyEnded: Door._ended,
    TransactionDropped: Door._dropped,
    StartTlsAsked: Door._start_tls,
    AuthAsked: Door._auth,
    AuthResponse: Door._auth_response,
    AuthCancelled: Door._auth_cancelled,
    VerifyAsked: Door._verify,
    ExpandAsked: Door._expand,
    EtrnAsked: Door._etrn,
    TurnAsked: Door._turn,
    ClientTold: Door._client_told,
    VerboseAsked: Door._verbose,
    ErrorsMounting: Door._erring,
    Quit: Door._quit,
}
