"""HTTP listeners: lives are bounded, networks counted, ends orderly."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from ipaddress import ip_network

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.patience import PATIENCE_S

from pyeonji.base.networks import Network
from pyeonji.net.listener import bind
from pyeonji.web import server as serving
from pyeonji.web.server import WebListener

HOST = "127.0.0.1"


async def slowly(request: Request) -> PlainTextResponse:
    request.app.state.begun.set()
    await asyncio.sleep(0.3)
    return PlainTextResponse("done")


async def at_once(_: Request) -> PlainTextResponse:
    return PlainTextResponse("here")


async def who(request: Request) -> PlainTextResponse:
    client = request.client
    return PlainTextResponse(f"{client.host} {client.port}" if client else "")


APP = Starlette(
    routes=[Route("/slow", slowly), Route("/who", who), Route("/", at_once)]
)


def play(
    scene: Callable[[int, WebListener], Awaitable[None]],
    *,
    per_network: int = 50,
    proxies: tuple[Network, ...] = (),
) -> None:
    async def run() -> None:
        [bound] = bind(HOST, 0, copies=1)
        port = bound.getsockname()[1]
        listener = WebListener(
            "http",
            bound,
            APP,
            tls_context=None,
            per_network=per_network,
            proxies=proxies,
        )
        await listener.start()
        try:
            await scene(port, listener)
        finally:
            await listener.stop()

    asyncio.run(run())


async def asked(port: int, octets: bytes) -> bytes:
    """What is said until the connection ends."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(octets)
    try:
        return await asyncio.wait_for(reader.read(), PATIENCE_S)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def test_an_answer() -> None:
    async def scene(port: int, _: WebListener) -> None:
        said = await asked(port, GET)
        assert said.startswith(b"HTTP/1.1 200 OK")
        assert said.endswith(b"\r\n\r\nhere")
        assert b"server:" not in said.lower()

    play(scene)


@pytest.mark.parametrize("octets", [b"", b"GET / HTTP/1.1\r\nHost: a\r\nX: "])
def test_who_never_ends_is_cut(octets: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A head octet by octet holds a connection no longer than any other."""
    monkeypatch.setattr(serving, "MAX_CONNECTION_S", 0.3)

    async def scene(port: int, _: WebListener) -> None:
        began = time.monotonic()
        assert await asked(port, octets) == b""
        assert 0.2 < time.monotonic() - began < PATIENCE_S / 2

    play(scene)


def test_a_network_has_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "network_of", lambda _: "192.0.2.0")

    async def scene(port: int, _: WebListener) -> None:
        held = [socket.create_connection((HOST, port)) for _ in range(2)]
        assert await asked(port, GET) == b""  # they are taken in their order
        for each in held:
            each.close()
        while not (said := await asked(port, GET)):  # noqa: ASYNC110 - they go a little later
            await asyncio.sleep(0.01)
        assert said.endswith(b"here")

    play(scene, per_network=2)


def test_an_answer_under_way_is_finished() -> None:
    async def scene(port: int, listener: WebListener) -> None:
        APP.state.begun = asyncio.Event()
        request = GET.replace(b"GET / ", b"GET /slow ")
        under_way = asyncio.ensure_future(asked(port, request))
        await APP.state.begun.wait()
        await listener.stop()
        assert (await under_way).endswith(b"done")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, port)

    play(scene)


WHO = GET.replace(b"GET / ", b"GET /who ")
BEHIND = b"PROXY TCP4 192.0.2.77 192.0.2.1 4711 443\r\n"


def test_who_is_behind_a_proxy() -> None:
    """A header that comes in pieces, none of what follows it lost."""

    async def scene(port: int, _: WebListener) -> None:
        assert (await asked(port, BEHIND + WHO)).endswith(b"\r\n192.0.2.77 4711")
        reader, writer = await asyncio.open_connection(HOST, port)
        for piece in (BEHIND[:9], BEHIND[9:] + WHO[:7], WHO[7:]):
            writer.write(piece)
            await asyncio.sleep(0.02)
        assert (await reader.read()).endswith(b"192.0.2.77 4711")
        writer.close()
        assert await asked(port, WHO) == b""  # from a proxy it must begin so

    play(scene, proxies=(ip_network("127.0.0.0/8"),))


def test_others_come_as_they_are() -> None:
    async def scene(port: int, _: WebListener) -> None:
        assert b"\r\n127.0.0.1 " in await asked(port, WHO)
        assert b" 400 " in await asked(port, BEHIND + WHO)

    play(scene, proxies=(ip_network("192.0.2.0/24"),))


def test_the_network_behind_a_proxy_has_its_share() -> None:
    async def scene(port: int, _: WebListener) -> None:
        held = [await asyncio.open_connection(HOST, port) for _ in range(2)]
        for _reader, writer in held:
            writer.write(BEHIND)
        await asyncio.sleep(0.05)
        assert await asked(port, BEHIND + WHO) == b""
        other = BEHIND.replace(b"192.0.2.77", b"192.0.2.78")
        assert (await asked(port, other + WHO)).endswith(b"192.0.2.78 4711")
        for _reader, writer in held:
            writer.close()

    play(scene, per_network=2, proxies=(ip_network("127.0.0.0/8"),))


def test_behind_a_proxy_an_answer_is_finished_too() -> None:
    async def scene(port: int, listener: WebListener) -> None:
        APP.state.begun = asyncio.Event()
        request = BEHIND + GET.replace(b"GET / ", b"GET /slow ")
        under_way = asyncio.ensure_future(asked(port, request))
        await APP.state.begun.wait()
        await listener.stop()
        assert (await under_way).endswith(b"done")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, port)

    play(scene, proxies=(ip_network("127.0.0.0/8"),))
