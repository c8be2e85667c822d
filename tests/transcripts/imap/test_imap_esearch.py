# ruff: noqa: E501 - lines as they are on the wire
"""ESEARCH (RFC 4731), SEARCHRES (RFC 5182), WITHIN (RFC 5032), PARTIAL (RFC 9394)."""

from tests.transcripts.imap.imap_play import play
from tests.transcripts.imap.mailbox_play import (
    appended,
    letter,
    selecting,
    with_letters,
)

FOUR = [
    letter("one"),
    letter("two", sender="Smith <smith@example.test>"),
    letter("three"),
    letter("four"),
]


def test_return_options() -> None:
    """MIN, MAX, ALL, COUNT; nothing found leaves out MIN, MAX and ALL (RFC 4731 §3.1)."""
    with_letters(
        FOUR,
        r"""
        C: A282 SEARCH RETURN (MIN COUNT) NOT FROM "Smith"
        S: * ESEARCH (TAG "A282") MIN 1 COUNT 3
        S: A282 OK That is all.
        C: A283 SEARCH RETURN () NOT FROM "Smith"
        S: * ESEARCH (TAG "A283") ALL 1,3:4
        S: A283 OK That is all.
        C: A285 UID SEARCH RETURN (MIN MAX) 1:5000
        S: * ESEARCH (TAG "A285") UID MIN 1 MAX 4
        S: A285 OK That is all.
        C: A286 SEARCH RETURN (COUNT) DELETED
        S: * ESEARCH (TAG "A286") COUNT 0
        S: A286 OK That is all.
        C: A287 SEARCH RETURN (MIN MAX ALL) DELETED
        S: * ESEARCH (TAG "A287")
        S: A287 OK That is all.
        C: b SEARCH RETURN (NOSUCH) ALL
        S: b BAD Bad syntax: unknown return option.
        C: c SEARCH RETURN (ALL) CHARSET UTF-8 SUBJECT "two"
        S: * ESEARCH (TAG "c") ALL 2
        S: c OK That is all.
        C: d SEARCH RETURN ALL
        S: d BAD <any>
        C: e SEARCH RETURN (ALL) CHARSET NOSUCH ALL
        S: e NO [BADCHARSET (UTF-8 US-ASCII)] Unknown charset.
        """,
    )


def test_saved_results() -> None:
    """ "$" stands where a set can stand (RFC 5182 §2.1, examples 1 to 6)."""
    with_letters(
        FOUR,
        r"""
        C: z FETCH $ UID
        S: z OK That is all.
        C: A282 SEARCH RETURN (SAVE) NOT FROM "Smith"
        S: A282 OK That is all.
        C: A283 FETCH $ UID
        S: * 1 FETCH (UID 1)
        S: * 3 FETCH (UID 3)
        S: * 4 FETCH (UID 4)
        S: A283 OK That is all.
        C: A301 UID SEARCH UID $ NOT SUBJECT three
        S: * SEARCH 1 4
        S: A301 OK That is all.
        C: A302 UID SEARCH $ SUBJECT three
        S: * SEARCH 3
        S: A302 OK That is all.
        C: P283 SEARCH (OR $ 1:2,3000:3021) LARGER 1
        S: * SEARCH 1 2 3 4
        S: P283 OK That is all.
        C: f UID STORE $ +FLAGS.SILENT (\Deleted)
        S: f OK Done.
        C: g SEARCH RETURN (SAVE) KEYWORD nosuch
        S: g OK That is all.
        C: h COPY $ INBOX
        S: h OK Nothing to do.
        C: i SEARCH RETURN (SAVE) $
        S: i OK That is all.
        C: j SEARCH $,1
        S: j BAD <any>
        C: k FETCH 1,$ UID
        S: k BAD <any>
        """,
    )


def test_saved_results_and_errors() -> None:
    """NO empties "$" where it was to be saved, BAD and others leave it (RFC 5182 §2.1)."""
    with_letters(
        FOUR,
        r"""
        C: a SEARCH RETURN (SAVE) 2:3
        S: a OK That is all.
        C: b SEARCH RETURN (SAVE NOSUCH) 4
        S: b BAD <any>
        C: c SEARCH CHARSET NOSUCH TEXT x
        S: c NO <any>
        C: d SEARCH 4
        S: * SEARCH 4
        S: d OK That is all.
        C: e SEARCH $
        S: * SEARCH 2 3
        S: e OK That is all.
        C: f SEARCH RETURN (SAVE) CHARSET NOSUCH (OR $ 1)
        S: f NO [BADCHARSET (UTF-8 US-ASCII)] Unknown charset.
        C: g SEARCH $
        S: * SEARCH
        S: g OK That is all.
        """,
    )


