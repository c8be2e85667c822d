"""A connection carries a machine: order, backlog, time, TLS, goodbyes."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from pyeonji.net.connection import Connection
from pyeonji.net.dial import connect
from pyeonji.net.listener import Limits, Listener, bind, connection_ids
from pyeonji.net.tls import client_context, server_context
from pyeonji.protocol.lines import LineReader
from pyeonji.protocol.machine import CLOSED, NEED_DATA
from pyeonji.serve.certificates import make_self_signed


class Lines:
    """A machine whose events are lines, and that sends what it is told."""

    def __init__(self) -> None:
        self.reader = LineReader()
        self.out: list[bytes] = [b"hello\r\n"]
        self.eof = False

    def receive_data(self, data: bytes) -> None:
        self.reader.feed(data)

    def receive_eof(self) -> None:
        self.eof = True

    def next_event(self) -> Any:
        line = self.reader.next_line(1000)
        if line is NEED_DATA and self.eof:
            return CLOSED
        return line

    def data_to_send(self) -> bytes:
        said = b"".join(self.out)
        self.out.clear()
        return said


class Echo:
    """A door: "wait X" answers after a while, "tls" starts TLS, "quit" ends."""

    def __init__(self, connection: Connection) -> None:
        self.machine = Lines()
        self.connection = connection
        self.ended = False

    async def answer(self, event: bytes) -> None:
        if event.startswith(b"wait "):
            await asyncio.sleep(0.02)
        if event == b"tls":
            self.machine.out.append(b"go\r\n")
            await self.connection.start_tls()
            return
        if event == b"break":
            raise RuntimeError("as asked")
        if event == b"silence":
            self.connection.set_timeout(0.05)
        if event == b"big":
            for _ in range(100):
                self.connection.write(b"x" * 65536)
                await self.connection.drain()
        self.machine.out.append(event + b"\r\n")
        if event == b"quit":
            self.connection.close()

    def timed_out(self) -> None:
        self.machine.out.append(b"too late\r\n")

    def failed(self) -> None:
        self.machine.out.append(b"sorry\r\n")

    def shutting_down(self) -> None:
        self.machine.out.append(b"bye\r\n")

    def lost(self) -> None:
        self.ended = True


class House:
    """A listener with echo doors on a free port."""

    def __init__(self, context: ssl.SSLContext | None = None, **limits: Any) -> None:
        self.doors: list[Echo] = []
        (bound,) = bind("127.0.0.1", 0, copies=1)
        self.port = bound.getsockname()[1]
        self.listener = Listener(
            "test",
            bound,
            self.make,
            tls_context=context,
            implicit_tls=False,
            busy=b"busy\r\n",
            limits=Limits(**limits),
            new_id=connection_ids(0),
        )

    def make(self, connection: Connection) -> Echo:
        self.doors.append(Echo(connection))
        return self.doors[-1]


async def all_of(stream: Any, until: bytes = b"") -> bytes:
    """Read to the end, or until the octets have come."""
    got = b""
    while not until or until not in got:
        data = await stream.read(2)
        if not data:
            break
        got += data
    return got


def talk(house: House, send: bytes, until: bytes = b"") -> bytes:
    async def main() -> bytes:
        await house.listener.start()
        stream = await connect("127.0.0.1", house.port)
        stream.write(send)
        got = await all_of(stream, until)
        stream.close()
        house.listener.stop_accepting()
        await asyncio.sleep(0.01)
        return got

    return asyncio.run(main())


def test_answers_come_in_order_also_when_some_wait() -> None:
    """Events are answered one at a time, whatever came in one packet."""
    house = House()
    got = talk(house, b"a\r\nwait b\r\nc\r\nwait d\r\ne\r\nquit\r\nnever\r\n")
    assert got == b"hello\r\na\r\nwait b\r\nc\r\nwait d\r\ne\r\nquit\r\n"
    assert house.doors[0].ended


def test_silence_ends_a_connection_with_words() -> None:
    assert talk(House(), b"silence\r\n") == b"hello\r\nsilence\r\ntoo late\r\n"


class StandingLoop(asyncio.SelectorEventLoop):
    """Its time stands until it is told to move."""

    now = 0.0

    def time(self) -> float:
        return self.now


def drip(pieces: list[bytes]) -> bytes:
    """What a client hears that says each piece 20 ms after the one before."""
    house = House()
    loop = StandingLoop()

    async def main() -> bytes:
        await house.listener.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        heard = asyncio.ensure_future(reader.read(-1))
        writer.write(b"silence\r\n")  # from now on 50 ms
        for piece in (*pieces, b"quit\r\n"):
            for _ in range(20):  # what was said is heard meanwhile
                await asyncio.sleep(0)
            loop.now += 0.02
            for _ in range(20):
                await asyncio.sleep(0)
            if heard.done():
                break
            writer.write(piece)
        said = await heard
        writer.close()
        house.listener.stop_accepting()
        return said

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main())


def test_octets_without_a_line_are_silence() -> None:
    """One octet now and then keeps no connection open."""
    assert drip([b"x"] * 40) == b"hello\r\nsilence\r\ntoo late\r\n"


def test_lines_are_no_silence_however_they_are_cut() -> None:
    """The line end may come in two pieces, the line in many."""
    said = drip([b"a\r", b"\nb", b"c\r", b"\n"] * 4)
    assert said.endswith(b"bc\r\nquit\r\n")


def test_an_error_in_an_answer_ends_that_connection_only() -> None:
    house = House()
    assert talk(house, b"break\r\nmore\r\n") == b"hello\r\nsorry\r\n"


def test_a_slow_reader_is_waited_for() -> None:
    """6.5 MB go out through drain() without piling up."""
    got = talk(House(), b"big\r\nquit\r\n")
    assert len(got) == len(b"hello\r\nbig\r\nquit\r\n") + 100 * 65536


def test_loopback_is_not_counted_but_the_whole_is() -> None:
    """Over the limit a peer hears one line."""
    house = House(connections=1)

    async def main() -> bytes:
        await house.listener.start()
        first = await connect("127.0.0.1", house.port)
        await all_of(first, b"hello\r\n")
        second = await connect("127.0.0.1", house.port)
        got = await all_of(second)
        first.close()
        house.listener.stop_accepting()
        return got

    assert asyncio.run(main()) == b"busy\r\n"


def test_shutting_down_says_goodbye_after_the_answer_under_way() -> None:
    house = House()

    async def main() -> bytes:
        await house.listener.start()
        stream = await connect("127.0.0.1", house.port)
        stream.write(b"wait x\r\n")
        await all_of(stream, b"hello\r\n")
        await asyncio.sleep(0.005)
        for connection in list(house.listener.connections):
            connection.shut_down()
        got = await all_of(stream)
        house.listener.stop_accepting()
        return got

    assert asyncio.run(main()) == b"wait x\r\nbye\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    pair = folder / "cert.pem", folder / "key.pem"
    make_self_signed("mail.example.test", *pair)
    return pair


def test_starttls_by_both_of_our_sides(certificate: tuple[Path, Path]) -> None:
    """Octets before the handshake are clear, those after it are not (RFC 3207)."""
    house = House(server_context(*certificate))

    async def main() -> tuple[bytes, Any]:
        await house.listener.start()
        context = client_context(verify=True, ca_file=certificate[0])
        stream = await connect("127.0.0.1", house.port, tls="starttls", context=context)
        stream.write(b"tls\r\n")
        await all_of(stream, b"go\r\n")
        await stream.start_tls("mail.example.test")
        stream.write(b"inside\r\n")
        got = await all_of(stream, b"inside\r\n")
        facts = house.doors[0].connection.tls
        stream.close()
        house.listener.stop_accepting()
        await asyncio.sleep(0.01)
        return got, facts

    got, facts = asyncio.run(main())
    assert got == b"inside\r\n"
    assert facts.version in ("TLSv1.2", "TLSv1.3")


def test_a_port_that_is_taken_is_an_error_although_we_share_ports() -> None:
    (first,) = bind("127.0.0.1", 0, copies=1)
    with pytest.raises(OSError, match="in use"):
        bind("127.0.0.1", first.getsockname()[1], copies=2)
    first.close()
