# ruff: noqa: E501 - lines as they are on the wire
"""CONDSTORE and QRESYNC (RFC 7162): a client that keeps a copy."""

import asyncio
import zlib

import pytest
from tests.transcripts.imap.imap_play import play, stage
from tests.transcripts.imap.test_imap_selected import with_letters

SELECTED = """
    S: * FLAGS (<any>)
    S: * <n> EXISTS
    S: * <n> RECENT
    S: * OK [UNSEEN <n>] First unseen.
    S: * OK [PERMANENTFLAGS (<any>)] Kept.
    S: * OK [UIDNEXT <n>] Next uid.
    S: * OK [UIDVALIDITY <n>] Uids valid.
    S: * OK [MAILBOXID (<any>)] This one.
    S: * OK [HIGHESTMODSEQ <n>] So far.
"""


def test_select_tells_highestmodseq() -> None:
    """RFC 7162 §3.1.2.1, §3.1.8; STATUS has it too (§3.1.7)."""
    with_letters(
        1,
        f"""
        C: a SELECT INBOX (CONDSTORE)
        S: * OK [CLOSED] The mailbox before is closed.
        {SELECTED}
        S: a OK [READ-WRITE] Here you are.
        C: b STATUS INBOX (HIGHESTMODSEQ)
        S: * STATUS INBOX (HIGHESTMODSEQ <n>)
        S: b OK Done.
        C: c STORE 1 +FLAGS (\\Seen)
        S: * 1 FETCH (UID 1 FLAGS (\\Seen<any>) MODSEQ (<n>))
        S: c OK Done.
        """,
    )


ENABLING = [
    "STATUS INBOX (HIGHESTMODSEQ)",
    "FETCH 1 (MODSEQ)",
    "UID FETCH 1 (FLAGS) (CHANGEDSINCE 1)",
    "STORE 1 (UNCHANGEDSINCE 100) +FLAGS.SILENT (a)",
    "ENABLE CONDSTORE",
]


@pytest.mark.parametrize("command", ENABLING)
def test_each_enabling_command(command: str) -> None:
    """The first tells HIGHESTMODSEQ; MODSEQ and UID come with every FETCH after it.

    RFC 7162 §3.1, §3.2.4.
    """
    first = "* OK [HIGHESTMODSEQ <n>] Noted."
    answers = {
        "STATUS": f"S: {first}\nS: * STATUS INBOX (HIGHESTMODSEQ <n>)\nS: a OK <any>",
        "FETCH": f"S: {first}\nS: * 1 FETCH (MODSEQ (<n>))\nS: a OK <any>",
        "UID": f"S: {first}\nS: * 1 FETCH (UID 1 FLAGS (<any>) MODSEQ (<n>))\nS: a OK <any>",
        "STORE": f"S: {first}\nS: * FLAGS <any>\nS: * 1 FETCH (UID 1 MODSEQ (<n>))\nS: a OK <any>",
        "ENABLE": f"S: * ENABLED CONDSTORE\nS: {first}\nS: a OK <any>",
    }
    with_letters(
        1,
        f"""
        C: a {command}
        {answers[command.split(maxsplit=1)[0]]}
        C: b STORE 1 +FLAGS (\\Flagged)
        S: * 1 FETCH (UID 1 FLAGS (<any>) MODSEQ (<n>))
        S: b OK Done.
        C: c STATUS INBOX (HIGHESTMODSEQ)
        S: * STATUS INBOX (HIGHESTMODSEQ <n>)
        S: c OK Done.
        """,
    )


