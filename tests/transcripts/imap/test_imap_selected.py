# ruff: noqa: E501 - lines as they are on the wire
"""With a mailbox selected: the dialogues of RFC 3501 §6.4, and two sessions."""

from tests.transcripts.imap.imap_play import LETTER, PARTED, play

FLAGS = r"(\Seen \Answered \Flagged \Deleted \Draft $Forwarded $Junk $MDNSent $NotJunk)"
PERMANENT = r"(\Seen \Answered \Flagged \Deleted \Draft \*)"


def append(tag: str, octets: bytes, arguments: str = "") -> str:
    lines = octets.decode("ascii").split("\r\n")
    return "\n".join(
        [
            f"C: {tag} APPEND INBOX {arguments}{{{len(octets)}+}}",
            *(f"C: {line}" for line in lines),
            f"S: {tag} OK [APPENDUID <n> <n>] Kept.",
        ]
    )


SELECT = rf"""
    S: * FLAGS {FLAGS}
    S: * <n> EXISTS
    S: * <n> RECENT
"""
REST = """
    S: * OK [UIDNEXT <n>] Next uid.
    S: * OK [UIDVALIDITY <n>] Uids valid.
    S: s OK [READ-WRITE] Here you are.
"""


def with_letters(count: int, script: str, *, unseen: int | None = 1) -> None:
    """Play a script in an INBOX with some letters, selected by the first client."""
    letters = "\n".join(append(f"l{n}", LETTER) for n in range(count))
    told = f"S: * OK [UNSEEN {unseen}] First unseen." if count and unseen else ""
    permanent = f"S: * OK [PERMANENTFLAGS {PERMANENT}] Kept."
    play(
        letters
        + "\nC: s SELECT INBOX\n"
        + SELECT.replace("<n> EXISTS", f"{count} EXISTS")
        + "\n".join([told, permanent])
        + REST
        + script
    )


def test_select_and_examine() -> None:
    """RFC 3501 §6.3.1, §6.3.2: recent to the first session only (§2.3.2)."""
    play(
        append("a", LETTER)
        + rf"""
        C: A931 EXAMINE inbox
        S: * FLAGS {FLAGS}
        S: * 1 EXISTS
        S: * 1 RECENT
        S: * OK [UNSEEN 1] First unseen.
        S: * OK [PERMANENTFLAGS ()] Read-only.
        S: * OK [UIDNEXT 2] Next uid.
        S: * OK [UIDVALIDITY <n>] Uids valid.
        S: A931 OK [READ-ONLY] Here you are.
        C: b STORE 1 +FLAGS (\Deleted)
        S: b NO [READ-ONLY] The mailbox is read-only.
        C: c EXPUNGE
        S: c NO [READ-ONLY] The mailbox is read-only.
        C: A142 SELECT INBOX
        S: * OK [CLOSED] The mailbox before is closed.
        S: * FLAGS {FLAGS}
        S: * 1 EXISTS
        S: * 1 RECENT
        S: * OK [UNSEEN 1] First unseen.
        S: * OK [PERMANENTFLAGS {PERMANENT}] Kept.
        S: * OK [UIDNEXT 2] Next uid.
        S: * OK [UIDVALIDITY <n>] Uids valid.
        S: A142 OK [READ-WRITE] Here you are.
        C: d FETCH 1 FLAGS
        S: * 1 FETCH (FLAGS (\Recent))
        S: d OK That is all.
        C: e SELECT nosuch
        S: * OK [CLOSED] The mailbox before is closed.
        S: e NO [NONEXISTENT] No such mailbox.
        C: f CHECK
        S: f BAD Not in state 'authenticated'.
        C: g SELECT INBOX
        S: * FLAGS {FLAGS}
        S: * 1 EXISTS
        S: * 0 RECENT
        S: * OK [UNSEEN 1] First unseen.
        S: * OK [PERMANENTFLAGS {PERMANENT}] Kept.
        S: * OK [UIDNEXT 2] Next uid.
        S: * OK [UIDVALIDITY <n>] Uids valid.
        S: g OK [READ-WRITE] Here you are.
        """
    )


