"""MESSAGELIMIT (RFC 9738) and INPROGRESS (RFC 9585)."""

import asyncio
import dataclasses
from typing import Any

import pytest
from tests.patience import until
from tests.transcripts.imap.imap_play import LETTER, OPTIONS, play, stage
from tests.transcripts.imap.test_imap_selected import append

from pyeonji.storage.embedded.account import EmbeddedAccount


def test_message_limit() -> None:
    """RFC 9738 §3.1: the newest of those named are done, and which is the lowest."""
    letters = "\n".join(append(f"l{n}", LETTER) for n in range(5))
    play(
        letters
        + r"""
        C: z CAPABILITY
        S: * CAPABILITY IMAP4rev1 <any> MESSAGELIMIT=2
        S: z OK That is all.
        C: s SELECT INBOX
        S: <all>s OK <any>
        C: a FETCH 1:4 UID
        S: * 3 FETCH (UID 3)
        S: * 4 FETCH (UID 4)
        S: a OK [MESSAGELIMIT 2 3] The newest of them.
        C: b UID FETCH 4:5 UID
        S: * 4 FETCH (UID 4)
        S: * 5 FETCH (UID 5)
        S: b OK That is all.
        C: c STORE 1:* +FLAGS.SILENT (\Deleted)
        S: c OK [MESSAGELIMIT 2 4] Not all of them.
        C: d COPY 1:3 INBOX
        S: d NO [MESSAGELIMIT 2] Too many; copy fewer at a time.
        C: e SEARCH ALL
        S: * SEARCH 4 5
        S: e OK [MESSAGELIMIT 2 4] That is all.
        C: j UIDBATCHES 600
        S: j NO [MESSAGELIMIT 2] At most 2.
        C: k UID SEARCH UIDAFTER 4
        S: * SEARCH 5
        S: k OK That is all.
        C: l UID SEARCH UIDBEFORE 4 DELETED
        S: * SEARCH
        S: l OK [MESSAGELIMIT 2 2] That is all.
        C: m UID SEARCH (UIDBEFORE 2) UNDELETED
        S: * SEARCH 1
        S: m OK That is all.
        C: n UID SEARCH OR UIDBEFORE 2 UID 5
        S: * SEARCH 5
        S: n OK [MESSAGELIMIT 2 4] That is all.
        C: o SORT (SUBJECT) UTF-8 1:2
        S: * SORT 1 2
        S: o OK That is all.
        C: p SORT (SUBJECT) UTF-8 ALL
        S: p NO [MESSAGELIMIT 2 4] Too many messages; name fewer.
        C: q THREAD REFS UTF-8 UID 1:3
        S: q NO [MESSAGELIMIT 2 2] Too many messages; name fewer.
        C: r STORE 1:* (UNCHANGEDSINCE 1) +FLAGS.SILENT (\Seen)
        S: * OK [HIGHESTMODSEQ <n>] Noted.
        S: * 4 FETCH <any>
        S: * 5 FETCH <any>
        S: * NO [MESSAGELIMIT 2 4] Not all of them.
        S: r OK [MODIFIED 4:5] Not all of them.
        C: f CREATE other
        S: f OK <any>
        C: g MOVE 1:3 other
        S: * OK [COPYUID <n> 2:3 1:2] Moved.
        S: * 2 EXPUNGE
        S: * 2 EXPUNGE
        S: g OK [MESSAGELIMIT 2 2] Moved.
        C: h UID EXPUNGE 1:5
        S: * 2 EXPUNGE
        S: * 2 EXPUNGE
        S: h OK [MESSAGELIMIT 2 4] Done.
        """,
        options=dataclasses.replace(OPTIONS, message_limit=2),
    )


def test_save_limit() -> None:
    """RFC 9738 §3: only of APPEND and COPY, which do all or nothing."""
    letters = "\n".join(append(f"l{n}", LETTER) for n in range(3))
    play(
        letters
        + r"""
        C: z CAPABILITY
        S: * CAPABILITY IMAP4rev1 <any> SAVELIMIT=2
        S: z OK That is all.
        C: s SELECT INBOX
        S: <all>s OK <any>
        C: a COPY 1:3 INBOX
        S: a NO [MESSAGELIMIT 2] Too many; copy fewer at a time.
        C: b FETCH 1:3 UID
        S: <all>b OK That is all.
        C: c APPEND INBOX {8+}
        C: A: b
        C:
        C:  {8+}
        C: A: b
        C:
        C:  {8+}
        S: c NO [MESSAGELIMIT 2] Too many at once.
        C: A: b
        C:
        C:
        C: d UID SEARCH UIDBEFORE 3
        S: * SEARCH 1 2
        S: d OK That is all.
        C: e UID SEARCH UIDAFTER 3
        S: * SEARCH
        S: e OK That is all.
        C: f UID SEARCH UIDBEFORE 1
        S: * SEARCH
        S: f OK That is all.
        C: g UID SEARCH UIDAFTER 0
        S: g BAD Bad syntax: <any>
        """,
        options=dataclasses.replace(OPTIONS, save_limit=2),
    )


def test_what_takes_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 9585 §4: with the command's tag, as often as it goes on."""
    search = EmbeddedAccount.search
    line = b'* OK [INPROGRESS ("b" NIL NIL)] Still at it.\r\n'
    clients: list[Any] = []

    async def slow(*arguments: Any) -> Any:
        await until(lambda: clients[0].transport.heard.startswith(line * 2))
        return await search(*arguments)

    monkeypatch.setattr(EmbeddedAccount, "search", slow)

    async def run() -> bytes:
        options = dataclasses.replace(OPTIONS, progress_every_s=0.05)
        async with stage(options) as system:
            client = system.client()
            clients.append(client)
            await client.log_in()
            await client.ask(b"a SELECT INBOX\r\n")
            told: bytes = await client.ask(b"b SEARCH ALL\r\n")
            quiet = await client.ask(b"c NOOP\r\n")
            client.transport.close()
            await asyncio.sleep(0)
        assert quiet == b"c OK Done.\r\n"
        return told

    told = asyncio.run(run())
    assert told.replace(line, b"") == b"* SEARCH\r\nb OK That is all.\r\n"
