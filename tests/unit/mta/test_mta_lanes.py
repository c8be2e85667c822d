"""Next hops that are down or busy: their letters rest, others' go on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.mta.hop import Hop
from tests.unit.mta.relaying import play, report, status_of
from tests.unit.mta.world import World, options

from pyeonji.base.events import Happening
from pyeonji.mta.options import DAY, HOUR, MINUTE, Route
from pyeonji.mta.queue import destination
from pyeonji.mta.queue.pace import (
    BEGINNING,
    MAX_BACKOFF_S,
    MAX_PUT_OFF_PAUSE_S,
    Pace,
    backoff,
)
from pyeonji.storage.queue import Recipient, Wishes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.base.ids import LetterId

DEAD = "127.0.0.9"  # nobody listens there


def two_ways(hop: Hop) -> dict[str, Route]:
    """alive.test is the hop, dead.test nobody."""
    return {
        "alive.test": Route(domain="alive.test", hosts=(("127.0.0.1", hop.port),)),
        "dead.test": Route(domain="dead.test", hosts=((DEAD, 1),)),
    }


def world_of(hop: Hop) -> World:
    return World(options(routes=two_ways(hop)))


def test_a_dead_next_hop_is_tried_once_for_all_its_letters() -> None:
    """By each connection, whatever waits; then by one letter now and then."""

    async def run() -> None:
        async with Hop() as hop, world_of(hop) as world:
            for number in range(30):
                await world.send(f"a{number}@dead.test")
            await world.settle()
            begun = len(world.queue.attempts_begun)
            assert begun <= BEGINNING
            for number in range(30):
                await world.send(f"b{number}@dead.test")
            await world.send("c@alive.test")
            await world.settle()
            assert len(hop.taken) == 1
            assert len(world.queue.attempts_begun) == begun + 1
            await world.later(3 * MINUTE)  # one is tried, and takes the blame
            assert len(world.queue.attempts_begun) == begun + 2
            (lane,) = world.queue.lanes.values()
            assert (lane.failures, "Connection refused" in lane.error) == (2, True)
            await world.later(5 * HOUR)  # now their senders must hear of it
            await world.settle()
            mails = world.mail.mailboxes["kim@example.test"]
            assert len(mails) == 60
            told = status_of(report(world))
            assert "Action: delayed" in told
            assert "Connection refused" in told.replace("\n ", " ")
            assert len(world.queue.attempts_begun) < 10
            await world.later(5 * DAY)
            await world.settle()
            assert not world.queue.letters
            assert "Status: 4.4.7" in status_of(report(world, 60))
            assert len(mails) == 120

    asyncio.run(run())


def test_when_a_next_hop_comes_back_all_goes() -> None:
    """The letter that finds it well brings the others after it."""
    hop = Hop(script={"CONNECT": ["421 4.3.2 later"] * 3})

    async def scene(world: World) -> None:
        for _ in range(40):
            await world.send("a@a.test")
        await world.settle()
        assert not hop.taken
        await world.later(2 * MINUTE)
        assert not hop.taken
        await world.later(6 * MINUTE)
        await asyncio.sleep(0.3)
        await world.settle()

    world = play(hop, scene)
    assert len(hop.taken) == 40
    assert not world.queue.letters
    assert not world.queue.lanes


def test_the_state_of_a_next_hop_outlives_the_process() -> None:
    """What was found out before a restart is not found out again."""

    async def run() -> None:
        async with Hop() as hop:
            first = world_of(hop)
            async with first as world:
                await world.send("a@dead.test")
                await world.settle()
            second = world_of(hop)
            second.queue.lanes = first.queue.lanes
            second.clock = second.queue.clock = first.clock
            async with second as world:
                await world.send("b@dead.test")
                await world.settle()
                assert not world.queue.attempts_begun

    asyncio.run(run())


def test_a_letter_for_both_goes_where_it_can() -> None:
    """The dead one's part is put off without a call."""

    async def run() -> None:
        async with Hop() as hop, world_of(hop) as world:
            await world.send("a@dead.test")
            await world.settle()
            await world.send("b@dead.test", "c@alive.test")
            await world.settle()
            assert len(hop.taken) == 1
            assert world.queue.kinds("b@dead.test") == [Happening.DEFERRED]
            (left,) = (
                r
                for one in world.queue.letters.values()
                for r in one.recipients
                if r.address == "b@dead.test"
            )
            assert left.attempts == 0
            assert left.next_attempt > world.clock.time()

    asyncio.run(run())


