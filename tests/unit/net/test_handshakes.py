"""Ports that begin with TLS: handshakes that fail, stand still or are many."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import uvloop
from tests.patience import until
from tests.transcripts.imap.tls_play import contexts
from tests.unit.net.test_connection import Echo

from pyeonji.net import accepting as module
from pyeonji.net.listener import Limits, Listener, bind, connection_ids

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyeonji.net.accepting import Accepting

HOST = "127.0.0.1"
LOOPS = pytest.mark.parametrize(
    "loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)


def play(
    scene: Callable[[Listener, int], Awaitable[None]], loop: Any, **limits: Any
) -> None:
    async def run() -> None:
        (bound,) = bind(HOST, 0, copies=1)
        port = bound.getsockname()[1]
        listener = Listener(
            "test",
            bound,
            Echo,
            tls_context=contexts()[0],
            implicit_tls=True,
            busy=b"busy\r\n",
            limits=Limits(**limits),
            new_id=connection_ids(0),
        )
        await listener.start()
        try:
            await scene(listener, port)
        finally:
            listener.stop_accepting()
            for connection in list(listener.connections):
                connection.abort()
            await until(lambda: not listener.connections)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(run())


def beginning(listener: Listener) -> Accepting:
    assert listener._accepting is not None
    return listener._accepting


async def answered(port: int) -> bytes:
    """What somebody hears who does it right; empty: hung up."""
    try:
        reader, writer = await asyncio.open_connection(
            HOST, port, ssl=contexts()[1], server_hostname="localhost"
        )
    except OSError:
        return b""
    writer.write(b"hello\r\n")
    line = await reader.readline()
    writer.close()
    return line


@LOOPS
def test_failed_handshakes_count_for_nobody(loop: Any) -> None:
    """A scan of ports must not use up the connections of others."""

    async def scene(listener: Listener, port: int) -> None:
        for _ in range(5):
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(b"EHLO clear\r\n" * 100)
            try:
                while await reader.read(1000):
                    pass
            except ConnectionResetError:
                pass
            writer.close()
        assert not listener.connections
        assert await answered(port) == b"hello\r\n"
        await until(lambda: not listener.connections)

    play(scene, loop, connections=3)


@LOOPS
def test_who_stands_still_in_the_handshake_is_no_connection(loop: Any) -> None:
    """The end of the server does not wait for him."""

    async def scene(listener: Listener, port: int) -> None:
        _, writer = await asyncio.open_connection(HOST, port)
        await until(lambda: beginning(listener)._begun)
        assert not listener.connections
        writer.close()
        await until(lambda: not beginning(listener)._begun)

    play(scene, loop)


def test_one_network_has_so_many_handshakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "network_of", lambda _: "192.0.2.7")

    async def scene(listener: Listener, port: int) -> None:
        held = [await asyncio.open_connection(HOST, port) for _ in range(2)]
        assert await answered(port) == b""
        for _, writer in held:
            writer.close()
        await until(lambda: not beginning(listener)._begun)
        assert not beginning(listener)._networks
        assert await answered(port) == b"hello\r\n"

    play(scene, uvloop.new_event_loop, per_network=2)


def test_a_handshake_that_ends_after_the_server_brings_nothing() -> None:
    async def scene(listener: Listener, port: int) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        await until(lambda: beginning(listener)._begun)
        listener.stop_accepting()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        await writer.start_tls(context)
        writer.write(b"hello\r\n")
        assert await reader.read() == b"busy\r\n"
        writer.close()

    play(scene, asyncio.new_event_loop)
