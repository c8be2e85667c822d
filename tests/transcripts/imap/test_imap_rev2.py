# ruff: noqa: E501 - lines as they are on the wire
"""IMAP4rev2 (RFC 9051), after ENABLE; the same server speaks IMAP4rev1."""

from tests.transcripts.imap.imap_play import LETTER, play
from tests.transcripts.imap.test_imap_selected import append


def test_select_and_search() -> None:
    r"""RFC 9051 §6.3.2, §6.4.4: LIST, no RECENT, no \Recent, ESEARCH."""
    play(
        append("l", LETTER)
        + r"""
        C: e ENABLE IMAP4rev2
        S: * ENABLED IMAP4rev2
        S: e OK Done.
        C: a SELECT inbox
        S: * FLAGS (<any>)
        S: * 1 EXISTS
        S: * OK [PERMANENTFLAGS (<any>)] Kept.
        S: * OK [UIDNEXT 2] Next uid.
        S: * OK [UIDVALIDITY <n>] Uids valid.
        S: * LIST () "/" INBOX
        S: a OK [READ-WRITE] Here you are.
        C: b FETCH 1 FLAGS
        S: * 1 FETCH (FLAGS ())
        S: b OK That is all.
        C: c SEARCH ALL
        S: * ESEARCH (TAG "c") ALL 1
        S: c OK That is all.
        C: d UID SEARCH SEEN
        S: * ESEARCH (TAG "d") UID
        S: d OK That is all.
        """
        + append("f", LETTER).replace("S: f OK", "S: * 2 EXISTS\n        S: f OK")
    )


def test_names_are_utf8() -> None:
    """RFC 9051 §5.1: no modified UTF-7; a name of another form has OLDNAME (§6.3.9.7)."""
    play(
        """
        C: e ENABLE IMAP4rev2
        S: * ENABLED IMAP4rev2
        S: e OK Done.
        C: a CREATE "편지"
        S: a OK <any>
        C: c EXAMINE "편지"
        S: * FLAGS (<any>)
        S: * 0 EXISTS
        S: * OK [PERMANENTFLAGS ()] Read-only.
        S: * OK [UIDNEXT 1] Next uid.
        S: * OK [UIDVALIDITY <n>] Uids valid.
        S: * LIST () "/" "편지"
        S: c OK [READ-ONLY] Here you are.
        C: d CREATE "a&-b"
        S: d OK <any>
        C: f EXAMINE "a&-b"
        S: * OK [CLOSED] The mailbox before is closed.
        S: * FLAGS (<any>)
        S: * 0 EXISTS
        S: * OK [PERMANENTFLAGS ()] Read-only.
        S: * OK [UIDNEXT 1] Next uid.
        S: * OK [UIDVALIDITY <n>] Uids valid.
        S: * LIST () "/" a&-b
        S: f OK [READ-ONLY] Here you are.
        C: g EXAMINE "a\u0308"
        S: * OK [CLOSED] The mailbox before is closed.
        S: g NO [NONEXISTENT] No such mailbox.
        C: h CREATE "a\u0308"
        S: * LIST () "/" "ä" ("OLDNAME" ("a\u0308"))
        S: h OK <any>
        C: k CREATE "o\u0308"
        S: * LIST () "/" "ö" ("OLDNAME" ("o\u0308"))
        S: k OK <any>
        C: l RENAME "ö" "u\u0308"
        S: * LIST () "/" "ü" ("OLDNAME" ("u\u0308"))
        S: l OK <any>
        C: i EXAMINE "a\u0308"
        S: * FLAGS (<any>)
        S: * 0 EXISTS
        S: * OK [PERMANENTFLAGS ()] Read-only.
        S: * OK [UIDNEXT 1] Next uid.
        S: * OK [UIDVALIDITY <n>] Uids valid.
        S: * LIST () "/" "ä" ("OLDNAME" ("a\u0308"))
        S: i OK [READ-ONLY] Here you are.
        """
    )
