"""Accepting connections that begin with a header of the PROXY protocol."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.base.networks import within
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
        """
        self._name = name
        self._bound = bound
        self._protocol = protocol
        self._proxies = proxies
        self._tls_context = tls_context
        self._most = most
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
            if len(self._begun) >= self._most:
                accepted.close()
                continue
            task = loop.create_task(self._begin(accepted, str(address[0])))
            self._begun.add(task)
            task.add_done_callback(self._begun.discard)

    async def _begin(self, accepted: socket.socket, address: str) -> None:
        """Read the header of a proxy's connection, then let it begin."""
        peer: Peer | None = None
        tls = self._tls_context
        try:
            if within(address, self._proxies):
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
