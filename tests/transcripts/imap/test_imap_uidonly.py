"""UIDONLY (RFC 9586), UIDBATCHES (RFC 10022), PARTIAL of UID FETCH (RFC 9394)."""

from tests.transcripts.imap.imap_play import play
from tests.transcripts.imap.test_imap_selected import with_letters


def test_uidonly() -> None:
    """RFC 9586 §3: no sequence numbers, in either direction."""
    with_letters(
        4,
        r"""
        C: e ENABLE UIDONLY
        S: * ENABLED UIDONLY
        S: e OK Done.
        C: a FETCH 1 FLAGS
        S: a BAD [UIDREQUIRED] Only uids: UIDONLY is on.
        C: b STORE 1 FLAGS ()
        S: b BAD [UIDREQUIRED] Only uids: UIDONLY is on.
        C: c COPY 1 INBOX
        S: c BAD [UIDREQUIRED] Only uids: UIDONLY is on.
        C: d SEARCH ALL
        S: d BAD [UIDREQUIRED] Only uids: UIDONLY is on.
        C: d1 UID SEARCH 1:2
        S: d1 BAD [UIDREQUIRED] Only uids: UIDONLY is on.
        C: d2 UID SEARCH OR UNSEEN NOT *
        S: d2 BAD [UIDREQUIRED] Only uids: UIDONLY is on.
        C: d3 MOVE 1 INBOX
        S: d3 BAD [UIDREQUIRED] Only uids: UIDONLY is on.
        C: d4 SORT (SUBJECT) UTF-8 ALL
        S: d4 BAD [UIDREQUIRED] Only uids: UIDONLY is on.
        C: d5 THREAD REFS UTF-8 ALL
        S: d5 BAD [UIDREQUIRED] Only uids: UIDONLY is on.
        C: d6 UID FETCH 2 UID
        S: * 2 UIDFETCH (UID 2)
        S: d6 OK That is all.
        C: d7 REPLACE 1 INBOX {1}
        S: d7 BAD [UIDREQUIRED] Only uids: UIDONLY is on.
        C: f UID FETCH 2:3 (UID FLAGS)
        S: * 2 UIDFETCH (FLAGS (\Recent))
        S: * 3 UIDFETCH (FLAGS (\Recent))
        S: f OK That is all.
        C: g UID STORE 2 +FLAGS (\Deleted)
        S: * 2 UIDFETCH (FLAGS (\Deleted \Recent))
        S: g OK Done.
        C: h EXPUNGE
        S: * VANISHED 2
        S: h OK Done.
        C: i UID SEARCH ALL
        S: * SEARCH 1 3 4
        S: i OK That is all.
        C: j UID FETCH 4 BODY[]<0.4>
        S: * 4 UIDFETCH (BODY[]<0> {4}
        S: Date FLAGS (\Seen \Recent))
        S: j OK That is all.
        C2: s EXAMINE INBOX
        S2: * FLAGS (<any>)
        S2: * 3 EXISTS
        S2: * 0 RECENT
        S2: * OK [UNSEEN 1] First unseen.
        S2: * OK [PERMANENTFLAGS ()] Read-only.
        S2: * OK [UIDNEXT 5] Next uid.
        S2: * OK [UIDVALIDITY <n>] Uids valid.
        S2: s OK [READ-ONLY] Here you are.
        C2: t UNSELECT
        S2: t OK Left.
        C: k EXAMINE INBOX
        S: * OK [CLOSED] The mailbox before is closed.
        S: * FLAGS (<any>)
        S: * 3 EXISTS
        S: * 0 RECENT
        S: * OK [PERMANENTFLAGS ()] Read-only.
        S: * OK [UIDNEXT 5] Next uid.
        S: * OK [UIDVALIDITY <n>] Uids valid.
        S: k OK [READ-ONLY] Here you are.
        """,
    )


def test_others_changes_with_uidonly() -> None:
    """RFC 9586 §3: UIDFETCH also where nobody asked."""
    with_letters(
        2,
        r"""
        C: e ENABLE UIDONLY CONDSTORE
        S: * ENABLED UIDONLY CONDSTORE
        S: * OK [HIGHESTMODSEQ 3] Noted.
        S: e OK Done.
        C2: s SELECT INBOX
        S2: * FLAGS (<any>)
        S2: * 2 EXISTS
        S2: * 0 RECENT
        S2: * OK [UNSEEN 1] First unseen.
        S2: * OK [PERMANENTFLAGS (<any>)] Kept.
        S2: * OK [UIDNEXT 3] Next uid.
        S2: * OK [UIDVALIDITY <n>] Uids valid.
        S2: s OK [READ-WRITE] Here you are.
        C2: a STORE 1 +FLAGS.SILENT (\Seen)
        S2: a OK Done.
        C: a NOOP
        S: * 1 UIDFETCH (FLAGS (\Seen \Recent) MODSEQ (4))
        S: a OK Done.
        C: b UID STORE 2 +FLAGS.SILENT (\Seen)
        S: * 2 UIDFETCH (MODSEQ (5))
        S: b OK Done.
        """,
    )