def test_conditional_store() -> None:
    """RFC 7162 §3.1.3: what another changed stays as it is, and is told."""
    with_letters(
        3,
        r"""
        C: e ENABLE CONDSTORE
        S: * ENABLED CONDSTORE
        S: * OK [HIGHESTMODSEQ 4] Noted.
        S: e OK Done.
        C: a STORE 2 +FLAGS (\Flagged)
        S: * 2 FETCH (UID 2 FLAGS (\Flagged \Recent) MODSEQ (5))
        S: a OK Done.
        C: b STORE 3,1:3 (UNCHANGEDSINCE 4) +FLAGS.SILENT (\Flagged)
        S: * 1 FETCH (UID 1 MODSEQ (6))
        S: * 3 FETCH (UID 3 MODSEQ (6))
        S: * 2 FETCH (UID 2 FLAGS (\Flagged \Recent) MODSEQ (5))
        S: b OK [MODIFIED 2] Not all of them.
        C: c UID STORE 2 (UNCHANGEDSINCE 5) -FLAGS (\Flagged)
        S: * 2 FETCH (UID 2 FLAGS (\Recent) MODSEQ (7))
        S: c OK Done.
        C: d UID STORE 1:2 (UNCHANGEDSINCE 0) +FLAGS.SILENT ($MDNSent)
        S: * 1 FETCH (UID 1 FLAGS (\Flagged \Recent) MODSEQ (6))
        S: * 2 FETCH (UID 2 FLAGS (\Recent) MODSEQ (7))
        S: d OK [MODIFIED 1:2] Not all of them.
        # a flag that is set already takes no new mod-sequence (§3.1.11)
        C: f STORE 1 (UNCHANGEDSINCE 100) +FLAGS.SILENT (\Flagged)
        S: * 1 FETCH (UID 1 MODSEQ (6))
        S: f OK Done.
        C: g STORE 1 (UNCHANGEDSINCE) FLAGS ()
        S: g BAD Bad syntax: <any>
        C: h STORE 1 (SINCE 5) FLAGS ()
        S: h BAD Bad syntax: unknown STORE modifier.
        """,
    )


def test_conditional_store_beside_other_flags() -> None:
    """RFC 7162 §3.1.12: what others did to other flags is no conflict, but is told.

    New messages are, and so is a STORE that sets all flags.
    """
    with_letters(
        3,
        r"""
        C: e ENABLE CONDSTORE
        S: * ENABLED CONDSTORE
        S: * OK [HIGHESTMODSEQ 4] Noted.
        S: e OK Done.
        C2: s SELECT INBOX
        S2: * FLAGS (<any>)
        S2: * 3 EXISTS
        S2: * 0 RECENT
        S2: * OK [UNSEEN 1] First unseen.
        S2: * OK [PERMANENTFLAGS (<any>)] Kept.
        S2: * OK [UIDNEXT 4] Next uid.
        S2: * OK [UIDVALIDITY <n>] Uids valid.
        S2: * OK [MAILBOXID (<any>)] This one.
        S2: * OK [HIGHESTMODSEQ 4] So far.
        S2: s OK [READ-WRITE] Here you are.
        C2: a STORE 2 +FLAGS.SILENT (\Deleted)
        S2: a OK Done.
        C2: b STORE 3 FLAGS.SILENT (\Seen Work)
        S2: * FLAGS (<any>)
        S2: b OK Done.
        C: a NOOP
        S: * FLAGS (<any>)
        S: * 2 FETCH (UID 2 FLAGS (\Deleted \Recent) MODSEQ (5))
        S: * 3 FETCH (UID 3 FLAGS (\Seen \Recent Work) MODSEQ (6))
        S: a OK Done.
        C: b STORE 1:3 (UNCHANGEDSINCE 4) +FLAGS.SILENT ($Processed)
        S: * FLAGS (<any>)
        S: * 1 FETCH (UID 1 MODSEQ (7))
        S: * 2 FETCH (UID 2 FLAGS (\Deleted \Recent $Processed) MODSEQ (7))
        S: * 3 FETCH (UID 3 FLAGS (\Seen \Recent $Processed Work) MODSEQ (7))
        S: b OK Done.
        C: c STORE 1:3 (UNCHANGEDSINCE 4) -FLAGS (\Deleted)
        S: * 1 FETCH (UID 1 FLAGS (\Recent $Processed) MODSEQ (7))
        S: * 2 FETCH (UID 2 FLAGS (\Deleted \Recent $Processed) MODSEQ (7))
        S: * 3 FETCH (UID 3 FLAGS (\Seen \Recent $Processed Work) MODSEQ (7))
        S: c OK [MODIFIED 2] Not all of them.
        C: d UID STORE 3 (UNCHANGEDSINCE 4) -FLAGS.SILENT (Work \Flagged)
        S: * 3 FETCH (UID 3 FLAGS (\Seen \Recent $Processed Work) MODSEQ (7))
        S: d OK [MODIFIED 3] Not all of them.
        C: f UID STORE 3 (UNCHANGEDSINCE 6) FLAGS (\Flagged)
        S: * 3 FETCH (UID 3 FLAGS (\Seen \Recent $Processed Work) MODSEQ (7))
        S: f OK [MODIFIED 3] Not all of them.
        # what came afterwards was never seen by the client
        C: g UID STORE 3 (UNCHANGEDSINCE 3) +FLAGS.SILENT (\Answered)
        S: * 3 FETCH (UID 3 FLAGS (\Seen \Recent $Processed Work) MODSEQ (7))
        S: g OK [MODIFIED 3] Not all of them.
        # what another did and nobody told yet
        C2: c STORE 1 +FLAGS.SILENT (\Draft)
        S2: * FLAGS (<any>)
        S2: * 1 FETCH (UID 1 FLAGS (\Draft $Processed))
        S2: * 2 FETCH (UID 2 FLAGS (\Deleted $Processed))
        S2: * 3 FETCH (UID 3 FLAGS (\Seen $Processed Work))
        S2: c OK Done.
        C: h UID STORE 1 (UNCHANGEDSINCE 7) +FLAGS.SILENT (\Answered)
        S: * 1 FETCH (UID 1 FLAGS (\Answered \Draft \Recent $Processed) MODSEQ (9))
        S: * 1 FETCH (UID 1 FLAGS (\Answered \Draft \Recent $Processed) MODSEQ (9))
        S: h OK Done.
        """,
    )


