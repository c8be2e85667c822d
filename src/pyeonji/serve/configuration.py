"""The configuration file: TOML in, frozen values out, errors that point at a line.

The shape is a contract (docs/architecture.md §5): tools outside the project
write it. Every key that isn't known is an error, so that a slip of the pen is
seen at once and not after the first lost letter.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from pyeonji.base.errors import PermanentError
from pyeonji.base.limits import MAX_MESSAGE_OCTETS, MAX_RECIPIENTS
from pyeonji.mta.policy.options import PolicyOptions
from pyeonji.mta.trust.options import TrustOptions
from pyeonji.serve.policing import read_filters, read_trust
from pyeonji.serve.settings import (
    AcmeSettings,
    DoctorSettings,
    MtaStsSettings,
    PublishSettings,
    RelaySettings,
    ReportSettings,
    SourceSettings,
    read_published,
)
from pyeonji.serve.toml_lines import line_of
from pyeonji.serve.values import (
    ValueRefused,
    address,
    boolean,
    domain_name,
    duration_s,
    endpoint,
    networks,
    octets,
    one_of,
    path,
    positive,
    rate,
    text,
    texts,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pyeonji.base.networks import Network
    from pyeonji.mta.hooks.options import (
        MilterOptions,
        PythonOptions,
        RspamdOptions,
        WebhookOptions,
    )

Tls = Literal["none", "starttls", "implicit"]

PROTOCOLS: Final = ("smtp", "submission", "lmtp", "imap", "pop3", "http")
NOT_YET: Final = ("managesieve",)
"""Protocols of the plan that no listener can have in this version."""


class ConfigurationError(PermanentError):
    """The file can't be used; the message names file, line and key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerSettings:
    """One address that speaks one protocol."""

    protocol: str
    host: str
    port: int
    tls: Tls = "none"
    plaintext_auth: bool = False
    proxy: tuple[Network, ...] = ()  # load balancers that speak PROXY
    xclient: tuple[Network, ...] = ()  # clients that may say who they speak for
    xclient_login: bool = False  # … and who has logged in with them

    @property
    def name(self) -> str:
        """For logs and errors."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.protocol} {host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSettings:
    """Where mail for a domain goes, instead of its MX; "*" is every other one.

    Or that of a domain's senders, whatever its recipients'.
    """

    domain: str  # of recipients; "" with `sender`
    sender: str  # domain of senders; "" with `domain`
    next_hops: tuple[tuple[str, int], ...]
    tls: Literal["opportunistic", "required", "none"] = "opportunistic"
    user: str = ""
    password_file: Path | None = None
    verify: bool = False  # the next hop's certificate; default: where we log in
    ca: Path | None = None  # whose certificates are trusted instead of the system's


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """Certificate files; without them a self-signed one is made."""

    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None  # whose certificates people may log in with


@dataclass(frozen=True, slots=True, kw_only=True)
class OauthSettings:
    """Whose tokens are believed (OAUTHBEARER, XOAUTH2)."""

    issuer: str
    audience: tuple[str, ...]
    keys: Path | None = None
    shared_key: Path | None = None
    claim: str = "email"
    scope: str = ""
    discovery: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """When deferred letters are tried again, and when no more. Seconds."""

    retry_s: tuple[float, ...] = (60.0, 300.0, 900.0, 3600.0, 14400.0)
    expire_s: float = 5 * 86400.0
    suppress_s: float = 7 * 86400.0  # addresses that don't exist; 0: not remembered
    max_hold_s: float = 30 * 86400.0  # HOLDFOR, HOLDUNTIL; 0: not offered
    max_held_letters: int = 1000  # of an account at a time
    max_held_octets: int = 500 << 20
    journeys_s: float = 30 * 86400.0  # how long `pyeonji trace` knows of a letter
    journeys_octets: int = 2 << 30  # and how much of them is kept, of all workers


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """What one peer may ask of us."""

    message_octets: int = MAX_MESSAGE_OCTETS
    recipients: int = MAX_RECIPIENTS
    connections: int = 10_000
    connections_per_network: int = 50
    connections_per_account: int = 0  # 0: as many as it likes
    connection_rate: tuple[int, float] = (0, 60.0)  # count, seconds; of a network


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardingSettings:
    """How letters go on that aliases lead elsewhere."""

    srs: bool = True  # the sender becomes an address of ours that leads back
    arc: bool = True  # what we found when it came is sealed
    junk: str = "keep"  # what policy mistrusts stays here; "forward": it goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimSettings:
    """Whether what leaves is signed."""

    sign: bool = True  # False: somebody else does, such as a milter


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """How much is logged (to standard error), and in which form."""

    level: str = "info"
    form: str = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pop3Settings:
    """What POP3 clients are kept to (RFC 2449 §6.5, §6.7)."""

    login_delay_s: float = 0.0  # between two logins to one maildrop; 0: none
    expire_days: int | None = None  # what was retrieved is removed then; None: never


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The whole file."""

    file: Path
    hostname: str
    data: Path
    workers: int = 0  # 0: as many as were measured to be best
    user: str = ""  # become this user after binding ports
    recipient_delimiter: str = "+"
    tls: TlsSettings = field(default_factory=TlsSettings)
    listeners: tuple[ListenerSettings, ...] = ()
    routes: tuple[RouteSettings, ...] = ()
    legacy_auth: bool = False
    message_limit: int | None = None  # of one IMAP command; None: no limit
    save_limit: int | None = None  # the same of APPEND and COPY alone
    channel_binding: bool | None = None  # None: where clients can do it
    oauth: OauthSettings | None = None
    pop3: Pop3Settings = field(default_factory=Pop3Settings)
    dns_servers: tuple[str, ...] = ()
    dns_validating: bool = False  # they check DNSSEC, and we believe them
    queue: QueueSettings = field(default_factory=QueueSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    log: LogSettings = field(default_factory=LogSettings)
    dkim: DkimSettings = field(default_factory=DkimSettings)
    forwarding: ForwardingSettings = field(default_factory=ForwardingSettings)
    policy: PolicyOptions = field(default_factory=PolicyOptions)
    milters: tuple[MilterOptions, ...] = ()
    trust: TrustOptions = field(default_factory=TrustOptions)
    rspamd: RspamdOptions | None = None
    hooks: tuple[PythonOptions, ...] = ()
    webhooks: tuple[WebhookOptions, ...] = ()
    publish: PublishSettings = field(default_factory=PublishSettings)
    mta_sts: MtaStsSettings | None = None
    reports: ReportSettings = field(default_factory=ReportSettings)
    relay: RelaySettings = field(default_factory=RelaySettings)
    sources: tuple[SourceSettings, ...] = ()
    acme: AcmeSettings | None = None
    doctor: DoctorSettings = field(default_factory=DoctorSettings)


def read(file: Path) -> Configuration:
    """Read and check a configuration file.

    Relative paths in it are taken from the folder it lies in.

    Raises:
        ConfigurationError: with "FILE:LINE: KEY: what is wrong".
    """
    try:
        source = file.read_text("utf-8")
    except OSError as error:
        raise ConfigurationError(f"{file}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file}: is not UTF-8, as TOML is") from error
    return parse(source, file)


def parse(source: str, file: Path) -> Configuration:
    """Check the text of a configuration file (see `read`)."""
    try:
        tree = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file}: not TOML: {error}") from error
    try:
        return _Reader(file).configuration(tree)
    except ValueRefused as refused:
        line = line_of(source, refused.where)
        key = ".".join(str(step) for step in refused.where if isinstance(step, str))
        raise ConfigurationError(f"{file}:{line}: {key}: {refused}") from None


