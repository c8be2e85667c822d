"""Letters to mailboxes here: delivered, synced, then settled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.unit.mta.world import World, options

from pyeonji.base.events import Happening
from pyeonji.mta.options import MINUTE
from pyeonji.storage.queue import NewLetter, Recipient, Wishes


def play(scene: Callable[[World], Awaitable[None]]) -> World:
    async def run() -> World:
        async with World(options()) as world:
            await scene(world)
        return world

    return asyncio.run(run())


def test_a_letter_is_delivered_synced_and_settled() -> None:
    """In this order: a power cut between loses nothing."""

    async def scene(world: World) -> None:
        await world.send("kim@example.test", sender="lee@remote.test")
        await asyncio.sleep(0.05)
        assert len(world.mail.mailboxes["kim@example.test"]) == 1
        assert len(world.queue.letters) == 1  # seen already, not yet stable
        await world.settle()

    world = play(scene)
    assert world.mail.synced == ["kim"]
    assert not world.queue.letters
    assert world.queue.kinds("kim@example.test") == [Happening.DELIVERED]
    assert world.queue.journey[-1].facts["mailbox"] == "INBOX"


def test_what_cannot_be_synced_is_delivered_again_and_stands_once() -> None:
    """The same delivery id changes nothing the second time."""

    async def scene(world: World) -> None:
        world.mail.unstable = True
        await world.send("kim@example.test")
        await world.settle()
        assert len(world.queue.letters) == 1
        world.mail.unstable = False
        await world.later(2 * MINUTE)

    world = play(scene)
    assert not world.queue.letters
    assert len(world.mail.mailboxes["kim@example.test"]) == 1


def test_a_full_mailbox_is_tried_later() -> None:
    """Over quota is temporary: 4.2.2."""

    async def scene(world: World) -> None:
        world.mail.full.add("kim@example.test")
        await world.send("kim@example.test", sender="lee@remote.test")
        await world.settle()
        assert world.queue.journey[-1].facts["status"] == "4.2.2"
        world.mail.full.clear()
        await world.later(2 * MINUTE)

    world = play(scene)
    assert world.queue.kinds("kim@example.test") == [
        Happening.DEFERRED,
        Happening.DELIVERED,
    ]


def test_many_letters_share_the_sync() -> None:
    """A thousand letters to one mailbox cost a few syncs."""

    async def scene(world: World) -> None:
        for _ in range(1000):
            await world.send("kim@example.test", sender="lee@remote.test")
        await world.settle()

    world = play(scene)
    assert len(world.mail.mailboxes["kim@example.test"]) == 1000
    assert not world.queue.letters
    assert len(world.mail.synced) < 10


def test_letters_of_an_earlier_life_are_loaded() -> None:
    """What the queue holds at the start is run, from its own octets."""

    async def run() -> World:
        world = World(options())
        for held in (False, True):
            await world.queue.accept(
                NewLetter(
                    reverse_path="lee@remote.test",
                    recipients=(Recipient(address="kim@example.test"),),
                    content=b"Subject: old\r\n\r\n",
                    prefix=b"",
                    accepted_at=world.clock.time(),
                    held=held,
                )
            )
        world.queue.claimed.clear()
        async with world:
            await asyncio.sleep(0.05)
            await world.settle()
        return world

    world = asyncio.run(run())
    assert len(world.mail.mailboxes["kim@example.test"]) == 1
    assert [letter.held for letter in world.queue.letters.values()] == [True]


def test_stopping_settles_what_was_delivered() -> None:
    """Nothing delivered is left to be delivered again."""

    async def scene(world: World) -> None:
        await world.send("kim@example.test", sender="lee@remote.test")
        await asyncio.sleep(0.02)

    world = play(scene)
    assert not world.queue.letters


def test_urgent_letters_are_delivered_first() -> None:
    """Of those that wait (RFC 6710 §5); the others as they came."""

    async def run() -> list[bytes]:
        async with World(options(max_deliveries=1)) as world:
            queued = [
                await world.queue.accept(
                    NewLetter(
                        reverse_path="",
                        recipients=(Recipient(address="kim@example.test"),),
                        content=b"Subject: %d\r\n\r\n" % number,
                        prefix=b"",
                        accepted_at=world.clock.time(),
                        wishes=Wishes(priority=priority),
                    )
                )
                for number, priority in enumerate((0, -3, 0, 5, 9, 5))
            ]
            for letter in queued:  # all wait before the first is looked at
                world.runner.take(letter)
            await world.settle()
            mails = world.mail.mailboxes["kim@example.test"]
            return [mail.octets.split()[1] for mail in mails]

    assert asyncio.run(run()) == [b"4", b"3", b"5", b"0", b"2", b"1"]