def test_changedsince() -> None:
    """RFC 7162 §3.1.4.1: only what changed, with MODSEQ."""
    with_letters(
        3,
        r"""
        C: a UID FETCH 1:* (FLAGS) (CHANGEDSINCE 3)
        S: * OK [HIGHESTMODSEQ 4] Noted.
        S: * 3 FETCH (UID 3 FLAGS (\Recent) MODSEQ (4))
        S: a OK That is all.
        C: b FETCH 1:2 (UID) (CHANGEDSINCE 2)
        S: * 2 FETCH (UID 2 MODSEQ (3))
        S: b OK That is all.
        C: c FETCH 1:* FLAGS (CHANGEDSINCE 4)
        S: c OK That is all.
        C: d FETCH 1 FLAGS (VANISHED CHANGEDSINCE 4)
        S: d BAD Bad syntax: unknown FETCH modifier.
        C: e UID FETCH 1 FLAGS (VANISHED CHANGEDSINCE 4)
        S: e BAD First ENABLE QRESYNC.
        C: f UID FETCH 1 FLAGS (VANISHED)
        S: f BAD Bad syntax: VANISHED needs CHANGEDSINCE.
        """,
    )


def test_others_changes_have_modseq() -> None:
    """RFC 7162 §3.1.4.2, §3.1.3 (a silent change of another)."""
    with_letters(
        2,
        r"""
        C2: s SELECT INBOX (CONDSTORE)
        S2: * FLAGS (<any>)
        S2: * 2 EXISTS
        S2: * 0 RECENT
        S2: * OK [UNSEEN 1] First unseen.
        S2: * OK [PERMANENTFLAGS (<any>)] Kept.
        S2: * OK [UIDNEXT 3] Next uid.
        S2: * OK [UIDVALIDITY <n>] Uids valid.
        S2: * OK [MAILBOXID (<any>)] This one.
        S2: * OK [HIGHESTMODSEQ 3] So far.
        S2: s OK [READ-WRITE] Here you are.
        C: a STORE 1 +FLAGS.SILENT (\Seen)
        S: a OK Done.
        C2: a NOOP
        S2: * 1 FETCH (UID 1 FLAGS (\Seen) MODSEQ (4))
        S2: a OK Done.
        # what another set is not hidden by one's own silent change
        C: b STORE 2 +FLAGS.SILENT (\Answered)
        S: b OK Done.
        C2: b STORE 2 +FLAGS.SILENT (\Flagged)
        S2: * 2 FETCH (UID 2 MODSEQ (6))
        S2: * 2 FETCH (UID 2 FLAGS (\Answered \Flagged) MODSEQ (6))
        S2: b OK Done.
        C: c NOOP
        S: * 2 FETCH (UID 2 FLAGS (\Answered \Flagged \Recent))
        S: c OK Done.
        """,
    )


