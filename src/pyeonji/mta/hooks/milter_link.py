"""Connections to a milter.

Each client has one of its own. Where the operator says that the milter can do
it, one serves one client after another (SMFIC_QUIT_NC); OpenDKIM falls silent
then, and nobody else asks it for that.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.protocol.milter import packets
from pyeonji.protocol.milter.packets import Actions, Terms
from pyeonji.protocol.milter.replies import (
    BadMilter,
    Incoming,
    Reply,
    Word,
    read,
    read_terms,
)

if TYPE_CHECKING:
    from pyeonji.mta.hooks.options import MilterOptions

MAX_IDLE: Final = 8
"""Connections to a milter that are kept for the next client."""

IDLE_S: Final = 30.0
"""How long they are kept."""

READ_OCTETS: Final = 65536


@dataclass(slots=True)
class Link:
    """One connection to the milter."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    terms: Terms
    incoming: Incoming
    idle_since: float = 0.0

    async def reply(self, seconds: float) -> Reply:
        """The next reply that is no PROGRESS."""
        while True:
            async with asyncio.timeout(seconds):
                command, data = await packet_of(self.reader, self.incoming)
            reply = read(command, data)
            if reply is not Word.PROGRESS:
                return reply

    async def drain(self, seconds: float) -> None:
        """Wait until the milter has read; one that reads nothing is out of order.

        Raises:
            TimeoutError.
        """
        async with asyncio.timeout(seconds):
            await self.writer.drain()

    def abort(self) -> None:
        """End it at once: what was not read by now is never read."""
        self.writer.transport.abort()

    def close(self) -> None:
        """Say goodbye."""
        with suppress(OSError, RuntimeError):
            self.writer.write(packets.quit_())
            self.writer.close()


async def packet_of(
    reader: asyncio.StreamReader, incoming: Incoming
) -> tuple[bytes, bytes]:
    """The next packet. Raises BadMilter, OSError."""
    while (found := incoming.next()) is None:
        data = await reader.read(READ_OCTETS)
        if not data:
            raise BadMilter("closed the connection")
        incoming.feed(data)
    return found


class Links:
    """The connections to one milter."""

    def __init__(self, options: MilterOptions) -> None:
        self.options = options
        self._idle: list[Link] = []
        self._closed = False  # those that serve somebody go on to his end

    @property
    def offered(self) -> Actions:
        """What the milter may do."""
        offered = Actions.ADD_HEADERS | Actions.CHANGE_HEADERS | Actions.QUARANTINE
        if self.options.may_change_body:
            offered |= Actions.CHANGE_BODY
        if self.options.may_change_recipients:
            offered |= Actions.ADD_RECIPIENTS | Actions.ADD_RECIPIENTS_PARAMETERS
            offered |= Actions.REMOVE_RECIPIENTS
        if self.options.may_change_sender:
            offered |= Actions.CHANGE_SENDER
        return offered

    def close(self) -> None:
        """End those that serve nobody."""
        self._closed = True
        for link in self._idle:
            link.close()
        self._idle.clear()

    async def take(self) -> Link:
        """A connection that serves nobody now. Raises OSError, BadMilter."""
        while self._idle:
            link = self._idle.pop()
            fresh = time.monotonic() - link.idle_since < IDLE_S
            if fresh and not link.reader.at_eof() and not link.writer.is_closing():
                return link
            link.close()
        async with asyncio.timeout(self.options.connect_s):
            reader, writer = await _open(self.options.address)
            incoming = Incoming()
            try:
                writer.write(packets.negotiate(self.offered))
                command, data = await self._terms(reader, incoming)
                terms = read_terms(command, data, self.offered)
            except BaseException:
                writer.close()
                raise
        return Link(reader, writer, terms, incoming)

    async def _terms(
        self, reader: asyncio.StreamReader, incoming: Incoming
    ) -> tuple[bytes, bytes]:
        try:
            return await packet_of(reader, incoming)
        except BadMilter as error:  # libmilter goes where it may do too little
            allowed = ", ".join(each.name or "" for each in self.offered)
            raise BadMilter(f"{error}; it may do no more than {allowed}") from None

    def give_back(self, link: Link) -> None:
        """A client is gone: the connection may serve another."""
        full = self._closed or len(self._idle) >= MAX_IDLE
        if full or not self.options.reuse or link.writer.is_closing():
            link.close()
            return
        link.writer.write(packets.next_connection())
        link.idle_since = time.monotonic()
        self._idle.append(link)


async def _open(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    kind, _, rest = address.partition(":")
    if kind in {"unix", "local"}:
        return await asyncio.open_unix_connection(rest)
    host, _, port = rest.rpartition(":")
    return await asyncio.open_connection(host.strip("[]"), int(port))
