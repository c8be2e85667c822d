"""A scripted next hop for every foreign domain, and the reports that come back."""

from __future__ import annotations

import asyncio
import email
from collections.abc import Awaitable, Callable

from tests.unit.mta.hop import Hop
from tests.unit.mta.world import World, options

from pyeonji.mta.options import Route


def play(hop: Hop, scene: Callable[[World], Awaitable[None]], **more: object) -> World:
    """Run a scene with every foreign domain routed to the hop."""

    async def run() -> World:
        async with hop:
            route = Route(domain="*", hosts=(("127.0.0.1", hop.port),))
            async with World(options(routes={"*": route}, **more)) as world:
                await scene(world)
            return world

    return asyncio.run(run())


def report(world: World, index: int = 0) -> email.message.Message:
    """A report in Kim's mailbox."""
    return email.message_from_bytes(
        world.mail.mailboxes["kim@example.test"][index].octets
    )


def status_of(message: email.message.Message) -> str:
    parts = [p for p in message.walk() if p.get_content_type().endswith("-status")]
    return "\n".join(str(block) for block in parts[0].get_payload())
