"""One worker put together: stations made of Options, and wired to each other.

This is the only place where the MTA meets the MDA: what one needs of the other
is passed in here as a callable.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from pyeonji.base.clock import SystemClock
from pyeonji.base.events import Happening
from pyeonji.base.ids import letter_ids
from pyeonji.base.rates import Rate
from pyeonji.mda import lmtp
from pyeonji.mda.aliases import Aliases
from pyeonji.mda.deliver import Deliverer
from pyeonji.mra import imap, pop3
from pyeonji.mta.alarms import Alarms
from pyeonji.mta.forward.forwarding import Forwarding
from pyeonji.mta.forward.srs import Srs
from pyeonji.mta.hooks.python import Delivering
from pyeonji.mta.hooks.webhook import Webhooks
from pyeonji.mta.options import MAX_RELAYS_PER_DESTINATION, Route, Source
from pyeonji.mta.options import Options as MtaOptions
from pyeonji.mta.queue.runner import Runner
from pyeonji.mta.receive.checking import Checker
from pyeonji.mta.receive.receiver import DoorKind, Receiver
from pyeonji.mta.relay.policies import StsPolicies
from pyeonji.mta.relay.relay import Relay
from pyeonji.mta.relay.sts import MAX_POLICY_OCTETS
from pyeonji.mta.signing.keys import Sealing
from pyeonji.mta.signing.signer import Signer
from pyeonji.mta.trace import from_clause, received
from pyeonji.net.accounts import AccountConnections
from pyeonji.net.dns import Resolver, a_labels
from pyeonji.net.https import request
from pyeonji.net.listener import Limits, Listener, connection_ids
from pyeonji.net.tls import client_context
from pyeonji.serve.acme.keeper import Keeper
from pyeonji.serve.certificates import named_files
from pyeonji.serve.configuration import Configuration, ConfigurationError
from pyeonji.serve.contexts import Contexts
from pyeonji.serve.filters import load_hooks, make_judge
from pyeonji.serve.hanging import HangingHooks
from pyeonji.serve.report_reading import ReportReader
from pyeonji.serve.reporting import dmarc_reporter, tls_reporter
from pyeonji.serve.websites import Websites
from pyeonji.storage.embedded import Store, open_store
from pyeonji.storage.names import canonical_domain
from pyeonji.storage.queue import JourneyLimits
from pyeonji.storage.tokens import KeysRefused, TokenOptions, TokenVerifier

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from ssl import SSLContext

    from pyeonji.base.clock import Clock
    from pyeonji.base.events import LetterEvent
    from pyeonji.base.ids import LetterId
    from pyeonji.mta.needs import Deliver
    from pyeonji.mta.receive.judging import Judge
    from pyeonji.net.connection import Connection, Door
    from pyeonji.protocol.smtp.server import ServerMachine
    from pyeonji.serve.configuration import ListenerSettings, RouteSettings
    from pyeonji.serve.supervisor import WorkerStart
    from pyeonji.storage.authentication import Authenticator
    from pyeonji.storage.queue import NewLetter, QueuedLetter
    from pyeonji.storage.reports import Seen
    from pyeonji.storage.tls import TlsResult

BUSY: Final = {
    "smtp": b"421 4.7.0 too many connections, come back later\r\n",
    "submission": b"421 4.7.0 too many connections, come back later\r\n",
    "lmtp": b"421 4.7.0 too many connections, come back later\r\n",
    "imap": b"* BYE [UNAVAILABLE] too many connections, come back later\r\n",
    "pop3": b"-ERR [SYS/TEMP] too many connections, come back later\r\n",
}
"""What a peer over the limits hears."""


class Station:
    """Everything of one worker process."""

    def __init__(
        self,
        start: WorkerStart,
        store: Store,
        contexts: Contexts,
        clock: Clock,
    ) -> None:
        self.listeners: list[Listener] = []
        self._judge: Judge | None = None
        self._webhooks = Webhooks(
            start.configuration.webhooks, clock, store.waiting_events
        )
        self._hooks = load_hooks(start.configuration)
        self._hanging = HangingHooks(
            start.configuration.data, start.number, self._hooks
        )
        self._chores: list[asyncio.Future[None]] = []
        self._start = start
        self._store = store
        self._contexts = contexts
        self._clock = clock
        self._next_id = letter_ids(start.number, lambda: int(clock.time() * 1000))
        self._authenticator: Authenticator = store.authenticator(
            legacy=start.configuration.legacy_auth,
            channel_binding=start.configuration.channel_binding,
            verify_token=_verifier(start.configuration, clock),
        )
        self._signer = Signer(
            store.directory.dkim_keys,
            Sealing(store.sealer.seal, store.sealer.unseal),
        )
        self._wire(start.configuration)
        self._reader = ReportReader(store, clock)
        self._runner = self._make_runner()
        self._runner.start()
        new_id = connection_ids(start.number)
        limits = start.configuration.limits
        accounts = AccountConnections(limits.connections_per_account)
        self.websites = Websites(start.configuration, store.directory)
        self.certificates = Keeper(
            lambda: self._configuration,
            store.directory,
            lambda: _resolver(self._configuration),
            clock,
            show=contexts.reload,
            renews=start.number == 0,
        )
        for bound in start.listeners:
            settings = bound.settings
            if settings.protocol == "http":
                self.websites.listen(
                    bound,
                    contexts.of(settings) if settings.tls == "implicit" else None,
                    per_network=limits.connections_per_network,
                )
                continue
            self.listeners.append(
                Listener(
                    settings.name,
                    bound.socket,
                    self._door_maker(settings),
                    tls_context=contexts.of(settings),
                    implicit_tls=settings.tls == "implicit",
                    busy=BUSY[settings.protocol],
                    limits=Limits(
                        connections=limits.connections,
                        per_network=limits.connections_per_network,
                        rate=Rate(*limits.connection_rate),
                    ),
                    new_id=new_id,
                    proxies=settings.proxy,
                    accounts=accounts,
                )
            )

    @classmethod
    async def open(cls, start: WorkerStart) -> Station:
        """Open what is kept and wire everything; listeners don't accept yet.

        Raises:
            StorageUnavailable: the data can't be opened.
            ConfigurationError: certificate or key can't be used.
        """
        clock = SystemClock()
        contexts = Contexts.made(*start.certificate, start.configuration)
        store = await open_store(
            start.configuration.data,
            worker=start.number,
            workers=start.workers,
            clock=clock,
            kept=JourneyLimits(
                kept_s=start.configuration.queue.journeys_s,
                octets=start.configuration.queue.journeys_octets
                // max(start.workers, 1),
            ),
        )
        return cls(start, store, contexts, clock)

    def reconfigure(self, configuration: Configuration) -> None:
        """Use another configuration from now on; connections go on as they are.

        Raises:
            ConfigurationError: and everything stays.
        """
        mta_options(configuration)  # everything that can fail, before any change
        verifier = _verifier(configuration, self._clock)
        certificate, key = named_files(configuration)
        if certificate.exists():
            try:
                self._contexts.reload(certificate, key)
            except OSError as error:
                raise ConfigurationError(f"{certificate}: {error}") from error
        self._authenticator.verify_token = verifier
        self._authenticator.channel_binding = configuration.channel_binding
        self._wire(configuration)
        self.websites.reconfigure(configuration)
        self._runner.reconfigure(self._options, self._relay)
        settings = {each.name: each for each in configuration.listeners}
        for listener in self.listeners:
            if listener.name in settings:
                listener.make_door = self._door_maker(settings[listener.name])

    async def close(self) -> None:
        """Finish deliveries under way and close what is kept."""
        self._end_chores()
        await self._runner.stop()
        await self._reader.close()
        if self._judge is not None:
            await self._judge.close()
        for hook in self._hooks:
            hook.end()
        await self._webhooks.close()
        await self._store.close()
        self._authenticator.close()

    # -- wiring

    def _make_runner(self) -> Runner:
        return Runner(
            options=self._options,
            queue=self._store.queue,
            clock=self._clock,
            relay=self._relay,
            deliver=self._deliver(),
            sync=self._store.mail.sync,
            expand=self._expand,
            is_local=self._aliases.is_local,
            office=self._store.office,
            signer=self._signer,
            suppressions=self._store.suppressions,
            watch=self._ended,
        )

    def _ended(self, letter: QueuedLetter, events: Sequence[LetterEvent]) -> None:
        """What became of a letter: news for some, and a sign of what accounts do."""
        if self._webhooks:
            self._webhooks.ended(letter, events)
        account = letter.letter.facts.get("user", "")
        if not account or self._judge is None:
            return
        for event in events:
            if event.kind is Happening.FAILED:
                self._runner.background(self._judge.failed(account))

    def _take(self, letter: QueuedLetter) -> None:
        """Run a letter of our own; the runner is made after what calls this."""
        self._runner.take(letter)

    def _deliver(self) -> Deliver:
        """The way into a mailbox, past the hooks, and those who read reports."""
        deliver: Deliver = self._reader.reading(self._deliverer.deliver)
        if any("deliver" in hook.stages for hook in self._hooks):
            deliver = Delivering(deliver, self._hooks)
        return deliver

    def _wire(self, configuration: Configuration) -> None:
        """Make all that depends on the configuration."""
        self._configuration = configuration
        self._end_chores()
        self._options = mta_options(configuration, self._start.workers)
        self._aliases = Aliases(
            self._store.directory,
            hostname=configuration.hostname,
            delimiter=configuration.recipient_delimiter,
        )
        self._deliverer = Deliverer(self._aliases, self._store.mail)
        resolver = _resolver(configuration)
        self._relay = Relay(
            self._options,
            resolver,
            note=self._note_tls,
            policies=self._sts(configuration, resolver),
        )
        self._signing = self._signer if configuration.dkim.sign else None
        self._forwarding = Forwarding(
            Srs(self._store.sealer.secret_for("srs")),
            expand=self._aliases.expand,
            is_local=self._aliases.is_local,
            hostname=configuration.hostname,
            authserv_id=configuration.trust.authserv_id,
            rewrites=configuration.forwarding.srs,
            forwards_junk=configuration.forwarding.junk == "forward",
            signer=self._signer if configuration.forwarding.arc else None,
        )
        self._expand = self._forwarding.expanding(self._clock.time)
        if self._judge is not None:
            self._runner.background(self._judge.close())
        self._checker = Checker(
            configuration.trust,
            ask=resolver.ask,
            known=resolver.known,
            clock=self._clock,
            note=self._note_dmarc if configuration.reports.send else None,
        )
        if configuration.reports.send:
            reporting = dmarc_reporter(
                configuration,
                self._store,
                self._clock,
                resolver,
                send=self._send_own,
            )
            self._begin_chore(reporting.run())
            reporter = tls_reporter(
                configuration,
                self._store,
                self._clock,
                resolver,
                send=self._send_own,
            )
            self._begin_chore(reporter.run())
        self._judge = make_judge(
            configuration,
            self._clock,
            resolver.ask,
            self._hooks,
            self._store.strangers,
            Alarms(
                queue=self._store.queue,
                take=self._take,
                clock=self._clock,
                hostname=configuration.hostname,
            ),
            self._store.habits,
        )

    def _sts(
        self, configuration: Configuration, resolver: Resolver
    ) -> StsPolicies | None:
        """Other domains' policies; one worker keeps them fresh for all."""
        if not configuration.relay.mta_sts:
            return None
        policies = StsPolicies(
            ask=resolver.ask,
            store=self._store.tls,
            clock=self._clock,
            note=self._note_tls,
            fetch=partial(
                request,
                "GET",
                ask=resolver.ask,
                limit_octets=MAX_POLICY_OCTETS,
                private=configuration.relay.private_addresses,
            ),
        )
        self._begin_chore(policies.keep_fresh())
        return policies

    def _begin_chore(self, chore: Coroutine[None, None, None]) -> None:
        """Do what one worker does for all, until the next configuration."""
        if self._start.number == 0:
            self._chores.append(asyncio.ensure_future(chore))
        else:
            chore.close()

    def _end_chores(self) -> None:
        for chore in self._chores:
            chore.cancel()
        self._chores.clear()

    async def _send_own(self, letter: NewLetter) -> None:
        """Send a letter of the system itself."""
        await self._runner.send_own(letter)

    def _note_tls(self, result: TlsResult) -> None:
        """Count what TLS with a next hop came to (RFC 8460 §4.1).

        Also where nobody else is told: `pyeonji reports outbound` tells us.
        """
        day = time.strftime("%Y-%m-%d", time.gmtime(self._clock.time()))
        name = a_labels(result.domain)  # RFC 8460 §4.4
        self._store.tls.count(replace(result, domain=name), day)

    def _note_dmarc(self, seen: Seen) -> None:
        """Count a letter of a domain that wants reports (RFC 7489 §7.2)."""
        day = time.strftime("%Y-%m-%d", time.gmtime(self._clock.time()))
        self._store.reports.count(seen, day)

    def _door_maker(self, settings: ListenerSettings) -> Callable[[Connection], Door]:
        """What answers connections of a listener."""
        match settings.protocol:
            case "smtp":
                return self._smtp(settings, submission=False)
            case "submission":
                return self._smtp(settings, submission=True)
            case "lmtp":
                return self._lmtp()
            case "imap":
                return self._imap(settings)
            case "pop3":
                return self._pop3(settings)
            case other:
                raise ConfigurationError(f"no door speaks {other}")

    def _smtp(
        self, settings: ListenerSettings, *, submission: bool
    ) -> Callable[[Connection], Door]:
        receiver = Receiver(
            options=self._options,
            directory=self._store.directory,
            queue=self._store.queue,
            office=self._store.office,
            authenticator=self._authenticator,
            expand=self._expand,
            is_local=self._aliases.is_local,
            clock=self._clock,
            next_id=self._next_id,
            take=self._runner.take,
            runner=self._runner,
            policy=self._judge,
            signer=self._signing,
            taken=self._webhooks.taken if self._webhooks else None,
            forwarding=self._forwarding,
            checker=self._checker,
            suppressions=self._store.suppressions,
            has_room=self._deliverer.has_room,
        )
        kind = DoorKind(
            submission=submission,
            plaintext_auth=settings.plaintext_auth,
            xclient=settings.xclient,
            xclient_login=settings.xclient_login,
        )
        return lambda connection: receiver.door(connection, kind)

    def _lmtp(self) -> Callable[[Connection], Door]:
        configuration = self._configuration
        return lmtp.door(
            lmtp.Stations(
                options=lmtp.LmtpOptions(
                    hostname=configuration.hostname,
                    max_message_octets=configuration.limits.message_octets,
                    max_recipients=configuration.limits.recipients,
                ),
                aliases=self._aliases,
                deliverer=self._deliverer,
                store=self._store.mail,
                clock=self._clock,
                new_letter_id=self._next_id,
                new_spool=self._store.mail.spool,
                received=self._received,
            )
        )

    def _received(
        self,
        machine: ServerMachine,
        connection: Connection,
        letter_id: LetterId,
        recipient: str,
    ) -> bytes:
        tls = connection.tls
        return received(
            origin=from_clause(
                machine.client_name,
                connection.peer_address,
                (tls.version, tls.cipher) if tls is not None else None,
            ),
            hostname=self._configuration.hostname,
            protocol=machine.with_protocol(),
            letter_id=letter_id,
            recipient=recipient if recipient.isascii() else "",
            unix_second=int(time.time()),
            cipher=tls.cipher if tls is not None else "",
        )

    def _imap(self, settings: ListenerSettings) -> Callable[[Connection], Door]:
        return imap.door(
            imap.Options(
                hostname=self._configuration.hostname,
                plaintext_auth=settings.plaintext_auth,
                message_octets=self._configuration.limits.message_octets,
                message_limit=self._configuration.message_limit,
                save_limit=self._configuration.save_limit,
            ),
            self._store.directory,
            self._store.mail,
            self._authenticator,
            spool=self._store.mail.spool,
            clock=self._clock,
        )

    def _pop3(self, settings: ListenerSettings) -> Callable[[Connection], Door]:
        return pop3.door(
            pop3.Options(
                hostname=self._configuration.hostname,
                plaintext_auth=settings.plaintext_auth,
                apop=self._configuration.legacy_auth,
                login_delay_s=self._configuration.pop3.login_delay_s,
                expire_days=self._configuration.pop3.expire_days,
            ),
            self._store.directory,
            self._store.mail,
            self._authenticator,
        )


