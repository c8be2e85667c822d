r"""Rights and shared mailboxes: RFC 4314, with the namespaces of RFC 2342."""

from tests.transcripts.imap.imap_play import play


def test_acl_commands() -> None:
    """SETACL, GETACL, DELETEACL; "c" and "d" are virtual (RFC 4314 §2.1.1, §3)."""
    play(
        r"""
        C: a CREATE Drafts/ours
        S: a OK [MAILBOXID (<any>)] Made.
        C: b SETACL Drafts/ours lee@example.test lrswida
        S: b OK Done.
        C: c GETACL Drafts/ours
        S: * ACL Drafts/ours kim@example.test lrswipkxteacd lee@example.test lrswitead
        S: c OK That is all.
        C: d SETACL Drafts/ours lee@example.test +k
        S: d OK Done.
        C: e SETACL Drafts/ours LEE@example.test -swi
        S: e OK Done.
        C: f GETACL Drafts/ours
        S: * ACL Drafts/ours kim@example.test lrswipkxteacd lee@example.test lrkteacd
        S: f OK That is all.
        C: g DELETEACL Drafts/ours lee@example.test
        S: g OK Done.
        C: h GETACL Drafts/ours
        S: * ACL Drafts/ours kim@example.test lrswipkxteacd
        S: h OK That is all.
        C: i SETACL Drafts/ours lee@example.test lrq
        S: i BAD No such right.
        C: j SETACL Drafts/ours nobody@example.test lr
        S: j NO [CANNOT] Nobody has that address.
        C: k SETACL Drafts/ours kim@example.test lr
        S: k NO [CANNOT] Owners keep every right.
        C: l LISTRIGHTS Drafts/ours lee@example.test
        S: * LISTRIGHTS Drafts/ours lee@example.test "" l r s w i p k x t e a c d
        S: l OK That is all.
        C: m LISTRIGHTS Drafts/ours kim@example.test
        S: * LISTRIGHTS Drafts/ours kim@example.test lrswipkxteacd
        S: m OK That is all.
        C: n MYRIGHTS Drafts/ours
        S: * MYRIGHTS Drafts/ours lrswipkxteacd
        S: n OK That is all.
        """,
        accounts=["lee"],
    )


def test_without_lookup_it_does_not_exist() -> None:
    """No "l": nothing tells that there is a mailbox (RFC 4314 §4, §6)."""
    play(
        r"""
        C: a CREATE Projects/A
        S: a OK [MAILBOXID (<any>)] Made.
        Clee: a SELECT user/kim@example.test/Projects
        Slee: a NO [NONEXISTENT] No such mailbox.
        Clee: b STATUS user/kim@example.test/nosuch (MESSAGES)
        Slee: b NO [NONEXISTENT] No such mailbox.
        Clee: c MYRIGHTS user/kim@example.test/Projects
        Slee: c NO [NONEXISTENT] No such mailbox.
        Clee: d SETACL user/kim@example.test/Projects lee@example.test lr
        Slee: d NO [NONEXISTENT] No such mailbox.
        Clee: e LIST "" user/*
        Slee: e OK Done.
        Clee: e1 CREATE user/kim@example.test/Projects/B
        Slee: e1 NO [NOPERM] You have no right to do that.
        Clee: e2 CREATE user/kim@example.test/nosuch/B
        Slee: e2 NO [NOPERM] You have no right to do that.
        Clee: e3 CREATE user/nobody@example.test/B
        Slee: e3 NO [NOPERM] You have no right to do that.
        Clee: f SELECT user/nobody@example.test/INBOX
        Slee: f NO [NONEXISTENT] No such mailbox.
        C: b SETACL Projects/A lee@example.test lr
        S: b OK Done.
        Clee: g LIST "" *@example.test/*
        Slee: * LIST (\HasNoChildren) "/" user/kim@example.test/Projects/A
        Slee: g OK Done.
        Clee: h LIST "" %
        Slee: <all>h OK Done.
        Clee: i LIST "" user/%
        Slee: * LIST (\NonExistent \Noselect \HasChildren) "/" user/kim@example.test
        Slee: i OK Done.
        Clee: j GETACL user/kim@example.test/Projects/A
        Slee: j NO [NOPERM] You have no right to do that.
        Clee: k MYRIGHTS user/kim@example.test/Projects/A
        Slee: * MYRIGHTS user/kim@example.test/Projects/A lr
        Slee: k OK That is all.
        Clee: l SUBSCRIBE user/kim@example.test/Projects/A
        Slee: l OK Done.
        Clee: m LSUB "" user/*
        Slee: * LSUB () "/" user/kim@example.test/Projects/A
        Slee: m OK Done.
        Clee: n DELETE user/kim@example.test/Projects/A
        Slee: n NO [NOPERM] You have no right to do that.
        Clee: o RENAME user/kim@example.test/Projects/A B
        Slee: o NO [NOPERM] You have no right to do that.
        Clee: p CREATE user/kim@example.test/Projects/A/B
        Slee: p NO [NOPERM] You have no right to do that.
        """,
        accounts=["lee"],
    )