def test_fetch_that_sets_seen_tells_modseq() -> None:
    """RFC 7162 §3.2.4."""
    with_letters(
        1,
        r"""
        C: e ENABLE CONDSTORE
        S: * ENABLED CONDSTORE
        S: * OK [HIGHESTMODSEQ 2] Noted.
        S: e OK Done.
        C: a FETCH 1 BODY[]<0.4>
        S: * 1 FETCH (BODY[]<0> {4}
        S: Date UID 1 FLAGS (\Seen \Recent) MODSEQ (3))
        S: a OK That is all.
        """,
    )


def test_enable_qresync() -> None:
    """RFC 7162 §3.2.3: not before ENABLE; VANISHED afterwards (§3.2.10)."""
    with_letters(
        5,
        r"""
        C: a SELECT INBOX (QRESYNC (1 1))
        S: a BAD First ENABLE QRESYNC.
        C: b ENABLE QRESYNC CONDSTORE
        S: * ENABLED QRESYNC CONDSTORE
        S: * OK [HIGHESTMODSEQ 6] Noted.
        S: b OK Done.
        C: c UID STORE 2:3,5 +FLAGS.SILENT (\Deleted)
        S: * 2 FETCH (UID 2 MODSEQ (7))
        S: * 3 FETCH (UID 3 MODSEQ (7))
        S: * 5 FETCH (UID 5 MODSEQ (7))
        S: c OK Done.
        C: d UID EXPUNGE 5
        S: * VANISHED 5
        S: d OK [HIGHESTMODSEQ 8] Done.
        C: e EXPUNGE
        S: * VANISHED 2:3
        S: e OK [HIGHESTMODSEQ 9] Done.
        C: f EXPUNGE
        S: f OK Done.
        C: g UID FETCH 1:* (FLAGS) (CHANGEDSINCE 7 VANISHED)
        S: * VANISHED (EARLIER) 2:3,5
        S: g OK That is all.
        C: h UID FETCH 3:4 (FLAGS) (VANISHED CHANGEDSINCE 8)
        S: * VANISHED (EARLIER) 3
        S: h OK That is all.
        C: i UID STORE 1 +FLAGS.SILENT (\Deleted)
        S: * 1 FETCH (UID 1 MODSEQ (10))
        S: i OK Done.
        C: j CLOSE
        S: j OK Closed.
        """,
    )


