"""APPEND and its kin: RFC 3501 §6.3.11, 3502, 3516 §4.4, 4469, 7889, 8508."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.transcripts.imap.imap_play import OPTIONS, play, stage

from pyeonji.mra.imap.unanswered import MAX_WAITING
from pyeonji.storage.mailboxes import Column

HEADER = "Subject: old\r\nX-Keep: yes\r\n\r\n"
SETUP = f"""
    C: s1 APPEND Drafts {{{len(HEADER) + 10}+}}
    C: Subject: old
    C: X-Keep: yes
    C:
    C: The body
    C:
    S: s1 OK [APPENDUID <n> 1] Kept.
"""


def test_many_messages_in_one_command() -> None:
    """MULTIAPPEND: each with flags and a date of its own (RFC 3502 §6.3.11)."""
    play(
        r"""
        C: a APPEND INBOX (\Seen) {14}
        S: + Ready for the message.
        C: Subject: one
        C:  (\Flagged $Label1) "17-Jul-1996 02:44:25 -0700" {12+}
        C: Subject: 2
        C:  {14}
        S: + Ready for the message.
        C: Subject: tre
        C:
        S: a OK [APPENDUID <n> 1:3] Kept.
        C: b EXAMINE INBOX
        S: <all>b OK [READ-ONLY] <any>
        C: c FETCH 1:3 (FLAGS RFC822.SIZE)
        S: * 1 FETCH (FLAGS (\Seen \Recent) RFC822.SIZE 14)
        S: * 2 FETCH (FLAGS (\Flagged \Recent $Label1) RFC822.SIZE 12)
        S: * 3 FETCH (FLAGS (\Recent) RFC822.SIZE 14)
        S: c OK <any>
        C: d FETCH 2 INTERNALDATE
        S: * 2 FETCH (INTERNALDATE "17-Jul-1996 09:44:25 +0000")
        S: d OK <any>
        """
    )


def test_all_or_nothing() -> None:
    """A message that cannot be kept takes the others with it (RFC 3502 §6.3.11)."""
    play(
        r"""
        C: a APPEND INBOX {14+}
        C: Subject: one
        C:  {0+}
        S: a NO [CANNOT] An empty message is none.
        C:
        C: b APPEND INBOX {14+}
        C: Subject: one
        C:  (\Recent) {14+}
        S: b NO [CANNOT] This flag cannot be set.
        C: Subject: two
        C:
        C: c APPEND INBOX {14+}
        C: Subject: one
        C:  {999999999999}
        S: c NO [TOOBIG] Message too large.
        C: d APPEND INBOX {14+}
        C: Subject: one
        C:  nonsense
        S: d BAD Bad syntax: expected a literal.
        C: e STATUS INBOX (MESSAGES UIDNEXT)
        S: * STATUS INBOX (MESSAGES 0 UIDNEXT 1)
        S: e OK <any>
        """
    )


def test_a_message_of_parts() -> None:
    """CATENATE: new octets and octets of messages here (RFC 4469 §3)."""
    play(
        SETUP
        + """
        C: a APPEND Drafts (\\Draft) CATENATE (TEXT {14}
        S: + Ready for the message.
        C: Subject: new
        C:  URL "/Drafts/;UID=1/;SECTION=HEADER.FIELDS%20(X-Keep)" URL {28+}
        C: /Drafts/;UID=1/;SECTION=TEXT)
        S: a OK [APPENDUID <n> 2] Kept.
        C: b EXAMINE Drafts
        S: <all>b OK [READ-ONLY] <any>
        C: c FETCH 2 (FLAGS BODY.PEEK[])
        S: * 2 FETCH (FLAGS (\\Draft \\Recent) BODY[] {39}
        S: Subject: new
        S: X-Keep: yes
        S:
        S: The body
        S: )
        S: c OK <any>
        C: c1 FETCH 1 FLAGS
        S: * 1 FETCH (FLAGS (\\Recent))
        S: c1 OK <any>
        C: d APPEND Drafts CATENATE (URL "/Drafts/;UID=1/;PARTIAL=0.14" TEXT {6+}
        C: A: b
        C:  URL "imap://kim%40example.test@mx.example.test/Drafts/;UID=1")
        S: * 3 EXISTS
        S: * 3 RECENT
        S: d OK [APPENDUID <n> 3] Kept.
        """
    )


@pytest.mark.parametrize(
    "url",
    [
        "/Drafts/;UID=7",
        "/Nowhere/;UID=1",
        "/Drafts;UIDVALIDITY=1/;UID=1",
        "/Drafts/;UID=1/;SECTION=2",
        "/Drafts/;UID=0",
        "/Drafts",
        "/Drafts/;UID=1/;SECTION=NOSUCH",
        "/Drafts/;UID=1/;PARTIAL=0.0",
        "imap://elsewhere.test/Drafts/;UID=1",
        "imap://eve@mx.example.test/Drafts/;UID=1",
        "http://mx.example.test/",
    ],
)
def test_a_bad_url(url: str) -> None:
    """Said with the URL itself, and nothing is kept (RFC 4469 §4.1)."""
    play(
        SETUP
        + f"""
        C: a APPEND Drafts CATENATE (URL "{url}" TEXT {{10+}}
        S: a NO [BADURL {url}] No such octets.
        C: x LOGOUT
        C: )
        C: b STATUS Drafts (MESSAGES)
        S: * STATUS Drafts (MESSAGES 1)
        S: b OK <any>
        """
    )


@pytest.mark.parametrize(
    "rest",
    ["()", "(URL)", "(TEXT x)", '(FILE "/x")', '(URL "/Drafts/;UID=1"', "(TEXT {1+}"],
)
def test_bad_parts(rest: str) -> None:
    """What is no list of parts is BAD (RFC 4469 §5)."""
    play(
        SETUP
        + f"""
        C: a APPEND Drafts CATENATE {rest}
        {"C: xx" if rest.endswith("}") else "#"}
        S: a BAD <any>
        C: b STATUS Drafts (MESSAGES)
        S: * STATUS Drafts (MESSAGES 1)
        S: b OK <any>
        """
    )


def test_parts_that_are_too_much() -> None:
    """TOOBIG as soon as it is known (RFC 4469 §4.2)."""
    play(
        SETUP
        + """
        C: a APPEND Drafts CATENATE (URL "/Drafts/;UID=1" URL "/Drafts/;UID=1" URL \
"/Drafts/;UID=1")
        S: a NO [TOOBIG] Message too large.
        C: b APPEND Drafts CATENATE (URL "/Drafts/;UID=1" TEXT {70}
        S: b NO [TOOBIG] Message too large.
        """,
        options=replace(OPTIONS, message_octets=100),
    )


def test_replace() -> None:
    """The new message comes and the old one goes, at once (RFC 8508 §3)."""
    play(
        SETUP
        + r"""
        C: b SELECT Drafts
        S: <all>b OK [READ-WRITE] <any>
        C: c REPLACE 1 Drafts (\Seen \Draft) {14}
        S: + Ready for the message.
        C: Subject: new
        C:
        S: * OK [APPENDUID <n> 2] Kept.
        S: * 1 EXPUNGE
        S: * 1 EXISTS
        S: * 1 RECENT
        S: c OK Kept.
        C: d UID REPLACE 2 INBOX CATENATE (URL "/Drafts/;UID=2")
        S: * OK [APPENDUID <n> 1] Kept.
        S: * 1 EXPUNGE
        S: d OK Kept.
        C: e UID REPLACE 2 INBOX {3+}
        S: e NO [EXPUNGEISSUED] The message is gone.
        C: abc
        C: f REPLACE 1 INBOX {3}
        S: f BAD No message has that number.
        C: g REPLACE 1 INBOX {3+}
        S: g BAD No message has that number.
        C: abc
        C: h APPEND Drafts {3+}
        C: abc
        S: * 1 EXISTS
        S: * 1 RECENT
        S: h OK [APPENDUID <n> 3] Kept.
        C: i REPLACE * Drafts {3+}
        C: abc {3+}
        C: def
        S: i BAD Bad syntax: too many messages.
        C: j EXAMINE Drafts
        S: <all>j OK [READ-ONLY] <any>
        C: k REPLACE 1 Drafts {3}
        S: k NO [READ-ONLY] The mailbox is read-only.
        """
    )


def test_replace_tells_the_mod_seq() -> None:
    """As UID EXPUNGE: VANISHED, and HIGHESTMODSEQ in OK (RFC 8508 §4.5, RFC 7162)."""
    play(
        SETUP
        + r"""
        C: b ENABLE QRESYNC
        S: * ENABLED QRESYNC
        S: b OK <any>
        C: c SELECT Drafts
        S: <all>c OK [READ-WRITE] <any>
        C: d REPLACE 1 Drafts {14+}
        C: Subject: new
        C:
        S: * OK [APPENDUID <n> 2] Kept.
        S: * VANISHED 1
        S: * 1 EXISTS
        S: * 1 RECENT
        S: d OK [HIGHESTMODSEQ 3] Kept.
        C: e STATUS Drafts (HIGHESTMODSEQ)
        S: * STATUS Drafts (HIGHESTMODSEQ 3)
        S: e OK <any>
        C: f UID REPLACE 2 INBOX {14+}
        C: Subject: new
        C:
        S: * OK [APPENDUID <n> 1] Kept.
        S: * VANISHED 2
        S: f OK [HIGHESTMODSEQ 4] Kept.
        C: g STATUS Drafts (HIGHESTMODSEQ)
        S: * STATUS Drafts (HIGHESTMODSEQ 4)
        S: g OK <any>
        """
    )


def test_binary_append() -> None:
    """NUL in a literal8 is taken; FETCH BODY shows it coded (RFC 3516 §4.4, §6)."""
    play(
        """
        C: a APPEND INBOX ~{100+}
        C: MIME-Version: 1.0
        C: Content-Type: application/octet-stream
        C: Content-Transfer-Encoding: binary
        C:
        C: \0\1
        C:
        S: a OK [APPENDUID <n> 1] Kept.
        C: b APPEND INBOX {3+}
        C: a\0b
        S: b NO [CANNOT] NUL octets are not allowed.
        C: c EXAMINE INBOX
        S: <all>c OK [READ-ONLY] <any>
        C: d FETCH 1 BODY.PEEK[1]
        S: * 1 FETCH (BODY[1] {10}
        S: AAENCg==
        S: )
        S: d OK <any>
        C: e FETCH 1 BINARY.PEEK[1]
        S: * 1 FETCH (BINARY[1] ~{4}
        S: \0\1
        S: )
        S: e OK <any>
        """
    )


def test_the_limit_is_told_and_held() -> None:
    """APPENDLIMIT (RFC 7889 §3.1, §4)."""
    play(
        """
        C: a CAPABILITY
        S: * CAPABILITY <any> APPENDLIMIT=100
        S: a OK <any>
        C: b APPEND INBOX {101}
        S: b NO [TOOBIG] Message too large.
        C: c APPEND INBOX ~{101}
        S: c NO [TOOBIG] Message too large.
        C: d STATUS INBOX (APPENDLIMIT)
        S: * STATUS INBOX (APPENDLIMIT 100)
        S: d OK <any>
        C: e LIST "" INBOX RETURN (STATUS (APPENDLIMIT))
        S: * LIST <any> INBOX
        S: * STATUS INBOX (APPENDLIMIT 100)
        S: e OK <any>
        """,
        options=replace(OPTIONS, message_octets=100),
    )


@pytest.mark.parametrize("count", [3, MAX_WAITING + 9])
def test_pipelined_appends_are_answered_in_order(count: int) -> None:
    """All that lie in the buffer share commits; each is answered (RFC 3501 §5.5)."""

    async def run() -> None:
        async with stage() as system:
            client = system.client()
            await client.log_in()
            await client.ask(b"s SELECT INBOX\r\n")
            octets = b"".join(
                b"a%d APPEND %b {14+}\r\nSubject: %03d\r\n\r\n"
                % (n, b"Nowhere" if n == 1 else b"INBOX", n)
                for n in range(count)
            )
            said = await client.ask(octets + b"z NOOP\r\n")
            lines = [
                line for line in said.split(b"\r\n") if line and line[:1] not in b"*"
            ]
            assert [line.split()[0] for line in lines] == [
                *(b"a%d" % n for n in range(count)),
                b"z",
            ]
            assert lines[1] == b"a1 NO [TRYCREATE] No such mailbox."
            assert all(
                b" OK [APPENDUID " in line for line in lines[:1] + lines[2:count]
            )
            inbox = await system.account.mailbox("INBOX")
            rows = await system.account.select(
                inbox.id, [(1, 1000)], (Column.UID, Column.HEADER)
            )
            assert [header[9:12] for _, header in rows] == [
                b"%03d" % n for n in range(count) if n != 1
            ]
            # half a command behind the last whole one: the answer still comes
            client.say(b"b APPEND INBOX {3+}\r\nabc\r\nc APPEND INBOX {3+}\r\na")
            heard = [await client.line() for _ in range(3)]
            assert heard[2].startswith(b"b OK [APPENDUID "), heard
            assert (await client.ask(b"bc\r\n")).startswith(b"*")

    asyncio.run(run())