class _Reader:
    """Walks the tree; every error carries the path to where it stands."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._folder = file.absolute().parent

    def configuration(self, tree: dict[str, Any]) -> Configuration:
        wanted = self._table(
            tree,
            (),
            hostname=domain_name,
            data=path(self._folder),
            workers=positive,
            user=text,
            recipient_delimiter=text,
            tls=dict,
            listener=list,
            route=list,
            auth=dict,
            imap=dict,
            pop3=dict,
            dns=dict,
            queue=dict,
            limits=dict,
            log=dict,
            publish=dict,
            mta_sts=dict,
            reports=dict,
            relay=dict,
            source=list,
            acme=dict,
            doctor=dict,
            policy=dict,
            milter=list,
            trust=dict,
            rspamd=dict,
            forwarding=dict,
            dkim=dict,
            hook=list,
            webhook=list,
        )
        for key in ("hostname", "data"):
            if key not in wanted:
                raise ValueRefused("is missing", (key,))
        tls = self._tls(wanted.pop("tls", {}))
        auth = self._table(
            wanted.pop("auth", {}),
            ("auth",),
            legacy=boolean,
            channel_binding=boolean,
            oauth=dict,
        )
        imap = self._table(
            wanted.pop("imap", {}),
            ("imap",),
            message_limit=positive,
            save_limit=positive,
        )
        dns = self._table(
            wanted.pop("dns", {}), ("dns",), servers=texts, validating=boolean
        )
        if dns.get("validating") and not dns.get("servers"):
            raise ValueRefused("needs servers that validate", ("dns", "validating"))
        queue = self._table(
            wanted.pop("queue", {}),
            ("queue",),
            retry=_durations,
            expire=duration_s,
            max_hold=_duration_or_none,
            max_hold_letters=positive,
            max_hold_size=octets,
            suppress=_duration_or_none,
            journeys=duration_s,
            journeys_size=octets,
        )
        limits = self._table(
            wanted.pop("limits", {}),
            ("limits",),
            message_size=octets,
            recipients=positive,
            connections=positive,
            connections_per_network=positive,
            connections_per_account=positive,
            connection_rate=rate,
        )
        if "message_size" in limits:
            limits["message_octets"] = limits.pop("message_size")
        log = self._table(
            wanted.pop("log", {}),
            ("log",),
            level=one_of("debug", "info", "warning", "error"),
            form=one_of("text", "json"),
        )
        listeners = self._listeners(wanted.pop("listener", []))
        return Configuration(
            file=self._file,
            tls=tls,
            listeners=listeners,
            routes=self._routes(wanted.pop("route", [])),
            legacy_auth=auth.get("legacy", False),
            channel_binding=auth.get("channel_binding"),
            oauth=self._oauth(auth["oauth"]) if "oauth" in auth else None,
            message_limit=imap.get("message_limit"),
            save_limit=imap.get("save_limit"),
            pop3=self._pop3(wanted.pop("pop3", {})),
            dns_servers=dns.get("servers", ()),
            dns_validating=dns.get("validating", False),
            queue=_queue_settings(queue),
            limits=LimitSettings(**limits),
            log=LogSettings(**log),
            trust=read_trust(self._table, wanted.pop("trust", {}), wanted["hostname"]),
            **read_filters(self._table, wanted, self._folder),
            dkim=DkimSettings(
                **self._table(wanted.pop("dkim", {}), ("dkim",), sign=boolean)
            ),
            forwarding=ForwardingSettings(
                **self._table(
                    wanted.pop("forwarding", {}),
                    ("forwarding",),
                    srs=boolean,
                    arc=boolean,
                    junk=one_of("keep", "forward"),
                )
            ),
            **read_published(
                self._table,
                wanted,
                self._folder,
                own_certificate=tls.certificate is not None,
                web={x.tls for x in listeners if x.protocol == "http"},
            ),
            **wanted,
        )

    def _tls(self, tree: dict[str, Any]) -> TlsSettings:
        file = path(self._folder)
        wanted = self._table(tree, ("tls",), certificate=file, key=file, client_ca=file)
        pair = wanted.keys() & {"certificate", "key"}
        if len(pair) == 1:
            raise ValueRefused("certificate and key go together", ("tls", *pair))
        return TlsSettings(**wanted)

    def _oauth(self, tree: dict[str, Any]) -> OauthSettings:
        where = ("auth", "oauth")
        file = path(self._folder)
        wanted = self._table(
            tree,
            where,
            issuer=text,
            audience=_one_or_more,
            keys=file,
            shared_key=file,
            claim=text,
            scope=text,
            discovery=text,
        )
        for key in ("issuer", "audience"):
            if not wanted.get(key):
                raise ValueRefused("is missing", (*where, key))
        if ("keys" in wanted) == ("shared_key" in wanted):
            raise ValueRefused("must have keys or shared_key", where)
        return OauthSettings(**wanted)

    def _pop3(self, tree: dict[str, Any]) -> Pop3Settings:
        wanted = self._table(
            tree, ("pop3",), login_delay=duration_s, expire_days=positive
        )
        return Pop3Settings(
            login_delay_s=wanted.get("login_delay", 0.0),
            expire_days=wanted.get("expire_days"),
        )

    def _listeners(self, trees: list[Any]) -> tuple[ListenerSettings, ...]:
        found: dict[tuple[str, int], ListenerSettings] = {}
        for index, tree in enumerate(trees):
            where = ("listener", index)
            wanted = self._table(
                tree,
                where,
                protocol=text,
                address=address,
                tls=one_of("none", "starttls", "implicit"),
                plaintext_auth=boolean,
                proxy=networks,
                xclient=networks,
                xclient_login=boolean,
            )
            for key in ("protocol", "address"):
                if key not in wanted:
                    raise ValueRefused("is missing", (*where, key))
            _check_protocol(wanted["protocol"], (*where, "protocol"))
            host, port = wanted.pop("address")
            if wanted["protocol"] == "lmtp" and port == 25:  # RFC 2033 §5
                raise ValueRefused("LMTP is never on port 25", (*where, "address"))
            if wanted["protocol"] == "http" and wanted.get("tls") == "starttls":
                raise ValueRefused("HTTP has no STARTTLS", (*where, "tls"))
            speaks_smtp = wanted["protocol"] in ("smtp", "submission")
            if wanted.get("xclient") and not speaks_smtp:
                raise ValueRefused("is a command of SMTP", (*where, "xclient"))
            if wanted.get("xclient_login") and not wanted.get("xclient"):
                raise ValueRefused("needs xclient", (*where, "xclient_login"))
            if port and (host, port) in found:
                raise ValueRefused("another listener has it", (*where, "address"))
            wanted.setdefault("plaintext_auth", _is_loopback(host))
            found[host, port or -index] = ListenerSettings(
                host=host, port=port, **wanted
            )
        return tuple(found.values())

    def _routes(self, trees: list[Any]) -> tuple[RouteSettings, ...]:
        routes = []
        for index, tree in enumerate(trees):
            where = ("route", index)
            wanted = self._table(
                tree,
                where,
                domain=text,
                sender=text,
                next_hop=_next_hops,
                tls=one_of("opportunistic", "required", "none"),
                user=text,
                password_file=path(self._folder),
                verify=boolean,
                ca=path(self._folder),
            )
            if "next_hop" not in wanted:
                raise ValueRefused("is missing", (*where, "next_hop"))
            if ("domain" in wanted) == ("sender" in wanted):
                raise ValueRefused("must have domain or sender", where)
            wanted = {"domain": "", "sender": "", **wanted}
            if ("user" in wanted) != ("password_file" in wanted):
                raise ValueRefused("user and password_file go together", where)
            wanted["verify"] = _verifies(wanted, where)
            hops = wanted.pop("next_hop")
            routes.append(RouteSettings(next_hops=hops, **wanted))
        return tuple(routes)

    def _table(
        self, tree: Any, where: tuple[str | int, ...], **readers: Any
    ) -> dict[str, Any]:
        if not isinstance(tree, dict):
            raise ValueRefused("must be a table", where)
        read_values = {}
        for key, value in tree.items():
            reader = readers.get(key)
            if reader is None:
                known = ", ".join(sorted(readers))
                raise ValueRefused(f"is not a key here (known: {known})", (*where, key))
            if reader in (dict, list):
                if not isinstance(value, reader):
                    raise ValueRefused("must be a table", (*where, key))
                read_values[key] = value
                continue
            try:
                read_values[key] = reader(value)
            except ValueRefused as refused:
                raise ValueRefused(str(refused), (*where, key)) from None
        return read_values


def _queue_settings(wanted: dict[str, Any]) -> QueueSettings:
    renamed = {
        "journeys_size": "journeys_octets",
        "max_hold_letters": "max_held_letters",
        "max_hold_size": "max_held_octets",
    }
    return QueueSettings(
        **{renamed.get(key, f"{key}_s"): value for key, value in wanted.items()}
    )


def _check_protocol(protocol: str, where: tuple[str | int, ...]) -> None:
    if protocol in NOT_YET:
        raise ValueRefused(
            f'"{protocol}" is not built yet in this version (there are: '
            f"{', '.join(PROTOCOLS)})",
            where,
        )
    if protocol not in PROTOCOLS:
        raise ValueRefused(f"must be one of: {', '.join(PROTOCOLS)}", where)


def _verifies(route: dict[str, Any], where: tuple[str | int, ...]) -> bool:
    """Whether a next hop must show a good certificate.

    Nobody is logged in to whose certificate was not checked (RFC 4954 §14),
    unless the operator says so.
    """
    encrypted = route.get("tls") != "none"
    default = encrypted and ("user" in route or "ca" in route)
    verify: bool = route.get("verify", default)
    if verify and not encrypted:
        raise ValueRefused("nothing to verify without TLS", (*where, "verify"))
    if "ca" in route and not verify:
        raise ValueRefused("is for routes that verify", (*where, "ca"))
    return verify


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _one_or_more(value: Any) -> tuple[str, ...]:
    return (text(value),) if isinstance(value, str) else texts(value)


def _durations(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list) or not value:
        raise ValueRefused('must be a list such as ["1m", "5m"]')
    return tuple(duration_s(item) for item in value)


def _duration_or_none(value: Any) -> float:
    return 0.0 if value == "none" else duration_s(value)


def _next_hops(value: Any) -> tuple[tuple[str, int], ...]:
    items = value if isinstance(value, list) else [value]
    if not items:
        raise ValueRefused("must name a host")
    return tuple(endpoint(item, default_port=25) for item in items)
