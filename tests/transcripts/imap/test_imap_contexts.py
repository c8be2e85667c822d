"""CONTEXT=SEARCH and CONTEXT=SORT (RFC 5267 §4)."""

import asyncio

import pytest
from tests.transcripts.imap.imap_play import stage
from tests.transcripts.imap.mailbox_play import (
    appended,
    letter,
    selecting,
    with_letters,
)

from pyeonji.mra.imap import idle

FOUR = [
    letter("one", date="4 Jul 1996 00:00:00 +0000"),
    letter("two", date="3 Jul 1996 00:00:00 +0000"),
    letter("three", date="2 Jul 1996 00:00:00 +0000"),
    letter("four", date="1 Jul 1996 00:00:00 +0000"),
]


def test_flags_by_this_session() -> None:
    """What this session changes moves results, too (RFC 5267 §4.3.3)."""
    with_letters(
        FOUR,
        r"""
        C: B01 UID SEARCH RETURN (UPDATE COUNT) FLAGGED
        S: * ESEARCH (TAG "B01") UID COUNT 0
        S: B01 OK That is all.
        C: B01 SORT RETURN (UPDATE) (DATE) UTF-8 FLAGGED
        S: B01 BAD The tag is in use.
        C: a STORE 2:3 +FLAGS.SILENT (\Flagged)
        S: * ESEARCH (TAG "B01") UID ADDTO (0 2:3)
        S: a OK Done.
        C: b STORE 3 -FLAGS.SILENT (\Flagged)
        S: * ESEARCH (TAG "B01") UID REMOVEFROM (0 3)
        S: b OK Done.
        C: c STORE 2 +FLAGS.SILENT (\Seen)
        S: c OK Done.
        C: B04 CANCELUPDATE "B01"
        S: B04 OK No further updates.
        C: d STORE 1 +FLAGS.SILENT (\Flagged)
        S: d OK Done.
        C: B05 CANCELUPDATE "B01"
        S: B05 BAD No such context.
        C: B01 SEARCH RETURN (UPDATE ALL) FLAGGED
        S: * ESEARCH (TAG "B01") ALL 1:2
        S: B01 OK That is all.
        C: e CANCELUPDATE
        S: e BAD <any>
        """,
    )


def test_arrivals_and_expunges_by_others() -> None:
    """REMOVEFROM before EXPUNGE, ADDTO after EXISTS (RFC 5267 §4.3.3, §4.3.4)."""
    with_letters(
        FOUR,
        r"""
        C: C01 SEARCH RETURN (UPDATE ALL) UNDELETED
        S: * ESEARCH (TAG "C01") ALL 1:4
        S: C01 OK That is all.
        """
        + selecting("s", "2")
        + r"""
        C2: a STORE 2 +FLAGS.SILENT (\Deleted)
        S2: a OK Done.
        C: b NOOP
        S: * ESEARCH (TAG "C01") REMOVEFROM (0 2)
        S: * 2 FETCH (UID 2 FLAGS (\Deleted <any>))
        S: b OK Done.
        C2: c STORE 3 +FLAGS.SILENT (\Deleted)
        S2: c OK Done.
        C2: d EXPUNGE
        S2: * 2 EXPUNGE
        S2: * 2 EXPUNGE
        S2: d OK Done.
        """
        + appended(letter("five"), name="n")
        .replace("C:", "C2:")
        .replace("S: ", "S2: <all>")
        + r"""
        C: e NOOP
        S: * ESEARCH (TAG "C01") REMOVEFROM (0 3)
        S: * 2 EXPUNGE
        S: * 2 EXPUNGE
        S: * 3 EXISTS
        S: * <n> RECENT
        S: * ESEARCH (TAG "C01") ADDTO (0 3)
        S: e OK Done.
        """,
    )


def test_sorted_context() -> None:
    """Positions of a sorted result (RFC 5267 §4.3.3, §4.3.4)."""
    with_letters(
        FOUR,
        r"""
        C: D01 UID SORT RETURN (UPDATE ALL) (DATE) UTF-8 UNFLAGGED
        S: * ESEARCH (TAG "D01") UID ALL 4,3,2,1
        S: D01 OK That is all.
        C: a STORE 2,3 +FLAGS.SILENT (\Flagged)
        S: * ESEARCH (TAG "D01") UID REMOVEFROM (2 3,2)
        S: a OK Done.
        C: b STORE 1:4 FLAGS.SILENT ()
        S: * ESEARCH (TAG "D01") UID ADDTO (2 3,2)
        S: b OK Done.
        C: c STORE 1,3 +FLAGS.SILENT (\Flagged)
        S: * ESEARCH (TAG "D01") UID REMOVEFROM (4 1 2 3)
        S: c OK Done.
        C: d STORE 1,3 -FLAGS.SILENT (\Flagged)
        S: * ESEARCH (TAG "D01") UID ADDTO (2 3 4 1)
        S: d OK Done.
        """,
    )


def test_too_many_contexts() -> None:
    """NOUPDATE; the rest of the command is done (RFC 5267 §4.3.1)."""
    contexts = "\n".join(
        f"C: t{n} SEARCH RETURN (UPDATE COUNT CONTEXT) ALL\n"
        f'S: * ESEARCH (TAG "t{n}") COUNT 4\n'
        f"S: t{n} OK That is all."
        for n in range(16)
    )
    with_letters(
        FOUR,
        contexts
        + r"""
        C: B02 UID SORT RETURN (UPDATE COUNT) (DATE) UTF-8 ALL
        S: * ESEARCH (TAG "B02") UID COUNT 4
        S: * NO [NOUPDATE "B02"] Too many contexts.
        S: B02 OK That is all.
        """,
    )


