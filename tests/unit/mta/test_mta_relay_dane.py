"""Letters to domains with TLSA records: to the right host they go, else they wait."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from tests.unit.mta.authority import DAY, Signed, authority, sign
from tests.unit.mta.hop import Hop
from tests.unit.mta.relaying import report, status_of
from tests.unit.mta.world import World, options

from pyeonji.mta.options import Route
from pyeonji.storage.queue import RecipientState

CA = authority()
MX = sign("mx.a.test", by=CA)
OLD = sign("mx.a.test", by=CA, until=-DAY)
OTHER = sign("mx.a.test", by=CA)
TLSA = "_PORT._tcp.mx.a.test"


def send(
    hop: Hop,
    records: Iterable[str],
    *,
    secure: Iterable[str] = ("a.test",),
    dead: Iterable[str] = (),
    later: float = 0.0,
) -> World:
    """One letter to lee@a.test, whose exchanger is the hop."""

    async def run() -> World:
        async with hop:
            world = World(options(relay_port=hop.port))
            tlsa = TLSA.replace("PORT", str(hop.port))
            world.zone |= {
                ("a.test", "MX"): ["10 mx.a.test."],
                ("mx.a.test", "A"): ["127.0.0.1"],
            }
            if records:
                world.zone[tlsa, "TLSA"] = list(records)
            world.secure |= set(secure)
            world.dead |= {each.replace("PORT", str(hop.port)) for each in dead}
            async with world:
                await world.send("lee@a.test")
                await world.settle()
                if later:
                    await world.later(later)
            return world

    return asyncio.run(run())


def hop(shown: Signed | None = MX) -> Hop:
    return Hop(tls=shown.context() if shown is not None else None)


def waits(world: World) -> str:
    """Why the only letter waits."""
    (letter,) = world.queue.letters.values()
    assert letter.recipients[0].state is RecipientState.WAITING
    return letter.recipients[0].last_reply


def assert_nothing_was_said(hop: Hop) -> None:
    assert not hop.taken
    assert not any(line.startswith(("MAIL", "RCPT", "DATA")) for line in hop.heard)


@pytest.mark.parametrize(
    "record",
    [MX.tlsa(3), MX.tlsa(3, 0, 2), CA.tlsa(2, 0)],
    ids=["3 1 1", "3 0 2", "2 0 1"],  # the records are others in each process
)
def test_right_records(record: str) -> None:
    """The letter goes, and its journey says how the host was known."""
    mx = hop()
    world = send(mx, [record])
    assert [one.tls for one in mx.taken] == [True]
    proof = world.queue.journey[-1].facts["certificate"]
    assert proof == f"verified, DANE {record[:5]}"
    (result,) = world.results
    assert (result.policy.kind, result.failure) == ("tlsa", "")
    assert (result.mx, result.address) == ("mx.a.test", "127.0.0.1")


@pytest.mark.parametrize(
    ("shown", "record", "failure"),
    [
        (MX, OTHER.tlsa(3), "validation-failure"),
        (OLD, CA.tlsa(2), "certificate-expired"),
        (sign("mx.b.test", by=CA), CA.tlsa(2), "certificate-host-mismatch"),
        (None, MX.tlsa(3), "starttls-not-supported"),
    ],
    ids=["another key", "expired", "another name", "no STARTTLS"],
)
def test_wrong_records(shown: Signed | None, record: str, failure: str) -> None:
    """It waits, whatever is wrong, and nothing is said but hello."""
    mx = hop(shown)
    world = send(mx, [record])
    assert_nothing_was_said(mx)
    assert "DANE" in waits(world)
    assert world.queue.journey[-1].facts["status"].startswith("4.7.")
    (result,) = world.results
    assert (result.policy.kind, result.failure) == ("tlsa", failure)


def test_an_expired_certificate_that_is_pinned_is_good() -> None:
    """3 1 1 knows no dates (RFC 7672 §3.1.1)."""
    mx = hop(OLD)
    send(mx, [OLD.tlsa(3)])
    assert [one.tls for one in mx.taken] == [True]


def test_the_sender_is_told_why_it_waits() -> None:
    """In the words of the delay report (RFC 3464 §2.3.3)."""
    mx = hop()
    world = send(mx, [OTHER.tlsa(3)], later=5 * 3600)
    assert_nothing_was_said(mx)
    told = status_of(report(world))
    assert "Action: delayed" in told
    assert "DANE" in told
    assert "nothing was sent to it" in " ".join(told.split())


def test_no_records() -> None:
    """TLS as it can be had (RFC 7672 §2.2.3)."""
    mx = hop(OLD)
    world = send(mx, [])
    assert [one.tls for one in mx.taken] == [True]
    assert "certificate" not in world.queue.journey[-1].facts
    assert world.results[0].policy.kind == "no-policy-found"


def test_unusable_records_need_tls_only() -> None:
    """RFC 7672 §2.2.3: whoever answers, but never in clear."""
    mx = hop(OLD)
    send(mx, ["1 0 1 " + "ab" * 32])
    assert [one.tls for one in mx.taken] == [True]
    clear = hop(None)
    world = send(clear, ["1 0 1 " + "ab" * 32])
    assert_nothing_was_said(clear)
    assert "no STARTTLS" in waits(world)


def test_records_that_cannot_be_read() -> None:
    """The host is not called at all (RFC 7672 §2.1.2)."""
    mx = hop()
    world = send(mx, [MX.tlsa(3)], dead=[TLSA])
    assert mx.connections == 0
    assert "could not be looked up" in waits(world)
    assert [one.failure for one in world.results] == ["dnssec-invalid"]


@pytest.mark.parametrize("secure", [(), ("mx.a.test",), ("_tcp.mx.a.test",)])
def test_insecure_ways_have_no_dane(secure: tuple[str, ...]) -> None:
    """An MX that nobody vouches for leads anywhere (RFC 7672 §2.2.1)."""
    mx = hop(OLD)
    send(mx, [OTHER.tlsa(3)], secure=secure)
    assert len(mx.taken) == 1


def test_the_sender_may_not_care() -> None:
    """TLS-Required: No goes as it can (RFC 8689 §4.2.2)."""
    mx = hop()

    async def run() -> None:
        async with mx:
            world = World(options(relay_port=mx.port))
            world.zone |= {
                ("a.test", "MX"): ["10 mx.a.test."],
                ("mx.a.test", "A"): ["127.0.0.1"],
                (f"_{mx.port}._tcp.mx.a.test", "TLSA"): [OTHER.tlsa(3)],
            }
            world.secure.add("a.test")
            async with world:
                await world.send("lee@a.test", facts={"tls_wish": "optional"})
                await world.settle()
            assert world.results == []

    asyncio.run(run())
    assert [one.tls for one in mx.taken] == [True]


def test_another_host_may_be_right() -> None:
    """A host that is not as it should be is passed over (RFC 7672 §2.1.2)."""
    wrong = Hop(tls=OTHER.context(), address="127.0.0.2")

    async def run() -> World:
        async with wrong:
            right = Hop(tls=MX.context(), address="127.0.0.3", port=wrong.port)
            async with right:
                world = World(options(relay_port=wrong.port))
                world.zone |= {
                    ("a.test", "MX"): ["10 mx1.a.test.", "20 mx2.a.test."],
                    ("mx1.a.test", "A"): ["127.0.0.2"],
                    ("mx2.a.test", "A"): ["127.0.0.3"],
                    (f"_{wrong.port}._tcp.mx1.a.test", "TLSA"): [MX.tlsa(3)],
                    (f"_{wrong.port}._tcp.mx2.a.test", "TLSA"): [MX.tlsa(3)],
                }
                world.secure.add("a.test")
                async with world:
                    await world.send("lee@a.test")
                    await world.settle()
            assert [one.tls for one in right.taken] == [True]
            return world

    world = asyncio.run(run())
    assert_nothing_was_said(wrong)
    assert [one.failure for one in world.results] == ["validation-failure", ""]


@pytest.mark.parametrize(
    ("canonical", "records", "name"),
    [
        ("", True, "mx.a.test"),
        ("real.a.test", True, "real.a.test"),
        ("", False, "mx.a.test"),
    ],
)
def test_the_host_hears_its_name(canonical: str, name: str, *, records: bool) -> None:
    """SNI is the TLSA base domain (RFC 7672 §8.1), else the host's name."""
    heard: list[str] = []
    context = MX.context()
    context.sni_callback = lambda _, asked, __: heard.append(asked)
    mx = Hop(tls=context)

    async def run() -> None:
        async with mx:
            world = World(options(relay_port=mx.port))
            world.zone |= {
                ("a.test", "MX"): ["10 mx.a.test."],
                ("mx.a.test", "A"): ["127.0.0.1"],
            }
            if canonical:
                world.cnames["mx.a.test"] = canonical
            if records:
                at = f"_{mx.port}._tcp.{canonical or 'mx.a.test'}"
                world.zone[at, "TLSA"] = [MX.tlsa(3)]
            world.secure.add("a.test")
            async with world:
                await world.send("lee@a.test")
                await world.settle()

    asyncio.run(run())
    assert len(mx.taken) == 1
    assert heard == [name]