def test_fetch() -> None:
    """RFC 3501 §6.4.5, §7.4.2."""
    header = LETTER.index(b"\r\n\r\n") + 4
    with_letters(
        2,
        rf"""
        C: a FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE UID)
        S: * 1 FETCH (FLAGS (\Recent) INTERNALDATE "14-Nov-2023 22:13:20 +0000" RFC822.SIZE {len(LETTER)} UID 1)
        S: a OK That is all.
        C: b FETCH 2 ENVELOPE
        S: * 2 FETCH (ENVELOPE ("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" (("Terry Gray" NIL "gray" "example.test")) (("Terry Gray" NIL "gray" "example.test")) (("Terry Gray" NIL "gray" "example.test")) ((NIL NIL "imap" "example.test")) ((NIL NIL "minutes" "example.test")("John K" NIL "klensin" "example.test")) NIL NIL "<B27397-0100000@example.test>"))
        S: b OK That is all.
        C: c FETCH 1 BODY
        S: * 1 FETCH (BODY ("text" "plain" ("charset" "US-ASCII") NIL NIL "7bit" {len(LETTER) - header} 1))
        S: c OK That is all.
        C: d FETCH 1:2 (BODY.PEEK[HEADER.FIELDS (message-id FROM nosuch)])
        S: * 1 FETCH (BODY[HEADER.FIELDS (message-id FROM nosuch)] {{83}}
        S: From: Terry Gray <gray@example.test>
        S: Message-Id: <B27397-0100000@example.test>
        S:
        S: )
        S: * 2 FETCH (BODY[HEADER.FIELDS (message-id FROM nosuch)] {{83}}
        S: From: Terry Gray <gray@example.test>
        S: Message-Id: <B27397-0100000@example.test>
        S:
        S: )
        S: d OK That is all.
        C: e FETCH 1 BODY[TEXT]<6.3>
        S: * 1 FETCH (BODY[TEXT]<6> {{3}}
        S: Joe FLAGS (\Seen \Recent))
        S: e OK That is all.
        C: f UID FETCH 1:* FLAGS
        S: * 1 FETCH (UID 1 FLAGS (\Seen \Recent))
        S: * 2 FETCH (UID 2 FLAGS (\Recent))
        S: f OK That is all.
        C: g FETCH 1 (BODY.PEEK[3] BODY.PEEK[TEXT]<1000.5>)
        S: * 1 FETCH (BODY[3] NIL BODY[TEXT]<1000> {{0}}
        S: )
        S: g OK That is all.
        C: h FETCH 3 FLAGS
        S: h BAD No message has that number.
        C: i UID FETCH 9 FLAGS
        S: i OK That is all.
        C: j UID FETCH 9:* (UID)
        S: * 2 FETCH (UID 2)
        S: j OK That is all.
        """,
    )


def test_parts() -> None:
    """Part numbers (RFC 3501 §6.4.5)."""
    play(
        append("a", PARTED)
        + "\nC: s SELECT INBOX\n"
        + SELECT
        + f"""
        S: * OK [UNSEEN 1] First unseen.
        S: * OK [PERMANENTFLAGS {PERMANENT}] Kept.
        """
        + REST
        + r"""
        C: a FETCH 1 (BODY.PEEK[1] BODY.PEEK[2.HEADER] BODY.PEEK[2.TEXT] BODY.PEEK[3.MIME])
        S: * 1 FETCH (BODY[1] {3}
        S: one BODY[2.HEADER] {32}
        S: Subject: inner
        S: X-Inner: yes
        S:
        S:  BODY[2.TEXT] {10}
        S: inner text BODY[3.MIME] {78}
        S: Content-Type: text/plain; charset=utf-8
        S: Content-Transfer-Encoding: base64
        S:
        S: )
        S: a OK That is all.
        C: b FETCH 1 BODY.PEEK[2.HEADER.FIELDS.NOT (subject)]
        S: * 1 FETCH (BODY[2.HEADER.FIELDS.NOT (subject)] {16}
        S: X-Inner: yes
        S:
        S: )
        S: b OK That is all.
        """
    )


