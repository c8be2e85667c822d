"""Priority, later release, a time to be there by: kept, passed on, told."""

from __future__ import annotations

import pytest
from tests.unit.mta.hop import Hop
from tests.unit.mta.relaying import play, report, status_of
from tests.unit.mta.world import World

from pyeonji.base.events import Happening
from pyeonji.mta.options import HOUR, MINUTE
from pyeonji.mta.receive.inspect import Refusal
from pyeonji.mta.receive.wishes import wishes_of
from pyeonji.protocol.smtp.events import MailAsked
from pyeonji.protocol.smtp.wishes import By, Hold
from pyeonji.storage.queue import NO_WISHES, Recipient, Wishes

KNOWS = ("PIPELINING", "8BITMIME", "DSN", "MT-PRIORITY", "DELIVERBY 60")
NOW = 1_700_000_000.0  # when the clock of these tests begins


def wished(mail: MailAsked, *, trusted: bool = True) -> Wishes | Refusal:
    return wishes_of(mail, now=1000.0, trusted=trusted, max_hold=3600.0)


def test_only_who_has_logged_in_is_urgent() -> None:
    """RFC 6710 §4.1: strangers may only be less so."""
    urgent = MailAsked(reverse_path="a@b.test", priority=4)
    idle = MailAsked(reverse_path="a@b.test", priority=-4)
    assert wished(urgent) == Wishes(priority=4)
    assert wished(urgent, trusted=False) == Wishes(priority=0)
    assert wished(idle, trusted=False) == Wishes(priority=-4)
    assert wished(MailAsked(reverse_path="a@b.test")) is NO_WISHES


@pytest.mark.parametrize(
    ("hold", "by", "said"),
    [
        (Hold(seconds=3700), None, "not held so long"),
        (Hold(until=5000.0), None, "not held so long"),
        (Hold(until=999.0), None, "is over"),
        (Hold(seconds=60), By(seconds=59), "after the time"),
    ],
)
def test_what_cannot_be_is_refused(hold: Hold, by: By | None, said: str) -> None:
    """501 5.5.4 (RFC 4865 §4.2, §5.2.2)."""
    refused = wished(MailAsked(reverse_path="a@b.test", hold=hold, by=by))
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.status) == (501, "5.5.4")
    assert said in refused.text


def test_a_letter_is_released_when_it_is_time() -> None:
    """Not before (RFC 4865 §4.2); its life time begins then."""
    hop = Hop(script={"RCPT": ["550 5.1.1 no"]})
    wishes = wished(MailAsked(reverse_path="a@b.test", hold=Hold(seconds=3600)))
    assert wishes == Wishes(not_before=4600.0, hold="for;3600")

    async def scene(world: World) -> None:
        until = world.clock.time() + HOUR
        await world.send(
            Recipient(address="a@a.test", next_attempt=until),
            wishes=Wishes(not_before=until, hold="for;3600"),
        )
        await world.settle()
        await world.later(HOUR - MINUTE)
        assert not hop.heard
        await world.later(MINUTE)

    told = status_of(report(play(hop, scene)))
    assert "Future-Release-Request: for;3600" in told
    assert "Arrival-Date: " in told


def test_priority_goes_on_where_it_is_known() -> None:
    """And reports have that of their letter (RFC 6710 §4.2, §4.6)."""
    hop = Hop(offers=KNOWS, script={"RCPT": ["250 ok", "550 5.1.1 no"]})

    async def scene(world: World) -> None:
        await world.send("a@a.test", "b@a.test", wishes=Wishes(priority=-3))
        await world.settle()

    world = play(hop, scene)
    assert hop.taken[0].mail.endswith(" MT-PRIORITY=-3")
    assert world.queue.accepted[1].wishes == Wishes(priority=-3)


def test_the_time_left_goes_on() -> None:
    """Seconds from now, mode and trace (RFC 2852 §4.1.4)."""
    hop = Hop(offers=KNOWS, script={"RCPT": ["450 4.2.1 wait"]})
    by = Wishes(deliver_by=NOW + 900, by_return=True, by_trace=True)

    async def scene(world: World) -> None:
        await world.send("a@a.test", wishes=by)
        await world.settle()
        await world.later(2 * MINUTE)

    world = play(hop, scene)
    assert hop.taken[0].mail.endswith(" BY=780;RT")
    assert "Action: relayed" in status_of(report(world))  # the trace


def test_who_must_have_it_back_is_not_sent_where_nobody_knows_of_time() -> None:
    """5.3.3 at once (RFC 2852 §4.1.4.1); nor where it takes longer at least."""
    for offers in (("8BITMIME",), ("8BITMIME", "DELIVERBY 1000")):
        hop = Hop(offers=offers)

        async def scene(world: World) -> None:
            await world.send(
                "a@a.test", wishes=Wishes(deliver_by=NOW + 900, by_return=True)
            )
            await world.settle()

        told = status_of(report(play(hop, scene)))
        assert "Status: 5.3.3" in told
        assert "Deliver-By-Date: Tue, 14 Nov 2023 22:28:20 +0000" in told
        assert not hop.taken


def test_too_late_comes_back() -> None:
    """5.4.7, and nothing is tried any more (RFC 2852 §4.1.3)."""
    hop = Hop(offers=("8BITMIME", "DELIVERBY"), script={"RCPT": ["450 4.2.1 wait"] * 9})

    async def scene(world: World) -> None:
        await world.send(
            "a@a.test", wishes=Wishes(deliver_by=NOW + 100, by_return=True)
        )
        await world.settle()
        await world.later(70)
        assert len(world.queue.attempts_begun) == 2
        await world.later(40)
        assert len(world.queue.attempts_begun) == 2

    world = play(hop, scene)
    assert not world.queue.letters
    assert "Status: 5.4.7" in status_of(report(world))
    assert world.queue.kinds("a@a.test")[-1] is Happening.FAILED


def test_late_is_told_and_the_letter_goes_on() -> None:
    """Mode N: a delayed report with 4.4.7 at that time, then all as usual."""
    hop = Hop(offers=KNOWS, script={"RCPT": ["450 4.2.1 wait"] * 2})

    async def scene(world: World) -> None:
        await world.send("a@a.test", wishes=Wishes(deliver_by=NOW + 90))
        await world.settle()
        await world.later(91)
        await world.later(7 * MINUTE)

    world = play(hop, scene)
    told = status_of(report(world))
    assert "Action: delayed" in told
    assert "Status: 4.4.7" in told
    assert hop.taken[0].mail.endswith(" BY=-421;N")


def test_a_next_hop_that_knows_of_no_time_is_told_of() -> None:
    """Relayed, whatever NOTIFY said but NEVER; DELAY is asked for beyond."""
    hop = Hop()

    async def scene(world: World) -> None:
        await world.send(
            "a@a.test",
            Recipient(address="b@a.test", notify="SUCCESS"),
            Recipient(address="c@a.test", notify="NEVER"),
            wishes=Wishes(deliver_by=NOW + 90),
        )
        await world.settle()

    world = play(hop, scene)
    told = status_of(report(world))
    assert told.count("Action: relayed") == 2
    assert "c@a.test" not in told
    words = [rcpt.partition("NOTIFY=")[2].split(" ")[0] for rcpt in hop.taken[0].rcpt]
    assert words == ["FAILURE,DELAY", "SUCCESS,DELAY", "NEVER"]