def test_during_idle() -> None:
    """Results change as soon as the mailbox does (RFC 5267 §4.3.2)."""
    with_letters(
        FOUR,
        r"""
        C: C01 UID SEARCH RETURN (UPDATE) SUBJECT five
        S: * ESEARCH (TAG "C01") UID
        S: C01 OK That is all.
        C: i IDLE
        S: + Listening.
        """
        + appended(letter("five"), name="n")
        .replace("C:", "C2:")
        .replace("S: ", "S2: <all>")
        + r"""
        S: * 5 EXISTS
        S: * <n> RECENT
        S: * ESEARCH (TAG "C01") UID ADDTO (0 5)
        C: DONE
        S: i OK Enough listened.
        """,
    )


def _delivered(text: str, name: str) -> str:
    return appended(text, name=name).replace("C:", "C2:").replace("S: ", "S2: <all>")


def test_new_messages_are_shown() -> None:
    """UPDATE with items: EXISTS, FETCH, then ADDTO (RFC 5465 §7).

    Nothing is shown of messages that come to a result by their flags, and none
    of it makes a message \\Seen.
    """
    with_letters(
        FOUR,
        r"""
        C: a00 SEARCH RETURN (COUNT UPDATE (UID BODY[HEADER.FIELDS (SUBJECT)])) FROM "a"
        S: * ESEARCH (TAG "a00") COUNT 4
        S: a00 OK That is all.
        C: a01 UID SORT RETURN (UPDATE(FLAGS) ALL) (REVERSE ARRIVAL) UTF-8 SUBJECT five
        S: * ESEARCH (TAG "a01") UID
        S: a01 OK That is all.
        C: a02 SEARCH RETURN (UPDATE (RFC822.SIZE) COUNT) FLAGGED
        S: * ESEARCH (TAG "a02") COUNT 0
        S: a02 OK That is all.
        """
        + _delivered(letter("five"), "n")
        + _delivered(letter("six"), "o")
        + r"""
        C: b NOOP
        S: * 6 EXISTS
        S: * <n> RECENT
        S: * 5 FETCH (UID 5 BODY[HEADER.FIELDS (SUBJECT)] {17}
        S: Subject: five
        S:
        S: )
        S: * 6 FETCH (UID 6 BODY[HEADER.FIELDS (SUBJECT)] {16}
        S: Subject: six
        S:
        S: )
        S: * 5 FETCH (FLAGS (<any>))
        S: * ESEARCH (TAG "a00") ADDTO (0 5:6)
        S: * ESEARCH (TAG "a01") UID ADDTO (1 5)
        S: b OK Done.
        C: c STORE 5 +FLAGS.SILENT (\Flagged)
        S: * ESEARCH (TAG "a02") ADDTO (0 5)
        S: c OK Done.
        C: d UID FETCH 5:6 FLAGS
        S: * 5 FETCH (UID 5 FLAGS (\Flagged<any>))
        S: * 6 FETCH (UID 6 FLAGS (<any>))
        S: d OK That is all.
        C: e SEARCH RETURN (UPDATE (NOTHING)) ALL
        S: e BAD <any>
        C: f SEARCH RETURN (UPDATE ()) ALL
        S: f BAD <any>
        """,
    )


def test_shown_with_mod_sequences_and_in_idle() -> None:
    """Who keeps mod-sequences gets UID and MODSEQ, too (RFC 7162 §3.2.4)."""
    with_letters(
        FOUR,
        r"""
        C: e ENABLE CONDSTORE
        S: * ENABLED CONDSTORE
        S: * OK [HIGHESTMODSEQ 5] Noted.
        S: e OK Done.
        C: a ESEARCH IN (selected) RETURN (COUNT UPDATE (FLAGS BINARY.SIZE[1])) UNSEEN
        S: * ESEARCH (TAG "a" MAILBOX INBOX UIDVALIDITY <n>) UID COUNT 4
        S: a OK That is all.
        C: i IDLE
        S: + Listening.
        """
        + _delivered(letter("five"), "n")
        + r"""
        S: * 5 EXISTS
        S: * <n> RECENT
        S: * 5 FETCH (UID 5 FLAGS (<any>) BINARY.SIZE[1] <n> MODSEQ (6))
        S: * ESEARCH (TAG "a" MAILBOX INBOX UIDVALIDITY <n>) UID ADDTO (0 5)
        C: DONE
        S: i OK Enough listened.
        """,
    )


def test_as_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """OLDER and YOUNGER in IDLE: a message grows old by itself (RFC 5032 §2)."""
    monkeypatch.setattr(idle, "EVERY_S", 0.01)

    async def run() -> tuple[bytes, bytes]:
        async with stage() as system:
            client = system.client()
            await client.log_in()
            await client.ask(b"a APPEND INBOX {1+}\r\nx\r\n")
            await client.ask(b"s SELECT INBOX\r\n")
            found = await client.ask(b"b SEARCH RETURN (UPDATE ALL) YOUNGER 60\r\n")
            client.say(b"i IDLE\r\n")
            await client.line()
            system.clock.advance(61)
            gone = await client.line()
            client.transport.close()
            await asyncio.sleep(0.02)
        return found, gone

    found, gone = asyncio.run(run())
    assert found.startswith(b'* ESEARCH (TAG "b") ALL 1\r\n')
    assert gone == b'* ESEARCH (TAG "b") REMOVEFROM (0 1)'