def test_store() -> None:
    """RFC 3501 §6.4.6; flags that are so already are told too."""
    with_letters(
        2,
        r"""
        C: A003 STORE 1:2 +FLAGS (\Deleted)
        S: * 1 FETCH (FLAGS (\Deleted \Recent))
        S: * 2 FETCH (FLAGS (\Deleted \Recent))
        S: A003 OK Done.
        C: b STORE 1 +FLAGS \Deleted
        S: * 1 FETCH (FLAGS (\Deleted \Recent))
        S: b OK Done.
        C: c STORE 1 -FLAGS.SILENT (\Deleted)
        S: c OK Done.
        C: d UID STORE 2 FLAGS (work \Seen)
        S: * FLAGS (\Seen \Answered \Flagged \Deleted \Draft $Forwarded $Junk $MDNSent $NotJunk work)
        S: * 2 FETCH (UID 2 FLAGS (\Seen \Recent work))
        S: d OK Done.
        C: e STORE 1 FLAGS (\Recent)
        S: e NO [CANNOT] This flag cannot be set.
        C: f NOOP
        S: f OK Done.
        """,
    )


def test_expunge_and_close() -> None:
    """RFC 3501 §6.4.2, §6.4.3, RFC 4315 §2.1, RFC 3691."""
    with_letters(
        4,
        r"""
        C: a STORE 1,3,4 +FLAGS.SILENT (\Deleted)
        S: a OK Done.
        C: b UID EXPUNGE 4
        S: * 4 EXPUNGE
        S: b OK Done.
        C: A202 EXPUNGE
        S: * 1 EXPUNGE
        S: * 2 EXPUNGE
        S: A202 OK Done.
        C: c STORE 1 +FLAGS.SILENT (\Deleted)
        S: c OK Done.
        C: d UNSELECT
        S: d OK Left.
        C: e STATUS INBOX (MESSAGES)
        S: * STATUS INBOX (MESSAGES 1)
        S: e OK Done.
        C: s SELECT INBOX
        """
        + SELECT
        + f"""
        S: * OK [UNSEEN 1] First unseen.
        S: * OK [PERMANENTFLAGS {PERMANENT}] Kept.
        """
        + REST
        + """
        C: A341 CLOSE
        S: A341 OK Closed.
        C: e STATUS INBOX (MESSAGES)
        S: * STATUS INBOX (MESSAGES 0)
        S: e OK Done.
        """,
    )


def test_search() -> None:
    """RFC 3501 §6.4.4."""
    with_letters(
        3,
        r"""
        C: a STORE 2 +FLAGS.SILENT (\Flagged work)
        S: * FLAGS (<any>)
        S: a OK Done.
        C: b SEARCH ALL
        S: * SEARCH 1 2 3
        S: b OK That is all.
        C: A282 SEARCH FLAGGED SINCE 1-Feb-1994 NOT FROM "Smith"
        S: * SEARCH 2
        S: A282 OK That is all.
        C: c UID SEARCH OR FLAGGED (3 NEW)
        S: * SEARCH 2 3
        S: c OK That is all.
        C: A283 SEARCH TEXT "string not in mailbox"
        S: * SEARCH
        S: A283 OK That is all.
        C: d SEARCH CHARSET NOSUCH TEXT x
        S: d NO [BADCHARSET (UTF-8 US-ASCII)] Unknown charset.
        C: e SEARCH SUBJECT "wg MTG" BODY joe TO imap@ SENTON 17-Jul-1996 UNSEEN
        S: * SEARCH 1 2 3
        S: e OK That is all.
        C: f SEARCH KEYWORD WORK LARGER 10 SMALLER 100000 UID 1:2
        S: * SEARCH 2
        S: f OK That is all.
        # beyond the mailbox is nothing, and no error (RFC 7377 §2)
        C: g SEARCH 4
        S: * SEARCH
        S: g OK That is all.
        C: h SEARCH CHARSET UTF-8 SUBJECT {6+}
        C: 편지
        S: * SEARCH
        S: h OK That is all.
        C: i SEARCH HEADER message-id B27397 RECENT OLD
        S: * SEARCH
        S: i OK That is all.
        """,
    )


def test_copy_and_move() -> None:
    """RFC 3501 §6.4.7, RFC 4315 §3, RFC 6851."""
    with_letters(
        3,
        r"""
        C: A003 COPY 2:3 MEETING
        S: A003 NO [TRYCREATE] No such mailbox.
        C: a CREATE MEETING
        S: a OK [MAILBOXID (<any>)] Made.
        C: b COPY 2:3 MEETING
        S: b OK [COPYUID <n> 2:3 1:2] Copied.
        C: c UID MOVE 1,3 MEETING
        S: * OK [COPYUID <n> 1,3 3:4] Moved.
        S: * 1 EXPUNGE
        S: * 2 EXPUNGE
        S: c OK Moved.
        C: d STATUS MEETING (MESSAGES)
        S: * STATUS MEETING (MESSAGES 4)
        S: d OK Done.
        C: e UID COPY 99 MEETING
        S: e OK Nothing to do.
        """,
    )


