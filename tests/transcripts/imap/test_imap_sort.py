# ruff: noqa: E501 - lines as they are on the wire
"""SORT and THREAD (RFC 5256), ESORT (RFC 5267 §3), SORT=DISPLAY (RFC 5957)."""

from tests.transcripts.imap.imap_play import play
from tests.transcripts.imap.mailbox_play import (
    appended,
    letter,
    selecting,
    with_letters,
)

FIVE = [
    letter(
        "Re: zebra",
        date="Wed, 17 Jul 1996 02:23:25 -0700",
        sender="Zed <beta@example.test>",
        to="x@example.test",
    ),
    letter(
        "apple",
        date="Wed, 17 Jul 1996 09:23:24 +0000",
        sender="Anna <gamma@example.test>",
        to="Y <b@example.test>",
        body="longer " * 9,
    ),
    letter(
        "[list] Fwd: Zebra (fwd)",
        date="Thu, 18 Jul 1996 00:00:00 +0000",
        sender="alpha@example.test",
        to="a@example.test",
    ),
    letter(
        "",
        date="",
        sender='"=?utf-8?B?7Y647KeA?=" <delta@example.test>',
        to="undisclosed-recipients:;",
    ),
    letter(
        "=?utf-8?Q?=C3=89clair?=",
        date="Mon, 1 Jan 1990 00:00:00 +0000",
        sender="beta@example.test",
        more="Cc: q@example.test",
        to="x@example.test",
    ),
]


def test_sort() -> None:
    """Each criterion, REVERSE, several, and the order of the mailbox last (RFC 5256 §3)."""
    with_letters(
        FIVE,
        r"""
        C: A282 SORT (SUBJECT) UTF-8 ALL
        S: * SORT 4 2 5 1 3
        S: A282 OK That is all.
        C: A283 SORT (SUBJECT REVERSE DATE) UTF-8 ALL
        S: * SORT 4 2 5 3 1
        S: A283 OK That is all.
        C: A284 SORT (SUBJECT) US-ASCII TEXT "not in mailbox"
        S: * SORT
        S: A284 OK That is all.
        # number 2 was sent a second before number 1, number 4 has only its internal date
        C: a SORT (DATE) UTF-8 ALL
        S: * SORT 5 2 1 3 4
        S: a OK That is all.
        C: b UID SORT (REVERSE SUBJECT) UTF-8 ALL
        S: * SORT 1 3 5 2 4
        S: b OK That is all.
        C: c SORT (FROM) UTF-8 ALL
        S: * SORT 3 1 5 4 2
        S: c OK That is all.
        C: d SORT (REVERSE FROM ARRIVAL) UTF-8 ALL
        S: * SORT 2 4 1 5 3
        S: d OK That is all.
        C: e SORT (TO) UTF-8 ALL
        S: * SORT 3 2 4 1 5
        S: e OK That is all.
        C: f SORT (CC) UTF-8 1:2,5
        S: * SORT 1 2 5
        S: f OK That is all.
        C: g SORT (REVERSE SIZE) UTF-8 OR 2 4
        S: * SORT 2 4
        S: g OK That is all.
        C: h SORT (DISPLAYFROM) UTF-8 ALL
        S: * SORT 3 2 5 1 4
        S: h OK That is all.
        C: i SORT (DISPLAYTO) UTF-8 NOT 4
        S: * SORT 3 1 5 2
        S: i OK That is all.
        C: j SORT (NOSUCH) UTF-8 ALL
        S: j BAD Bad syntax: unknown sort criterion.
        C: k SORT (DATE) NOSUCH ALL
        S: k NO [BADCHARSET (UTF-8 US-ASCII)] Unknown charset.
        C: l SORT () UTF-8 ALL
        S: l BAD <any>
        C: m SORT (DATE) "utf-8" NOT 1:4
        S: * SORT 5
        S: m OK That is all.
        """,
    )


