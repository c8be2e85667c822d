"""A milter in the way of letters: a small one of our own, which does as it is told."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.roads.smtp_house import Client, House, play

from pyeonji.base.clock import Clock
from pyeonji.mta.hooks.milter import Milter
from pyeonji.mta.hooks.milter_link import Links
from pyeonji.mta.hooks.options import MilterOptions
from pyeonji.mta.policy.options import PolicyOptions
from pyeonji.mta.receive.judging import Judge
from pyeonji.protocol.milter.packets import packet
from pyeonji.protocol.milter.replies import Incoming

SILENT = b"ADKQ"
"""Commands that are not answered."""


class Filter:
    """Answers each command as `answers` says, else by CONTINUE."""

    def __init__(self) -> None:
        self.answers: dict[bytes, bytes] = {}
        self.heard: list[tuple[bytes, bytes]] = []
        self.steps = 0
        self.connections = 0
        self.actions = 0
        self.progress_s = 0.0  # after the letter, it only says PROGRESS

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        incoming = Incoming()
        while data := await reader.read(65536):
            incoming.feed(data)
            while (found := incoming.next()) is not None:
                self.heard.append(found)
                command = found[0]
                if command == b"O":
                    terms = struct.pack("!III", 6, self.actions, self.steps)
                    writer.write(packet(b"O", terms))
                elif command == b"Q":
                    break
                elif command == b"E" and self.progress_s:
                    while not writer.is_closing():
                        writer.write(packet(b"p"))
                        await asyncio.sleep(self.progress_s)
                elif command not in SILENT:
                    writer.write(self.answers.get(command) or packet(b"c"))
        writer.close()

    def commands(self) -> bytes:
        """What was said, without what repeats."""
        return b"".join(each[0] for each in self.heard).replace(b"LL", b"L")


def with_milter(
    folder: Path,
    scene: Callable[[House, Filter], Awaitable[None]],
    *,
    actions: int = 0x31,
    steps: int = 0,
    max_recipients: int = 1000,
    **more: object,
) -> None:
    address = f"unix:{folder}/milter"
    told = Filter()
    told.actions, told.steps = actions, steps

    def make(clock: Clock) -> Judge:
        links = Links(MilterOptions(address=address, **more))  # type: ignore[arg-type]
        return Judge(PolicyOptions(), clock=clock, hooks=[Milter(links)])

    async def inside(house: House) -> None:
        server = await asyncio.start_unix_server(told.serve, f"{folder}/milter")
        try:
            await scene(house, told)
        finally:
            await house.receiver.judge.close()
            server.close()
            await asyncio.sleep(0.05)

    play(folder, inside, judge=make, max_recipients=max_recipients)


async def bring(
    house: House, expected: str = "250 2.0.0", octets: bytes | None = None
) -> Client:
    client = await Client.open(house.port)
    await client.say("EHLO there.example", "250")
    await client.letter(
        "x@there.example",
        "kim@example.test",
        octets or b"Subject: x\r\nX-Bad: 1\r\n\r\nhello\r\n",
        expected,
    )
    return client


def test_a_letter_is_told_in_order_and_changed(tmp_path: Path) -> None:
    async def scene(house: House, told: Filter) -> None:
        told.answers[b"E"] = (
            packet(b"i", b"\0\0\0\0X-Seen\0yes\0")
            + packet(b"m", b"\0\0\0\1X-Bad\0\0")
            + packet(b"m", b"\0\0\0\1Subject\0another\0")
            + packet(b"p")
            + packet(b"c")
        )
        client = await bring(house)
        await client.close()
        (letter,) = await house.inbox(house.kim)
        header = letter.partition(b"\r\n\r\n")[0].split(b"\r\n")
        assert header[2].startswith(b"Received: ")
        assert header[-2:] == [b"X-Seen: yes", b"Subject: another"]
        assert b"X-Bad" not in letter
        said = told.commands()
        assert said.startswith(b"ODCHDMDRDTLNBDE")
        assert (b"L", b"Subject\0x\0") in told.heard
        assert (b"B", b"hello\r\n") in told.heard
        macros = dict(each for each in told.heard if each[0] == b"D")
        assert macros[b"D"].startswith(b"Ei\0")  # the letter's id

    with_milter(tmp_path, scene)


def test_a_large_letter_is_changed_in_its_file(tmp_path: Path) -> None:
    body = b"0123456789abcdef" * 3 + b"\r\n"

    async def scene(house: House, told: Filter) -> None:
        told.answers[b"E"] = packet(b"m", b"\0\0\0\1X-Bad\0\0") + packet(b"c")
        octets = b"Subject: x\r\nX-Bad: 1\r\n\r\n" + body * 20_000
        client = await bring(house, octets=octets)
        await client.close()
        (letter,) = await house.inbox(house.kim)
        assert letter.endswith(b"\r\nSubject: x\r\n\r\n" + body * 20_000)
        heard = b"".join(data for command, data in told.heard if command == b"B")
        assert heard == body * 20_000
        spool = house.folder / "data" / "queue" / "0"
        assert list(spool.iterdir()) == []

    with_milter(tmp_path, scene)


@pytest.mark.parametrize(
    ("command", "reply", "stage", "expected"),
    [
        (b"C", packet(b"r"), "MAIL", "550 5.7.1"),
        (b"H", packet(b"t"), "MAIL", "451 4.7.1"),
        (b"M", packet(b"y", b"553 5.1.8 not you\0"), "MAIL", "553 5.1.8 not you"),
        (b"R", packet(b"y", b"450 4.2.0 wait\0"), "RCPT", "450 4.2.0 wait"),
        (b"L", packet(b"r"), "DATA", "550 5.7.1"),
        (b"B", packet(b"t"), "DATA", "451 4.7.1"),
        (b"E", packet(b"y", b"554 5.7.1 a virus\0"), "DATA", "554 5.7.1 a virus"),
        (b"E", packet(b"4"), "DATA", "421 4.7.1"),
    ],
)
def test_refusals(
    tmp_path: Path, command: bytes, reply: bytes, stage: str, expected: str
) -> None:
    async def scene(house: House, told: Filter) -> None:
        told.answers[command] = reply
        client = await Client.open(house.port)
        await client.say("EHLO there.example", "250")
        wanted = {"MAIL": "250", "RCPT": "250", "DATA": "354"}
        wanted[stage] = expected
        for verb, line in (
            ("MAIL", "MAIL FROM:<x@there.example>"),
            ("RCPT", "RCPT TO:<kim@example.test>"),
            ("DATA", "DATA"),
        ):
            if verb == "DATA" == stage:
                await client.say(line, "354")
                await client.say(b"Subject: x\r\n\r\nhello\r\n.", expected)
            else:
                await client.say(line, wanted[verb])
            if verb == stage:
                break
        await client.close()
        assert await house.inbox(house.kim) == []

    with_milter(tmp_path, scene)


@pytest.mark.parametrize(
    "reply", [packet(b"q", b"smells\0") + packet(b"c"), packet(b"d")]
)
def test_quarantine_and_discard_are_junk(tmp_path: Path, reply: bytes) -> None:
    """What was answered 250 never disappears silently."""

    async def scene(house: House, told: Filter) -> None:
        told.answers[b"E"] = reply
        await (await bring(house)).close()
        assert await house.inbox(house.kim) == []
        assert len(await house.inbox(house.kim, "Junk")) == 1

    with_milter(tmp_path, scene)


def test_a_connection_serves_the_next_client(tmp_path: Path) -> None:
    async def scene(house: House, told: Filter) -> None:
        for _ in range(3):
            client = await bring(house)
            await client.say("MAIL FROM:<y@there.example>", "250")
            await client.say("RSET", "250")
            await client.say("QUIT", "221")
            await client.close()
            await asyncio.sleep(0.02)
        assert told.connections == 1
        assert told.commands().count(b"K") == 3
        assert told.commands().count(b"A") == 3
        assert told.commands().count(b"C") == 3

    with_milter(tmp_path, scene, reuse=True)


def test_what_it_does_not_want_is_not_said(tmp_path: Path) -> None:
    """NO_* and SILENT_* steps; ACCEPT ends the rest of a letter."""

    async def scene(house: House, told: Filter) -> None:
        told.answers[b"M"] = packet(b"a")
        client = await bring(house)
        assert told.commands() == b"ODCDM"  # no HELO (0x02)
        told.answers.clear()
        await client.letter("x@there.example", "kim@example.test")
        assert told.commands() == b"ODCDM" + b"DMDRDTLNDE"  # no body (0x10)
        await client.close()

    with_milter(tmp_path, scene, steps=0x12 | 0x80)


@pytest.mark.parametrize(
    ("default", "expected"),
    [("tempfail", "451 4.3.0"), ("accept", "250"), ("reject", "550 5.7.1")],
)
def test_when_it_is_not_there(tmp_path: Path, default: str, expected: str) -> None:
    links = Links(MilterOptions(address=f"unix:{tmp_path}/nobody", default=default))

    def make(clock: Clock) -> Judge:
        return Judge(PolicyOptions(), clock=clock, hooks=[Milter(links)])

    async def scene(house: House) -> None:
        client = await Client.open(house.port)
        await client.say("EHLO there.example", "250")
        await client.say("MAIL FROM:<x@there.example>", expected)
        await client.close()

    play(tmp_path, scene, judge=make)


def test_one_that_breaks_the_protocol_or_is_slow(tmp_path: Path) -> None:
    async def scene(house: House, told: Filter) -> None:
        told.answers[b"E"] = packet(b"b", b"another body") + packet(b"c")
        await (await bring(house, "451 4.3.0")).close()  # it was not allowed to
        told.answers[b"E"] = packet(b"p")
        await (await bring(house, "451 4.3.0")).close()
        told.answers.clear()
        await (await bring(house)).close()
        assert len(await house.inbox(house.kim)) == 1

    with_milter(tmp_path, scene, end_s=1.5)


def test_a_body_may_be_replaced_where_that_is_allowed(tmp_path: Path) -> None:
    async def scene(house: House, told: Filter) -> None:
        told.answers[b"E"] = (
            packet(b"b", b"an") + packet(b"b", b"other\r\n") + packet(b"c")
        )
        await (await bring(house)).close()
        (letter,) = await house.inbox(house.kim)
        assert letter.endswith(b"Subject: x\r\nX-Bad: 1\r\n\r\nanother\r\n")

    with_milter(tmp_path, scene, actions=0x02, may_change_body=True)