def test_vanished_held_back_holds_highestmodseq_back() -> None:
    """RFC 7162 §3.2, §6: MODSEQ of a message must not make a client skip VANISHED."""
    with_letters(
        3,
        r"""
        C: a ENABLE QRESYNC
        S: * ENABLED QRESYNC
        S: * OK [HIGHESTMODSEQ 4] Noted.
        S: a OK Done.
        C2: s SELECT INBOX
        S2: * FLAGS (<any>)
        S2: * 3 EXISTS
        S2: * 0 RECENT
        S2: * OK [UNSEEN 1] First unseen.
        S2: * OK [PERMANENTFLAGS (<any>)] Kept.
        S2: * OK [UIDNEXT 4] Next uid.
        S2: * OK [UIDVALIDITY <n>] Uids valid.
        S2: s OK [READ-WRITE] Here you are.
        C2: a STORE 2 +FLAGS.SILENT (\Deleted)
        S2: a OK Done.
        C2: b EXPUNGE
        S2: * 2 EXPUNGE
        S2: b OK Done.
        C: b STORE 1 +FLAGS (\Seen)
        S: * 1 FETCH (UID 1 FLAGS (\Seen \Recent) MODSEQ (7))
        S: * OK [HIGHESTMODSEQ 4] So far.
        S: b OK Done.
        C: c STORE 1 +FLAGS (\Flagged)
        S: * 1 FETCH (UID 1 FLAGS (\Seen \Flagged \Recent) MODSEQ (8))
        S: * OK [HIGHESTMODSEQ 4] So far.
        S: c OK Done.
        C: d NOOP
        S: * VANISHED 2
        S: * OK [HIGHESTMODSEQ 8] So far.
        S: d OK Done.
        """,
    )


def test_select_qresync() -> None:
    """RFC 7162 §3.2.5: what went and what changed since the last visit."""
    with_letters(
        6,
        r"""
        C: a ENABLE QRESYNC
        S: * ENABLED QRESYNC
        S: * OK [HIGHESTMODSEQ 7] Noted.
        S: a OK Done.
        C: b STORE 1,4 +FLAGS.SILENT (\Deleted)
        S: * 1 FETCH (UID 1 MODSEQ (8))
        S: * 4 FETCH (UID 4 MODSEQ (8))
        S: b OK Done.
        C: c EXPUNGE
        S: * VANISHED 1,4
        S: c OK [HIGHESTMODSEQ 9] Done.
        C: d STORE 1,4 +FLAGS.SILENT (\Flagged)
        S: * 1 FETCH (UID 2 MODSEQ (10))
        S: * 4 FETCH (UID 6 MODSEQ (10))
        S: d OK Done.
        C: e UNSELECT
        S: e OK Left.
        # another UIDVALIDITY: nothing of it (§3.2.5)
        C: f EXAMINE INBOX (QRESYNC (1 7))
        <examined>
        S: f OK [READ-ONLY] Here you are.
        C: g EXAMINE INBOX (QRESYNC (@ 7))
        S: * OK [CLOSED] The mailbox before is closed.
        <examined>
        S: * VANISHED (EARLIER) 1,4
        S: * 1 FETCH (UID 2 FLAGS (\Flagged) MODSEQ (10))
        S: * 4 FETCH (UID 6 FLAGS (\Flagged) MODSEQ (10))
        S: g OK [READ-ONLY] Here you are.
        # only what the client knows
        C: h EXAMINE INBOX (QRESYNC (@ 7 2:4))
        S: * OK [CLOSED] The mailbox before is closed.
        <examined>
        S: * VANISHED (EARLIER) 4
        S: * 1 FETCH (UID 2 FLAGS (\Flagged) MODSEQ (10))
        S: h OK [READ-ONLY] Here you are.
        # numbers that fit say what the client knows already (§3.2.5.2)
        C: i EXAMINE INBOX (QRESYNC (@ 7 1:6 (1,3,4 2,4,6)))
        S: * OK [CLOSED] The mailbox before is closed.
        <examined>
        S: * 1 FETCH (UID 2 FLAGS (\Flagged) MODSEQ (10))
        S: * 4 FETCH (UID 6 FLAGS (\Flagged) MODSEQ (10))
        S: i OK [READ-ONLY] Here you are.
        C: j EXAMINE INBOX (QRESYNC (@ 9 (1,4 2,7)))
        S: * OK [CLOSED] The mailbox before is closed.
        <examined>
        S: * 1 FETCH (UID 2 FLAGS (\Flagged) MODSEQ (10))
        S: * 4 FETCH (UID 6 FLAGS (\Flagged) MODSEQ (10))
        S: j OK [READ-ONLY] Here you are.
        C: k SELECT INBOX (QRESYNC (@ 9 1:*))
        S: k BAD Bad syntax: only numbers are allowed here.
        C: l SELECT INBOX (QRESYNC (@ 9 1:4 (1,2 3)))
        S: l BAD Bad syntax: not as many numbers as uids.
        C: m SELECT INBOX (QRESYNC (@ 9 1:4 (2,1 3:4)))
        S: m BAD Bad syntax: numbers do not ascend.
        C: n SELECT INBOX (QRESYNC (@ 0))
        S: n BAD Bad syntax: mod-sequence may not be 0.
        C: o SELECT INBOX (RESYNC)
        S: o BAD Bad syntax: unknown SELECT parameter.
        C: p NOOP
        S: p OK Done.
        """.replace(
            "<examined>",
            """S: * FLAGS (<any>)
        S: * 4 EXISTS
        S: * 0 RECENT
        S: * OK [UNSEEN 1] First unseen.
        S: * OK [PERMANENTFLAGS ()] Read-only.
        S: * OK [UIDNEXT 7] Next uid.
        S: * OK [UIDVALIDITY <keep>] Uids valid.
        S: * OK [HIGHESTMODSEQ 10] So far.""",
        ),
    )