def test_what_is_saved_depends_on_what_is_returned() -> None:
    """The tables of RFC 5182 §2.4 and RFC 9394 §3.2."""
    with_letters(
        FOUR,
        r"""
        C: a SEARCH RETURN (SAVE MIN) ALL
        S: * ESEARCH (TAG "a") MIN 1
        S: a OK That is all.
        C: aa SEARCH $
        S: * SEARCH 1
        S: aa OK That is all.
        C: b SEARCH RETURN (MAX SAVE MIN) ALL
        S: * ESEARCH (TAG "b") MIN 1 MAX 4
        S: b OK That is all.
        C: bb SEARCH $
        S: * SEARCH 1 4
        S: bb OK That is all.
        C: c SEARCH RETURN (MAX SAVE MIN COUNT) 2:4
        S: * ESEARCH (TAG "c") MIN 2 MAX 4 COUNT 3
        S: c OK That is all.
        C: cc SEARCH $
        S: * SEARCH 2 3 4
        S: cc OK That is all.
        C: d SEARCH RETURN (SAVE PARTIAL 2:3) ALL
        S: * ESEARCH (TAG "d") PARTIAL (2:3 2:3)
        S: d OK That is all.
        C: dd SEARCH $
        S: * SEARCH 2 3
        S: dd OK That is all.
        C: e SEARCH RETURN (SAVE PARTIAL -1:-1 MIN) ALL
        S: * ESEARCH (TAG "e") MIN 1 PARTIAL (-1:-1 4)
        S: e OK That is all.
        C: ee SEARCH $
        S: * SEARCH 1 4
        S: ee OK That is all.
        C: f SEARCH RETURN (SAVE PARTIAL 1:1 COUNT) ALL
        S: * ESEARCH (TAG "f") COUNT 4 PARTIAL (1:1 1)
        S: f OK That is all.
        C: ff SEARCH $
        S: * SEARCH 1 2 3 4
        S: ff OK That is all.
        """,
    )


def test_saved_results_follow_expunges() -> None:
    """What is expunged leaves "$", also by another session (RFC 5182 §2.1)."""
    with_letters(
        FOUR,
        r"""
        C: a UID SEARCH RETURN (SAVE) 2:4
        S: a OK That is all.
        C: b STORE 2 +FLAGS.SILENT (\Deleted)
        S: b OK Done.
        C: c EXPUNGE
        S: * 2 EXPUNGE
        S: c OK Done.
        C: d SEARCH $
        S: * SEARCH 2 3
        S: d OK That is all.
        """
        + selecting("s", "2")
        + r"""
        C2: e STORE 3 +FLAGS.SILENT (\Deleted)
        S2: e OK Done.
        C2: f EXPUNGE
        S2: * 3 EXPUNGE
        S2: f OK Done.
        C: g FETCH $ UID
        S: <all>g OK <any>
        C: h NOOP
        S: <all>h OK <any>
        C: i FETCH $ UID
        S: * 2 FETCH (UID 3)
        S: i OK That is all.
        """
        + selecting("t")
        + r"""
        C: j SEARCH $
        S: * SEARCH
        S: j OK That is all.
        """,
    )


def test_partial() -> None:
    """Windows of a result, from both ends (RFC 9394 §3.1, RFC 5267 §4.4)."""
    with_letters(
        FOUR,
        r"""
        C: A01 UID SEARCH RETURN (PARTIAL -1:-2) UNDELETED
        S: * ESEARCH (TAG "A01") UID PARTIAL (-1:-2 3:4)
        S: A01 OK That is all.
        C: A02 UID SEARCH RETURN (PARTIAL 3:500) UNDELETED
        S: * ESEARCH (TAG "A02") UID PARTIAL (3:500 3:4)
        S: A02 OK That is all.
        C: A03 UID SEARCH RETURN (PARTIAL 2:1) UNDELETED
        S: * ESEARCH (TAG "A03") UID PARTIAL (2:1 1:2)
        S: A03 OK That is all.
        C: A04 UID SEARCH RETURN (PARTIAL 24000:24500) UNDELETED
        S: * ESEARCH (TAG "A04") UID PARTIAL (24000:24500 NIL)
        S: A04 OK That is all.
        C: A05 UID SEARCH RETURN (PARTIAL -9:-3) UNDELETED
        S: * ESEARCH (TAG "A05") UID PARTIAL (-9:-3 1:2)
        S: A05 OK That is all.
        C: A06 SEARCH RETURN (PARTIAL 1:2 ALL) UNDELETED
        S: A06 BAD Bad syntax: PARTIAL together with ALL.
        C: A07 SEARCH RETURN (PARTIAL 1:2 PARTIAL 3:4) UNDELETED
        S: A07 BAD Bad syntax: PARTIAL twice.
        C: A08 SEARCH RETURN (PARTIAL 1:-2) UNDELETED
        S: A08 BAD <any>
        C: A09 SEARCH RETURN (PARTIAL 0:2) UNDELETED
        S: A09 BAD <any>
        C: A10 SEARCH RETURN (PARTIAL 1:*) UNDELETED
        S: A10 BAD <any>
        """,
    )


