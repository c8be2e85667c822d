"""Accepting connections that begin with a PROXY header, a TLS handshake, or both.

Until these are done it is no connection: nobody else counts or waits for it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.base.networks import network_of, within
from pyeonji.net.proxy import BadHeader, receive
from pyeonji.net.tls import HANDSHAKE_TIMEOUT_S

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable

    from pyeonji.base.networks import Network

    Peer = tuple[str, int]

ACCEPT_PAUSE_S: Final = 0.1
"""Pause when the kernel has no descriptor for a connection."""

log = structlog.get_logger("pyeonji.net")


class Accepting:
    """Accepts as `create_server` does, with a look at each one's beginning."""

    def __init__(
        self,
        name: str,
        bound: socket.socket,
        protocol: Callable[[Peer | None], asyncio.BaseProtocol],
        *,
        proxies: tuple[Network, ...],
        tls_context: ssl.SSLContext | None,
        most: int,
        per_network: int,
    ) -> None:
        """Nothing is accepted before `start`.

        Args:
            name: of the listener, for logs.
            bound: as `net.listener.bind` gave it.
            protocol: makes what serves a connection of the peer that a header
                names; None: of the one that it comes from.
            proxies: whose connections begin with a header; others' do not.
            tls_context: TLS behind the header, or None.
            most: connections that may be at their beginning.
            per_network: of these of one IPv4 address or IPv6 /64; loopback and
                proxies have no limit.
        """
        self._name = name
        self._bound = bound
        self._protocol = protocol
        self._proxies = proxies
        self._tls_context = tls_context
        self._most = most
        self._per_network = per_network
        self._networks: Counter[str] = Counter()
        self._accepting: asyncio.Task[None] | None = None
        self._begun: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Accept connections from now on."""
        self._bound.settimeout(0)
        self._accepting = asyncio.get_running_loop().create_task(self._accept_all())

    def stop(self) -> None:
        """Take no further connections."""
        if self._accepting is not None:
            self._accepting.cancel()
            self._accepting = None
            self._bound.close()

    async def _accept_all(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(self._bound)
            except OSError as error:  # no descriptors left, or gone already
                log.warning("listener.accept", listener=self._name, reason=str(error))
                await asyncio.sleep(ACCEPT_PAUSE_S)
                continue
            self._let_begin(accepted, str(address[0]))

    def _let_begin(self, accepted: socket.socket, address: str) -> None:
        """Unless too many have begun and are not done with it."""
        proxied = within(address, self._proxies)
        network = None if proxied else network_of(address)
        if len(self._begun) >= self._most or (
            network is not None and self._networks[network] >= self._per_network
        ):
            log.warning("connection.refused", listener=self._name, peer=address)
            accepted.close()
            return
        work = self._begin(accepted, address, proxied=proxied)
        task = asyncio.get_running_loop().create_task(work)
        self._begun.add(task)
        if network is not None:
            self._networks[network] += 1
        task.add_done_callback(lambda _: self._has_begun(task, network))

    def _has_begun(self, task: asyncio.Task[None], network: str | None) -> None:
        self._begun.discard(task)
        if network is not None:
            self._networks[network] -= 1
            if not self._networks[network]:
                del self._networks[network]

    async def _begin(
        self, accepted: socket.socket, address: str, *, proxied: bool
    ) -> None:
        """Read the header of a proxy's connection, shake hands, then let it begin."""
        peer: Peer | None = None
        tls = self._tls_context
        try:
            if proxied:
                source = await receive(accepted)
                peer = (source.address, source.port) if source is not None else None
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._protocol(peer),
                accepted,
                ssl=tls,
                ssl_handshake_timeout=None if tls is None else HANDSHAKE_TIMEOUT_S,
            )
        except (BadHeader, TimeoutError, OSError) as error:
            log.info(
                "connection.bad_beginning",
                listener=self._name,
                peer=address,
                reason=str(error) or type(error).__name__,
            )
            accepted.close()
        except BaseException:
            accepted.close()
            raise