def test_closed_also_when_the_new_one_is_not_there() -> None:
    """RFC 7162 §3.2.11, RFC 9051 §6.3.2: no mailbox is selected then."""
    with_letters(
        1,
        """
        C: a SELECT nosuch
        S: * OK [CLOSED] The mailbox before is closed.
        S: a NO [NONEXISTENT] No such mailbox.
        C: b FETCH 1 FLAGS
        S: b BAD Not in state 'authenticated'.
        """,
    )


def test_unauthenticate() -> None:
    """RFC 8437 §3, §4.1: nothing of the first user is left."""
    with_letters(
        1,
        """
        C: a ENABLE CONDSTORE
        S: * ENABLED CONDSTORE
        S: * OK [HIGHESTMODSEQ <n>] Noted.
        S: a OK Done.
        C: b UNAUTHENTICATE
        S: b OK Who comes next?
        C: c FETCH 1 FLAGS
        S: c BAD Not in state 'not authenticated'.
        C: d LOGIN kim@example.test secret
        S: d OK [CAPABILITY <any>] Welcome.
        C: e ENABLE CONDSTORE
        S: * ENABLED CONDSTORE
        S: e OK Done.
        """,
    )
    play(
        """
        S: * OK [CAPABILITY <any>
        C: a UNAUTHENTICATE
        S: a BAD Not in state 'not authenticated'.
        """,
        log_in=False,
    )


def test_unauthenticate_ends_compression() -> None:
    """RFC 8437 §4.1: what comes after its line, and after the OK, is in clear."""

    async def run() -> None:
        async with stage() as system:
            client = system.client()
            await client.log_in()
            heard = await client.ask(b"a COMPRESS DEFLATE\r\n")
            assert heard.startswith(b"a OK ")
            deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
            octets = deflate.compress(b"b UNAUTHENTICATE\r\n") + deflate.flush()
            heard = await client.ask(octets + b"c CAPABILITY\r\n")
            cut = heard.index(b"* CAPABILITY IMAP4rev1 ")
            inflated = zlib.decompressobj(-15).decompress(heard[:cut])
            assert inflated == b"b OK Who comes next?\r\n"
            clear = heard[cut:]
            assert b"AUTH=" in clear
            heard = await client.ask(b"d LOGIN kim@example.test secret\r\n")
            assert heard.startswith(b"d OK ")
            client.transport.close()
            await asyncio.sleep(0)

    asyncio.run(run())
