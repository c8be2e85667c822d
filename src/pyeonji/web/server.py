"""Running the application on a bound socket, inside the worker's own loop.

uvicorn brings HTTP; the socket (one for each worker, SO_REUSEPORT), the TLS
context, the signals and the end are ours.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from pyeonji.base.networks import network_of
from pyeonji.net.accepting import Accepting

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Iterator

    from starlette.applications import Starlette

    from pyeonji.base.networks import Network

MAX_CONNECTION_S: Final = 60.0
"""A connection's whole life: every answer is small, nobody needs longer."""

KEEP_ALIVE_S: Final = 5
MAX_HEAD_OCTETS: Final = 16 * 1024
MAX_CONCURRENT: Final = 1000
STOP_S: Final = 5

log = structlog.get_logger("pyeonji.web")


class _Server(uvicorn.Server):
    def __init__(
        self,
        name: str,
        config: uvicorn.Config,
        proxies: tuple[Network, ...],
        per_network: int,
    ) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()
        self._name = name
        self._proxies = proxies
        self._per_network = per_network
        self._proxied: list[Accepting] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if (self._proxies or self.config.ssl is not None) and sockets is not None:
            await self.lifespan.startup()
            self.servers = []
            self._proxied = [self._behind_proxies(each) for each in sockets]
            self.started = True
        else:
            await super().startup(sockets)
        self.accepting.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for each in self._proxied:
            each.stop()
        await super().shutdown(sockets)

    def _behind_proxies(self, bound: socket.socket) -> Accepting:
        def protocol(peer: tuple[str, int] | None) -> asyncio.BaseProtocol:
            made: asyncio.BaseProtocol = self.config.http_protocol_class(  # type: ignore[call-arg]
                config=self.config,
                server_state=self.server_state,
                app_state=self.lifespan.state,
            )
            made.behind = peer  # type: ignore[attr-defined]
            return made

        accepting = Accepting(
            self._name,
            bound,
            protocol,
            proxies=self._proxies,
            tls_context=self.config.ssl,
            most=MAX_CONCURRENT,
            per_network=self._per_network,
        )
        accepting.start()
        return accepting

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the worker's."""
        yield


class WebListener:
    """One bound socket that speaks HTTP."""

    def __init__(
        self,
        name: str,
        bound: socket.socket,
        app: Starlette,
        *,
        tls_context: ssl.SSLContext | None,
        per_network: int,
        proxies: tuple[Network, ...] = (),
    ) -> None:
        """Nothing is accepted before `start`.

        Args:
            name: for logs ("http 0.0.0.0:443").
            bound: as `net.listener.bind` gave it.
            app: what answers.
            tls_context: TLS from the first octet on, or None.
            per_network: connections of one IPv4 address or IPv6 /64 at a time.
            proxies: whose connections begin with a header of the PROXY
                protocol.
        """
        self.name = name
        networks: Counter[str] = Counter()

        class Brief(H11Protocol):
            """A connection whose life is bounded, and the number of its likes."""

            behind: tuple[str, int] | None = None  # the proxy that called

            def connection_made(self, transport: Any) -> None:
                peer = self.behind or transport.get_extra_info("peername")
                self.network = network_of(str(peer[0])) if peer else None
                if self.network is not None:
                    networks[self.network] += 1
                loop = asyncio.get_running_loop()
                self.end = loop.call_later(MAX_CONNECTION_S, transport.abort)
                super().connection_made(transport)
                self.client = self.behind or self.client
                if self.network is not None and networks[self.network] > per_network:
                    log.warning("connection.refused", listener=name, peer=peer[0])
                    transport.abort()

            def connection_lost(self, exc: Exception | None) -> None:
                self.end.cancel()
                if self.network is not None:
                    networks[self.network] -= 1
                    if networks[self.network] <= 0:
                        del networks[self.network]
                super().connection_lost(exc)

        config = uvicorn.Config(
            app,
            http=Brief,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_S,
            h11_max_incomplete_event_size=MAX_HEAD_OCTETS,
            limit_concurrency=MAX_CONCURRENT,
        )
        config.load()
        config.ssl = tls_context
        self._server = _Server(name, config, proxies, per_network)
        self._bound = bound
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Accept connections from now on."""
        self._running = asyncio.ensure_future(self._server.serve([self._bound]))
        await self._server.accepting.wait()

    async def stop(self) -> None:
        """Take no further connections, let answers under way come to their end."""
        if self._running is None:
            return
        self._server.should_exit = True
        await self._running
