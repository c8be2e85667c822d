"""Whole sessions of commands made of pieces: nothing breaks, all is answered."""

from __future__ import annotations

import asyncio
import random
import re
import time
from typing import Final

import pytest
from imapclient.response_parser import parse_fetch_response
from tests.transcripts.imap.imap_play import LETTER, PARTED, Client, Stage, stage

from pyeonji.protocol.imap.client import ClientMachine, commands
from pyeonji.protocol.imap.client.machine import UploadWanted
from pyeonji.protocol.imap.client.responses import Fetched, Tagged
from pyeonji.protocol.imap.table import COMMANDS
from pyeonji.protocol.machine import Status

SESSION_S: Final = 2.0
"""Seconds that a session may go on; what is not sent by then is not sent."""

NAMES: Final = (
    b"INBOX", b"Drafts", b'"a b"', b"a/b", b"nosuch", b"&ZeVnLIqe-", b'"%"', b"*",
    b"{3+}\r\nabc",
)  # fmt: skip
SETS: Final = (b"1", b"1:*", b"*", b"2,1", b"0", b"9:12", b"$", b"1:2,3:4,5")
FLAGS: Final = (b"()", b"(\\Seen)", b"(\\Deleted $x)", b"\\Flagged", b"(\\Recent)")
ITEMS: Final = (
    b"ALL", b"FULL", b"(UID FLAGS MODSEQ)", b"BODY[]", b"BODY.PEEK[1.MIME]<3.7>",
    b"BINARY[1]", b"BINARY.SIZE[3]", b"BINARY.PEEK[]<0.4>",
    b"(PREVIEW EMAILID THREADID)",
    b"(PREVIEW (LAZY) SAVEDATE)", b"BODY.PEEK[HEADER.FIELDS (FROM {2+}\r\nTO)]",
    b"BODY[HEADER.FIELDS.NOT (X)]", b"(ENVELOPE BODYSTRUCTURE)", b"RFC822",
    b"BODY[2.TEXT]",
)  # fmt: skip
KEYS: Final = (
    b"ALL", b"UNSEEN", b'SUBJECT "x"', b"OR SEEN (NOT 1)", b"CHARSET UTF-8 TEXT a",
    b"RETURN (MIN MAX SAVE) ALL", b"SINCE 1-Feb-1994", b"LARGER 10", b"MODSEQ 1",
)  # fmt: skip
MESSAGES: Final = (
    b"{5+}\r\nA: b\n", b"(\\Seen) {4+}\r\nabcd", b"{3+}\r\na\0b", b"~{3+}\r\na\0b",
    b"{0+}\r\n",
    b"{4+}\r\nabcd {4+}\r\nefgh", b"{900000000}",
    b"CATENATE (TEXT {2+}\r\nab)",
    b'CATENATE (TEXT {3+}\r\nabc URL "/INBOX/;UID=2/;SECTION=TEXT")',
    b'CATENATE (URL "/INBOX/;UID=99")', b"UTF8 (~{4+}\r\nabcd)", b"UTF8 (~{2+}\r\nab",
    b'"17-Jul-1996 02:44:25 -0700" {4+}\r\nabcd', b'"never" {4+}\r\nabcd',
)  # fmt: skip
OTHERS: Final = (
    b"", b" ", b" x", b" ()", b' ""', b" {4+}\r\nabcd", b" (MESSAGES UIDNEXT)",
    b" UTF8=ACCEPT",
    b" CONDSTORE", b' "" "*"', b" NIL", b" (UNCHANGEDSINCE 1)",
)  # fmt: skip
QUIET: Final = frozenset({b"LOGOUT", b"STARTTLS", b"AUTHENTICATE", b"IDLE"} | {
    b"COMPRESS", b"UNAUTHENTICATE"
})  # fmt: skip
"""They end the session or change what its octets mean."""


def arguments(chance: random.Random, name: bytes) -> bytes:
    pick = chance.choice
    name = name.removeprefix(b"UID ")
    if chance.random() < 0.1:
        return pick(OTHERS)
    if name == b"APPEND":
        return b" %b %b" % (pick(NAMES), pick(MESSAGES))
    if name == b"REPLACE":
        return b" %b %b %b" % (pick((b"1", b"*", b"9")), pick(NAMES), pick(MESSAGES))
    if name == b"FETCH":
        return b" %b %b" % (pick(SETS), pick(ITEMS))
    if name == b"STORE":
        mode = pick((b"FLAGS", b"+FLAGS.SILENT", b"-FLAGS"))
        return b" %b %b %b" % (pick(SETS), mode, pick(FLAGS))
    if name == b"SEARCH":
        return b" " + pick(KEYS)
    if name in {b"COPY", b"MOVE"}:
        return b" %b %b" % (pick(SETS), pick(NAMES))
    if name in {b"SELECT", b"EXAMINE", b"CREATE", b"DELETE", b"SUBSCRIBE"}:
        return b" " + pick(NAMES)
    if name in {b"RENAME", b"LIST", b"LSUB"}:
        return b" %b %b" % (pick(NAMES), pick(NAMES))
    return pick(OTHERS)


def command(chance: random.Random, tag: bytes) -> bytes:
    often = (b"APPEND", b"FETCH", b"UID FETCH", b"SELECT", b"STORE", b"REPLACE")
    usable = [name for name in COMMANDS if name not in QUIET]
    name = chance.choice(often if chance.random() < 0.8 else usable)
    return tag + b" " + name + arguments(chance, name) + b"\r\n"


