# ruff: noqa: E501 - lines as they are on the wire
"""FUZZY (RFC 6203), FILTER (RFC 5466), SAVED… (RFC 8514), EMAILID and THREADID (RFC 8474)."""

from __future__ import annotations

import asyncio
import datetime as dt

from tests.transcripts.imap.imap_play import play, stage
from tests.transcripts.imap.mailbox_play import letter, with_letters

from pyeonji.mra.imap.object_ids import email_id, thread_id
from pyeonji.storage.mailboxes import Column

FUZZY = [
    letter("IMAP break", body="."),
    letter("broken IMAP servers", body="."),
    letter("lunch", body="an imap server that breaks, and then helps"),
    letter("imap breaking news", body="."),
    letter("Hello world", body="."),
    letter("pizza", sender="user@example.com", body="."),
]


def test_fuzzy() -> None:
    """Words in any order, stems, a letter wrong; the best first (RFC 6203 §3, §4, §6)."""
    with_letters(
        FUZZY,
        r"""
        C: A1 SEARCH FUZZY (SUBJECT "IMAP break")
        S: * SEARCH 1 4
        S: A1 OK That is all.
        C: A2 SEARCH FUZZY SUBJECT "server imap"
        S: * SEARCH 2
        S: A2 OK That is all.
        C: B1 SEARCH RETURN (RELEVANCY ALL) FUZZY TEXT "imap break"
        S: * ESEARCH (TAG "B1") ALL 1,3:4 RELEVANCY (100 60 100)
        S: B1 OK That is all.
        C: B2 SEARCH FUZZY TEXT "Helo"
        S: * SEARCH 3 5
        S: B2 OK That is all.
        C: C1 SORT (RELEVANCY) UTF-8 FUZZY TEXT "break imap"
        S: * SORT 1 3 4
        S: C1 OK That is all.
        C: C2 SORT RETURN (RELEVANCY ALL) (RELEVANCY REVERSE ARRIVAL) UTF-8 FUZZY TEXT "servers"
        S: * ESEARCH (TAG "C2") ALL 2:3 RELEVANCY (100 40)
        S: C2 OK That is all.
        C: C3 SORT RETURN (PARTIAL 1:1 RELEVANCY) (RELEVANCY) UTF-8 FUZZY TEXT "servers"
        S: * ESEARCH (TAG "C3") PARTIAL (1:1 2) RELEVANCY (100)
        S: C3 OK That is all.
        C: D1 SEARCH RETURN (RELEVANCY) SUBJECT x
        S: D1 BAD RELEVANCY without FUZZY.
        C: D2 SORT (RELEVANCY) UTF-8 SUBJECT x
        S: D2 BAD RELEVANCY without FUZZY.
        C: D3 SEARCH FUZZY SUBJECT pizzza FROM user@example.com
        S: * SEARCH 6
        S: D3 OK That is all.
        C: D4 SEARCH SUBJECT pizzza
        S: * SEARCH
        S: D4 OK That is all.
        C: D5 SEARCH RETURN (RELEVANCY COUNT) FUZZY (NOT SUBJECT break LARGER 1)
        S: * ESEARCH (TAG "D5") COUNT 4 RELEVANCY (100 100 100 100)
        S: D5 OK That is all.
        """,
    )


def test_filters() -> None:
    """Kept keys stand in the place of FILTER (RFC 5466 §3.1)."""

    async def run() -> None:
        async with stage() as system:
            client = system.client()
            await client.log_in()
            for subject in ("one", "two"):
                octets = letter(subject).encode()
                await client.ask(
                    b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(octets), octets)
                )
            await client.ask(b"s SELECT INBOX\r\n")
            values = {
                "on-the-road": b'OR SUBJECT one FROM "boss@example.com"',
                "deeper": 'FILTER on-the-road NOT SUBJECT "회의"'.encode(),
                "half": b"OR SMALLER",
                "loop": b"(FILTER loop)",
                "both": b"SUBJECT two",
            }
            await system.account.annotate(
                None, {f"/private/filters/values/{k}": v for k, v in values.items()}
            )
            await system.store.directory.annotate(
                {
                    "/shared/filters/values/all": b"SUBJECT two",
                    "/shared/filters/values/both": b"SUBJECT one",
                }
            )
            for asked, heard in (
                (b"SEARCH UID 1:9 FILTER on-the-road", b"* SEARCH 1\r\n"),
                (b"SEARCH FILTER Deeper", b"* SEARCH 1\r\n"),
                (b"SEARCH NOT FILTER on-the-road", b"* SEARCH 2\r\n"),
                (b"SORT (DATE) US-ASCII FILTER all", b"* SORT 2\r\n"),
                (b"SEARCH FILTER both", b"* SEARCH 2\r\n"),
                (b"SEARCH FILTER nosuch", b"c NO [UNDEFINED-FILTER nosuch] "),
                (b"SEARCH FILTER half", b"c NO [UNDEFINED-FILTER half] "),
                (b"SEARCH FILTER loop", b"c NO [UNDEFINED-FILTER loop] "),
                (b"SEARCH CHARSET EUC-KR FILTER all", b"c BAD [BADCHARSET "),
                (b"SEARCH FILTER a/b", b"c BAD "),
            ):
                said = await client.ask(b"c " + asked + b"\r\n")
                assert said.startswith(heard), (asked, said)

    asyncio.run(run())


