"""Opening a session with a next hop: connect, hello, STARTTLS, AUTH."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.base.errors import PyeonjiError
from pyeonji.mta.queue.plan import Fate, fate, status_of
from pyeonji.mta.relay.dane import Unreadable, verify
from pyeonji.mta.relay.guard import Guard, Proof, guard_for
from pyeonji.mta.relay.results import ignore, result_type
from pyeonji.mta.relay.session import Session, event_of
from pyeonji.net.errors import TlsFailed, TlsTrouble, Unreachable
from pyeonji.net.race import race
from pyeonji.net.tls import client_context
from pyeonji.protocol.sasl.client import PREFERENCE
from pyeonji.protocol.smtp.client import ClientMachine, ClientOptions
from pyeonji.protocol.smtp.outcomes import AuthDone, Greeted, HelloDone, TlsReady
from pyeonji.protocol.smtp.words import Offer
from pyeonji.storage.queue import TlsWish
from pyeonji.storage.tls import NO_POLICY, Policy, TlsResult

if TYPE_CHECKING:
    import ssl

    from pyeonji.mta.options import Options, Route
    from pyeonji.mta.relay.dane import Dane
    from pyeonji.mta.relay.nexthop import NextHops, Target
    from pyeonji.mta.relay.results import Note
    from pyeonji.mta.relay.session import Stream
    from pyeonji.mta.relay.sts import StsPolicy
    from pyeonji.mta.relay.way import Way
    from pyeonji.net.dial import ClientStream

Dial = Callable[[str, int, "ssl.SSLContext", float, str], Awaitable["ClientStream"]]
"""Opens a connection: address, port, context for STARTTLS, seconds, source address
("" for any)."""

_IN_CLEAR: Final = frozenset({"PLAIN", "LOGIN"})

log = structlog.get_logger("pyeonji.mta.relay")


class CallFailed(PyeonjiError):
    """No host could be spoken to; says what to tell of it."""

    def __init__(self, fate: Fate, status: str, text: str, remote: str = "") -> None:
        super().__init__(text)
        self.fate = fate
        self.status = status
        self.remote = remote


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One way to speak to a host: those that ask for less come later."""

    tls: bool
    proof: Proof = Proof.NOTHING
    context: ssl.SSLContext