async def fill(system: Stage, client: Client) -> None:
    await client.log_in()
    for octets in (LETTER, PARTED):
        head = b"x APPEND INBOX {%d+}\r\n" % len(octets)
        assert b"x OK" in await client.ask(head + octets + b"\r\n")
    assert system.account.id


FETCHED: Final = re.compile(rb"\* ([0-9]+) FETCH(?= )")


def is_closed(client: Client) -> bool:
    return bool(client.transport.closed)


LITERAL: Final = re.compile(rb"\{([0-9]+)\}\r\n\Z")


def tagged(heard: bytes) -> list[bytes]:
    """The tags of tagged responses; literals are stepped over."""
    tags, at, continued = [], 0, False
    while at < len(heard):
        end = heard.index(b"\r\n", at) + 2
        line = heard[at:end]
        if not continued and line[:2] not in {b"* ", b"+ "}:
            tags.append(line.split(b" ", 1)[0])
        literal = LITERAL.search(line)
        continued = literal is not None
        at = end + (int(literal[1]) if literal is not None else 0)
    return tags


@pytest.mark.parametrize("seed", range(12))
def test_whole_sessions(seed: int) -> None:
    """Each command gets one tagged response, in order, and nothing breaks."""

    async def run() -> None:
        chance = random.Random(seed)
        async with stage() as system:
            client = system.client()
            await fill(system, client)
            await client.ask(b"s SELECT INBOX\r\n")
            until = time.monotonic() + SESSION_S
            for number in range(150):
                if time.monotonic() > until or is_closed(client):
                    break
                said = [
                    command(chance, b"t%d.%d" % (number, n))
                    for n in range(chance.choice((1, 1, 3)))
                ]
                data = b"".join(said)
                cut = chance.randrange(len(data))
                client.say(data[:cut])
                await client.settle()
                heard = await client.ask(data[cut:])
                assert b"SERVERBUG" not in heard, (said, heard)
                if is_closed(client):
                    assert b"* BYE" in heard, (said, heard)
                    break
                tags = [octets.split(b" ", 1)[0] for octets in said]
                found = tagged(heard)
                assert found == tags, (said, heard)
            assert number > 20 or is_closed(client)
            other = system.client()
            await other.log_in()
            assert b"z OK" in await other.ask(b"z SELECT INBOX\r\n")

    asyncio.run(run())


def test_imapclient_reads_what_fetch_says() -> None:
    """Every item, by another's parser (RFC 3501 §7.4.2)."""

    async def run() -> None:
        async with stage() as system:
            client = system.client()
            await fill(system, client)
            await client.ask(b"s SELECT INBOX\r\n")
            for items in ITEMS:
                if b"BINARY" in items:
                    continue  # a literal8 where there is NUL is not known to it
                heard = await client.ask(b"f UID FETCH 1:* " + items + b"\r\n")
                if b"f OK" not in heard:
                    assert b"f BAD" in heard, heard
                    continue
                told = responses_of(heard)
                parsed = parse_fetch_response([item for one in told for item in one])
                assert set(parsed) == {1, 2}, (items, parsed)

    asyncio.run(run())


def responses_of(heard: bytes) -> list[list[bytes | tuple[bytes, bytes]]]:
    """FETCH responses as imaplib cuts them: (text, literal) and text."""
    found, pieces, at = [], list[bytes | tuple[bytes, bytes]](), 0
    while at < len(heard):
        end = heard.index(b"\r\n", at) + 2
        line = heard[at:end]
        literal = LITERAL.search(line)
        text = line[:-2]
        if not pieces:  # "1 (…" of "* 1 FETCH (…", nothing of others
            head = FETCHED.match(text)
            if head is None:
                at = end
                continue
            text = head[1] + text[head.end() :]
        if literal is not None:
            size = int(literal[1])
            pieces.append((text, heard[end : end + size]))
            at = end + size
            continue
        found.append([*pieces, text])
        pieces, at = [], end
    return found


def test_our_client_and_our_server() -> None:
    """What one writes the other reads: APPEND, FETCH, and the rest of a session."""

    async def run() -> None:
        async with stage() as system:
            client = system.client()
            machine = ClientMachine()
            machine.receive_data(bytes(client.transport.heard))
            client.transport.heard.clear()

            async def do(asked: commands.Command, upload: bytes = b"") -> list[object]:
                tag = machine.send(asked)
                events: list[object] = []
                for _ in range(50):
                    heard = await client.ask(machine.data_to_send())
                    machine.receive_data(heard)
                    while not isinstance(event := machine.next_event(), Status):
                        events.append(event)
                        if isinstance(event, UploadWanted):
                            machine.upload(upload)
                        if isinstance(event, Tagged) and event.tag == tag:
                            return events
                raise AssertionError(events)

            await do(commands.login("kim@example.test", "secret"))
            await do(commands.append("INBOX", len(PARTED)), PARTED)
            await do(commands.select("INBOX"))
            events = await do(
                commands.fetch("1:*", ["UID", "FLAGS", "BODY.PEEK[]", "ENVELOPE"])
            )
            (fetched,) = [event for event in events if isinstance(event, Fetched)]
            assert fetched.uid == 1
            assert PARTED in fetched.sections.values()

    asyncio.run(run())