@pytest.mark.parametrize(
    ("records", "shown", "goes"),
    [
        ([MX.tlsa(3)], MX, True),
        ([CA.tlsa(2)], MX, True),
        ([OTHER.tlsa(3)], MX, False),
        ([MX.tlsa(3)], None, False),
        (["1 1 1 " + "ab" * 32], OLD, True),
        (["1 1 1 " + "ab" * 32], None, False),
        ([], OLD, True),
        ([], None, True),
    ],
)
def test_a_route_names_a_host_with_records(
    records: list[str], shown: Signed | None, *, goes: bool
) -> None:
    """At its own port, and by its own name (RFC 7672 §2.2.2)."""
    mx = hop(shown)

    async def run() -> World:
        async with mx:
            route = Route(domain="*", hosts=(("mx.a.test", mx.port),))
            world = World(options(routes={"*": route}))
            world.zone["mx.a.test", "A"] = ["127.0.0.1"]
            if records:
                world.zone[f"_{mx.port}._tcp.mx.a.test", "TLSA"] = records
            world.secure.add("a.test")
            async with world:
                await world.send("lee@b.test")
                await world.settle()
            return world

    world = asyncio.run(run())
    assert len(mx.taken) == goes
    if not goes:
        assert "nothing was sent to it" in waits(world)
        assert_nothing_was_said(mx)
    assert world.results == []  # nobody asked for reports about our routes


def test_a_route_whose_host_dns_does_not_answer_for() -> None:
    """It is not called (RFC 7672 §2.1.2)."""
    mx = hop()

    async def run() -> World:
        async with mx:
            route = Route(domain="*", hosts=(("mx.a.test", mx.port),))
            world = World(options(routes={"*": route}))
            world.secure.add("a.test")
            world.dead.add("mx.a.test")
            async with world:
                await world.send("lee@b.test")
                await world.settle()
            return world

    waits(asyncio.run(run()))
    assert mx.connections == 0
