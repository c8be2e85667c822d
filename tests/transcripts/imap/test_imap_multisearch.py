# ruff: noqa: E501 - lines as they are on the wire
"""MULTISEARCH: the ESEARCH command (RFC 7377)."""

from tests.transcripts.imap.imap_play import play
from tests.transcripts.imap.mailbox_play import appended, letter, selecting

BOXES = "".join(
    f"C: c{n} CREATE {name}\nS: c{n} OK <any>\n"
    for n, name in enumerate(
        [
            "folder1",
            "folder2",
            "folder2/banana",
            "folder2/banana/green",
            "folder2/peach",
            "other",
        ]
    )
)
LETTERS = BOXES + "".join(
    appended(letter("chad"), letter("other"), mailbox=name)
    for name in ["INBOX", "folder1", "folder2/banana", "folder2/banana/green", "other"]
)


def test_sources() -> None:
    """One ESEARCH for each mailbox in which something matches (RFC 7377 §2.1, §2.2)."""
    play(
        LETTERS
        + r"""
        C: tag1 ESEARCH IN (mailboxes "folder1" subtree "folder2") unseen
        S: * ESEARCH (TAG "tag1" MAILBOX folder1 UIDVALIDITY <n>) UID ALL 1:2
        S: * ESEARCH (TAG "tag1" MAILBOX folder2/banana UIDVALIDITY <n>) UID ALL 1:2
        S: * ESEARCH (TAG "tag1" MAILBOX folder2/banana/green UIDVALIDITY <n>) UID ALL 1:2
        S: tag1 OK That is all.
        C: tag2 ESEARCH IN (mailboxes (folder1 nosuch) subtree-one "folder2") subject "chad"
        S: * ESEARCH (TAG "tag2" MAILBOX folder1 UIDVALIDITY <n>) UID ALL 1
        S: * ESEARCH (TAG "tag2" MAILBOX folder2/banana UIDVALIDITY <n>) UID ALL 1
        S: tag2 OK That is all.
        C: tag3 ESEARCH IN (personal) RETURN (COUNT MIN) SUBJECT other 2
        S: * ESEARCH (TAG "tag3" MAILBOX INBOX UIDVALIDITY <n>) UID MIN 2 COUNT 1
        S: * ESEARCH (TAG "tag3" MAILBOX folder1 UIDVALIDITY <n>) UID MIN 2 COUNT 1
        S: * ESEARCH (TAG "tag3" MAILBOX folder2/banana UIDVALIDITY <n>) UID MIN 2 COUNT 1
        S: * ESEARCH (TAG "tag3" MAILBOX folder2/banana/green UIDVALIDITY <n>) UID MIN 2 COUNT 1
        S: * ESEARCH (TAG "tag3" MAILBOX other UIDVALIDITY <n>) UID MIN 2 COUNT 1
        S: tag3 OK That is all.
        C: tag4 ESEARCH IN (inboxes) RETURN (COUNT) DELETED
        S: tag4 OK That is all.
        C: u SUBSCRIBE folder1
        S: u OK <any>
        C: tag5 ESEARCH IN (subscribed) RETURN (PARTIAL -1:-1) ALL
        S: <all>* ESEARCH (TAG "tag5" MAILBOX folder1 UIDVALIDITY <n>) UID PARTIAL (-1:-1 2)
        S: <all>tag5 OK That is all.
        C: tag6 ESEARCH IN (selected) ALL
        S: tag6 BAD No mailbox is selected.
        C: tag7 ESEARCH ALL
        S: tag7 BAD No mailbox is selected.
        C: tag8 ESEARCH IN (selected-delayed) ALL
        S: tag8 BAD <any>
        C: tag9 ESEARCH IN (personal) RETURN (SAVE) ALL
        S: tag9 BAD <any>
        C: tag10 ESEARCH IN (personal) RETURN (UPDATE) ALL
        S: tag10 BAD <any>
        C: tag11 ESEARCH IN (personal (x y)) ALL
        S: tag11 BAD <any>
        """
    )


def test_the_selected_mailbox() -> None:
    """It is what is meant where no source is named (RFC 7377 §2.2)."""
    play(
        LETTERS
        + selecting()
        + r"""
        C: a ESEARCH SUBJECT chad
        S: * ESEARCH (TAG "a" MAILBOX INBOX UIDVALIDITY <n>) UID ALL 1
        S: a OK That is all.
        C: b ESEARCH IN (selected mailboxes INBOX mailboxes other) RETURN () SUBJECT chad
        S: * ESEARCH (TAG "b" MAILBOX INBOX UIDVALIDITY <n>) UID ALL 1
        S: * ESEARCH (TAG "b" MAILBOX other UIDVALIDITY <n>) UID ALL 1
        S: b OK That is all.
        C: c ESEARCH RETURN (SAVE UPDATE COUNT) SUBJECT other
        S: * ESEARCH (TAG "c" MAILBOX INBOX UIDVALIDITY <n>) UID COUNT 1
        S: c OK That is all.
        C: d SEARCH $
        S: * SEARCH 2
        S: d OK That is all.
        C: e STORE 2 +FLAGS.SILENT (\Deleted)
        S: e OK Done.
        C: f EXPUNGE
        S: * ESEARCH (TAG "c" MAILBOX INBOX UIDVALIDITY <n>) UID REMOVEFROM (0 2)
        S: * 2 EXPUNGE
        S: f OK Done.
        C: g ESEARCH IN (mailboxes other) $
        S: g OK That is all.
        """
    )


def test_mailboxes_of_others() -> None:
    """What may be read is searched, the rest is passed over (RFC 7377 §2.2)."""
    play(
        LETTERS
        + r"""
        C: a SETACL folder1 lee@example.test lr
        S: a OK Done.
        C: b SETACL folder2/banana lee@example.test l
        S: b OK Done.
        C: c SETACL other lee@example.test r
        S: c OK Done.
        Clee: d ESEARCH IN (mailboxes (user/kim@example.test/folder1 user/kim@example.test/folder2/banana user/kim@example.test/INBOX user/kim@example.test/other)) SUBJECT chad
        Slee: * ESEARCH (TAG "d" MAILBOX user/kim@example.test/folder1 UIDVALIDITY <n>) UID ALL 1
        Slee: * ESEARCH (TAG "d" MAILBOX user/kim@example.test/other UIDVALIDITY <n>) UID ALL 1
        Slee: d OK That is all.
        Clee: e ESEARCH IN (subtree user/kim@example.test) SUBJECT chad
        Slee: * ESEARCH (TAG "e" MAILBOX user/kim@example.test/folder1 UIDVALIDITY <n>) UID ALL 1
        Slee: e OK That is all.
        Clee: f ESEARCH IN (personal) ALL
        Slee: f OK That is all.
        Clee: g SELECT user/kim@example.test/folder1
        Slee: <all>g OK <any>
        Clee: h ESEARCH IN (selected mailboxes user/kim@example.test/folder1) SUBJECT chad
        Slee: * ESEARCH (TAG "h" MAILBOX user/kim@example.test/folder1 UIDVALIDITY <n>) UID ALL 1
        Slee: h OK That is all.
        """,
        accounts=["lee"],
    )
