"""Fetch items of RFC 3516, 6855, 8474, 8514 and 8970."""

from __future__ import annotations

import asyncio
import re

import pytest
from tests.transcripts.imap.imap_play import play, stage

from pyeonji.base.clock import SystemClock

LETTER = "Subject: hi\n\nSome text."


def append(*lines: str, arguments: str = "") -> str:
    octets = sum(len(line.encode()) + 2 for line in lines)
    said = "".join(f"        C: {line}\n" for line in lines)
    return f"""
        C: a APPEND INBOX {arguments}{{{octets}+}}
{said}        C:
        S: a OK [APPENDUID <n> <n>] Kept.
    """


SELECT = """
        C: b SELECT INBOX
        S: <all>b OK [READ-WRITE] <any>
"""


def test_binary() -> None:
    r"""BINARY, BINARY.PEEK, BINARY.SIZE, UNKNOWN-CTE (RFC 3516 §4)."""
    play(
        append("MIME-Version: 1.0", "Content-Transfer-Encoding: base64", "", "AGE=")
        + append("Content-Transfer-Encoding: x-own", "", "abc")
        + SELECT
        + r"""
        C: c FETCH 1 (BINARY.SIZE[1] BINARY.PEEK[1])
        """
        "S: * 1 FETCH (BINARY.SIZE[1] 2 BINARY[1] ~{2}"
        """
        S: \0a)
        S: c OK <any>
        """
        r"""
        C: d FETCH 1 (BINARY[1]<1.5>)
        S: * 1 FETCH (BINARY[1]<1> {1}
        S: a FLAGS (\Seen \Recent))
        S: d OK <any>
        C: e FETCH 2 BINARY.PEEK[1]
        S: e NO [UNKNOWN-CTE] Unknown encoding.
        C: f FETCH 2 BINARY.SIZE[1]
        S: f NO [UNKNOWN-CTE] Unknown encoding.
        C: g FETCH 1 BINARY[HEADER]
        S: g BAD <any>
        C: h FETCH 1 BINARY.SIZE[1]<0.1>
        S: h BAD <any>
        """
    )


def test_preview_ids_and_save_date() -> None:
    """PREVIEW (RFC 8970 §3), EMAILID, THREADID (RFC 8474 §5), SAVEDATE (RFC 8514)."""
    play(
        append("Subject: hi", "", "Some text.")
        + SELECT
        + """
        C: c FETCH 1 (PREVIEW)
        S: * 1 FETCH (PREVIEW "Some text.")
        S: c OK <any>
        C: d FETCH 1 (PREVIEW (LAZY) UID)
        S: * 1 FETCH (PREVIEW "Some text." UID 1)
        S: d OK <any>
        C: e FETCH 1 PREVIEW (SOON)
        S: e BAD <any>
        C: f FETCH 1 (EMAILID THREADID)
        S: * 1 FETCH (EMAILID (M<any>-<n>) THREADID (T<any>-<n>))
        S: f OK <any>
        C: g FETCH 1 SAVEDATE
        S: * 1 FETCH (SAVEDATE "<any> +0000")
        S: g OK <any>
        """
    )


def test_previews_of_other_scripts_and_of_nothing() -> None:
    """UTF-8 as a literal; "" where there is no text (RFC 8970 §3.2, §3.3)."""
    play(
        append("Content-Type: text/plain; charset=utf-8", "", "편지")
        + append("Content-Type: image/png", "", "abc")
        + SELECT
        + """
        C: c FETCH 1:2 PREVIEW
        S: * 1 FETCH (PREVIEW {6}
        S: 편지)
        S: * 2 FETCH (PREVIEW "")
        S: c OK <any>
        C: d FETCH 2 PREVIEW (LAZY)
        S: * 2 FETCH (PREVIEW "")
        S: d OK <any>
        """
    )