def test_what_is_beyond_the_window_rests_on_the_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many there are; all come to their turn."""
    monkeypatch.setattr(destination, "WINDOW", 8)
    monkeypatch.setattr("pyeonji.mta.queue.remote.WINDOW", 8)
    monkeypatch.setattr("pyeonji.mta.queue.remote.REFILL", 4)
    hop = Hop()
    rested = []

    async def scene(world: World) -> None:
        await asyncio.gather(*(world.send(f"a{n}@a.test") for n in range(100)))
        await asyncio.sleep(0.01)
        rested.append(len(world.queue.aside))
        await asyncio.sleep(1)
        await world.settle()

    world = play(hop, scene)
    assert rested[0] > 50
    assert len(hop.taken) == 100
    assert not world.queue.letters


def test_letters_that_came_to_rest_late_are_not_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The disk is slow: all connections wait for work before letters rest there."""
    monkeypatch.setattr(destination, "WINDOW", 8)
    monkeypatch.setattr("pyeonji.mta.queue.remote.WINDOW", 8)
    hop = Hop()

    async def scene(world: World) -> None:
        world.runner.options = replace(world.options, idle_connection=60.0)
        at_once = world.queue.set_aside

        async def slowly(lane: str, letters: Sequence[tuple[LetterId, float]]) -> None:
            await asyncio.sleep(0.2)
            await at_once(lane, letters)

        monkeypatch.setattr(world.queue, "set_aside", slowly)
        await asyncio.gather(*(world.send(f"a{n}@a.test") for n in range(40)))
        await asyncio.sleep(0.1)
        assert len(hop.taken) < 20  # the others are on their way to the disk
        async with asyncio.timeout(5):
            while len(hop.taken) < 40:  # noqa: ASYNC110 - a test
                await asyncio.sleep(0.02)
        await world.settle()

    world = play(hop, scene)
    assert not world.queue.letters


def test_urgent_letters_go_first() -> None:
    """Of those that wait for the same next hop."""
    hop = Hop()

    async def scene(world: World) -> None:
        await asyncio.gather(
            *(
                world.send(f"p{priority}@a.test", wishes=Wishes(priority=priority))
                for priority in (0, -4, 3, 9, 0)
            )
        )
        await world.settle()

    play(hop, scene, max_relays_per_destination=1)
    order = [one.rcpt[0].partition("<")[2].partition("@")[0] for one in hop.taken]
    assert order == ["p9", "p3", "p0", "p0", "p-4"]


def test_the_pace_grows_with_success_and_halves_with_failure() -> None:
    """Slowly first, then doubling, then by one for as many as there are."""
    pace = Pace(most=20)
    assert pace.connections == BEGINNING
    for _ in range(6):
        pace.went_through()
    assert pace.connections == 8
    pace.failed()
    assert pace.connections == 4
    for _ in range(4):
        pace.went_through()
    assert pace.connections == 4
    pace.went_through()
    assert pace.connections == 5
    for _ in range(500):
        pace.went_through()
    assert pace.connections == 20
    for _ in range(20):
        pace.failed()
    assert pace.connections == 1
    pace.begin_again()
    assert pace.connections == 1


