"""COMPRESS=DEFLATE (RFC 4978), with a client that has its own zlib."""

from __future__ import annotations

import asyncio
import random
import zlib
from collections.abc import Awaitable, Callable

import pytest
from tests.transcripts.imap.imap_play import BARE, LETTER, Client, Stage, play, stage

from pyeonji.message.prepare import prepare
from pyeonji.net import compression, connection
from pyeonji.storage.mailboxes import NewMessage


class Deflated:
    """A client after COMPRESS: what it says is deflated, in any pieces."""

    def __init__(self, client: Client, *, pieces: int = 1 << 30) -> None:
        self.client = client
        self.pieces = pieces
        self.deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        self.inflate = zlib.decompressobj(-15)

    def say(self, octets: bytes) -> None:
        data = self.deflate.compress(octets) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        for start in range(0, len(data), self.pieces):
            self.client.say(data[start : start + self.pieces])

    async def hear(self) -> bytes:
        for _ in range(3):  # turns of the loop in which more may be inflated
            await self.client.settle()
            await asyncio.sleep(0)
        heard = bytes(self.client.transport.heard)
        self.client.transport.heard.clear()
        return self.inflate.decompress(heard)

    async def ask(self, octets: bytes) -> bytes:
        self.say(octets)
        return await self.hear()


def run(
    test: Callable[[Stage, Deflated], Awaitable[None]], *, pieces: int = 1 << 30
) -> None:
    async def main() -> None:
        async with stage() as system:
            client = system.client()
            await client.log_in()
            heard = await client.ask(b"c COMPRESS deflate\r\n")
            assert heard == b"c OK DEFLATE from here on.\r\n"  # in clear (§3)
            assert client.connection.compressed
            await test(system, Deflated(client, pieces=pieces))
            client.transport.close()
            await asyncio.sleep(0)

    asyncio.run(main())


def test_other_algorithms_and_other_states() -> None:
    """RFC 4978 §3, §5: only DEFLATE, only after login."""
    play(
        """
        C: 1 COMPRESS LZW
        S: 1 NO [CANNOT] Only DEFLATE.
        C: 2 COMPRESS
        S: 2 BAD <any>
        C: 3 NOOP
        S: 3 OK Done.
        """
    )
    play(
        """
        S: * OK <any>
        C: 1 COMPRESS DEFLATE
        S: 1 BAD <any>
        """,
        log_in=False,
    )


@pytest.mark.parametrize("pieces", [1, 2, 7, 1 << 30])
def test_a_session_cut_anywhere(pieces: int) -> None:
    """Each burst can be read at once, whatever the packets were (§4)."""

    async def test(_: Stage, client: Deflated) -> None:
        assert await client.ask(b"a NOOP\r\n") == b"a OK Done.\r\n"
        heard = await client.ask(b"b SELECT INBOX\r\nc NOOP\r\nd NOOP\r\n")
        assert heard.endswith(b"c OK Done.\r\nd OK Done.\r\n")
        literal = b"e APPEND INBOX {%d+}\r\n%b\r\n" % (len(LETTER), LETTER)
        assert b"e OK [APPENDUID" in await client.ask(literal)
        assert LETTER in await client.ask(b"f FETCH 1 BODY[]\r\n")
        assert (await client.ask(b"g LOGOUT\r\n")).endswith(b"g OK Logged out.\r\n")

    run(test, pieces=pieces)


def test_twice_is_refused() -> None:
    """RFC 4978 §3: COMPRESSIONACTIVE, and the layer that is stays."""

    async def test(_: Stage, client: Deflated) -> None:
        assert await client.ask(b"a COMPRESS DEFLATE\r\n") == (
            b"a NO [COMPRESSIONACTIVE] COMPRESS is active already.\r\n"
        )
        assert await client.ask(b"b NOOP\r\n") == b"b OK Done.\r\n"

    run(test)


