"""Connections that we open: a stream of octets with TLS, for client machines."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal

from pyeonji.net.errors import TlsFailed, Unreachable
from pyeonji.net.tls import (
    HANDSHAKE_TIMEOUT_S,
    TlsFacts,
    certificates_of,
    client_context,
    facts_of,
    tls_failure,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

CONNECT_TIMEOUT_S: Final = 30.0
CLOSE_TIMEOUT_S: Final = 2.0
MAX_UNREAD_OCTETS: Final = 1024 * 1024

TlsMode = Literal["none", "starttls", "implicit"]


class ClientStream(asyncio.Protocol):
    """One connection to a server; `read` and `write`, nothing of a protocol."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, context: ssl.SSLContext
    ) -> None:
        self.peer_address = ""
        self.peer_port = 0
        self.local_address = ""
        self.tls: TlsFacts | None = None
        self._loop = loop
        self._context = context
        self._transport: asyncio.Transport | None = None
        self._chunks: list[bytes] = []
        self._unread = 0
        self._ended = False
        self._lost: Exception | None = None
        self._gone = loop.create_future()
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._writable = True
        self._reading_paused = False

    async def read(self, timeout_s: float | None = None) -> bytes:
        """Whatever has come, at least one octet; b"" at the end.

        Raises:
            Unreachable: nothing came in time, or the connection broke.
        """
        if not self._chunks and not self._ended:
            self._reader = self._loop.create_future()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._reader
            except TimeoutError as error:
                raise Unreachable(f"no answer in {timeout_s:g} s") from error
            finally:
                self._reader = None
        if not self._chunks:
            if self._lost is not None:
                raise Unreachable(str(self._lost)) from self._lost
            return b""
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._unread = 0
        if self._reading_paused and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()
        return data

    def write(self, data: bytes) -> None:
        """Send octets, soon."""
        if self._transport is not None and data:
            self._transport.write(data)

    async def drain(self, timeout_s: float | None = None) -> None:
        """Wait while the peer is slow to read.

        Raises:
            Unreachable: the connection is gone, or the peer too slow.
        """
        if self._transport is None:
            raise Unreachable("connection lost")
        if self._writable:
            return
        self._writer = self._loop.create_future()
        try:
            async with asyncio.timeout(timeout_s):
                await self._writer
        except TimeoutError as error:
            raise Unreachable(f"peer took nothing for {timeout_s:g} s") from error
        finally:
            self._writer = None

    async def start_tls(self, server_name: str | None = None) -> None:
        """Become TLS (client side).

        The caller makes sure that nothing was read that was sent in clear
        after the server's go-ahead (RFC 3207 §4.2).

        Raises:
            TlsFailed: the handshake or the certificate is not right.
        """
        if self._transport is None or self._chunks:
            raise TlsFailed("octets in clear after the go-ahead, or no connection")
        try:
            transport = await self._loop.start_tls(
                self._transport,
                self,
                self._context,
                server_hostname=server_name,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S,
            )
        except (OSError, ssl.SSLError, EOFError, ValueError) as error:
            raise tls_failure(error) from error
        if transport is None:
            raise TlsFailed("connection lost")
        self._transport = transport
        self.tls = facts_of(transport)

    def use(self, context: ssl.SSLContext) -> None:
        """Make the handshake that is to come with another context."""
        self._context = context

    def chain(self) -> tuple[bytes, ...]:
        """The certificates that the server has sent, DER, its own first.

        Whether they are good is not said by this. Empty without TLS, and where
        the TLS library doesn't tell.
        """
        if self._transport is None:
            return ()
        tls = self._transport.get_extra_info("ssl_object")
        return certificates_of(tls) if tls is not None else ()

    def close(self) -> None:
        """Close after what was written has gone."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    async def finish(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Close, and wait until it is: over TLS the peer has a word in it.

        A peer that is slow about it is left, with what it has not taken.
        """
        self.close()
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(self._gone)
        except TimeoutError:
            await self.cut()
        except asyncio.CancelledError:
            self.abort()
            raise

    async def cut(self) -> None:
        """Close at once, and wait until the socket is given back."""
        self.abort()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await asyncio.shield(self._gone)

    @property
    def closed(self) -> bool:
        """Whether the peer can't be spoken to any more."""
        return self._transport is None or self._ended

    # -- what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport  # type: ignore[assignment]
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self.peer_address, self.peer_port = str(peer[0]), peer[1]
        local = transport.get_extra_info("sockname")
        if isinstance(local, tuple):
            self.local_address = str(local[0])
        self.tls = facts_of(transport)

    def data_received(self, data: bytes) -> None:
        """Keep it until it is read."""
        self._chunks.append(data)
        self._unread += len(data)
        if self._unread > MAX_UNREAD_OCTETS and self._transport is not None:
            self._reading_paused = True
            self._transport.pause_reading()
        self._wake(self._reader)

    def eof_received(self) -> None:
        """The peer says no more."""
        self._ended = True
        self._wake(self._reader)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._transport = None
        self._ended = True
        self._lost = exc
        self._wake(self._gone)
        self._wake(self._reader)
        if self._writer is not None and not self._writer.done():
            self._writer.set_exception(Unreachable("connection lost"))

    def pause_writing(self) -> None:
        """The peer is slow to read."""
        self._writable = False

    def resume_writing(self) -> None:
        """The peer has read enough."""
        self._writable = True
        self._wake(self._writer)

    @staticmethod
    def _wake(waiter: asyncio.Future[None] | None) -> None:
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