def test_who_puts_letters_off_gets_fewer_connections() -> None:
    """One at last if it puts off all; now and then one letter changes little."""
    pace = Pace(most=20)
    for _ in range(30):
        pace.put_off()
    assert pace.connections == 1
    assert pace.pause_s == MAX_PUT_OFF_PAUSE_S
    pace.went_through()
    assert pace.pause_s == 0
    for _ in range(30):
        pace.went_through()
    assert pace.connections == 20
    pace.failed()
    for number in range(1000):
        if number % 25:
            pace.went_through()
        else:
            pace.put_off()
        assert pace.pause_s == 0
    assert pace.connections > 15


def test_greylisting_is_met_by_one_connection() -> None:
    """All letters are put off once; the next ones are offered by one at a time."""
    hop = Hop(script={"RCPT": ["450 4.7.1 greylisted"] * 1000})

    async def scene(world: World) -> None:
        for number in range(40):
            await world.send(f"a{number}@a.test")
        await world.settle()

    world = play(hop, scene)
    assert len(world.queue.attempts_begun) == 40
    assert hop.connections <= BEGINNING


def test_a_next_hop_is_called_once_an_hour_at_least() -> None:
    retry = (60.0, 300.0, 14400.0)
    assert backoff(1, retry, 0.0) == 60.0
    assert backoff(2, retry, 1.0) == pytest.approx(330.0)
    assert backoff(99, retry, 0.0) == MAX_BACKOFF_S


def test_too_many_connections_are_not_a_dead_next_hop() -> None:
    """421 at the greeting of the fourth: fewer are made, nothing is put off."""
    hop = Hop(script={"CONNECT": ["220 hop", "220 hop", "421 too many"]})

    async def scene(world: World) -> None:
        for number in range(60):
            await world.send(f"a{number}@a.test")
        await world.settle()

    world = play(hop, scene)
    assert len(hop.taken) == 60
    assert Happening.DEFERRED not in world.queue.kinds()


def test_nobody_waits_for_the_notice_that_was_not_asked_for() -> None:
    """NOTIFY without DELAY: a letter rests until its end."""

    async def run() -> None:
        async with Hop() as hop, world_of(hop) as world:
            await world.send("a@dead.test")
            await world.settle()
            await world.send(Recipient(address="b@dead.test", notify="FAILURE"))
            await world.settle()
            (until,) = (until for _, until in world.queue.aside.values())
            assert until == world.clock.time() + world.options.expire

    asyncio.run(run())


def test_a_clock_that_goes_back_stops_nothing() -> None:
    """A next hop is not left alone till a time that was never meant."""

    async def run() -> None:
        async with Hop() as hop, world_of(hop) as world:
            world.clock.advance(10 * 365 * DAY)  # the clock is wrong
            await world.send("a@dead.test")
            await world.settle()
            world.clock.advance(-10 * 365 * DAY)  # now it is right
            begun = len(world.queue.attempts_begun)
            await world.send("b@dead.test")
            await world.settle()
            assert len(world.queue.attempts_begun) == begun + 1
            await world.later(-HOUR)
            await world.send("c@alive.test")
            await world.settle()
            assert len(hop.taken) == 1
            assert "kim@example.test" not in world.mail.mailboxes  # nobody is told

    asyncio.run(run())


def test_dead_dns_is_waited_for_and_others_go_on() -> None:
    """No answer is no verdict: 4.4.3, and the domain's letters rest."""

    async def run() -> None:
        async with Hop() as hop:
            world = world_of(hop)
            world.dead.add("silent.test")
            await scene(hop, world)

    async def scene(hop: Hop, world: World) -> None:
        async with world:
            for number in range(20):
                await world.send(f"a{number}@silent.test", "b@alive.test")
            await world.settle()
            assert len(hop.taken) == 20
            assert len(world.queue.letters) == 20
            (lane,) = world.queue.lanes.values()
            assert "no answer from DNS" in lane.error
            world.dead.clear()
            world.zone["silent.test", "MX"] = ["0 ."]
            await world.later(2 * MINUTE)
            await world.later(6 * MINUTE)
            await world.settle()
            assert not world.queue.letters

    asyncio.run(run())