def test_save_dates_of_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy has a date of its own, the original keeps its (RFC 8514 §3)."""

    async def run() -> None:
        async with stage() as system:
            client = system.client()
            await client.log_in()
            await client.ask(b"a APPEND INBOX {14+}\r\nSubject: one\r\n\r\n")
            await client.ask(b"b SELECT INBOX\r\n")
            before = await client.ask(b"c FETCH 1 SAVEDATE\r\n")
            now = SystemClock().time()  # storage has the time of the machine
            monkeypatch.setattr(SystemClock, "time", lambda _: now + 2)
            await client.ask(b"d COPY 1 Drafts\r\n")
            assert await client.ask(b"c FETCH 1 SAVEDATE\r\n") == before
            await client.ask(b"e SELECT Drafts\r\n")
            assert await client.ask(b"c FETCH 1 SAVEDATE\r\n") != before

    asyncio.run(run())


def test_ids_stay() -> None:
    """EMAILID over COPY, THREADID over a thread (RFC 8474 §5)."""
    play(
        append("Message-ID: <1@example.test>", "", "one")
        + append("References: <1@example.test>", "", "two")
        + SELECT
        + """
        C: c COPY 1 Drafts
        S: c OK <any>
        C: d FETCH 1 EMAILID
        S: * 1 FETCH (EMAILID (M<any>-1))
        S: d OK <any>
        C2: a EXAMINE Drafts
        S2: <all>a OK [READ-ONLY] <any>
        C2: b FETCH 1 EMAILID
        S2: * 1 FETCH (EMAILID (M<any>-1))
        S2: b OK <any>
        C: e FETCH 1 THREADID
        S: * 1 FETCH (THREADID (T<any>-1))
        S: e OK <any>
        C: f FETCH 2 THREADID
        S: * 2 FETCH (THREADID (T<any>-1))
        S: f OK <any>
        C: g STATUS INBOX (MAILBOXID APPENDLIMIT)
        S: * STATUS INBOX (MAILBOXID (F<any>) APPENDLIMIT 104857600)
        S: g OK <any>
        """
    )


def test_the_id_of_a_mailbox_stays() -> None:
    """MAILBOXID of CREATE, SELECT and STATUS, over RENAME (RFC 8474 §4)."""

    async def run() -> None:
        async with stage() as system:
            client = system.client()
            await client.log_in()
            found = [
                re.findall(rb"MAILBOXID \(([A-Za-z0-9_-]+)\)", await client.ask(line))
                for line in (
                    b"a CREATE one\r\n",
                    b"b RENAME one two\r\n",
                    b"c STATUS two (MAILBOXID)\r\n",
                    b"d SELECT two\r\n",
                    b"e EXAMINE two\r\n",
                    b"f CREATE one\r\n",
                )
            ]
            first, other = found[0], found.pop()
            assert found == [first, [], first, first, first]
            assert len(first) == len(other) == 1
            assert other != first

    asyncio.run(run())


def test_utf8_headers() -> None:
    """UTF-8 in and out once it was enabled, ASCII else (RFC 6855 §3, §4, §7)."""
    play(
        """
        C: b ENABLE UTF8=ACCEPT
        S: * ENABLED UTF8=ACCEPT
        S: b OK <any>
        C: c APPEND INBOX UTF8 (~{49+}
        C: From: 김 <kim@example.test>
        C: Subject: 편지
        C:
        C: )
        S: c OK [APPENDUID <n> 1] Kept.
        C: d CREATE "편지함"
        S: d OK <any>
        C: e STATUS "편지함" (MESSAGES)
        S: * STATUS "편지함" (MESSAGES 0)
        S: e OK <any>
        C: f EXAMINE INBOX
        S: <all>f OK [READ-ONLY] <any>
        C: g FETCH 1 BODY.PEEK[HEADER.FIELDS (Subject)]
        S: * 1 FETCH (BODY[HEADER.FIELDS (Subject)] {19}
        S: Subject: 편지
        S:
        S: )
        S: g OK <any>
        C: h SEARCH CHARSET UTF-8 ALL
        S: h BAD <any>
        C2: a STATUS &07jJwNVo- (MESSAGES)
        S2: * STATUS &07jJwNVo- (MESSAGES 0)
        S2: a OK <any>
        C2: b EXAMINE INBOX
        S2: <all>b OK [READ-ONLY] <any>
        C2: c FETCH 1 BODY.PEEK[HEADER.FIELDS (Subject)]
        S2: * 1 FETCH (BODY[HEADER.FIELDS (Subject)] {33}
        S2: Subject: =?UTF-8?B?7Y647KeA?=
        S2:
        S2: )
        S2: c OK <any>
        C2: d FETCH 1 ENVELOPE
        S2: * 1 FETCH (ENVELOPE (NIL "=?UTF-8?B?7Y647KeA?=" (("=?UTF-8?B?6rmA?=" \
NIL "kim" "example.test")) <any>
        S2: d OK <any>
        """
    )


def test_old_mail_is_brought_as_it_is() -> None:
    """Raw 8-bit headers are taken and given back whole; envelopes are ASCII."""
    play(
        r"""
        C: a APPEND INBOX {23+}
        C: Subject: 편지
        C:
        C: hi
        C:
        S: a OK [APPENDUID <n> 1] Kept.
        C: b EXAMINE INBOX
        S: <all>b OK [READ-ONLY] <any>
        C: c FETCH 1 (RFC822.SIZE BODY.PEEK[])
        S: * 1 FETCH (RFC822.SIZE 23 BODY[] {23}
        S: Subject: 편지
        S:
        S: hi
        S: )
        S: c OK <any>
        C: d FETCH 1 ENVELOPE
        S: * 1 FETCH (ENVELOPE (NIL "=?UTF-8?B?7Y647KeA?=" <any>
        S: d OK <any>
        """
    )
