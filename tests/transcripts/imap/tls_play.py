"""The second way of the player: real sockets of loopback, with implicit TLS.

Server and client run in one process and one loop. Octets that either side
writes are counted, so that the player knows when all has arrived.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.transcripts.imap.imap_talker import WAIT_S, Talker

from pyeonji.net.connection import Connection
from pyeonji.net.listener import Limits, Listener, bind, connection_ids
from pyeonji.net.tls import client_context, server_context
from pyeonji.serve.certificates import make_self_signed

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

    from pyeonji.net.connection import Door

HOST: Final = "127.0.0.1"


@functools.cache
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's and the client's, who trusts nobody but this certificate."""
    with tempfile.TemporaryDirectory() as name:
        certificate, key = Path(name, "cert.pem"), Path(name, "key.pem")
        make_self_signed("localhost", certificate, key)
        return (
            server_context(certificate, key),
            client_context(verify=True, ca_file=certificate),
        )


class Counted:
    """A transport that counts what is written to it."""

    def __init__(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self.written = 0

    def write(self, data: bytes) -> None:
        self.written += len(data)
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class CountedConnection(Connection):
    """A connection of the server whose octets are counted."""

    __slots__ = ("counted", "received")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.received = 0
        self.counted = Counted(transport)
        super().connection_made(self.counted)  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        super().data_received(data)


class TlsListener(Listener):
    """A listener of `Counted` connections, which it can find again."""

    def _accept(self, peer: tuple[str, int] | None = None) -> Connection:
        connection = CountedConnection(
            self._open,
            connection_id=self._new_id(),
            loop=asyncio.get_running_loop(),
            tls_context=self._tls_context,
            on_end=self._ended,
            peer=peer,
        )
        self.connections.add(connection)
        return connection

    def of_peer(self, port: int) -> CountedConnection | None:
        """The connection that came from this port."""
        for connection in self.connections:
            if connection.peer_port == port:
                assert isinstance(connection, CountedConnection)
                return connection
        return None


class SocketTransport(asyncio.Protocol):
    """The client's end, with the face of the player's `MemoryTransport`."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.received = 0
        self.closed = False
        self.real: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.real = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self.heard += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True

    def close(self) -> None:
        if self.real is not None:
            self.real.close()


class TlsClient(Talker):
    """One connection; what `imap_play.Client` does, over TLS."""

    def __init__(self, listener: TlsListener, port: int) -> None:
        self.transport = SocketTransport()
        self._listener = listener
        self._said = 0
        self._early: list[bytes] = []
        self._server: CountedConnection | None = None
        self._connecting = asyncio.ensure_future(self._connect(port))

    async def _connect(self, port: int) -> None:
        _, client = contexts()
        transport, _ = await asyncio.get_running_loop().create_connection(
            lambda: self.transport, HOST, port, ssl=client, server_hostname="localhost"
        )
        local = transport.get_extra_info("sockname")[1]
        async with asyncio.timeout(WAIT_S):
            while (server := self._listener.of_peer(local)) is None:  # noqa: ASYNC110 - a handshake ends at one side first
                await asyncio.sleep(0)
        self._server = server
        early, self._early = self._early, []
        for octets in early:
            transport.write(octets)

    @property
    def connection(self) -> CountedConnection:
        """The server's end."""
        assert self._server is not None
        return self._server

    def say(self, octets: bytes) -> None:
        if self.transport.closed:
            return
        self._said += len(octets)
        if self._server is None or self.transport.real is None:
            self._early.append(octets)
        else:
            self.transport.real.write(octets)

    def _quiet(self) -> bool:
        server = self._server
        if self.transport.closed:
            return True
        return (
            server is not None
            and not server.busy
            and server.received == self._said
            and server.counted.written == self.transport.received
            and not server.counted.is_closing()
        )

    async def settle(self) -> None:
        """Wait until every answer is made, and here."""
        await self._connecting
        async with asyncio.timeout(WAIT_S):
            while not self._quiet():  # noqa: ASYNC110 - the shell has no event
                await asyncio.sleep(0.0005)

    async def end(self) -> None:
        """Be gone, whatever is under way."""
        self._connecting.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError, TimeoutError):
            await self._connecting
        if self.transport.real is not None:
            self.transport.real.abort()


@contextlib.asynccontextmanager
async def listening(
    make_door: Callable[[Connection], Door],
) -> AsyncIterator[Callable[[], TlsClient]]:
    """A listener on a free port; gives what makes clients of it."""
    (bound,) = bind(HOST, 0, copies=1)
    port = bound.getsockname()[1]
    listener = TlsListener(
        "imap",
        bound,
        make_door,
        tls_context=contexts()[0],
        implicit_tls=True,
        busy=b"* BYE Too many.\r\n",
        limits=Limits(),
        new_id=connection_ids(0),
    )
    await listener.start()
    clients: list[TlsClient] = []

    def come() -> TlsClient:
        clients.append(TlsClient(listener, port))
        return clients[-1]

    try:
        yield come
    finally:
        listener.stop_accepting()
        for client in clients:
            await client.end()
        for connection in list(listener.connections):
            connection.abort()
        async with asyncio.timeout(WAIT_S):
            while listener.connections:  # noqa: ASYNC110 - only at the end of a script
                await asyncio.sleep(0.001)