def test_save_dates() -> None:
    """When a message came into this mailbox, by day (RFC 8514 §4.3)."""

    async def run() -> None:
        async with stage() as system:
            client = system.client()
            await client.log_in()
            octets = letter().encode()
            head = b'a APPEND INBOX "01-Jan-2001 00:00:00 +0000" {%d+}\r\n%b\r\n'
            await client.ask(head % (len(octets), octets))
            await client.ask(b"s SELECT INBOX\r\n")
            inbox = await system.account.mailbox("INBOX")
            rows = await system.account.select(inbox.id, [(1, 1)], [Column.SAVE_DATE])
            saved = dt.datetime.fromtimestamp(rows[0][0], dt.UTC)
            day = saved.strftime("%d-%b-%Y").encode()
            before = (saved - dt.timedelta(days=1)).strftime("%d-%b-%Y").encode()
            for asked, heard in (
                (b"SAVEDON " + day, b"* SEARCH 1\r\n"),
                (b"SAVEDON " + before, b"* SEARCH\r\n"),
                (b"SAVEDSINCE " + day, b"* SEARCH 1\r\n"),
                (b"SAVEDBEFORE " + day, b"* SEARCH\r\n"),
                (b"SAVEDATESUPPORTED", b"* SEARCH 1\r\n"),
                (b"NOT SAVEDATESUPPORTED", b"* SEARCH\r\n"),
                (b"SAVEDON 2-Jan-2001", b"* SEARCH\r\n"),
            ):
                said = await client.ask(b"c SEARCH " + asked + b"\r\n")
                assert said.startswith(heard), (asked, said)

    asyncio.run(run())


def test_object_ids() -> None:
    """EMAILID and THREADID, exactly as they are told (RFC 8474 §6)."""

    async def run() -> None:
        async with stage() as system:
            client = system.client()
            await client.log_in()
            for more in ("Message-ID: <a@x>", "In-Reply-To: <a@x>", "X: y"):
                octets = letter(more=more).encode()
                await client.ask(
                    b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(octets), octets)
                )
            await client.ask(b"s SELECT INBOX\r\n")
            inbox = await system.account.mailbox("INBOX")
            rows = await system.account.select(
                inbox.id, [(1, 3)], [Column.MESSAGE_ID, Column.THREAD_ID]
            )
            emails = [email_id(system.account.id, row[0]) for row in rows]
            threads = [thread_id(system.account.id, row[1]) for row in rows]
            assert threads[0] == threads[1] != threads[2]
            for asked, heard in (
                (b"EMAILID " + emails[1], b"* SEARCH 2\r\n"),
                (b"THREADID " + threads[0], b"* SEARCH 1 2\r\n"),
                (b"EMAILID " + threads[0], b"* SEARCH\r\n"),
                (b"EMAILID " + emails[1].lower(), b"* SEARCH\r\n"),
                (b"NOT THREADID nosuch", b"* SEARCH 1 2 3\r\n"),
            ):
                said = await client.ask(b"c SEARCH " + asked + b"\r\n")
                assert said.startswith(heard), (asked, said)

    asyncio.run(run())


def test_filters_are_set_as_metadata() -> None:
    """A filter is made, changed and deleted by SETMETADATA (RFC 5466 §3.2)."""
    with_letters(
        FUZZY,
        r"""
        C: a007 SETMETADATA "" (/private/filters/values/on-the-road "OR SMALLER 5 FROM \"user@example.com\"")
        S: a007 OK <any>
        C: b SEARCH FILTER on-the-road
        S: * SEARCH 6
        S: b OK That is all.
        C: c UID SEARCH RETURN (COUNT) NOT FILTER ON-THE-ROAD
        S: * ESEARCH (TAG "c") UID COUNT 5
        S: c OK That is all.
        C: d SETMETADATA "" (/private/filters/values/on-the-road NIL)
        S: d OK <any>
        C: e SEARCH FILTER on-the-road
        S: e NO [UNDEFINED-FILTER on-the-road] No such filter.
        C: f SETMETADATA "" (/private/filters/values/on-the-road "OR SMALLER 5")
        S: f NO That is no filter.
        C: g SETMETADATA "" (/private/filters/values/a "SEEN" /private/comment "x" /private/filters/values/b "NOTHING")
        S: g NO That is no filter.
        C: h SETMETADATA "" (/private/filters/values/a/b "SEEN")
        S: h NO That is no filter.
        C: i GETMETADATA "" (/private/comment /private/filters/values/a)
        S: * METADATA "" (/private/comment NIL /private/filters/values/a NIL)
        S: i OK That is all.
        C: j SETMETADATA "" (/private/filters/values/a "(UNSEEN) FILTER later" /private/filters/descriptions/a "What is new")
        S: j OK Set.
        C: k SETMETADATA INBOX (/private/filters/values/a "what one likes")
        S: k OK Set.
        """,
    )


def test_sizes_beyond_all_sizes() -> None:
    """The largest number of the grammar is a size that no message has (RFC 9051 §9)."""
    play(
        r"""
        C: a APPEND INBOX {4+}
        C: a: b
        S: a OK <any>
        C: b SELECT INBOX
        S: <all>b OK <any>
        C: c SEARCH LARGER 9223372036854775807
        S: * SEARCH
        S: c OK <any>
        C: d SEARCH SMALLER 9223372036854775807
        S: * SEARCH 1
        S: d OK <any>
        C: e FETCH 1 BODY.PEEK[HEADER.FIELDS ("é")]
        S: e BAD <any>
        """
    )