class Caller:
    """Opens sessions."""

    def __init__(
        self,
        options: Options,
        dial: Dial,
        look_up: Callable[[Target], Awaitable[Dane | None]],
        note: Note = ignore,
    ) -> None:
        """Nobody is called yet.

        Args:
            options: timeouts, and how we call ourselves.
            dial: opens connections.
            look_up: secure TLSA records of a host; raises Unreadable.
            note: takes what TLS came to.
        """
        self._options = options
        self._dial = dial
        self._look_up = look_up
        self._note = note
        self._context = client_context(verify=False)

    @cached_property
    def _checking(self) -> ssl.SSLContext:
        """For hosts whose certificate a public authority must vouch for."""
        return client_context(verify=True)

    async def call(
        self, targets: NextHops, way: Way, policy: StsPolicy | None = None
    ) -> Session:
        """A session with the first host that answers and is as it should be.

        Args:
            targets: hosts, each with its addresses in a row.
            way: whose letters these are.
            policy: MTA-STS of the domain.

        Raises:
            CallFailed: none did; NEVER only if all refused for good.
        """
        failure: CallFailed | None = None
        for _, group in groupby(targets, key=lambda each: (each.host, each.port)):
            try:
                return await self._call_host(list(group), way, policy)
            except CallFailed as error:
                if failure is None or error.fate is Fate.LATER:
                    failure = error
        raise failure or CallFailed(Fate.LATER, "4.4.1", "no host to call")

    async def _call_host(
        self, targets: list[Target], way: Way, policy: StsPolicy | None
    ) -> Session:
        """By whichever of its addresses answers first (RFC 8305 §5)."""
        guard = await self._guard(targets[0], way, policy)
        failure: CallFailed | None = None
        while targets:
            try:
                target, stream = await race(
                    targets,
                    lambda one: self._connect(one, way),
                    self._options.timeouts.next_address,
                )
            except Unreachable as error:
                first = targets[0]
                text = f"{_name(first)}:{first.port}: {error}"
                unreached = CallFailed(Fate.LATER, "4.4.1", text)
                _log(first, unreached)
                raise failure or unreached from error
            targets = [one for one in targets if one != target]
            try:
                return await self._call_one(target, way, guard, stream)
            except CallFailed as error:
                _log(target, error)
                if failure is None or error.fate is Fate.LATER:
                    failure = error
        raise failure or CallFailed(Fate.LATER, "4.4.1", "no address to call")

    async def _guard(self, target: Target, way: Way, policy: StsPolicy | None) -> Guard:
        """What the host must show."""
        route = way.route
        if route is not None and (route.context is not None or not route.use_tls):
            return Guard(wish=way.wish)  # the operator says what to look at
        dane: Dane | None = None
        try:
            if target.bases:
                dane = await self._look_up(target)
        except Unreadable as error:
            if way.wish is not TlsWish.OPTIONAL:
                self._note(
                    TlsResult(
                        domain=way.domain,
                        policy=Policy(kind="tlsa", mx=(target.host,)),
                        failure="dnssec-invalid",
                        mx=target.host,
                        reason=str(error),
                    )
                )
                failed = CallFailed(Fate.LATER, "4.7.5", f"{target.host}: {error}")
                _log(target, failed)
                raise failed from error
        if route is not None and dane is None:
            return Guard(wish=way.wish)
        try:
            return guard_for(target, dane, policy, way.wish, strict=way.strict)
        except TlsFailed as error:
            wanted = NO_POLICY
            if policy is not None:
                wanted = Policy(kind="sts", lines=policy.lines(), mx=policy.mx)
            self._note(
                TlsResult(
                    domain=way.domain,
                    policy=wanted,
                    failure=result_type(error.trouble),
                    mx=target.host,
                    reason=str(error),
                )
            )
            failed = _forbidden(way, str(error), "7.5")
            _log(target, failed)
            raise failed from error

    def _connect(self, target: Target, way: Way) -> Awaitable[ClientStream]:
        source = way.source.for_peer(target.address) if way.source is not None else ""
        timeout_s = self._options.timeouts.connect
        return self._dial(target.address, target.port, self._context, timeout_s, source)

    def _steps(self, way: Way, guard: Guard) -> list[_Step]:
        """How the host is spoken to, then how if TLS is not as asked."""
        route = way.route
        required = guard.wish is TlsWish.REQUIRED
        clear = _Step(tls=False, context=self._context)
        asked = _Step(
            tls=True,
            proof=guard.proof,
            context=self._checking if guard.proof is Proof.PKIX else self._context,
        )
        if guard.binding:
            return [asked]
        if route is not None and (route.needs_tls or required):
            checking = self._checking if required else self._context
            return [_Step(tls=True, proof=Proof.TLS, context=route.context or checking)]
        tls = self._options.relay_tls and (route is None or route.use_tls)
        usual = [_Step(tls=tls, context=self._context)]
        if tls and (route is None or not route.user):
            usual.append(clear)
        if guard.proof is Proof.NOTHING:
            return usual
        return [asked, *usual]

    async def _call_one(
        self, target: Target, way: Way, guard: Guard, stream: ClientStream
    ) -> Session:
        """Step by step: what is not as asked is told, and the next step taken."""
        open_stream: ClientStream | None = stream
        failure = TlsFailed("no TLS")
        for number, step in enumerate(self._steps(way, guard)):
            try:
                open_stream = open_stream or await self._connect(target, way)
                session = await self._converse(target, way, guard, step, open_stream)
            except TlsFailed as error:
                failure = error
                if number == 0:
                    self._count(target, way, guard, open_stream, error)
                log.info("relay.tls_failed", host=target.host, reason=str(error))
            except Unreachable as error:
                text = f"{_name(target)}:{target.port}: {error}"
                raise CallFailed(Fate.LATER, "4.4.1", text) from error
            else:
                if number == 0:
                    broken = None
                    if guard.not_named:
                        broken = TlsFailed(guard.not_named, TlsTrouble.NOT_NAMED)
                    elif open_stream.tls is None:
                        broken = TlsFailed("no STARTTLS", TlsTrouble.REFUSED)
                    self._count(target, way, guard, open_stream, broken)
                return session
            open_stream = None
        raise self._not_sent(target, way, guard, failure) from failure

    def _count(
        self,
        target: Target,
        way: Way,
        guard: Guard,
        stream: ClientStream | None,
        error: TlsFailed | None,
    ) -> None:
        """Note what TLS came to; of our own routes nobody wants reports."""
        wanted = way.wish is not TlsWish.OPTIONAL  # RFC 8460 §3: reports themselves
        if way.route is None and self._options.relay_tls and wanted:
            self._note(
                TlsResult(
                    domain=way.domain,
                    policy=guard.policy,
                    failure=result_type(error.trouble) if error is not None else "",
                    mx=target.host,
                    address=target.address,
                    source=stream.local_address if stream is not None else "",
                    reason=str(error) if error is not None else "",
                )
            )

    def _not_sent(
        self, target: Target, way: Way, guard: Guard, error: TlsFailed
    ) -> CallFailed:
        """Why nothing goes to a host, in words for the letter's sender."""
        refused = error.trouble is TlsTrouble.REFUSED
        if (
            way.route is not None
            and not guard.binding
            and (guard.wish is not TlsWish.REQUIRED)
        ):
            text = f"{target.host}: TLS failed: {error}"
            return CallFailed(Fate.LATER, "4.7.4" if refused else "4.7.5", text)
        text = (
            f"{target.host} must show {guard.proof.value}, because {guard.reason}:"
            f" {error}; nothing was sent to it"
        )
        return _forbidden(way, text, "7.4" if refused else "7.5")

    async def _converse(
        self,
        target: Target,
        way: Way,
        guard: Guard,
        step: _Step,
        stream: ClientStream,
    ) -> Session:
        """Come to the point where letters can be sent.

        Raises:
            CallFailed, TlsFailed: then the connection is closed.
        """
        timeouts = self._options.timeouts
        name = _name(target)
        facts = {"next_hop": f"{name}:{target.port}"}
        opened = False
        try:
            machine = ClientMachine(ClientOptions(hostname=self._options.hostname))
            talk = _Talk(stream, machine, name, timeouts.greeting)
            await talk.greet()
            if step.tls and machine.offers(Offer.STARTTLS):
                stream.use(step.context)
                await talk.start_tls(stream, _server_name(target, guard, step))
                facts |= _proved(guard, step, stream)
                await talk.hello()
            elif step.proof is not Proof.NOTHING:
                raise TlsFailed(f"{name} offers no STARTTLS", TlsTrouble.REFUSED)
            if guard.wish is TlsWish.REQUIRED and not machine.offers(Offer.REQUIRETLS):
                raise CallFailed(
                    Fate.NEVER, "5.7.30", f"{name} does not support REQUIRETLS"
                )
            if way.route is not None and way.route.user:
                await talk.authenticate(way.route)
            opened = True
        except Unreachable as error:
            raise CallFailed(Fate.LATER, "4.4.2", f"{name}: {error}") from error
        finally:
            if not opened:
                await stream.cut()
        if stream.tls is not None:
            facts["tls"] = f"{stream.tls.version} {stream.tls.cipher}"
        return Session(
            stream,
            machine,
            remote=name,
            timeouts=timeouts,
            facts=facts,
            keeps_secret=guard.wish is TlsWish.REQUIRED,
        )


