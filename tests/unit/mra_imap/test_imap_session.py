"""Whole sessions on real storage: large messages, bad input, many at once."""

from __future__ import annotations

import asyncio
import dataclasses
import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.transcripts.imap.imap_play import (
    LETTER,
    OPTIONS,
    PARTED,
    Client,
    beside,
    stage,
)

from pyeonji.mra.imap import Options
from pyeonji.protocol.imap.commands import (
    Append,
    IdleEnded,
    MessageChunk,
    SaslResponse,
)


async def filled(client: Client, octets: bytes, count: int = 1) -> None:
    for _ in range(count):
        heard = await client.ask(
            b"l APPEND INBOX {%d+}\r\n%b\r\n" % (len(octets), octets)
        )
        assert heard.startswith(b"l OK [APPENDUID"), heard


def test_a_large_message_comes_back_octet_for_octet() -> None:
    """It streams in and out; RFC822.SIZE and literals agree."""

    async def run() -> None:
        async with stage() as system:
            client = system.client()
            await client.log_in()
            body = b"".join(b"line %d\r\n" % n for n in range(300_000))
            octets = b"Subject: large\r\n\r\n" + body
            head = b"a APPEND INBOX {%d}\r\n" % len(octets)
            assert await client.ask(head) == b"+ Ready for the message.\r\n"
            for at in range(0, len(octets), 70_000):
                client.say(octets[at : at + 70_000])
                await client.settle()
            assert b"a OK [APPENDUID" in await client.ask(b"\r\n")
            await client.ask(b"b SELECT INBOX\r\n")
            heard = await client.ask(b"c FETCH 1 (RFC822.SIZE BODY.PEEK[] UID)\r\n")
            assert heard == (
                b"* 1 FETCH (RFC822.SIZE %d BODY[] {%d}\r\n%b UID 1)\r\n"
                b"c OK That is all.\r\n" % (len(octets), len(octets), octets)
            )
            heard = await client.ask(b"d FETCH 1 BODY.PEEK[TEXT]<1000000.7>\r\n")
            assert b"<1000000> {7}\r\n" + body[1_000_000:1_000_007] in heard

    asyncio.run(run())


def test_a_client_that_goes_leaves_nothing() -> None:
    async def run() -> None:
        async with stage() as system:
            client = system.client()
            await client.log_in()
            client.say(b"a APPEND INBOX {1000000}\r\n" + b"x" * 500_000)
            client.transport.close()
            await asyncio.sleep(0)
            other = system.client()
            await other.log_in()
            heard = await other.ask(b"a STATUS INBOX (MESSAGES)\r\n")
            assert b"(MESSAGES 0)" in heard

    asyncio.run(run())


def test_quota() -> None:
    """OVERQUOTA is said before the message is sent (RFC 5530 §3)."""

    async def run() -> None:
        async with stage() as system:
            user = await system.store.directory.account_at("kim@example.test")
            assert user is not None
            await system.store.directory.update_account(
                dataclasses.replace(user, quota_octets=1000)
            )
            client = system.client()
            await client.log_in()
            heard = await client.ask(b"a APPEND INBOX {1001}\r\n")
            assert heard == b"a NO [OVERQUOTA] The account is full.\r\n"
            await filled(client, LETTER)
            await client.ask(b"b SELECT INBOX\r\n")

    asyncio.run(run())


def test_nul_is_refused() -> None:
    """A literal holds no NUL (RFC 3501 §9, CHAR8)."""

    async def run() -> None:
        async with stage() as system:
            client = system.client()
            await client.log_in()
            heard = await client.ask(b"a APPEND INBOX {4+}\r\na\0b\n\r\n")
            assert heard.startswith(b"a NO [CANNOT]")

    asyncio.run(run())


def test_timeouts_and_ends() -> None:
    """Each end has its BYE (RFC 3501 §5.4, §7.1.5)."""

    async def run() -> None:
        async with stage() as system:
            for end, words in (
                ("timed_out", b"* BYE Silent too long.\r\n"),
                ("shutting_down", b"* BYE [UNAVAILABLE] The server stops"),
                ("failed", b"* BYE [SERVERBUG] "),
            ):
                client = system.client()
                await client.log_in()
                client.transport.heard.clear()
                getattr(client.connection._door, end)()
                client.connection.close()
                assert bytes(client.transport.heard).startswith(words)

    asyncio.run(run())