def test_selected_mailbox_of_another() -> None:
    """Each command needs its right (RFC 4314 §4); without any it is read-only (§5.2)."""  # noqa: E501
    play(
        r"""
        C: a APPEND INBOX {23+}
        C: Subject: one
        C:
        C: a body.
        S: a OK [APPENDUID <n> 1] Kept.
        C: b SETACL INBOX lee@example.test lr
        S: b OK Done.
        Clee: a SELECT user/kim@example.test/INBOX
        Slee: * FLAGS <any>
        Slee: * 1 EXISTS
        Slee: * <n> RECENT
        Slee: * OK [UNSEEN 1] First unseen.
        Slee: * OK [PERMANENTFLAGS ()] Read-only.
        Slee: * OK [UIDNEXT 2] Next uid.
        Slee: * OK [UIDVALIDITY <n>] Uids valid.
        Slee: a OK [READ-ONLY] Here you are.
        Clee: b STORE 1 +FLAGS (\Seen)
        Slee: b NO [READ-ONLY] The mailbox is read-only.
        Clee: c COPY 1 INBOX
        Slee: c OK [COPYUID <n> 1 1] Copied.
        C: c SETACL INBOX lee@example.test +st
        S: c OK Done.
        Clee: d SELECT user/kim@example.test/INBOX
        Slee: * OK [CLOSED] <any>
        Slee: * FLAGS <any>
        Slee: * 1 EXISTS
        Slee: * <n> RECENT
        Slee: * OK [UNSEEN 1] First unseen.
        Slee: * OK [PERMANENTFLAGS (\Seen \Deleted)] Kept.
        Slee: * OK [UIDNEXT 2] Next uid.
        Slee: * OK [UIDVALIDITY <n>] Uids valid.
        Slee: d OK [READ-WRITE] Here you are.
        Clee: e STORE 1 +FLAGS.SILENT (\Seen \Flagged)
        Slee: e OK Done.
        Clee: f FETCH 1 FLAGS
        Slee: * 1 FETCH (FLAGS (\Seen<any>))
        Slee: f OK That is all.
        Clee: g STORE 1 +FLAGS (\Flagged)
        Slee: g NO [NOPERM] You have no right to do that.
        Clee: h STORE 1 FLAGS.SILENT (\Deleted \Answered)
        Slee: * 1 FETCH (UID 1 FLAGS (\Deleted<any>))
        Slee: h OK Done.
        Clee: i EXPUNGE
        Slee: i NO [NOPERM] You have no right to do that.
        Clee: j MOVE 1 INBOX
        Slee: j NO [NOPERM] You have no right to do that.
        """,
        accounts=["lee"],
    )


