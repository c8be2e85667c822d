"""TURN and ATRN: the roles turn, and we send down the client's connection.

As RFC 2645 §4 has it: only for an authenticated client and for domains that
its account may have. The connection's next machine is then no server any more:
`TurnedStream` only carries octets to and from our client session.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from pyeonji.mta.receive.inquiries import may_ask_for
from pyeonji.net.errors import Unreachable
from pyeonji.protocol.machine import NEED_DATA, Status
from pyeonji.storage.errors import StorageUnavailable
from pyeonji.storage.names import canonical_domain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mta.receive.door import Door
    from pyeonji.net.connection import Connection

MAX_TURNED_DOMAINS: Final = 100


class TurnedStream:
    """A connection as our client session sees it; stands as the door's machine."""

    def __init__(self, connection: Connection, read_already: bytes) -> None:
        self._connection = connection
        self._chunks = [read_already] if read_already else []
        self._ended = False
        self._reader: asyncio.Future[None] | None = None

    # -- as a stream

    async def read(self, timeout_s: float | None = None) -> bytes:
        """See `relay.session.Stream`."""
        if not self._chunks and not self._ended:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._reader
            except TimeoutError as error:
                raise Unreachable(f"no answer in {timeout_s} s") from error
            finally:
                self._reader = None
        data = b"".join(self._chunks)
        self._chunks.clear()
        return data

    def write(self, data: bytes) -> None:
        """See `relay.session.Stream`."""
        self._connection.write(data)

    async def drain(self, timeout_s: float | None = None) -> None:
        """See `relay.session.Stream`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._connection.drain()
        except TimeoutError as error:
            raise Unreachable("peer is too slow") from error

    def close(self) -> None:
        """See `relay.session.Stream`; the door closes the connection."""
        self._connection.flush()

    @property
    def closed(self) -> bool:
        """See `relay.session.Stream`."""
        return self._ended

    # -- as a machine

    def receive_data(self, data: bytes) -> None:
        """Octets for the session."""
        self._chunks.append(data)
        self._wake()

    def receive_eof(self) -> None:
        """The peer has gone."""
        self._ended = True
        self._wake()

    def next_event(self) -> Status:
        """There are no events: the session asks by itself."""
        return NEED_DATA

    def data_to_send(self) -> bytes:
        """Nothing by itself."""
        return b""

    def lost(self) -> None:
        """The connection is gone."""
        self.receive_eof()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


async def turn(door: Door, domains: Sequence[str]) -> None:
    """Answer TURN or ATRN; if it is granted, send, then close."""
    account, runner = door.account, door.receiver.runner
    if account is None or runner is None or not account.turn_domains:
        door.smtp.reply(450, "4.7.1", "turning is not for you")
        return
    wanted = [canonical_domain(name) for name in domains or account.turn_domains]
    if len(wanted) > MAX_TURNED_DOMAINS or not all(
        may_ask_for(account, name) for name in wanted
    ):
        door.smtp.reply(450, "4.7.1", "request refused: not your domain")
        return
    try:
        waiting = await runner.waiting(wanted)
    except StorageUnavailable:
        door.smtp.reply(451, "4.3.0", "unable to process the request now")
        return
    if not waiting:
        door.smtp.reply(453, "4.5.0", "you have no mail")
        return
    door.drop()
    door.smtp.accept()
    door.connection.flush()
    door.turned = TurnedStream(door.connection, door.smtp.leave())
    door.machine = door.turned
    try:
        await runner.turn(wanted, door.turned)
    finally:
        door.connection.close()