def test_a_thousand_messages_of_another_session() -> None:
    """Sequence numbers of a session hold until it is told otherwise."""

    async def run() -> None:
        async with stage() as system:
            one, two = system.client(), system.client()
            for client in (one, two):
                await client.log_in()
            await filled(one, LETTER, 30)
            for client in (one, two):
                await client.ask(b"a SELECT INBOX\r\n")
            await one.ask(b"b STORE 2:20 +FLAGS.SILENT (\\Deleted)\r\n")
            await one.ask(b"c EXPUNGE\r\n")
            heard = await two.ask(b"d FETCH 1:30 UID\r\n")
            assert re.findall(rb"\* (\d+) FETCH \(UID (\d+)", heard) == [
                (b"%d" % n, b"%d" % n) for n in (1, *range(21, 31))
            ]
            heard = await two.ask(b"e UID FETCH 25 UID\r\n")
            assert heard.startswith(b"* 25 FETCH (UID 25)\r\n* 2 EXPUNGE\r\n")
            assert heard.count(b" EXPUNGE\r\n") == 19
            heard = await two.ask(b"f FETCH 2 UID\r\n")
            assert heard.startswith(b"* 2 FETCH (UID 21)\r\n")

    asyncio.run(run())


def test_news_from_another_worker() -> None:
    """Who idles hears at once what another process did (RFC 2177 §3)."""

    async def run() -> None:
        async with stage() as system, beside(system) as other:
            idling, working = system.client(), other.client()
            await idling.log_in()
            await working.log_in()
            await idling.ask(b"a SELECT INBOX\r\nb IDLE\r\n")
            await filled(working, LETTER)
            assert await idling.line() == b"* 1 EXISTS"
            assert await idling.line() == b"* 1 RECENT"
            await working.ask(b"c SELECT INBOX\r\nd STORE 1 +FLAGS (\\Deleted)\r\n")
            assert await idling.line() == (
                b"* 1 FETCH (UID 1 FLAGS (\\Deleted \\Recent))"
            )
            await working.ask(b"e EXPUNGE\r\n")
            assert await idling.line() == b"* 1 EXPUNGE"
            for client in (idling, working):
                client.transport.close()
            await asyncio.sleep(0)

    asyncio.run(run())


def test_resynchronizing_with_another_worker() -> None:
    """What one process did, the other tells exactly (RFC 7162 §3.2.5, §3.2.6)."""

    async def run() -> None:
        async with stage() as system, beside(system) as other:
            one, two = system.client(), other.client()
            await one.log_in()
            await two.log_in()
            for _ in range(6):
                await filled(one, LETTER)
            await two.ask(b"a ENABLE QRESYNC\r\n")
            heard = await two.ask(b"b SELECT INBOX\r\nc CLOSE\r\n")
            (validity,) = re.findall(rb"UIDVALIDITY ([0-9]+)", heard)
            (high,) = re.findall(rb"HIGHESTMODSEQ ([0-9]+)", heard)
            await one.ask(b"d SELECT INBOX\r\ne STORE 2,5 +FLAGS (\\Deleted)\r\n")
            await one.ask(b"f EXPUNGE\r\ng STORE 1 +FLAGS (\\Seen)\r\nu UNSELECT\r\n")
            await filled(one, LETTER)
            heard = await two.ask(
                b"h SELECT INBOX (QRESYNC (%b %b))\r\n" % (validity, high)
            )
            assert (
                b"* VANISHED (EARLIER) 2,5\r\n* 1 FETCH (UID 1 FLAGS (\\Seen" in heard
            )
            assert heard.count(b" FETCH ") == 2  # the flag, and the new one
            assert b"* 5 EXISTS\r\n" in heard
            for client in (one, two):
                client.transport.close()
            await asyncio.sleep(0)

    asyncio.run(run())


def test_uids_hold_over_restart_and_rename() -> None:
    """RFC 3501 §2.3.1.1: UIDVALIDITY and uids stay; no uid comes back."""

    async def run() -> None:
        async with stage() as system:
            client = system.client()
            await client.log_in()
            await client.ask(b"a CREATE old\r\n")
            letter = b"b APPEND old {%d+}\r\n%b\r\n" % (len(LETTER), LETTER)
            heard = await client.ask(letter + letter)
            (validity,) = set(re.findall(rb"APPENDUID ([0-9]+) ", heard))
            await client.ask(b"c SELECT old\r\nd STORE 2 +FLAGS (\\Deleted)\r\n")
            await client.ask(b"e CLOSE\r\nf RENAME old new/name\r\n")
            client.transport.close()
            async with beside(system) as again:  # opened anew, from the files
                client = again.client()
                await client.log_in()
                heard = await client.ask(b"g SELECT new/name\r\nh FETCH 1 UID\r\n")
                assert b"[UIDVALIDITY %b]" % validity in heard
                assert b"[UIDNEXT 3]" in heard
                assert b"* 1 FETCH (UID 1)\r\n" in heard
                heard = await client.ask(letter.replace(b"old", b"new/name"))
                assert b"APPENDUID %b 3]" % validity in heard
                client.transport.close()
                await asyncio.sleep(0)

    asyncio.run(run())