def test_append_refusals() -> None:
    """RFC 3501 §6.3.11: nothing is kept, and what came is skipped."""
    play(
        r"""
        C: a APPEND nosuch {10}
        S: a NO [TRYCREATE] No such mailbox.
        C: b APPEND nosuch {3+}
        S: b NO [TRYCREATE] No such mailbox.
        C: abc
        C: c APPEND INBOX (\Recent) {3}
        S: c NO [CANNOT] This flag cannot be set.
        C: d APPEND INBOX {0}
        S: d NO [CANNOT] An empty message is none.
        C: e APPEND INBOX {200000000}
        S: e NO [TOOBIG] Message too large.
        C: f APPEND INBOX " 7-Feb-1994 21:52:25 -0800" {3}
        S: + Ready for the message.
        C: abc junk
        S: f BAD Bad syntax: expected a literal.
        C: g STATUS INBOX (MESSAGES)
        S: * STATUS INBOX (MESSAGES 0)
        S: g OK Done.
        """
    )


def test_two_sessions() -> None:
    """Each hears what the other does, EXPUNGE only when allowed (RFC 3501 §7.4.1)."""
    with_letters(
        3,
        r"""
        C2: s EXAMINE INBOX
        S2: * FLAGS (<any>)
        S2: * 3 EXISTS
        S2: * 0 RECENT
        S2: * OK [UNSEEN 1] First unseen.
        S2: * OK [PERMANENTFLAGS ()] Read-only.
        S2: * OK [UIDNEXT 4] Next uid.
        S2: * OK [UIDVALIDITY <n>] Uids valid.
        S2: s OK [READ-ONLY] Here you are.
        C: a STORE 2 +FLAGS (\Deleted)
        S: * 2 FETCH (FLAGS (\Deleted \Recent))
        S: a OK Done.
        C2: a NOOP
        S2: * 2 FETCH (UID 2 FLAGS (\Deleted))
        S2: a OK Done.
        C: b EXPUNGE
        S: * 2 EXPUNGE
        S: b OK Done.
        C2: b FETCH 1:3 UID
        S2: * 1 FETCH (UID 1)
        S2: * 3 FETCH (UID 3)
        S2: b OK [EXPUNGEISSUED] Some are gone.
        C2: c SEARCH ALL
        S2: * SEARCH 1 3
        S2: c OK That is all.
        C2: d NOOP
        S2: * 2 EXPUNGE
        S2: d OK Done.
        C2: e FETCH 1:2 UID
        S2: * 1 FETCH (UID 1)
        S2: * 2 FETCH (UID 3)
        S2: e OK That is all.
        """,
    )


def test_idle() -> None:
    """News are heard at once (RFC 2177 §3)."""
    with_letters(
        1,
        r"""
        C: a IDLE
        S: + Listening.
        C2: b APPEND INBOX {12+}
        C2: Subject: x
        C2:
        S2: b OK [APPENDUID <n> 2] Kept.
        S: * 2 EXISTS
        S: * 2 RECENT
        C: DONE
        S: a OK Enough listened.
        C: c IDLE
        S: + Listening.
        C: nonsense
        S: c BAD Expected DONE.
        C: d DELETE INBOX
        S: d NO [CANNOT] Not with this mailbox.
        """,
    )


def test_the_selected_mailbox_goes() -> None:
    """RFC 2180 §3.3."""
    play(
        r"""
        C: a CREATE x
        S: a OK [MAILBOXID (<any>)] Made.
        C: b SELECT x
        S: * FLAGS (<any>)
        S: * 0 EXISTS
        S: * 0 RECENT
        S: * OK [PERMANENTFLAGS (<any>)] Kept.
        S: * OK [UIDNEXT 1] Next uid.
        S: * OK [UIDVALIDITY <n>] Uids valid.
        S: b OK [READ-WRITE] Here you are.
        C2: a DELETE x
        S2: a OK Deleted.
        C: c NOOP
        S: * BYE [UNAVAILABLE] The selected mailbox was deleted.
        """
    )