def test_resynchronising_with_uidonly() -> None:
    """RFC 9586 §3: sequence match data is refused; UIDFETCH tells what changed."""
    with_letters(
        2,
        r"""
        C: e ENABLE QRESYNC UIDONLY
        S: * ENABLED QRESYNC UIDONLY
        S: * OK [HIGHESTMODSEQ 3] Noted.
        S: e OK Done.
        C: v STATUS INBOX (UIDVALIDITY)
        S: * STATUS INBOX (UIDVALIDITY <keep>)
        S: v OK Done.
        C: a SELECT INBOX (QRESYNC (1 1 1 (1 1)))
        S: a BAD [UIDREQUIRED] Only uids: UIDONLY is on.
        C: b STATUS INBOX (MESSAGES)
        S: * STATUS INBOX (MESSAGES 2)
        S: b OK Done.
        C: c SELECT INBOX (QRESYNC (@ 2))
        S: * OK [CLOSED] The mailbox before is closed.
        S: * FLAGS (<any>)
        S: * 2 EXISTS
        S: * 0 RECENT
        S: * OK [PERMANENTFLAGS (<any>)] Kept.
        S: * OK [UIDNEXT 3] Next uid.
        S: * OK [UIDVALIDITY <n>] Uids valid.
        S: * OK [HIGHESTMODSEQ 3] So far.
        S: * 2 UIDFETCH (FLAGS () MODSEQ (3))
        S: c OK [READ-WRITE] Here you are.
        """,
    )


def test_partial_of_uid_fetch() -> None:
    """RFC 9394 §3.3, §3.4: the first or the last of those named."""
    with_letters(
        5,
        r"""
        C: x STORE 2 +FLAGS.SILENT (\Deleted)
        S: x OK Done.
        C: y EXPUNGE
        S: * 2 EXPUNGE
        S: y OK Done.
        C: a UID FETCH 1:* (UID) (PARTIAL -1:-2)
        S: * 3 FETCH (UID 4)
        S: * 4 FETCH (UID 5)
        S: a OK That is all.
        C: b UID FETCH 1,3:5 (UID) (PARTIAL 3:2)
        S: * 2 FETCH (UID 3)
        S: * 3 FETCH (UID 4)
        S: b OK That is all.
        C: c UID FETCH 1:* (UID) (PARTIAL 5:9)
        S: c OK That is all.
        C: d UID FETCH 1:* (UID) (PARTIAL 1:2 CHANGEDSINCE 3)
        S: * OK [HIGHESTMODSEQ <n>] Noted.
        S: * 2 FETCH (UID 3 MODSEQ (4))
        S: d OK That is all.
        C: e FETCH 1:* (UID) (PARTIAL 1:2)
        S: e BAD Bad syntax: unknown FETCH modifier.
        C: f UID FETCH 1:* (UID) (PARTIAL 1:-2)
        S: f BAD Bad syntax: <any>
        C: g UID FETCH 1:* (UID) (PARTIAL 0:2)
        S: g BAD Bad syntax: <any>
        """,
    )


def test_uid_batches() -> None:
    """RFC 10022 §3.1: descending ranges of uids; not too small ones."""
    with_letters(
        3,
        """
        C: a UIDBATCHES 500
        S: * UIDBATCHES (TAG "a") 3:1
        S: a OK Done.
        C: b UIDBATCHES 499
        S: b NO [TOOFEW] At least 500.
        # always an answer, if there are no such batches (§3.1.2)
        C: c UIDBATCHES 1000 2:3
        S: * UIDBATCHES (TAG "c")
        S: c OK Done.
        C: d UIDBATCHES
        S: d BAD Bad syntax: missing argument.
        # the oldest goes down to 1, although 1 is gone (§3.1.4)
        C: e STORE 1 +FLAGS.SILENT (\\Deleted)
        S: e OK Done.
        C: f EXPUNGE
        S: * 1 EXPUNGE
        S: f OK Done.
        C: g UIDBATCHES 500 1:1
        S: * UIDBATCHES (TAG "g") 3:1
        S: g OK Done.
        C: h UIDBATCHES 500 3:2
        S: h BAD [CLIENTBUG] Bad syntax: the first batch is the lower one.
        C: i UIDBATCHES 0
        S: i BAD [CLIENTBUG] Bad syntax: a batch is not zero.
        C: j UIDBATCHES 500 0:2
        S: j BAD [CLIENTBUG] Bad syntax: a batch is not zero.
        C: k UIDBATCHES 500 1:0
        S: k BAD [CLIENTBUG] <any>
        C: l UIDBATCHES 500 1:
        S: l BAD Bad syntax: <any>
        C: m UIDBATCHES 500 1:2 x
        S: m BAD Bad syntax: <any>
        """,
    )


def test_many_uid_batches() -> None:
    """Several batches: all, some, and those beyond the last (RFC 10022 §3.1.5)."""
    letters = "\n".join(
        f"C: l{n} APPEND INBOX {{1+}}\nC: x\nS: l{n} OK <any>" for n in range(1, 1203)
    )
    play(
        letters
        + """
        C: s EXAMINE INBOX
        S: <all>s OK <any>
        C: A143 UIDBATCHES 500
        S: * UIDBATCHES (TAG "A143") 1202:703,702:203,202:1
        S: A143 OK Done.
        C: A302 UIDBATCHES 600 1:2
        S: * UIDBATCHES (TAG "A302") 1202:603,602:3
        S: A302 OK Done.
        C: A303 UIDBATCHES 600 2:5
        S: * UIDBATCHES (TAG "A303") 602:3,2:1
        S: A303 OK Done.
        C: e ENABLE UIDONLY
        S: * ENABLED UIDONLY
        S: e OK Done.
        C: A304 UIDBATCHES 2000
        S: * UIDBATCHES (TAG "A304") 1202:1
        S: A304 OK Done.
        """
    )