def test_idle_tells_at_once() -> None:
    """News are flushed, too."""

    async def test(system: Stage, client: Deflated) -> None:
        await client.ask(b"a SELECT INBOX\r\n")
        assert await client.ask(b"b IDLE\r\n") == b"+ Listening.\r\n"
        inbox = await system.account.mailbox("INBOX")
        await system.account.append(
            inbox.id,
            [NewMessage(content=LETTER, prepared=prepare(LETTER), internal_date=1)],
        )
        async with asyncio.timeout(60):
            while b"* 1 EXISTS" not in (heard := await client.hear()):
                assert heard == b""
                await asyncio.sleep(0.01)
        assert b"b OK" in await client.ask(b"DONE\r\n")

    run(test)


def test_large_answers_come_whole() -> None:
    """More octets than are kept unsent go through drain()."""

    async def test(_: Stage, client: Deflated) -> None:
        noise = random.Random(1).randbytes(600_000).hex().encode()
        lines = b"\r\n".join(noise[i : i + 70] for i in range(0, len(noise), 70))
        letter = b"Subject: large\r\n\r\n" + lines + b"\r\n"
        await client.ask(b"a SELECT INBOX\r\n")
        await client.ask(b"b APPEND INBOX {%d+}\r\n%b\r\n" % (len(letter), letter))
        assert letter in await client.ask(b"c FETCH 1 BODY.PEEK[]\r\n")

    run(test)


def test_what_is_no_deflate_ends_the_connection() -> None:
    async def test(_: Stage, client: Deflated) -> None:
        client.client.say(b"a NOOP\r\n" + b"\xff" * 20)
        await client.client.settle()
        assert client.client.transport.closed

    run(test)


def test_a_stream_that_ends_may_say_no_more() -> None:
    async def test(_: Stage, client: Deflated) -> None:
        client.client.say(client.deflate.flush(zlib.Z_FINISH) + b"a NOOP\r\n")
        await client.client.settle()
        assert client.client.transport.closed

    run(test)


def test_a_few_octets_that_stand_for_many_cost_a_step() -> None:
    """64 MB in 64 KB: inflated step by step, and others get their turn."""

    async def test(_: Stage, client: Deflated) -> None:
        steps: list[int] = []
        receive = client.client.connection._door.machine.receive_data  # type: ignore[union-attr]

        def counted(octets: bytes) -> None:
            steps.append(len(octets))
            receive(octets)

        client.client.connection._door.machine.receive_data = counted  # type: ignore[method-assign, union-attr]
        bomb = b"x" * (64 << 20)
        packed = client.deflate.compress(bomb) + client.deflate.flush(zlib.Z_SYNC_FLUSH)
        assert len(packed) < 70_000
        turns = 0
        client.client.say(packed)
        while sum(steps) < len(bomb):
            before = sum(steps)
            await asyncio.sleep(0)
            turns += 1
            assert sum(steps) - before <= (
                connection.MAX_INFLATED_OCTETS + compression.MAX_STEP_OCTETS
            )
        assert max(steps) <= compression.MAX_STEP_OCTETS
        assert turns >= 100
        assert (await client.ask(b"\r\n")).startswith(b"* BYE [TOOBIG]")

    run(test)


@pytest.mark.way(BARE, "TLS can't be half open, so its end of input ends all")
def test_the_end_of_input_waits_for_what_came_before() -> None:
    """A client that asks and half-closes still hears its answers."""

    async def test(_: Stage, client: Deflated) -> None:
        many = b"".join(b"n%d NOOP\r\n" % n for n in range(30_000))
        client.say(many)
        client.client.connection.eof_received()
        heard = b""
        for _i in range(50):
            heard += await client.hear()
        assert heard.count(b" OK Done.") == 30_000

    run(test)


def test_unauthenticate_ends_it() -> None:
    """RFC 8437 §3: both sides go on in clear after the OK."""

    async def test(_: Stage, client: Deflated) -> None:
        heard = await client.ask(b"a UNAUTHENTICATE\r\n")
        assert heard.startswith(b"a OK")
        assert not client.client.connection.compressed
        assert (await client.client.ask(b"b NOOP\r\n")).endswith(b"b OK Done.\r\n")

    run(test)