def _resolver(configuration: Configuration) -> Resolver:
    """DNS as the operator says."""
    return Resolver(configuration.dns_servers, validating=configuration.dns_validating)


def _verifier(configuration: Configuration, clock: Clock) -> TokenVerifier | None:
    """What judges bearer tokens. Raises ConfigurationError: no keys."""
    if configuration.oauth is None:
        return None
    options = TokenOptions(**asdict(configuration.oauth))
    try:
        return TokenVerifier(options, clock)
    except KeysRefused as error:
        raise ConfigurationError(f"auth.oauth: {error}") from error


def mta_options(configuration: Configuration, workers: int = 1) -> MtaOptions:
    """What the MTA is told.

    Args:
        configuration: the operator's.
        workers: how many run: each has a part of the connections to a next hop,
            for they don't know of each other's.

    Raises:
        ConfigurationError: a password or certificate file can't be read.
    """
    routes = [_route(each) for each in configuration.routes]
    return MtaOptions(
        hostname=configuration.hostname,
        max_message_octets=configuration.limits.message_octets,
        max_recipients=configuration.limits.recipients,
        retry=configuration.queue.retry_s,
        expire=configuration.queue.expire_s,
        max_hold=configuration.queue.max_hold_s,
        max_held_letters=configuration.queue.max_held_letters,
        max_held_octets=configuration.queue.max_held_octets,
        suppress=configuration.queue.suppress_s,
        routes={route.domain: route for route in routes if route.domain},
        sender_routes={route.sender: route for route in routes if route.sender},
        sources={
            each.domain: Source(v4=each.v4, v6=each.v6)
            for each in configuration.sources
        },
        relay_port=configuration.relay.port,
        max_relays_per_destination=max(MAX_RELAYS_PER_DESTINATION // workers, 1),
        dane=configuration.relay.dane,
        lenient=frozenset(configuration.relay.lenient),
        strict=frozenset(configuration.relay.strict),
        own_endpoints=frozenset(
            (each.host, each.port)
            for each in configuration.listeners
            if each.protocol == "smtp"
        ),
    )


def _route(settings: RouteSettings) -> Route:
    """Raises ConfigurationError: a file can't be read."""
    password = ""
    if settings.password_file is not None:
        try:
            lines = settings.password_file.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{settings.password_file}: {error}") from error
        password = lines[0] if lines else ""
    return Route(
        domain=canonical_domain(settings.domain),
        sender=canonical_domain(settings.sender),
        hosts=settings.next_hops,
        user=settings.user,
        password=password,
        use_tls=settings.tls != "none",
        require_tls=settings.tls == "required",
        context=_route_context(settings),
    )


def _route_context(settings: RouteSettings) -> SSLContext | None:
    if not settings.verify:
        return None
    try:
        return client_context(verify=True, ca_file=settings.ca)
    except OSError as error:
        raise ConfigurationError(f"route ca {settings.ca}: {error}") from error
