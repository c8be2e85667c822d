"""Clients that leave, and milters that fall silent, at bad moments."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from tests.patience import until
from tests.roads.smtp_house import Client, House, play

from pyeonji.base.clock import Clock
from pyeonji.mta.hooks.milter import Milter
from pyeonji.mta.hooks.milter_link import Links
from pyeonji.mta.hooks.options import MilterOptions
from pyeonji.mta.policy.options import PolicyOptions
from pyeonji.mta.receive.judging import Judge
from pyeonji.protocol.milter.packets import Steps, packet
from pyeonji.protocol.milter.replies import Incoming

SILENT = b"ADKQ"


class Slow:
    """Answers each command once it is let; tells connections apart."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.over = asyncio.Event()
        self.waits_at = b""
        self.deaf = False  # reads no body
        self.steps = 0
        self.open = 0
        self.spoke: list[tuple[int, bytes]] = []

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.open += 1
        with suppress(OSError):
            await self._talk(self.open, reader, writer)
        writer.close()
        self.open -= 1

    async def _talk(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        incoming = Incoming()
        while data := await reader.read(4096):
            incoming.feed(data)
            while (found := incoming.next()) is not None:
                command = found[0]
                self.spoke.append((number, command))
                if command == b"O":
                    if self.waits_at == b"O":
                        await self.go.wait()
                    terms = struct.pack("!III", 6, 0x31, self.steps)
                    writer.write(packet(b"O", terms))
                elif command == b"B" and self.deaf:
                    await self.over.wait()
                elif command == self.waits_at and not self.go.is_set():
                    await self.go.wait()
                    writer.write(packet(b"r"))  # it does not like the first letter
                elif command not in SILENT:
                    writer.write(packet(b"c"))


def with_slow(
    folder: Path,
    scene: Callable[[House, Slow, Links], Awaitable[None]],
    **more: object,
) -> None:
    made: list[Links] = []

    def make(clock: Clock) -> Judge:
        options = MilterOptions(address=f"unix:{folder}/m", **more)  # type: ignore[arg-type]
        made.append(Links(options))
        return Judge(PolicyOptions(), clock=clock, hooks=[Milter(made[-1])])

    async def inside(house: House) -> None:
        slow = Slow()
        server = await asyncio.start_unix_server(slow.serve, f"{folder}/m")
        try:
            await scene(house, slow, made[-1])
        finally:
            await house.receiver.judge.close()
            slow.over.set()
            server.close()
            await until(lambda: slow.open == 0)

    play(folder, inside, judge=make)


def reset(client: Client) -> None:
    """Go without a word: RST, not FIN."""
    linger = struct.pack("ii", 1, 0)
    sock = client.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    client.writer.transport.abort()


async def begin(house: House, sender: str) -> Client:
    client = await Client.open(house.port)
    await client.say("EHLO there.example", "250")
    client.writer.write(f"MAIL FROM:<{sender}@there.example>\r\n".encode())
    return client


def test_nobody_gets_another_clients_verdict(tmp_path: Path) -> None:
    """A client leaves while its letter is judged; the connection is reused."""

    async def scene(house: House, slow: Slow, links: Links) -> None:
        slow.waits_at = b"E"
        first = await begin(house, "spam")
        await first.reply()
        await first.say("RCPT TO:<kim@example.test>", "250")
        await first.say("DATA", "354")
        first.writer.write(b"Subject: x\r\n\r\nspam\r\n.\r\n")
        await until(lambda: (1, b"E") in slow.spoke)
        reset(first)
        await until(lambda: not house.connections)
        second = await begin(house, "lee")
        await asyncio.sleep(0.05)
        slow.go.set()
        assert (await second.reply()).startswith("250")
        await second.say("RCPT TO:<kim@example.test>", "250")
        await second.say("DATA", "354")
        await second.say("Subject: x\r\n\r\nhello\r\n.", "250")
        await second.close()
        (letter,) = await house.inbox(house.kim)
        assert letter.endswith(b"hello\r\n")

    with_slow(tmp_path, scene, reuse=True)


def test_no_connection_is_left_behind(tmp_path: Path) -> None:
    """Clients that go while the milter is called leave nothing open."""

    async def scene(house: House, slow: Slow, links: Links) -> None:
        slow.waits_at = b"O"
        clients = [await begin(house, "x") for _ in range(5)]
        await until(lambda: slow.open == 5)
        for client in clients:
            reset(client)
        await until(lambda: not house.connections)
        slow.go.set()
        await until(lambda: slow.open == 0)

    with_slow(tmp_path, scene)


def test_a_milter_that_reads_nothing_holds_nobody(tmp_path: Path) -> None:
    async def scene(house: House, slow: Slow, links: Links) -> None:
        slow.deaf = True
        slow.steps = int(Steps.SILENT_BODY)  # nothing is waited for but the end
        client = await begin(house, "lee")
        await client.reply()
        await client.say("RCPT TO:<kim@example.test>", "250")
        await client.say("DATA", "354")
        client.writer.write(b"Subject: x\r\n\r\n" + b"hello\r\n" * 400_000 + b".\r\n")
        assert (await asyncio.wait_for(client.reply(), 60)).startswith("451 4.3.0")
        await client.close()

    with_slow(tmp_path, scene, command_s=0.3)
