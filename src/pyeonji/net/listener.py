"""Accepting connections: sockets, limits for each peer, an orderly end."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.base.networks import network_key, network_of
from pyeonji.base.rates import NO_LIMIT, Rate, Rates
from pyeonji.net.accepting import Accepting
from pyeonji.net.connection import Connection, Door
from pyeonji.protocol.machine import CLOSED, Machine

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from pyeonji.base.networks import Network
    from pyeonji.net.accounts import AccountConnections

BACKLOG: Final = 1024
"""Connections that the kernel keeps for us until we accept them."""

log = structlog.get_logger("pyeonji.net")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many connections one listener of one process takes."""

    connections: int = 10_000
    rate: Rate = NO_LIMIT  # new ones of a network, /24 or /64; loopback has none
    per_network: int = 50  # an IPv4 address, an IPv6 /64; loopback is not counted


def bind(host: str, port: int, *, copies: int) -> list[socket.socket]:
    """Bind one address once for each worker process.

    The kernel spreads new connections over the copies (SO_REUSEPORT). The
    address is first bound without sharing, so that another server's port is an
    error and not silently shared with it.

    Raises:
        OSError: taken, not ours, or not allowed.
    """
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, kind, proto, _, address = infos[0]
    with socket.socket(family, kind, proto) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
    bound: list[socket.socket] = []
    try:
        for _ in range(copies):
            listening = socket.socket(family, kind, proto)
            bound.append(listening)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listening.bind(bound[0].getsockname() if port == 0 else address)
            listening.listen(BACKLOG)
            listening.settimeout(0)
    except OSError:
        for listening in bound:
            listening.close()
        raise
    return bound


class Listener:
    """One bound socket of this process, and the connections that came by it."""

    def __init__(
        self,
        name: str,
        bound: socket.socket,
        make_door: Callable[[Connection], Door],
        *,
        tls_context: ssl.SSLContext | None,
        implicit_tls: bool,
        busy: bytes,
        limits: Limits,
        new_id: Callable[[], str],
        proxies: tuple[Network, ...] = (),
        accounts: AccountConnections | None = None,
    ) -> None:
        """Nothing is accepted before `start`.

        Args:
            name: for logs ("smtp 127.0.0.1:25").
            bound: as `bind` gave it.
            make_door: the protocol; may be exchanged while running.
            tls_context: for STARTTLS, or for all when implicit_tls.
            implicit_tls: TLS from the first octet on (RFC 8314 §3).
            busy: what a peer over the limits hears before the connection ends.
            limits: of connections.
            new_id: makes connection ids.
            proxies: whose connections begin with a header of the PROXY
                protocol.
            accounts: counts connections of accounts; shared by listeners.
        """
        self.name = name
        self.make_door = make_door
        self.connections: set[Connection] = set()
        self._bound = bound
        self._tls_context = tls_context
        self._implicit_tls = implicit_tls
        self._busy = busy
        self._limits = limits
        self._new_id = new_id
        self._networks: Counter[str] = Counter()
        self._rates = Rates(limits.rate)
        self._server: asyncio.Server | None = None
        self._proxies = proxies
        self._accounts = accounts
        self._accepting: Accepting | None = None
        self._stopped = False

    async def start(self) -> None:
        """Accept connections from now on."""
        loop = asyncio.get_running_loop()
        if self._proxies or self._implicit_tls:
            # create_server tells nobody of a handshake that failed
            self._accepting = Accepting(
                self.name,
                self._bound,
                self._accept,
                proxies=self._proxies,
                tls_context=self._tls_context if self._implicit_tls else None,
                most=self._limits.connections,
                per_network=self._limits.per_network,
            )
            self._accepting.start()
            return
        self._server = await loop.create_server(
            self._accept, sock=self._bound, backlog=BACKLOG
        )

    def stop_accepting(self) -> None:
        """Take no further connections; those that are go on."""
        self._stopped = True
        if self._server is not None:
            self._server.close()
        if self._accepting is not None:
            self._accepting.stop()

    def _accept(self, peer: tuple[str, int] | None = None) -> Connection:
        return Connection(
            self._open,
            connection_id=self._new_id(),
            loop=asyncio.get_running_loop(),
            tls_context=self._tls_context,
            on_end=self._ended,
            peer=peer,
            accounts=self._accounts,
        )

    def _open(self, connection: Connection) -> Door:
        self.connections.add(connection)
        # as it came: XCLIENT gives it another address later
        network = connection.network = network_of(connection.peer_address)
        if network is not None:
            self._networks[network] += 1
        if (
            self._stopped
            or len(self.connections) > self._limits.connections
            or (
                network is not None
                and (
                    self._networks[network] > self._limits.per_network
                    or not self._rates.count(
                        network_key(connection.peer_address), time.monotonic()
                    )
                )
            )
        ):
            log.warning(
                "connection.refused", listener=self.name, peer=connection.peer_address
            )
            return Refusal(connection, self._busy)
        log.debug(
            "connection.open",
            connection=connection.id,
            listener=self.name,
            peer=connection.peer_address,
        )
        return self.make_door(connection)

    def _ended(self, connection: Connection) -> None:
        self.connections.discard(connection)
        network = connection.network
        if network is not None:
            self._networks[network] -= 1
            if self._networks[network] <= 0:
                del self._networks[network]


class Refusal:
    """The door that says one line and closes; its own machine."""

    def __init__(self, connection: Connection, words: bytes) -> None:
        self.machine: Machine = self
        self._words = words
        connection.set_timeout(10)

    def receive_data(self, data: bytes) -> None:
        """Nobody listens."""

    def receive_eof(self) -> None:
        """Nobody listens."""

    def next_event(self) -> object:
        """Always over."""
        return CLOSED

    def data_to_send(self) -> bytes:
        """The line, once."""
        words, self._words = self._words, b""
        return words

    async def answer(self, event: object) -> None:
        """There are no events."""

    def timed_out(self) -> None:
        """Nothing more to say."""

    def failed(self) -> None:
        """Nothing more to say."""

    def shutting_down(self) -> None:
        """Nothing more to say."""

    def lost(self) -> None:
        """Nothing was begun."""


def connection_ids(worker: int) -> Callable[[], str]:
    """Short names for connections, unique within a run of the server."""
    numbers = count(1)
    return lambda: f"{worker}.{next(numbers)}"