async def connect(
    host: str,
    port: int,
    *,
    tls: TlsMode = "none",
    server_name: str | None = None,
    context: ssl.SSLContext | None = None,
    source_address: str | None = None,
    timeout_s: float = CONNECT_TIMEOUT_S,
) -> ClientStream:
    """Open a connection.

    Args:
        host: a name or an address.
        port: TCP port.
        tls: "implicit" makes the handshake here; "starttls" only notes the
            context for `start_tls` later.
        server_name: for SNI and verification; default `host`.
        context: default: certificates verified against the system's.
        source_address: address to bind to, if any.
        timeout_s: for connecting and the handshake together.

    Raises:
        Unreachable: refused, timed out, or no such host.
        TlsFailed: the handshake or the certificate is not right.
    """
    loop = asyncio.get_running_loop()
    context = context or client_context(verify=True)
    stream = ClientStream(loop, context)
    implicit = tls == "implicit"
    try:
        async with asyncio.timeout(timeout_s):
            await loop.create_connection(
                lambda: stream,
                host,
                port,
                ssl=context if implicit else None,
                server_hostname=(server_name or host) if implicit else None,
                local_addr=(source_address, 0) if source_address else None,
            )
    except TimeoutError as error:
        raise Unreachable(f"no connection in {timeout_s:g} s") from error
    except ssl.SSLError as error:
        raise tls_failure(error) from error
    except (OSError, EOFError) as error:
        raise Unreachable(_why(error)) from error
    _quicken(stream)
    return stream


def _why(error: OSError | EOFError) -> str:
    """What the system says, without its numbers."""
    if isinstance(error, socket.gaierror):
        return (
            "no such host" if error.errno == socket.EAI_NONAME else str(error.strerror)
        )
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number else str(error) or type(error).__name__


def _quicken(stream: ClientStream) -> None:
    """Small writes go at once: we collect them ourselves."""
    transport = stream._transport  # noqa: SLF001 - the same module
    bound = transport.get_extra_info("socket") if transport is not None else None
    if bound is not None:
        with suppress(OSError):
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def addresses_first(addresses: Sequence[str]) -> list[str]:
    """IPv6 and IPv4 addresses in turn, so that one broken family costs one try."""
    six = [a for a in addresses if ":" in a]
    four = [a for a in addresses if ":" not in a]
    mixed = []
    for index in range(max(len(six), len(four))):
        mixed += six[index : index + 1] + four[index : index + 1]
    return mixed
