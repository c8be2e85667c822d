"""Routes by sender, source addresses, several addresses of a host."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.unit.mta.hop import Hop
from tests.unit.mta.world import World, options

from pyeonji.mta.options import Route, Source
from pyeonji.mta.relay.way import way
from pyeonji.storage.queue import NewLetter, TlsWish

PARTNER = Route(domain="partner.test", hosts=(("partner", 25),))
OTHERS = Route(domain="*", hosts=(("others", 25),))
PROVIDER = Route(sender="news.test", hosts=(("provider", 587),), user="news")
OPTIONS = options(
    routes={"partner.test": PARTNER, "*": OTHERS},
    sender_routes={"news.test": PROVIDER},
    sources={"news.test": Source(v4="192.0.2.1"), "*": Source(v6="2001:db8::1")},
)


def letter(sender: str) -> NewLetter:
    return NewLetter(
        reverse_path=sender, recipients=(), content=b"", prefix=b"", accepted_at=0.0
    )


@pytest.mark.parametrize(
    ("domain", "sender", "route", "source"),
    [
        ("partner.test", "kim@news.test", PARTNER, "192.0.2.1,*"),
        ("a.test", "kim@NEWS.test", PROVIDER, "192.0.2.1,*"),
        ("a.test", "kim@b.test", OTHERS, "*,2001:db8::1"),
        ("a.test", "", OTHERS, "*,2001:db8::1"),
    ],
)
def test_which_way(domain: str, sender: str, route: Route, source: str) -> None:
    """The recipient's route, else the sender's, else the one for all."""
    found = way(domain, letter(sender), OPTIONS)
    assert found.route is route
    assert found.source is not None
    assert found.source.name == source


def test_no_way_is_mixed_with_another() -> None:
    """What shares a connection goes the same way in all."""
    names = {
        way(domain, letter(sender), OPTIONS).name
        for domain in ("partner.test", "a.test", "b.test")
        for sender in ("kim@news.test", "kim@c.test")
    }
    assert len(names) == 4  # a.test and b.test go together


def test_the_operator_may_be_lenient() -> None:
    """A domain whose policy is broken for days gets its mail (RFC 7672 §9.1)."""
    lenient = options(lenient=frozenset({"a.test"}))
    assert way("a.test", letter("kim@b.test"), lenient).wish is TlsWish.OPTIONAL
    assert way("b.test", letter("kim@b.test"), lenient).wish is TlsWish.USUAL
    secret = replace(letter("kim@b.test"), facts={"tls_wish": "required"})
    assert way("a.test", secret, lenient).wish is TlsWish.REQUIRED


def test_the_operator_may_be_strict() -> None:
    """His word stands, whatever the sender says (RFC 7672 §6)."""
    strict = options(strict=frozenset({"a.test"}))
    careless = replace(letter("kim@b.test"), facts={"tls_wish": "optional"})
    found = way("a.test", careless, strict)
    assert found.strict
    assert found.wish is TlsWish.USUAL
    assert found.name != way("a.test", careless, options()).name
    assert not way("b.test", careless, strict).strict


def test_letters_go_out_from_the_senders_address() -> None:
    hop = Hop()

    async def run() -> World:
        async with hop:
            sources = {"news.test": Source(v4="127.0.0.77")}
            world = World(options(relay_port=hop.port, sources=sources))
            world.zone |= {
                ("a.test", "MX"): ["10 mx.a.test."],
                ("mx.a.test", "A"): ["127.0.0.1"],
            }
            async with world:
                await world.send("lee@a.test", sender="kim@news.test")
                await world.send("lee@a.test", sender="kim@example.test")
                await world.settle()
            return world

    world = asyncio.run(run())
    assert len(hop.taken) == 2
    assert hop.connections == 2
    assert {one.source for one in world.results} == {"127.0.0.77", "127.0.0.1"}


def test_a_dead_address_costs_no_time() -> None:
    """The host's next address is called after half a second (RFC 8305 §5)."""
    hop = Hop()

    async def run() -> float:
        async with hop:
            world = World(options(relay_port=hop.port))
            world.zone |= {
                ("a.test", "MX"): ["10 mx.a.test."],
                # nobody listens at the first; the second is the hop
                ("mx.a.test", "A"): ["127.0.0.99", "127.0.0.1"],
            }
            loop = asyncio.get_running_loop()
            async with world:
                start = loop.time()
                await world.send("lee@a.test")
                await world.settle()
                return loop.time() - start

    assert asyncio.run(run()) < 2
    assert len(hop.taken) == 1