def test_copy_into_anothers_mailbox() -> None:
    r"""COPY needs "i"; flags that may not be set are left off (RFC 4314 §4)."""
    play(
        r"""
        C: a SETACL INBOX lee@example.test lri
        S: a OK Done.
        Clee: a APPEND INBOX (\Seen \Flagged $Forwarded) {23+}
        Clee: Subject: one
        Clee:
        Clee: a body.
        Slee: a OK [APPENDUID <n> 1] Kept.
        Clee: b EXAMINE INBOX
        Slee: <all>b OK <any>
        Clee: c COPY 1 user/kim@example.test/INBOX
        Slee: c OK [COPYUID <n> 1 1] Copied.
        Clee: d COPY 1 user/kim@example.test/Sent
        Slee: d NO [TRYCREATE] No such mailbox.
        C: b EXAMINE INBOX
        S: <all>b OK <any>
        C: c FETCH 1 (FLAGS RFC822.SIZE)
        S: * 1 FETCH (FLAGS (\Recent) RFC822.SIZE 23)
        S: c OK That is all.
        """,
        accounts=["lee"],
    )


def test_move_between_accounts() -> None:
    """MOVE from one account to another: all or none (RFC 6851 §4.2, RFC 4314 §4)."""
    play(
        r"""
        C: a SETACL INBOX lee@example.test lrte
        S: a OK Done.
        C: b APPEND INBOX {23+}
        C: Subject: one
        C:
        C: a body.
        S: b OK [APPENDUID <n> 1] Kept.
        Clee: a SELECT user/kim@example.test/INBOX
        Slee: <all>a OK <any>
        Clee: b MOVE 1 Archive
        Slee: * OK [COPYUID <n> 1 1] Moved.
        Slee: * 1 EXPUNGE
        Slee: b OK Moved.
        Clee: c STATUS Archive (MESSAGES)
        Slee: * STATUS Archive (MESSAGES 1)
        Slee: c OK Done.
        C: c STATUS INBOX (MESSAGES)
        S: * STATUS INBOX (MESSAGES 0)
        S: c OK Done.
        """,
        accounts=["lee"],
    )


def test_negative_rights_and_general_identifiers() -> None:
    """What "-lee" has is taken from what "anyone" gives (RFC 4314 §2)."""
    play(
        r"""
        C: a SETACL INBOX anyone lrs
        S: a OK Done.
        Clee: a MYRIGHTS user/kim@example.test/INBOX
        Slee: * MYRIGHTS user/kim@example.test/INBOX lrs
        Slee: a OK That is all.
        C: b SETACL INBOX -lee@example.test s
        S: b OK Done.
        Clee: b MYRIGHTS user/kim@example.test/INBOX
        Slee: * MYRIGHTS user/kim@example.test/INBOX lr
        Slee: b OK That is all.
        C: c SETACL INBOX -lee@example.test lr
        S: c OK Done.
        Clee: c MYRIGHTS user/kim@example.test/INBOX
        Slee: c NO [NONEXISTENT] No such mailbox.
        """,
        accounts=["lee"],
    )


def test_create_inherits_rights() -> None:
    """A new mailbox has the rights of the one above it (RFC 4314 §4, CREATE)."""
    play(
        r"""
        C: a CREATE Work
        S: a OK [MAILBOXID (<any>)] Made.
        C: b SETACL Work lee@example.test lrkx
        S: b OK Done.
        Clee: a CREATE user/kim@example.test/Work/New/Deep
        Slee: a OK [MAILBOXID (<any>)] Made.
        C: c GETACL Work/New
        S: * ACL Work/New kim@example.test lrswipkxteacd lee@example.test lrkxc
        S: c OK That is all.
        Clee: b LIST "" user/kim@example.test/*
        Slee: * LIST (\HasChildren) "/" user/kim@example.test/Work
        Slee: * LIST (\HasChildren) "/" user/kim@example.test/Work/New
        Slee: * LIST (\HasNoChildren) "/" user/kim@example.test/Work/New/Deep
        Slee: b OK Done.
        Clee: c RENAME user/kim@example.test/Work/New/Deep user/kim@example.test/Work/Flat
        Slee: c OK Renamed.
        Clee: d RENAME user/kim@example.test/Work/Flat Mine
        Slee: d NO [CANNOT] Not to another account.
        Clee: e DELETE user/kim@example.test/Work/Flat
        Slee: e OK Deleted.
        Clee: f CREATE user/kim@example.test/Top
        Slee: f NO [NOPERM] You have no right to do that.
        """,  # noqa: E501
        accounts=["lee"],
    )