def test_extended_sort() -> None:
    """RETURN: results in the order asked for, ranges only upwards (RFC 5267 §3)."""
    with_letters(
        FIVE,
        r"""
        C: E01 UID SORT RETURN () (REVERSE DATE) UTF-8 UNDELETED
        S: * ESEARCH (TAG "E01") UID ALL 4,3,1:2,5
        S: E01 OK That is all.
        C: E02 SORT RETURN (MIN MAX COUNT) (DATE) UTF-8 ALL
        S: * ESEARCH (TAG "E02") MIN 5 MAX 4 COUNT 5
        S: E02 OK That is all.
        C: E03 SORT RETURN (PARTIAL 2:3) (DATE) UTF-8 ALL
        S: * ESEARCH (TAG "E03") PARTIAL (2:3 2,1)
        S: E03 OK That is all.
        C: E04 SORT RETURN (PARTIAL -1:-2) (DATE) UTF-8 ALL
        S: * ESEARCH (TAG "E04") PARTIAL (-1:-2 3:4)
        S: E04 OK That is all.
        C: E05 SORT RETURN (SAVE MIN) (DATE) UTF-8 ALL
        S: * ESEARCH (TAG "E05") MIN 5
        S: E05 OK That is all.
        C: E06 SEARCH $
        S: * SEARCH 5
        S: E06 OK That is all.
        """,
    )


def test_ordered_subject() -> None:
    """ORDEREDSUBJECT: base subjects, then dates; no grandchildren (RFC 5256 §3)."""
    with_letters(
        [
            letter("b", date="Wed, 3 Jul 1996 00:00:00 +0000"),
            letter("a", date="Thu, 4 Jul 1996 00:00:00 +0000"),
            letter("Re: b", date="Tue, 2 Jul 1996 00:00:00 +0000"),
            letter("Re: Re: B (fwd)", date="Fri, 5 Jul 1996 00:00:00 +0000"),
            letter("fw: A", date="Fri, 5 Jul 1996 00:00:00 +0000"),
            letter("c", date="Mon, 1 Jul 1996 00:00:00 +0000"),
        ],
        r"""
        C: A283 THREAD ORDEREDSUBJECT UTF-8 ALL
        S: * THREAD (6)(3 (1)(4))(2 5)
        S: A283 OK That is all.
        C: A284 THREAD ORDEREDSUBJECT US-ASCII TEXT "gewp"
        S: * THREAD
        S: A284 OK That is all.
        C: A285 UID THREAD ORDEREDSUBJECT US-ASCII SUBJECT a
        S: * THREAD (2 5)
        S: A285 OK That is all.
        C: A286 THREAD NOSUCH UTF-8 ALL
        S: A286 BAD Bad syntax: unknown algorithm.
        C: A287 THREAD REFERENCES NOSUCH ALL
        S: A287 NO [BADCHARSET (UTF-8 US-ASCII)] Unknown charset.
        """,
    )


def day(
    day: int, subject: str, own: str = "", refers: str = "", reply: str = ""
) -> str:
    """A letter of a day in July 1996."""
    more = [f"Message-ID: <{own}@x>"] if own else []
    if refers:
        more.append("References: " + " ".join(f"<{one}@x>" for one in refers.split()))
    if reply:
        more.append("In-Reply-To: " + reply)
    return letter(subject, date=f"{day} Jul 1996 00:00:00 +0000", more="\n".join(more))


def test_references() -> None:
    """REFERENCES: parents, missing parents, subjects (RFC 5256 §3)."""
    with_letters(
        [
            day(1, "one", "a"),
            day(3, "Re: one", "c", "a b"),  # b is not there
            day(2, "Re: one", "d", "a"),
            day(4, "Re: one", "e", "a b c"),
            day(5, "two", "f", "lost"),
            day(6, "three", "g", "lost"),  # siblings below a missing parent
            day(7, "Re: three", "h", "", "<g@x> of yesterday, <a@x>"),
            day(8, "four", "i"),
            day(9, "Re: four", "j"),  # joined by its subject alone
            day(10, "five", "", "a d"),
            day(11, "four", "k"),  # neither is a reply: siblings
        ],
        r"""
        C: a THREAD REFERENCES UTF-8 ALL
        S: * THREAD (1 (3 10)(2 4))((5)(6 7))((8 9)(11))
        S: a OK That is all.
        C: b UID THREAD REFERENCES UTF-8 NOT 1
        S: * THREAD ((3 10)(2 4))((5)(6 7))((8 9)(11))
        S: b OK That is all.
        """,
    )


