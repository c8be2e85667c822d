"""A client machine and the connection that carries it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from pyeonji.mua.agent.errors import LoginRefused
from pyeonji.net.dial import connect
from pyeonji.net.tls import client_context
from pyeonji.protocol.machine import CLOSED, NEED_DATA, PAUSED
from pyeonji.protocol.sasl.client import PREFERENCE, Exchange, begin
from pyeonji.protocol.sasl.prep import NotPrepared

if TYPE_CHECKING:
    from collections.abc import Container

    from pyeonji.mua.agent.profiles import Server
    from pyeonji.net.dial import ClientStream
    from pyeonji.protocol.machine import Machine

TIMEOUT_S: Final = 300.0

_SHOWS_PASSWORD: Final = frozenset({"PLAIN", "LOGIN"})


async def dial(server: Server) -> ClientStream:
    """Connect to a server as the profile says. Raises Unreachable, TlsFailed."""
    return await connect(
        server.host,
        server.port,
        tls=server.tls,
        context=client_context(verify=server.verify),
    )


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

    async def start_tls(self, server_name: str) -> None:
        """The machine has said PAUSED: become TLS. Raises TlsFailed."""
        await self.stream.start_tls(server_name)


def describe(event: object) -> str:
    """An event that came out of turn, in words for an error."""
    if event is CLOSED or event is PAUSED:
        return "the server closed the connection"
    return f"the server answered out of turn ({type(event).__name__})"


def best_mechanism(offered: Container[str], *, protected: bool) -> str:
    """The best SASL mechanism that may be used here, or ""."""
    for mechanism in PREFERENCE:
        if mechanism in offered and (protected or mechanism not in _SHOWS_PASSWORD):
            return mechanism
    return ""


def begin_exchange(mechanism: str, login: str, password: str) -> Exchange:
    """A SASL exchange with fresh chance. Raises LoginRefused."""
    try:
        return begin(mechanism, login, password, nonce())
    except NotPrepared as error:  # SASLprep forbids a character of it
        raise LoginRefused(str(error)) from error


def nonce() -> bytes:
    """Chance for SCRAM."""
    return secrets.token_bytes(18)
