"""A whole house of sessions under commands from pieces of the grammar.

PYEONJI_FUZZ_S says how long (seconds), PYEONJI_FUZZ_SEED where to begin.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
import traceback
from typing import TYPE_CHECKING, Any, Final

import structlog
from tests.transcripts.imap.imap_play import (
    LETTER,
    OPTIONS,
    PARTED,
    Client,
    Stage,
    stage,
)
from tests.transcripts.imap.imap_talker import PASSWORD
from tests.unit.mra_imap.imap_answers import tags_of
from tests.unit.mra_imap.imap_grammar import BODIES, Grammar

from pyeonji.storage.credentials import make_credentials
from pyeonji.storage.embedded.verify import verify

if TYPE_CHECKING:
    from collections.abc import MutableMapping

SECONDS: Final = float(os.environ.get("PYEONJI_FUZZ_S", "5"))
SEED: Final = int(os.environ.get("PYEONJI_FUZZ_SEED", "1"))
ROUND: Final = 400
"""Commands in one house, before it is verified and another is built."""

PEOPLE: Final = ("kim", "kim", "lee", "boss")
SYNC: Final = re.compile(rb"(\{[0-9]+\}\r\n)")


class Player:
    """One client that says what the grammar makes."""

    def __init__(self, system: Stage, grammar: Grammar, who: str) -> None:
        self.system = system
        self.grammar = grammar
        self.who = who
        self.client: Client | None = None
        self.count = 0
        self.unselected = False
        self.log: list[bytes] = []

    async def hear(self, octets: bytes) -> bytes:
        assert self.client is not None
        heard = await self.client.ask(octets)
        self.log.append(b"S: " + heard[:1000])
        assert b"SERVERBUG" not in heard
        return heard

    async def come(self) -> Client:
        if self.client is None or self.client.transport.closed:
            self.client = self.system.client()
            await self.client.log_in(f"{self.who}@example.test")
            self.client.say(b"s SELECT INBOX\r\n")
            await self.client.settle()
            self.client.transport.heard.clear()
        return self.client

    async def turn(self) -> None:
        client = await self.come()
        if self.unselected and self.grammar.likely(0.7):
            mailbox = self.grammar.pick((b"INBOX", b"a", b"user/kim@example.test/a"))
            await self.hear(b"s SELECT %b\r\n" % mailbox)
            self.unselected = False
            if client.transport.closed:
                return
        self.count += 1
        tag = b"t%d" % self.count
        pieces = SYNC.split(self.grammar.command(tag))
        said = [
            pieces[n] + (pieces[n + 1] if n + 1 < len(pieces) else b"")
            for n in range(0, len(pieces), 2)
        ]
        heard = b""
        for piece in said:
            if not piece:
                continue
            cut = self.grammar.chance.randrange(len(piece))
            self.log.append(b"C: " + piece[:300])
            client.say(piece[:cut])
            await client.settle()
            heard += await self.hear(piece[cut:])
            if client.transport.closed or b"\n+ " not in b"\n" + heard:
                break
        heard += await self.finish(tag, heard)
        if self.grammar.is_spoilt:
            heard += await self.probe()
        self.unselected = b"Not in state 'authenticated'" in heard
        tags = [one for one in tags_of(heard) if one.startswith(b"t")]
        if client.transport.closed:
            assert b"* BYE" in heard
            assert len(tags) < 2
        else:
            assert tags == [tag]

    async def finish(self, tag: bytes, heard: bytes) -> bytes:
        """Say what a command waits for, until it is answered."""
        assert self.client is not None
        more = b""
        fills = [
            b"DONE\r\n",
            b"*\r\n",
            b"\r\n",
            b")\r\n",
            *[b"x" * 60_000, b"\r\n"] * 4,
        ]
        for fill in fills:
            if self.client.transport.closed or tag in tags_of(heard + more):
                break
            self.log.append(b"C: " + fill[:10])
            more += await self.hear(fill)
        return more

    async def probe(self) -> bytes:
        """Find the beginning of a command again: a literal may have been begun."""
        assert self.client is not None
        told = b""
        for number in range(10):
            heard = await self.hear(b"p%d NOOP\r\n" % number)
            told += heard
            if self.client.transport.closed or b"\np%d " % number in b"\n" + heard:
                return told
        raise AssertionError("never again")


async def settle_all(players: list[Player]) -> None:
    for player in players:
        if player.client is not None and not player.client.transport.closed:
            await player.client.settle()
            tags_of(bytes(player.client.transport.heard))


async def furnish(system: Stage) -> None:
    """Messages of all kinds in INBOX and another, which lee sees too."""
    client = system.client()
    await client.log_in()
    await client.ask(b"c CREATE a\r\n")
    for octets in (LETTER, PARTED, *filter(None, BODIES)):
        for name in (b"INBOX", b"a"):
            form = b"~{%d+}" if b"\0" in octets else b"{%d+}"
            head = b"l APPEND %b %b\r\n" % (name, form % len(octets))
            heard = await client.ask(head + octets + b"\r\n")
            assert re.match(rb"l (?:OK|NO \[UNKNOWN-CTE\])", heard), heard
    await client.ask(b"a SETACL INBOX lee@example.test lrswite\r\n")
    await client.ask(b"a SETACL a anyone lrsk\r\n")
    client.transport.close()


async def house(seed: int, until: float) -> int:
    """Play one round; gives how many commands it had."""
    logged: list[dict[str, Any]] = []

    def keep(_: Any, method: str, event: MutableMapping[str, Any]) -> str:
        if method in {"error", "critical", "exception"}:
            error = event.get("exc_info")
            told = traceback.format_exception(error) if error else []
            logged.append({**event, "told": "".join(told)})
        raise structlog.DropEvent

    structlog.configure(processors=[keep])
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: logged.append(dict(context))
    )
    grammar = Grammar(seed)
    options = OPTIONS.__class__(
        hostname=OPTIONS.hostname, plaintext_auth=True, message_octets=100_000
    )
    count = 0
    async with stage(options) as system:
        for name in ("lee", "boss"):
            await system.store.directory.add_account(
                f"{name}@example.test",
                make_credentials(PASSWORD, sealer=system.store.sealer),
                administrator=name == "boss",
            )
        await furnish(system)
        players = [Player(system, grammar, who) for who in PEOPLE]
        for count in range(ROUND):
            player = grammar.chance.choice(players)
            try:
                await player.turn()
            except (Exception, asyncio.CancelledError) as error:
                said = b"\n".join(player.log[-30:])
                raise AssertionError(
                    f"seed {seed}, command {count}: {said!r} {logged}"
                ) from error
            if time.monotonic() > until:
                break
        await settle_all(players)
        for player in players:
            if player.client is not None:
                player.client.transport.close()
        await asyncio.sleep(0.01)
        report = verify(system.folder)
        assert report.clean, report.problems
        assert not logged, logged
    return count


def test_a_house_of_sessions() -> None:
    """Each command is answered once, nothing breaks, and storage stays sound."""
    until = time.monotonic() + SECONDS
    seed, commands = SEED, 0
    before = structlog.get_config()
    try:
        while time.monotonic() < until:
            commands += asyncio.run(house(seed, until))
            seed += 1
    finally:
        structlog.configure(**before)
    assert commands > 10