def test_threads_again() -> None:
    """The same question again, and after the mailbox has changed (RFC 5256 §3)."""
    more = day(4, "Re: one", "d", "b").encode()
    with_letters(
        [day(1, "one", "a"), day(2, "Re: one", "b", "a"), day(3, "two", "c")],
        rf"""
        C: a THREAD REFERENCES UTF-8 ALL
        S: * THREAD (1 2)(3)
        S: a OK That is all.
        C: b THREAD REFERENCES UTF-8 ALL
        S: * THREAD (1 2)(3)
        S: b OK That is all.
        C: c THREAD REFS UTF-8 ALL
        S: * THREAD (1 2)(3)
        S: c OK That is all.
        C: d THREAD REFERENCES UTF-8 NOT SUBJECT two
        S: * THREAD (1 2)
        S: d OK That is all.
        C: e STORE 1 +FLAGS.SILENT (\Deleted)
        S: e OK <any>
        C: f EXPUNGE
        S: * 1 EXPUNGE
        S: f OK <any>
        C: g THREAD REFERENCES UTF-8 ALL
        S: * THREAD (1)(2)
        S: g OK That is all.
        C: h UID THREAD REFERENCES UTF-8 ALL
        S: * THREAD (2)(3)
        S: h OK That is all.
        C: i APPEND INBOX {{{len(more)}+}}
        {"".join(f"C: {line}{chr(10)}        " for line in more.decode().split(chr(13) + chr(10)))}
        S: * 3 EXISTS
        S: * 3 RECENT
        S: i OK <any>
        C: j THREAD REFERENCES UTF-8 ALL
        S: * THREAD (1 3)(2)
        S: j OK That is all.
        C: k UID THREAD REFERENCES UTF-8 ALL
        S: * THREAD (2 4)(3)
        S: k OK That is all.
        """,
    )


def test_refs() -> None:
    """REFS: the thread with the latest arrival comes last; subjects join nothing."""
    first = '"01-Jul-1996 00:00:00 +0000" '
    last = '"09-Jul-1996 00:00:00 +0000" '
    play(
        appended(day(9, "one", "a"), day(8, "one", "b"), arguments=first)
        + appended(day(1, "Re: one", "c", "a"), arguments=last, name="m")
        + selecting()
        + r"""
        C: a THREAD REFS UTF-8 ALL
        S: * THREAD (2)(1 3)
        S: a OK That is all.
        C: b THREAD REFERENCES UTF-8 ALL
        S: * THREAD ((2)(1 3))
        S: b OK That is all.
        """
    )


def test_ids_that_are_twice_quoted_or_missing() -> None:
    """The first of equal ids counts; quoting does not (RFC 5256 §3, step 1.A)."""
    with_letters(
        [
            letter("a", more="Message-ID: <one@x>"),
            letter("b", more="Message-ID: <one@x>"),
            letter("c", more='References: <"one"@x>'),
            letter("d", more="Message-ID: <loop1@x>\nReferences: <loop2@x>"),
            letter("e", more="Message-ID: <loop2@x>\nReferences: <loop1@x>"),
            letter("f", more="Message-ID: <self@x>\nReferences: <self@x>"),
        ],
        r"""
        C: a THREAD REFERENCES UTF-8 ALL
        S: * THREAD (1 3)(2)(5 4)(6)
        S: a OK That is all.
        """,
    )
