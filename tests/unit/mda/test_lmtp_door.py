"""The LMTP door: when each recipient's answer leaves."""

from __future__ import annotations

import asyncio
from typing import Any

from pyeonji.base.ids import LetterId
from pyeonji.mda.aliases import Expansion
from pyeonji.mda.lmtp import LmtpDoor, LmtpOptions, Stations
from pyeonji.protocol.machine import NEED_DATA
from pyeonji.storage.errors import OverQuota


class Line:
    """A connection that keeps what was sent."""

    id = "1"
    tls = None
    can_start_tls = False
    peer_address = "127.0.0.1"

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.door: LmtpDoor | None = None

    def set_timeout(self, seconds: float) -> None:
        """No clock runs here."""

    def flush(self) -> None:
        assert self.door is not None
        if said := self.door.machine.data_to_send():
            self.sent.append(said)


class House:
    """Mailboxes that are slow: each delivery waits for a word."""

    def __init__(self, *names: str) -> None:
        self.may_go = {name: asyncio.Event() for name in names}
        self.synced: list[str] = []

    async def is_local(self, path: str) -> bool:
        return path in self.may_go

    async def expand(self, path: str) -> Expansion:
        account: Any = None
        return Expansion(accounts=((path, account),), remote=())

    async def deliver(self, *, recipient: str, **_: object) -> Any:
        await self.may_go[recipient].wait()
        if recipient.startswith("full"):
            raise OverQuota(used=2, limit=1)
        return type("Placed", (), {"account_id": recipient})

    async def sync(self, account_id: str) -> None:
        self.synced.append(account_id)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_each_answer_leaves_when_it_is_known() -> None:
    """RFC 2033 §5, in the order of RCPT (§4.2)."""
    names = ("a@x.test", "full@x.test", "c@x.test")

    async def scene() -> None:
        house, line = House(*names), Line()
        everything: Any = house
        stations = Stations(
            options=LmtpOptions(hostname="mx.test"),
            aliases=everything,
            deliverer=everything,
            store=everything,
            clock=type("Clock", (), {"time": staticmethod(lambda: 0.0)}),  # type: ignore[arg-type]
            new_letter_id=lambda: LetterId("L"),
            new_spool=lambda: everything,
            received=lambda *_: b"",
        )
        connection: Any = line
        door = line.door = LmtpDoor(connection, stations)
        door.machine.receive_data(
            b"LHLO c\r\nMAIL FROM:<>\r\n"
            + b"".join(b"RCPT TO:<%b>\r\n" % name.encode() for name in names)
            + b"DATA\r\n"
        )
        while (event := door.machine.next_event()) is not NEED_DATA:
            await door.answer(event)  # type: ignore[arg-type]
        line.flush()
        line.sent.clear()
        door.machine.receive_data(b"Subject: x\r\n\r\nx\r\n.\r\nNOOP\r\n")
        event = door.machine.next_event()
        answering = asyncio.create_task(door.answer(event))  # type: ignore[arg-type]
        await settle()
        assert line.sent == []
        house.may_go["c@x.test"].set()  # the last is done first: it has to wait
        await settle()
        assert line.sent == []
        assert house.synced == ["c@x.test"]
        house.may_go["a@x.test"].set()
        await settle()
        assert line.sent == [b"250 2.0.0 <a@x.test> delivered as L\r\n"]
        house.may_go["full@x.test"].set()
        await answering
        assert b"".join(line.sent) == (
            b"250 2.0.0 <a@x.test> delivered as L\r\n"
            b"452 4.2.2 mailbox full\r\n"
            b"250 2.0.0 <c@x.test> delivered as L\r\n"
        )
        assert door.machine.next_event() is NEED_DATA  # NOOP, answered by itself
        assert door.machine.data_to_send() == b"250 2.0.0 ok\r\n"

    asyncio.run(scene())