PIECES = st.sampled_from(
    [
        b"a ", b"b UID ", b"NOOP", b"FETCH 1:* ", b"SEARCH ", b"APPEND INBOX ", b"x ",
        b"INBOX ", b"(", b")", b'"', b"{3+}\r\n", b"abc", b"\r\n", b"\\Seen", b" ",
        b"c IDLE\r\n", b"DONE\r\n", b"BODY[1]<0.5>", b"&AGE-", b"\xff\x00", b"1,2:*",
        b"d SELECT INBOX\r\n", b"e EXAMINE INBOX\r\n",
        b"f STORE 1 +FLAGS (\\Deleted)\r\n",
        b"g EXPUNGE\r\n", b"h UID FETCH 1:* (FLAGS BODY[])\r\n", b"i CLOSE\r\n",
        b"j FETCH 1:* FULL\r\n", b"k COPY 1:* Archive\r\n", b"l MOVE * Trash\r\n",
        b"m SEARCH OR SEEN (TEXT x NOT NEW) 1:*\r\n", b"n CREATE a/b\r\n",
        b"o DELETE a\r\n", b"p RENAME a b\r\n", b'r LIST "" *\r\n',
        b'q LSUB "" %\r\n',
        b"s STATUS INBOX (RECENT UNSEEN)\r\n", b"t APPEND INBOX {5+}\r\nhello\r\n",
        b"u FETCH 1 (BODY[HEADER.FIELDS.NOT (X)] BODY.PEEK[1.MIME] BODY)\r\n",
        b"v SUBSCRIBE INBOX\r\n", b"w CHECK\r\n", b"y UNSELECT\r\n", b"z LOGOUT\r\n",
        b"a DELETE INBOX\r\n", b"b RENAME INBOX old\r\n", b"c LOGIN a b\r\n",
        b"x ENABLE QRESYNC\r\n", b"d ENABLE IMAP4rev2 UIDONLY\r\n",
        b"y SELECT INBOX (QRESYNC (1 1 1:9 (1,2 3:4)))\r\n", b"z UNAUTHENTICATE\r\n",
        b"b UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED PARTIAL -1:-5)\r\n",
        b"c STORE 1:* (UNCHANGEDSINCE 3) FLAGS (a)\r\n", b"a UIDBATCHES 500 1:2\r\n",
        b"d AUTHENTICATE PLAIN\r\n", b"e STARTTLS\r\n", b"f ID NIL\r\n",
        b"g SEARCH CHARSET EUC-KR SUBJECT {2+}\r\n\xb0\xa1\r\n",
        b"h UID SEARCH RETURN (SAVE UPDATE COUNT MIN PARTIAL -1:-2) $\r\n",
        b"i FETCH $ UID\r\n", b"j COPY $ INBOX\r\n", b"k STORE $ FLAGS ()\r\n",
        b"l SORT RETURN (UPDATE ALL) (REVERSE DATE SUBJECT) UTF-8 1:*\r\n",
        b"m UID SORT RETURN (RELEVANCY) (RELEVANCY) UTF-8 FUZZY TEXT inner\r\n",
        b"n THREAD REFERENCES UTF-8 ALL\r\n", b"o UID THREAD REFS UTF-8 $\r\n",
        b"p THREAD ORDEREDSUBJECT UTF-8 MODSEQ 1 YOUNGER 10\r\n",
        b"q ESEARCH IN (selected subtree a personal) NOT FUZZY BODY one\r\n",
        b"r CANCELUPDATE l h\r\n", b"s SEARCH RETURN () FILTER x\r\n",
        b"t SEARCH OR EMAILID M1 OR THREADID T1 SAVEDON 1-Jan-2000\r\n",
    ]
)  # fmt: skip


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(scripts=st.lists(st.lists(PIECES, max_size=12), min_size=1, max_size=6))
def test_no_input_breaks_a_session(scripts: list[list[bytes]]) -> None:
    """Two clients say anything at all; nobody ever hears of a fault of ours."""

    async def run() -> None:
        async with stage() as system:
            clients = [system.client(), system.client()]
            for client in clients:
                await client.log_in()
            await filled(clients[0], PARTED)
            for number, pieces in enumerate(scripts):
                client = clients[number % 2]
                for piece in pieces:
                    client.say(piece)
                    await client.settle()
                client.say(b"\r\nDONE\r\n")
                await client.settle()
            for client in clients:
                heard = bytes(client.transport.heard)
                assert b"SERVERBUG" not in heard, heard
                client.transport.close()
            await asyncio.sleep(0)

    asyncio.run(run())


def test_events_without_a_beginning_do_no_harm() -> None:
    """The table answers each event, whatever came before."""
    from pyeonji.mra.imap.handlers import HANDLERS
    from pyeonji.protocol.imap import commands

    made = {
        value
        for value in vars(commands).values()
        if isinstance(value, type) and issubclass(value, commands.Command)
    } - {commands.Command}
    assert made <= set(HANDLERS)
    assert {Append, IdleEnded, MessageChunk, SaslResponse} <= set(HANDLERS)
    assert Options(hostname="x") != OPTIONS
