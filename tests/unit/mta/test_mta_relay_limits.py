"""Next hops that take only so many recipients or letters at once (RFC 9422)."""

from __future__ import annotations

from tests.unit.mta.hop import Hop
from tests.unit.mta.relaying import play
from tests.unit.mta.world import World

from pyeonji.storage.queue import RecipientState

FIVE = [f"r{number}@a.test" for number in range(5)]


def send(hop: Hop, *recipients: str, letters: int = 1) -> World:
    async def scene(world: World) -> None:
        for _ in range(letters):
            await world.send(*recipients)
        await world.settle()

    return play(hop, scene)


def counts(hop: Hop) -> list[int]:
    return [len(one.rcpt) for one in hop.taken]


def test_no_more_recipients_than_it_takes() -> None:
    """RFC 9422 §4.2: one letter, several transactions, one connection."""
    hop = Hop(offers=("PIPELINING", "LIMITS RCPTMAX=2"))
    world = send(hop, *FIVE)
    assert counts(hop) == [2, 2, 1]
    assert hop.connections == 1
    assert world.queue.letters == {}


def test_no_more_domains_than_it_takes() -> None:
    """RFC 9422 §4.3."""
    hop = Hop(offers=("LIMITS RCPTDOMAINMAX=1",))
    world = send(hop, "x@a.test", "x@b.test", "y@a.test", "y@b.test")
    lines = [sorted(one.rcpt) for one in hop.taken]
    assert lines == [
        ["RCPT TO:<x@a.test>", "RCPT TO:<y@a.test>"],
        ["RCPT TO:<x@b.test>", "RCPT TO:<y@b.test>"],
    ]
    assert world.queue.letters == {}


def test_no_more_letters_than_it_takes() -> None:
    """RFC 9422 §4.1: then another connection."""
    hop = Hop(offers=("LIMITS MAILMAX=1",))
    world = send(hop, "x@a.test", letters=3)
    assert counts(hop) == [1, 1, 1]
    assert hop.connections == 3
    assert world.queue.letters == {}


def test_who_was_too_many_is_tried_at_once() -> None:
    """RFC 5321 §4.5.3.1.10."""
    taken = ["250 ok", "250 ok"]
    many = ["452 4.5.3 too many recipients"] * 3
    hop = Hop(script={"RCPT": [*taken, *many, *taken, many[0], *taken]})
    world = send(hop, *FIVE)
    assert counts(hop) == [2, 2, 1]
    assert world.queue.letters == {}


def test_who_has_no_room_waits() -> None:
    """452 for another reason, or when nobody was taken, is no matter of number."""
    hop = Hop(script={"RCPT": ["250 ok", "452 4.2.2 mailbox full"]})
    world = send(hop, *FIVE[:2])
    assert counts(hop) == [1]
    (letter,) = world.queue.letters.values()
    assert letter.recipients[1].state is RecipientState.WAITING
    full = Hop(script={"RCPT": ["452 4.5.3 too many recipients"] * 2})
    send(full, *FIVE[:2])
    assert full.taken == []
    assert sum(line.startswith("MAIL") for line in full.heard) == 1


def test_what_breaks_leaves_the_rest_for_later() -> None:
    hop = Hop(offers=("LIMITS RCPTMAX=2",), script={".": ["250 ok", "DROP"]})
    world = send(hop, *FIVE)
    assert counts(hop) == [2]
    (letter,) = world.queue.letters.values()
    states = [one.state for one in letter.recipients]
    assert states == [RecipientState.RELAYED] * 2 + [RecipientState.WAITING] * 3
