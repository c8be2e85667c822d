"""Opening a session with a next hop: connect, hello, STARTTLS, AUTH."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.base.errors import PyeonjiError
from pyeonji.mta.queue.plan import Fate, fate, status_of
from pyeonji.mta.relay.session import Session, event_of
from pyeonji.net.errors import TlsFailed, Unreachable
from pyeonji.net.tls import client_context
from pyeonji.protocol.sasl.client import PREFERENCE
from pyeonji.protocol.smtp.client import ClientMachine, ClientOptions
from pyeonji.protocol.smtp.outcomes import AuthDone, Greeted, HelloDone, TlsReady
from pyeonji.protocol.smtp.words import Offer

if TYPE_CHECKING:
    import ssl

    from pyeonji.mta.options import Options, Route
    from pyeonji.mta.relay.nexthop import NextHops, Target
    from pyeonji.mta.relay.session import Stream
    from pyeonji.net.dial import ClientStream

Dial = Callable[[str, int, "ssl.SSLContext", float], Awaitable["ClientStream"]]
"""Opens a connection: address, port, context for STARTTLS, seconds."""

_IN_CLEAR: Final = frozenset({"PLAIN", "LOGIN"})

log = structlog.get_logger("pyeonji.mta.relay")


class CallFailed(PyeonjiError):
    """No host could be spoken to; says what to tell of it."""

    def __init__(self, fate: Fate, status: str, text: str, remote: str = "") -> None:
        super().__init__(text)
        self.fate = fate
        self.status = status
        self.remote = remote


class Caller:
    """Opens sessions."""

    def __init__(self, options: Options, dial: Dial) -> None:
        self._options = options
        self._dial = dial
        self._context = client_context(verify=False)

    async def call(self, targets: NextHops, route: Route | None) -> Session:
        """A session with the first target that answers.

        Raises:
            CallFailed: none did; NEVER only if all refused for good.
        """
        failure = CallFailed(Fate.LATER, "4.4.1", "no host to call")
        for number, target in enumerate(targets):
            try:
                return await self._call_one(target, route)
            except CallFailed as error:
                log.info(
                    "relay.call_failed",
                    host=target.host,
                    address=target.address,
                    port=target.port,
                    reason=str(error),
                )
                if number == 0 or error.fate is Fate.LATER:
                    failure = error
        raise failure

    async def _call_one(self, target: Target, route: Route | None) -> Session:
        """With TLS if it can be had; once more in clear if that breaks."""
        tls = self._options.relay_tls and (route is None or route.use_tls)
        needed = route is not None and route.needs_tls
        try:
            return await self._converse(target, route, tls=tls or needed)
        except TlsFailed as error:
            if route is not None and (needed or route.user):
                raise CallFailed(
                    Fate.LATER, "4.7.5", f"{target.host}: TLS failed: {error}"
                ) from error
            log.info("relay.tls_failed", host=target.host, reason=str(error))
        try:
            return await self._converse(target, route, tls=False)
        except TlsFailed as error:  # not asked for
            raise CallFailed(Fate.LATER, "4.7.5", str(error)) from error

    async def _converse(
        self, target: Target, route: Route | None, *, tls: bool
    ) -> Session:
        """Connect and come to the point where letters can be sent.

        Raises:
            CallFailed, TlsFailed.
        """
        timeouts = self._options.timeouts
        name = f"{target.host} [{target.address}]"
        context = self._context
        if route is not None and route.context is not None:  # RFC 4954 §14
            context = route.context
        try:
            stream = await self._dial(
                target.address, target.port, context, timeouts.connect
            )
        except Unreachable as error:
            raise CallFailed(
                Fate.LATER, "4.4.1", f"{name}:{target.port}: {error}"
            ) from error
        opened = False
        try:
            machine = ClientMachine(ClientOptions(hostname=self._options.hostname))
            talk = _Talk(stream, machine, name, timeouts.greeting)
            await talk.greet()
            if tls and machine.offers(Offer.STARTTLS):
                checked = context.check_hostname
                await talk.start_tls(
                    stream, target.host if checked else _sni(target.host)
                )
            elif route is not None and route.needs_tls:
                raise CallFailed(Fate.LATER, "4.7.4", f"{name} offers no STARTTLS")
            if route is not None and route.user:
                await talk.authenticate(route)
            opened = True
        except Unreachable as error:
            raise CallFailed(Fate.LATER, "4.4.2", f"{name}: {error}") from error
        finally:
            if not opened:
                await stream.cut()
        facts = {"next_hop": f"{name}:{target.port}"}
        if stream.tls is not None:
            facts["tls"] = f"{stream.tls.version} {stream.tls.cipher}"
        return Session(stream, machine, remote=name, timeouts=timeouts, facts=facts)


class _Talk:
    """The first words with a next hop."""

    def __init__(
        self, stream: Stream, machine: ClientMachine, name: str, wait: float
    ) -> None:
        self._stream = stream
        self._machine = machine
        self._name = name
        self._wait = wait

    async def greet(self) -> None:
        """Hear the banner, say hello."""
        event = await event_of(self._stream, self._machine, self._wait)
        if not isinstance(event, Greeted):
            raise Unreachable(getattr(event, "reason", "no greeting"))
        if event.reply.code != 220:
            self._refused(event.reply.code, event.reply.enhanced, event.reply.text)
        await self._hello()

    async def start_tls(self, stream: ClientStream, server_name: str | None) -> None:
        """Encrypt (RFC 3207 §4), then say hello again."""
        self._machine.start_tls()
        event = await event_of(self._stream, self._machine, self._wait)
        if not isinstance(event, TlsReady) or not event.go:
            raise TlsFailed("STARTTLS refused")
        await stream.start_tls(server_name)
        self._machine.tls_started()
        await self._hello()

    async def authenticate(self, route: Route) -> None:
        """Log in to a smart host with the best mechanism of both."""
        machine = self._machine
        clear = machine.tls or route.plaintext_auth
        usable = [
            m
            for m in PREFERENCE
            if m in machine.mechanisms and (clear or m not in _IN_CLEAR)
        ]
        if not usable:
            raise CallFailed(
                Fate.LATER, "4.7.4", f"{self._name} offers no AUTH that we may use"
            )
        nonce = secrets.token_bytes(18)
        machine.authenticate(usable[0], route.user, route.password, nonce)
        event = await event_of(self._stream, machine, self._wait)
        if not isinstance(event, AuthDone):
            raise Unreachable(getattr(event, "reason", "no answer to AUTH"))
        if not event.succeeded:
            reason = event.reason or event.reply.text
            raise CallFailed(
                Fate.LATER, "4.7.8", f"{self._name}: AUTH failed: {reason}"
            )

    async def _hello(self) -> None:
        self._machine.hello()
        event = await event_of(self._stream, self._machine, self._wait)
        if not isinstance(event, HelloDone):
            raise Unreachable(getattr(event, "reason", "no answer to EHLO"))
        if event.reply.code // 100 != 2:
            self._refused(event.reply.code, event.reply.enhanced, event.reply.text)

    def _refused(self, code: int, enhanced: str, text: str) -> None:
        raise CallFailed(fate(code), status_of(code, enhanced), text, self._name)


def _sni(host: str) -> str | None:
    """A name for SNI: none for addresses (RFC 6066 §3)."""
    last = host.rpartition(".")[2]
    return None if ":" in host or last.isdecimal() else host


async def session_over(stream: Stream, options: Options) -> Session:
    """A session over a connection whose roles have turned (RFC 2645 §5.2).

    The peer greets as a server does; nothing of TLS, which it has or has not.

    Raises:
        Unreachable, CallFailed.
    """
    machine = ClientMachine(ClientOptions(hostname=options.hostname))
    talk = _Talk(stream, machine, "turned connection", options.timeouts.greeting)
    await talk.greet()
    return Session(
        stream,
        machine,
        remote="turned connection",
        timeouts=options.timeouts,
        facts={"next_hop": "turned connection"},
    )