def test_shared_namespace() -> None:
    """`shared/` is the account shared@domain; administrators keep it (0007)."""
    play(
        r"""
        Cboss: a CREATE shared/News
        Sboss: a OK [MAILBOXID (<any>)] Made.
        Cboss: b SETACL shared/News authenticated lrs
        Sboss: b OK Done.
        C: a LIST "" shared/%
        S: * LIST (\HasNoChildren) "/" shared/News
        S: a OK Done.
        C: b LIST "" s%
        S: * LIST (\NonExistent \Noselect \HasChildren) "/" shared
        S: b OK Done.
        C: c CREATE shared/Mine
        S: c NO [NOPERM] You have no right to do that.
        C: d SELECT shared/News
        S: <all>d OK [READ-WRITE] <any>
        """,
        accounts=["boss", "shared"],
    )


def test_append_and_replace() -> None:
    r"""APPEND needs "i"; REPLACE also "t" and "e", within one account (§4)."""
    play(
        r"""
        C: a SETACL INBOX lee@example.test lrwi
        S: a OK Done.
        Clee: a APPEND user/kim@example.test/INBOX (\Seen \Flagged) {23+}
        Clee: Subject: one
        Clee:
        Clee: a body.
        Slee: a OK [APPENDUID <n> 1] Kept.
        Clee: b APPEND user/kim@example.test/Sent {23}
        Slee: b NO [TRYCREATE] No such mailbox.
        C: b EXAMINE INBOX
        S: <all>b OK <any>
        C: c FETCH 1 FLAGS
        S: * 1 FETCH (FLAGS (\Flagged \Recent))
        S: c OK That is all.
        Clee: c SELECT user/kim@example.test/INBOX
        Slee: <all>c OK [READ-WRITE] <any>
        Clee: d REPLACE 1 user/kim@example.test/INBOX {23}
        Slee: d NO [NOPERM] You have no right to do that.
        """,
        accounts=["lee"],
    )


def test_rights_given_by_another() -> None:
    """Who has "a" may give rights, too, not only the owner (RFC 4314 §2.1)."""
    play(
        r"""
        C: a CREATE Team
        S: a OK [MAILBOXID (<any>)] Made.
        C: b SETACL Team lee@example.test lra
        S: b OK Done.
        Clee: a SETACL user/kim@example.test/Team choi@example.test lrs
        Slee: a OK Done.
        Cchoi: a LIST "" user/*
        Schoi: * LIST (\HasNoChildren) "/" user/kim@example.test/Team
        Schoi: a OK Done.
        C: c CREATE Team/Below
        S: c OK [MAILBOXID (<any>)] Made.
        C: d DELETE Team
        S: d OK Deleted.
        Cchoi: b LIST "" user/*
        Schoi: * LIST (\HasNoChildren) "/" user/kim@example.test/Team/Below
        Schoi: b OK Done.
        Cchoi: c SELECT user/kim@example.test/Team
        Schoi: c NO [NONEXISTENT] No such mailbox.
        C: e CREATE Team
        S: e OK [MAILBOXID (<any>)] Made.
        C: f GETACL Team
        S: * ACL Team kim@example.test lrswipkxteacd
        S: f OK That is all.
        """,
        accounts=["lee", "choi"],
    )
