"""What the mail transfer agent is told: names, limits, times and routes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyeonji.base.limits import MAX_MESSAGE_OCTETS, MAX_RECEIVED, MAX_RECIPIENTS

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86400.0

EVERY_OTHER_DOMAIN: Final = "*"
"""The route that stands for all domains without one of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where mail for a domain goes instead of its MX, or that of its senders.

    `hosts` (name or address, port) are tried in the order given. With `user`
    the next hop is asked to authenticate us; a password as it is goes only
    over TLS unless `plaintext_auth` says otherwise. `context` checks the next
    hop's certificate against its name in `hosts`, and then TLS is not optional.
    """

    domain: str = ""  # of recipients
    sender: str = ""  # or of senders
    hosts: tuple[tuple[str, int], ...]
    user: str = ""
    password: str = field(default="", repr=False)
    plaintext_auth: bool = False
    use_tls: bool = True  # STARTTLS where it is offered
    require_tls: bool = False
    context: ssl.SSLContext | None = None  # None: any certificate will do

    @property
    def needs_tls(self) -> bool:
        """Whether nothing is said in clear."""
        return self.require_tls or self.context is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Addresses of ours that letters of some senders go out from."""

    v4: str = ""  # "": whichever the system takes
    v6: str = ""

    @property
    def name(self) -> str:
        """For keys and logs."""
        return f"{self.v4 or '*'},{self.v6 or '*'}"

    def for_peer(self, address: str) -> str:
        """The one to call an address from."""
        return self.v6 if ":" in address else self.v4


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long a client waits, seconds (RFC 5321 §4.5.3.2)."""

    connect: float = 30.0
    next_address: float = 0.5  # before another one is tried as well (RFC 8305 §5)
    greeting: float = 5 * MINUTE
    mail: float = 5 * MINUTE
    rcpt: float = 5 * MINUTE
    data_initiation: float = 2 * MINUTE
    data_block: float = 3 * MINUTE
    data_termination: float = 10 * MINUTE
    server: float = 5 * MINUTE  # our own patience with a client


MAX_RELAYS_PER_DESTINATION: Final = 20
"""Connections of all workers together to one next hop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """All that the MTA is told; `serve` makes it from the configuration.

    `retry` are the waits between attempts, seconds; the last one repeats.
    `own_endpoints` are (address, port) of our own SMTP listeners: a next hop
    among them is a loop (RFC 5321 §5.1).
    """

    hostname: str
    max_message_octets: int = MAX_MESSAGE_OCTETS
    max_recipients: int = MAX_RECIPIENTS
    max_received: int = MAX_RECEIVED
    retry: tuple[float, ...] = (
        MINUTE,
        5 * MINUTE,
        15 * MINUTE,
        HOUR,
        4 * HOUR,
    )
    expire: float = 5 * DAY
    delay_notice: float = 4 * HOUR
    max_hold: float = 30 * DAY  # how long letters are held on demand; 0: never
    max_held_letters: int = 1000  # of one account at a time
    max_held_octets: int = 500 << 20
    suppress: float = 7 * DAY  # how long an address is believed not to exist; 0: no
    routes: Mapping[str, Route] = field(default_factory=dict)
    sender_routes: Mapping[str, Route] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)  # by sender's domain
    relay_port: int = 25
    relay_tls: bool = True  # STARTTLS where it is offered
    dane: bool = True  # where the resolver validates
    lenient: frozenset[str] = frozenset()  # domains whose TLS policies don't bind
    strict: frozenset[str] = frozenset()  # domains whose hosts must be verified
    timeouts: Timeouts = field(default_factory=Timeouts)
    own_endpoints: frozenset[tuple[str, int]] = frozenset()
    max_relays: int = 400  # connections to other hosts at once
    max_relays_per_destination: int = MAX_RELAYS_PER_DESTINATION
    sync_pause: float = 0.5  # seconds of deliveries that are synced together
    max_deliveries: int = 64  # local deliveries at once: they are written together
    max_active: int = 10_000  # letters that the runner knows of at once
    idle_connection: float = 5.0  # seconds that a next hop's connection is kept
