"""TLS with next hops, and whom we log in to."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from tests.unit.mta.hop import Hop
from tests.unit.mta.relaying import play
from tests.unit.mta.world import World, options

from pyeonji.mta.options import Route
from pyeonji.net.tls import client_context
from pyeonji.serve.certificates import make_self_signed


def contexts(tmp_path: Path) -> ssl.SSLContext:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make_self_signed("hop.test", certificate, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def test_tls_is_used_where_it_is_offered(tmp_path: Path) -> None:
    """Opportunistic: any certificate is better than none (RFC 7435)."""
    hop = Hop(tls=contexts(tmp_path))

    async def scene(world: World) -> None:
        await world.send("lee@a.test")
        await world.settle()

    world = play(hop, scene)
    assert hop.taken[0].tls
    assert "TLSv1" in world.queue.journey[-1].facts["tls"]


@pytest.mark.parametrize(
    ("trusted", "address", "offers_tls", "taken"),
    [
        (True, "127.0.0.1", True, True),
        (False, "127.0.0.1", True, False),
        (True, "127.0.0.2", True, False),  # a name that the certificate has not
        (True, "127.0.0.1", False, False),
    ],
)
def test_nobody_is_logged_in_to_whose_certificate_was_not_checked(
    tmp_path: Path, *, trusted: bool, address: str, offers_tls: bool, taken: bool
) -> None:
    """A smart host without a good certificate hears no password (RFC 4954 §14)."""
    tls = contexts(tmp_path)
    hop = Hop(
        script={"AUTH": ["235 2.7.0 ok"]},
        offers=("AUTH PLAIN",),
        tls=tls if offers_tls else None,
        address=address,
    )
    checking = client_context(
        verify=True, ca_file=tmp_path / "cert.pem" if trusted else None
    )

    async def run() -> World:
        async with hop:
            route = Route(
                domain="*",
                hosts=((address, hop.port),),
                user="kim",
                password="secret",
                context=checking,
            )
            async with World(options(routes={"*": route})) as world:
                await world.send("lee@a.test")
                await world.settle()
        return world

    world = asyncio.run(run())
    assert any(line.startswith("AUTH") for line in hop.heard) is taken
    assert bool(hop.taken) is taken
    if not taken:  # it waits: the operator may set it right
        (waiting,) = world.queue.letters.values()
        assert waiting.recipients[0].attempts == 1
        assert world.queue.journey[-1].facts["status"].startswith("4.7.")


def test_a_route_may_do_without_tls(tmp_path: Path) -> None:
    """STARTTLS is offered, and is not asked for."""
    hop = Hop(tls=contexts(tmp_path))

    async def run() -> None:
        async with hop:
            hosts = (("127.0.0.1", hop.port),)
            route = Route(domain="*", hosts=hosts, use_tls=False)
            async with World(options(routes={"*": route})) as world:
                await world.send("lee@a.test")
                await world.settle()

    asyncio.run(run())
    assert "STARTTLS" not in hop.heard
    assert not hop.taken[0].tls


def test_broken_tls_is_tried_once_more_in_clear(tmp_path: Path) -> None:
    """A next hop that cannot do what it offers still gets its mail."""
    hop = Hop(
        tls=contexts(tmp_path),
        script={"STARTTLS": ["454 4.7.0 TLS not available"]},
    )

    async def scene(world: World) -> None:
        await world.send("lee@a.test")
        await world.settle()

    play(hop, scene)
    assert len(hop.taken) == 1
    assert not hop.taken[0].tls
    assert hop.connections == 2
