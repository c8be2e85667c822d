"""QUOTA: the dialogues of RFC 9208 §4 and §5."""

from tests.transcripts.imap.imap_play import play


def test_get_quota() -> None:
    """GETQUOTA and GETQUOTAROOT tell what has a limit (RFC 9208 §4.1, §4.2)."""
    play(
        r"""
        C: a GETQUOTAROOT INBOX
        S: * QUOTAROOT INBOX kim@example.test
        S: * QUOTA kim@example.test (STORAGE 0 512 MESSAGE 0 100 MAILBOX 6 8)
        S: a OK That is all.
        C: b APPEND INBOX {23+}
        C: Subject: one
        C:
        C: a body.
        S: b OK [APPENDUID <n> 1] Kept.
        C: c GETQUOTA kim@example.test
        S: * QUOTA kim@example.test (STORAGE 1 512 MESSAGE 1 100 MAILBOX 6 8)
        S: c OK That is all.
        C: d GETQUOTA lee@example.test
        S: d NO [NONEXISTENT] No such quota root.
        C: e GETQUOTAROOT nosuch
        S: e NO [NONEXISTENT] No such mailbox.
        C: f SETQUOTA kim@example.test (STORAGE 9999)
        S: f NO [NOPERM] You have no right to do that.
        C: g CREATE one
        S: g OK [MAILBOXID (<any>)] Made.
        C: h CREATE two
        S: h OK [MAILBOXID (<any>)] Made.
        C: i CREATE three
        S: i NO [OVERQUOTA] The account is full.
        """,
        accounts=["lee"],
        quota_octets=512 * 1024,
        quota_messages=100,
        quota_mailboxes=8,
    )


def test_copy_over_quota() -> None:
    """COPY beyond the limit does nothing (RFC 9208 §4.3.1)."""
    play(
        r"""
        C: a APPEND INBOX {23+}
        C: Subject: one
        C:
        C: a body.
        S: a OK [APPENDUID <n> 1] Kept.
        C: b SETACL INBOX lee@example.test lri
        S: b OK Done.
        Clee: a APPEND INBOX {23+}
        Clee: Subject: two
        Clee:
        Clee: a body.
        Slee: a OK [APPENDUID <n> 1] Kept.
        Clee: b EXAMINE INBOX
        Slee: <all>b OK <any>
        Clee: c COPY 1 user/kim@example.test/INBOX
        Slee: c NO [OVERQUOTA] The account is full.
        """,
        accounts=["lee"],
        quota_messages=1,
    )


def test_set_quota() -> None:
    """SETQUOTA is for administrators; what is not named has no limit (§4.1.3)."""
    play(
        r"""
        Cboss: a SETQUOTA kim@example.test (STORAGE 10 MESSAGE 5)
        Sboss: * QUOTA kim@example.test (STORAGE 0 10 MESSAGE 0 5)
        Sboss: a OK Set.
        Cboss: b SETQUOTA kim@example.test ()
        Sboss: * QUOTA kim@example.test ()
        Sboss: b OK Set.
        Cboss: c SETQUOTA nobody@example.test (STORAGE 10)
        Sboss: c NO [NONEXISTENT] No such quota root.
        Cboss: d SETQUOTA kim@example.test (BOGUS 10)
        Sboss: d NO [CANNOT] No such resource.
        C: a GETQUOTA kim@example.test
        S: * QUOTA kim@example.test ()
        S: a OK That is all.
        """,
        accounts=["boss"],
        quota_octets=1024,
    )