def _proved(guard: Guard, step: _Step, stream: ClientStream) -> dict[str, str]:
    """Look at what the host has shown; what it proves, for the journey.

    Raises:
        TlsFailed: it is not what its TLSA records name.
    """
    if step.proof is Proof.PKIX:
        by = "MTA-STS" if guard.policy.kind == "sts" else "public authority"
        return {"certificate": f"verified, {by}"}
    if step.proof is Proof.DANE and guard.dane is not None:
        now = datetime.now(UTC)
        record = verify(guard.dane, stream.chain(), guard.names, now)
        return {"certificate": f"verified, DANE {record.summary}"}
    return {}


def _server_name(target: Target, guard: Guard, step: _Step) -> str | None:
    """The name for SNI: the TLSA base domain where there is one (RFC 7672 §8.1)."""
    if step.context.check_hostname:
        return target.host
    return _sni(guard.dane.base if guard.dane is not None else target.host)


def _forbidden(way: Way, text: str, status: str) -> CallFailed:
    """A host that is not as it should be: the letter waits.

    One whose sender requires TLS goes back at once (RFC 8689 §4.2.1).
    """
    if way.wish is TlsWish.REQUIRED:
        return CallFailed(Fate.NEVER, "5.7.10", text)
    return CallFailed(Fate.LATER, f"4.{status}", text)


def _name(target: Target) -> str:
    return f"{target.host} [{target.address}]"


def _log(target: Target, error: CallFailed) -> None:
    log.info(
        "relay.call_failed",
        host=target.host,
        address=target.address,
        port=target.port,
        reason=str(error),
    )


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
        await self.hello()

    async def start_tls(self, stream: ClientStream, server_name: str | None) -> None:
        """Encrypt (RFC 3207 §4); hello must be said again."""
        self._machine.start_tls()
        event = await event_of(self._stream, self._machine, self._wait)
        if not isinstance(event, TlsReady) or not event.go:
            raise TlsFailed("STARTTLS refused", TlsTrouble.REFUSED)
        await stream.start_tls(server_name)
        self._machine.tls_started()

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

    async def hello(self) -> None:
        """Hear what the next hop offers."""
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
