"""A client machine and the connection that carries it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from pyeonji.mua.agent.errors import LoginRefused
from pyeonji.net.dial import connect
from pyeonji.net.errors import Unreachable
from pyeonji.net.tls import client_context
from pyeonji.protocol.machine import CLOSED, NEED_DATA, PAUSED
from pyeonji.protocol.sasl.client import (
    WITH_BINDING,
    Exchange,
    bearer,
    begin,
    best,
)
from pyeonji.protocol.sasl.prep import NotPrepared

if TYPE_CHECKING:
    from collections.abc import Container

    from pyeonji.mua.agent.profiles import Server
    from pyeonji.net.dial import ClientStream
    from pyeonji.protocol.machine import Machine

TIMEOUT_S: Final = 300.0

_BEARER: Final = ("OAUTHBEARER", "XOAUTH2")


async def dial(server: Server) -> ClientStream:
    """Connect to a server as the profile says. Raises Unreachable, TlsFailed."""
    try:
        return await connect(
            server.host,
            server.port,
            tls=server.tls,
            context=client_context(verify=server.verify),
        )
    except Unreachable as error:
        raise Unreachable(f"{server.host}:{server.port}: {error}") from error


class Conversation:
    """Carries octets between a machine and a server."""

    def __init__(self, stream: ClientStream, machine: Machine) -> None:
        self.stream = stream
        self.machine = machine

    @property
    def protected(self) -> bool:
        """Whether nobody can listen: TLS, or our own machine."""
        address = self.stream.peer_address
        loopback = address == "::1" or address.startswith("127.")
        return self.stream.tls is not None or loopback

    async def flush(self) -> None:
        """Send what the machine wants to say."""
        self.stream.write(self.machine.data_to_send())
        await self.stream.drain(TIMEOUT_S)

    async def next(self, timeout_s: float | None = TIMEOUT_S) -> Any:
        """The next event; PAUSED and CLOSED too. Raises Unreachable."""
        while (event := self.machine.next_event()) is NEED_DATA:
            await self.flush()
            octets = await self.stream.read(timeout_s)
            if octets:
                self.machine.receive_data(octets)
            else:
                self.machine.receive_eof()
        await self.flush()
        return event

    def choose(
        self, server: Server, offered: Container[str], login: str, password: str
    ) -> Exchange | None:
        """Begin the best SASL exchange that both sides can; None: there is none.

        A profile with a token shows it to nobody but a bearer mechanism. Over
        TLS the exchange is bound to the connection where the server can, and a
        list from which somebody took that away is noticed (RFC 5802 §6).

        Raises:
            LoginRefused: no name or password can be like this.
        """
        try:
            if server.token:
                known = (m for m in _BEARER if self.protected and m in offered)
                mechanism = next(known, None)
                return bearer(mechanism, login, password) if mechanism else None
            tls = self.stream.tls
            binding = tls.bindings[0] if tls is not None and tls.bindings else None
            names = [m for m in WITH_BINDING if m in offered]
            mechanism = best(names, tls=self.protected, bound=binding is not None)
            if mechanism is None:
                return None
            return begin(mechanism, login, password, nonce(), binding=binding)
        except NotPrepared as error:  # SASLprep forbids a character of it
            raise LoginRefused(str(error)) from error

    async def start_tls(self, server_name: str) -> None:
        """The machine has said PAUSED: become TLS. Raises TlsFailed."""
        await self.stream.start_tls(server_name)


def describe(event: object) -> str:
    """An event that came out of turn, in words for an error."""
    if event is CLOSED or event is PAUSED:
        return "the server closed the connection"
    return f"the server answered out of turn ({type(event).__name__})"


def nonce() -> bytes:
    """Chance for SCRAM."""
    return secrets.token_bytes(18)
