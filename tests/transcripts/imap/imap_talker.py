"""What every client of the player can do."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Any

ADDRESS = "kim@example.test"
PASSWORD = "secret"
WAIT_S = 60.0


class Talker(ABC):
    """What a client does, however its octets travel."""

    transport: Any

    @abstractmethod
    def say(self, octets: bytes) -> None:
        """Send octets."""

    @abstractmethod
    async def settle(self) -> None:
        """Wait until every answer is made."""

    async def line(self) -> bytes:
        """The next line heard."""
        heard = self.transport.heard
        async with asyncio.timeout(WAIT_S):
            while (end := heard.find(b"\r\n")) < 0:
                assert not self.transport.closed, f"closed after {bytes(heard)!r}"
                await asyncio.sleep(0.001)
        line = bytes(heard[:end])
        del heard[: end + 2]
        return line

    async def ask(self, octets: bytes) -> bytes:
        """Say something and return all that is heard until it is answered."""
        self.say(octets)
        await self.settle()
        heard = bytes(self.transport.heard)
        self.transport.heard.clear()
        return heard

    async def log_in(self, address: str = ADDRESS) -> None:
        await self.line()
        heard = await self.ask(f"0 LOGIN {address} {PASSWORD}\r\n".encode())
        assert heard.startswith(b"0 OK "), heard
