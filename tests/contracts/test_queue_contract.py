"""What every engine's queue does."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.contracts.engines import Engine, World, letter, new_letter
from tests.patience import until

from pyeonji.base.events import Happening, LetterEvent
from pyeonji.base.limits import SMALL_BLOB_OCTETS
from pyeonji.storage.content import BlobFile
from pyeonji.storage.errors import NoSuchLetter, StorageUnavailable
from pyeonji.storage.queue import (
    Lane,
    LetterFilter,
    NewLetter,
    QueuedLetter,
    Recipient,
    RecipientState,
    Totals,
    Wishes,
)

if TYPE_CHECKING:
    from pyeonji.base.ids import LetterId

DONE = RecipientState.DELIVERED


def test_accept_and_settle(engine: Engine) -> None:
    """A letter goes when nobody waits any more; its journey stays."""

    async def test(w: World) -> None:
        queue = w.store.queue
        queued = await asyncio.gather(*(queue.accept(new_letter(n)) for n in range(30)))
        assert len({one.id for one in queued}) == 30
        assert len(await w.store.office.summaries()) == 30
        one = queued[3]
        assert (await queue.octets(one.id)).whole() == b"Received: here\r\n" + letter(3)
        assert await queue.content(one.id) == letter(3)
        event = LetterEvent(letter_id=one.id, at=1.0, kind=Happening.DELIVERED)
        await queue.settle(one, [replace(one.recipients[0], state=DONE)], [event])
        with pytest.raises(NoSuchLetter):
            await queue.octets(one.id)
        kinds = [event.kind for event in await w.store.office.trace(one.id)]
        assert kinds == [Happening.QUEUED, Happening.DELIVERED]
        await queue.settle(one, [replace(one.recipients[0], state=DONE)], [])
        assert len(await w.store.office.trace("KIM@example.test")) == 31

    engine.run(test)


def test_what_waits_is_loaded_when_due(engine: Engine) -> None:
    """Claimed letters are not given again; a new process claims anew."""

    async def first(w: World) -> None:
        queue = w.store.queue
        one = await queue.accept(new_letter(1, message_id="<a@b>"))
        two = await queue.accept(
            new_letter(
                2,
                recipients=(
                    Recipient(address="a@x.test", next_attempt=50.0),
                    Recipient(address="b@x.test", next_attempt=70.0),
                ),
            )
        )
        assert await queue.load(due_before=1e12, limit=9) == []
        assert await queue.next_due() is None
        await queue.begin_attempt(two.id, [0], 90.0)
        event = LetterEvent(letter_id=two.id, at=1.0, kind=Happening.DEFERRED)
        a, b = two.recipients
        later = replace(a, attempts=1, next_attempt=90.0, last_reply="451 later")
        await queue.settle(two, [later, b], [event])
        assert await queue.next_due() == 70.0
        assert await queue.load(due_before=69.0, limit=9) == []
        (again,) = await queue.load(due_before=70.0, limit=9)
        assert again.recipients == (later, b)
        assert again.letter.prefix == b"Received: here\r\n"
        assert (again.next_attempt, again.size_octets) == (70.0, two.size_octets)
        assert [e.kind for e in await w.store.office.trace(two.id)] == [
            Happening.QUEUED,
            Happening.DEFERRED,
        ]
        assert [e.letter_id for e in await w.store.office.trace("a@b")] == [one.id]

    async def second(w: World) -> None:
        loaded = await w.store.queue.load(due_before=1e12, limit=9)
        assert len(loaded) == 2
        assert loaded[1].recipients[0].attempts == 1

    engine.run(first)
    engine.run(second)


def test_large_letters_are_files(engine: Engine) -> None:
    """Spooled in bounded memory, kept with the letter, gone with it."""

    async def test(w: World) -> None:
        queue = w.store.queue
        octets = letter(1, size=SMALL_BLOB_OCTETS + 9000)
        spool = queue.spool()
        for start in range(0, len(octets), 8192):
            spool.write(octets[start : start + 8192])
        content = await spool.finish()
        assert isinstance(content, BlobFile)
        one = await queue.accept(new_letter(content=content))
        spool.abort()
        stored = await queue.octets(one.id)
        assert stored.whole() == b"Received: here\r\n" + octets
        assert one.size_octets == len(stored)
        kept = await queue.content(one.id)
        assert isinstance(kept, BlobFile)
        await queue.settle(one, [replace(one.recipients[0], state=DONE)], [])
        small = queue.spool()
        small.write(b"abc")
        assert await small.finish() == b"abc"
        lost = queue.spool()
        lost.write(octets)
        lost.abort()

    engine.run(test)
    assert list((engine.data / "queue" / "0").iterdir()) == []


def test_the_office_changes_queues(engine: Engine) -> None:
    """hold, release, retry, remove: as the command line does, server up or down."""

    async def test(w: World) -> None:
        queue = w.store.queue
        told: list[int] = []
        queue.on_change(lambda: told.append(1))
        due = (Recipient(address="a@x.test", next_attempt=9e9),)
        ids = [(await queue.accept(new_letter(n, recipients=due))).id for n in range(3)]
        command_line = await engine.open(worker=None)
        office = command_line.office
        assert await office.hold(ids[:2]) == 2
        assert await office.hold(ids[:2]) == 0
        assert (await office.show(ids[0])).held
        assert await office.release([ids[0]]) == 1
        assert (await office.show(ids[0])).recipients[0].next_attempt < 8e9
        assert await office.retry_domain("X.TEST") == 2
        assert await office.retry([ids[1]]) == 1
        assert await office.remove([ids[2]]) == 1
        with pytest.raises(NoSuchLetter):
            await office.show(ids[2])
        events = [e.kind for e in await office.trace(ids[2])]
        assert events == [Happening.QUEUED, Happening.REMOVED]
        assert (await office.octets(ids[0])).whole().endswith(letter(0))
        await until(lambda: told)
        await command_line.close()

    engine.run(test)


def test_what_comes_back_is_loaded_again(engine: Engine) -> None:
    """However far one has looked: released, put back, or made due by another."""

    async def first(w: World) -> None:
        times = (10.0, 20.0, 30.0, 40.0)
        for number, due in enumerate(times):
            recipients = (Recipient(address="a@x.test", next_attempt=due),)
            await w.store.queue.accept(new_letter(number, recipients=recipients))

    async def second(w: World) -> None:
        queue = w.store.queue

        async def loaded(due_before: float = 100.0, limit: int = 9) -> list[LetterId]:
            return [
                one.id for one in await queue.load(due_before=due_before, limit=limit)
            ]

        one, two = await queue.load(due_before=100.0, limit=2)
        assert await queue.next_due() == 30.0
        three, four = await queue.load(due_before=100.0, limit=9)
        assert await queue.next_due() is None
        queue.release(one.id)
        assert await queue.next_due() == 10.0
        assert await loaded() == [one.id]
        await queue.set_aside("lane", [(two.id, 15.0)])
        assert await loaded(14.0) == []
        assert await loaded() == [two.id]
        await queue.settle(three, three.recipients, [])
        assert await queue.next_due() == 30.0
        assert await loaded() == [three.id]
        later = [replace(four.recipients[0], next_attempt=90.0)]
        await queue.settle(four, later, [])
        assert await loaded(89.0) == []
        assert await queue.next_due() == 90.0
        told: list[int] = []
        queue.on_change(lambda: told.append(1))
        command_line = await engine.open(worker=None)
        assert await command_line.office.retry([four.id]) == 1
        await until(lambda: told)
        assert await loaded() == [four.id]
        await command_line.close()

    engine.run(first)
    engine.run(second)


def test_a_worker_runs_once(engine: Engine) -> None:
    """Two processes must not own one queue."""

    async def test(w: World) -> None:
        with pytest.raises(StorageUnavailable):
            await engine.open(worker=0)

    engine.run(test)


def test_queues_without_a_worker_are_adopted(engine: Engine) -> None:
    """What worker 3 accepted is not forgotten when there is no worker 3."""
    large = letter(1, size=SMALL_BLOB_OCTETS + 9000)

    async def first(w: World) -> None:
        spool = w.store.queue.spool()
        spool.write(large)
        await w.store.queue.accept(new_letter(content=await spool.finish()))
        await w.store.queue.accept(new_letter(2))

    async def second(w: World) -> None:
        loaded = await w.store.queue.load(due_before=1e12, limit=9)
        bodies = {(await w.store.queue.octets(one.id)).body[:] for one in loaded}
        assert bodies == {large, letter(2)}

    engine.run(first, worker=3, workers=4)
    engine.run(second)


def test_urgent_letters_are_loaded_first(engine: Engine) -> None:
    """Then the others, as they were due (RFC 6710 §5); each once."""

    async def first(w: World) -> None:
        queue = w.store.queue
        names = []
        for number, (priority, due) in enumerate(
            ((0, 5.0), (-4, 4.0), (2, 9.0), (9, 8.0), (2, 7.0), (9, 99.0))
        ):
            new = new_letter(
                number,
                wishes=Wishes(priority=priority),
                recipients=(Recipient(address="a@x.test", next_attempt=due),),
            )
            one = await queue.accept(new)
            queue.release(one.id)
            names.append(one.id)
        zero, late, two, nine, sooner, _ = names
        (loaded,) = await queue.load(due_before=10.0, limit=1)
        assert loaded.id == nine
        found = [one.id for one in await queue.load(due_before=10.0, limit=9)]
        assert found == [sooner, two, late, zero]
        assert await queue.load(due_before=10.0, limit=9) == []
        for name in found:
            queue.release(name)
        found = [one.id for one in await queue.load(due_before=10.0, limit=3)]
        assert found == [sooner, two, late]

    engine.run(first)


def test_letters_rest_in_lanes(engine: Engine) -> None:
    """Out of the way until their lane is asked for, or their time is over."""

    async def first(w: World) -> None:
        queue = w.store.queue
        urgent = new_letter(3, wishes=Wishes(priority=4, not_before=7.0))
        ids = [
            (await queue.accept(new)).id
            for new in (new_letter(1), new_letter(2), urgent, new_letter(4))
        ]
        await queue.set_aside("far.test", [(one, 500.0) for one in ids[:3]])
        queue.release(ids[3])
        assert [one.id for one in await queue.load(due_before=99.0, limit=9)] == ids[3:]
        assert await queue.next_due() == 500.0
        assert await queue.lane("far.test") == Lane(name="far.test")
        one, two = await queue.load_lane("far.test", 2)
        assert [one.id, two.id] == [ids[2], ids[0]]
        assert one.letter.wishes == Wishes(priority=4, not_before=7.0)
        assert one.letter.begins_at == one.letter.accepted_at
        assert [left.id for left in await queue.load_lane("far.test", 9)] == [ids[1]]
        await queue.begin_attempt(one.id, [0], 60.0)
        await queue.settle(two, [replace(two.recipients[0], state=DONE)], [])
        down = Lane(name="far.test", until=90.0, failures=2, since=1.0, error="no")
        await queue.keep_lane(down)
        assert await queue.due_lanes(89.0, 9) == []
        assert await queue.next_lane(89.0) == 90.0
        assert await queue.due_lanes(90.0, 9) == [down]
        assert await queue.next_lane(90.0) is None
        await queue.forget_lane("far.test")  # a letter rests there
        assert await queue.lane("far.test") == down

    async def second(w: World) -> None:
        queue = w.store.queue
        assert await queue.lane("far.test") is not None
        (resting,) = await queue.load_lane("far.test", 9)
        command_line = await engine.open(worker=None)
        assert await command_line.office.retry([resting.id]) == 1
        await command_line.close()
        await queue.forget_lane("far.test")
        assert await queue.lane("far.test") is None
        assert len(await queue.load(due_before=1e12, limit=9)) == 2

    engine.run(first)
    engine.run(second)


def test_letters_are_found_by_what_is_known_of_them(engine: Engine) -> None:
    """All that a filter says must be so; pages follow each other."""

    async def test(w: World) -> None:
        queue, office = w.store.queue, w.store.office

        def to(*addresses: str, **more: Any) -> NewLetter:
            recipients = tuple(Recipient(address=a) for a in addresses)
            return new_letter(recipients=recipients, **more)

        old = await queue.accept(to("a@Far.test", "b@near.test", accepted_at=50.0))
        null = await queue.accept(to("a@far.test", reverse_path=""))
        held = await queue.accept(to("c@near.test", held=True))
        deferred = await queue.accept(to("d@else.test"))
        event = LetterEvent(
            letter_id=deferred.id,
            at=1.0,
            kind=Happening.ATTEMPTED,
            facts={"next_hop": "MX1.else.test [192.0.2.1]:25"},
        )
        waits = replace(deferred.recipients[0], last_reply="451 Greylisted, wait")
        await queue.settle(deferred, [waits], [event])
        await queue.set_aside("far.test", [(null.id, 9e9)])
        await queue.keep_lane(
            Lane(name="far.test", failures=3, until=8e9, error="no route to host")
        )

        async def found(**wanted: Any) -> list[str]:
            letters = await office.summaries(LetterFilter(**wanted))
            return [one.id for one in letters]

        assert await found() == [old.id, null.id, held.id, deferred.id]
        assert await found(domain="FAR.test") == [old.id, null.id]
        assert await found(recipient="A@far.test") == [old.id, null.id]
        assert await found(domain="far.test", sender="") == [null.id]
        assert await found(sender="@example.test") == [old.id, held.id, deferred.id]
        assert await found(accepted_before=51.0) == [old.id]
        assert await found(held=True) == [held.id]
        assert await found(reason="greyLISTED") == [deferred.id]
        assert await found(reason="no route") == [null.id]
        assert await found(next_hop="mx1.else") == [deferred.id]
        assert await found(next_hop="far.test") == [null.id]
        first = await office.summaries(limit=3)
        rest = await office.summaries(after=first[-1].id, limit=3)
        assert [one.id for one in first + rest] == await found()
        assert await office.totals() == Totals(letters=4, held=1, oldest_at=50.0)
        far, near, other = await office.domains()
        assert (far.domain, far.letters, far.held) == ("far.test", 2, 0)
        assert (far.failures, far.until, far.oldest_at) == (3, 8e9, 50.0)
        assert far.last_reply == "no route to host"
        assert (near.domain, near.letters, near.held) == ("near.test", 2, 1)
        assert (other.last_reply, other.failures) == ("451 Greylisted, wait", 0)

    engine.run(test)


def test_times_of_a_clock_that_was_wrong_are_mended(engine: Engine) -> None:
    """What was put off for years is due; who asked for it waits."""
    far = time.time() + 10 * 365 * 86400

    async def first(w: World) -> None:
        for wishes in (Wishes(), Wishes(not_before=far)):
            recipients = (Recipient(address="a@x.test", next_attempt=far),)
            await w.store.queue.accept(new_letter(recipients=recipients, wishes=wishes))
        await w.store.queue.keep_lane(Lane(name="x.test", until=far, failures=3))

    async def second(w: World) -> None:
        queue = w.store.queue
        assert len(await queue.due_lanes(time.time(), 9)) == 1
        found: list[QueuedLetter] = []
        for _ in range(6000):  # looked at when the queue is quiet
            if found := await queue.load(due_before=time.time(), limit=9):
                break
            await asyncio.sleep(0.01)
        assert [one.letter.wishes.not_before for one in found] == [0.0]

    engine.run(first)
    engine.run(second)