def test_within() -> None:
    """OLDER and YOUNGER, both with the moment itself (RFC 5032 §2)."""
    # the stage's clock stands at 14-Nov-2023 22:13:20 +0000
    play(
        appended(letter("now"))
        + appended(
            letter("an hour ago"), arguments='"14-Nov-2023 21:13:20 +0000" ', name="m"
        )
        + appended(
            letter("long ago"), arguments='"14-Nov-2003 21:13:20 +0000" ', name="n"
        )
        + selecting()
        + r"""
        C: a1 SEARCH UNSEEN YOUNGER 3600
        S: * SEARCH 1 2
        S: a1 OK That is all.
        C: a2 SEARCH YOUNGER 3599
        S: * SEARCH 1
        S: a2 OK That is all.
        C: a3 SEARCH OLDER 3600
        S: * SEARCH 2 3
        S: a3 OK That is all.
        C: a4 SEARCH OLDER 3601
        S: * SEARCH 3
        S: a4 OK That is all.
        C: a5 SEARCH YOUNGER 0
        S: a5 BAD <any>
        """
    )


def test_mod_seq() -> None:
    """MODSEQ as key, and told with what is found (RFC 7162 §3.1.5, RFC 4731 §3.2)."""
    with_letters(
        FOUR,
        r"""
        C: a SEARCH MODSEQ 1
        S: <all>* SEARCH 1 2 3 4 (MODSEQ <n>)
        S: a OK That is all.
        C: b SEARCH MODSEQ "/flags/\\draft" all 620162338
        S: * SEARCH
        S: b OK That is all.
        C: c SEARCH RETURN (ALL) MODSEQ 1
        S: * ESEARCH (TAG "c") ALL 1:4 MODSEQ <n>
        S: c OK That is all.
        C: d SEARCH RETURN (ALL) MODSEQ 9999
        S: * ESEARCH (TAG "d")
        S: d OK That is all.
        C: e SORT RETURN (MIN) (SUBJECT) UTF-8 MODSEQ 1
        S: * ESEARCH (TAG "e") MIN 4 MODSEQ <n>
        S: e OK That is all.
        C: f SORT (SUBJECT) UTF-8 OR NOT MODSEQ 720162338 LARGER 50000
        S: * SORT 4 1 3 2 (MODSEQ <n>)
        S: f OK That is all.
        C: g SEARCH MODSEQ "/flags/x" nosuch 1
        S: g BAD <any>
        """,
    )


def test_imap4rev2_and_others_turned_on() -> None:
    """ESEARCH answers SEARCH (RFC 9051 §6.4.4); no numbers in keys (RFC 9586 §3)."""
    with_letters(
        FOUR,
        r"""
        C: a SEARCH MODSEQ 1
        S: * OK [HIGHESTMODSEQ <n>] Noted.
        S: * SEARCH 1 2 3 4 (MODSEQ <n>)
        S: a OK That is all.
        C: b ENABLE IMAP4rev2
        S: <all>b OK <any>
        C: c SEARCH SUBJECT two
        S: * ESEARCH (TAG "c") ALL 2
        S: c OK That is all.
        C: d UID SEARCH SUBJECT nosuch
        S: * ESEARCH (TAG "d") UID
        S: d OK That is all.
        C: e SEARCH RETURN (SAVE) SUBJECT three
        S: e OK That is all.
        C: f ENABLE UIDONLY
        S: <all>f OK <any>
        C: g UID SEARCH 1:2
        S: g BAD [UIDREQUIRED] <any>
        C: h SEARCH ALL
        S: h BAD [UIDREQUIRED] <any>
        C: i UID SEARCH OR $ UID 1
        S: * ESEARCH (TAG "i") UID ALL 1,3
        S: i OK That is all.
        C: j SORT (DATE) UTF-8 ALL
        S: j BAD [UIDREQUIRED] <any>
        """,
    )
