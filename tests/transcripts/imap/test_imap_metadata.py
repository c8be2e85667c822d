"""METADATA: the dialogues of RFC 5464 §4."""

from tests.transcripts.imap.imap_play import play


def test_set_and_get() -> None:
    """RFC 5464 §4.2, §4.3; NIL takes an entry away, names have no case."""
    play(
        r"""
        C: a SETMETADATA INBOX (/private/comment "my new comment" /shared/Comment {4+}
        C: ours)
        S: a OK Set.
        C: b GETMETADATA INBOX (/shared/comment /private/comment)
        S: * METADATA INBOX (/shared/comment "ours" /private/comment "my new comment")
        S: b OK That is all.
        C: c SETMETADATA INBOX (/private/comment NIL)
        S: c OK Set.
        C: d GETMETADATA INBOX /private/comment
        S: * METADATA INBOX (/private/comment NIL)
        S: d OK That is all.
        C: e GETMETADATA nosuch /private/comment
        S: e NO [NONEXISTENT] No such mailbox.
        C: f SETMETADATA INBOX (/wrong/comment "x")
        S: f BAD Bad syntax: <any>
        C: g SETMETADATA INBOX (/private/a* "x")
        S: g BAD Bad syntax: <any>
        """
    )


def test_depth() -> None:
    """DEPTH 0, 1 and infinity, before or behind the mailbox (RFC 5464 §4.2.2)."""
    play(
        r"""
        C: a SETMETADATA INBOX (/private/f/a "1" /private/f/a/b "2" /private/f/c "3")
        S: a OK Set.
        C: b GETMETADATA (DEPTH 1) INBOX (/private/f)
        S: * METADATA INBOX (/private/f/a "1" /private/f/c "3")
        S: b OK That is all.
        C: c GETMETADATA INBOX (DEPTH infinity) /private/f
        S: * METADATA INBOX (/private/f/a "1" /private/f/a/b "2" /private/f/c "3")
        S: c OK That is all.
        C: d GETMETADATA (DEPTH 2) INBOX /private/f
        S: d BAD Bad syntax: <any>
        """
    )


def test_max_size() -> None:
    """What is longer than MAXSIZE is left out, its length told (RFC 5464 §4.2.1)."""
    play(
        r"""
        C: a SETMETADATA INBOX (/private/long "0123456789" /private/short "01")
        S: a OK Set.
        C: b GETMETADATA INBOX (MAXSIZE 4) (/private/long /private/short)
        S: * METADATA INBOX (/private/short "01")
        S: b OK [METADATA LONGENTRIES 10] That is all.
        """
    )


def test_server_annotations() -> None:
    """Mailbox "" is the server; only administrators set what all see (§4.3)."""
    play(
        r"""
        C: a SETMETADATA "" (/private/comment "mine")
        S: a OK Set.
        C: b SETMETADATA "" (/shared/comment "all's")
        S: b NO [NOPERM] You have no right to do that.
        Cboss: a SETMETADATA "" (/shared/comment "all's")
        Sboss: a OK Set.
        Cboss: b GETMETADATA "" (/shared/comment /private/comment)
        Sboss: * METADATA "" (/shared/comment "all's" /private/comment NIL)
        Sboss: b OK That is all.
        C: c GETMETADATA "" (/shared/comment /private/comment)
        S: * METADATA "" (/shared/comment "all's" /private/comment "mine")
        S: c OK That is all.
        """,
        accounts=["boss"],
    )


def test_private_entries_of_a_shared_mailbox() -> None:
    """Private entries are each user's own; shared ones need "w" (RFC 5464 §5)."""
    play(
        r"""
        C: a SETACL INBOX lee@example.test lr
        S: a OK Done.
        C: b SETMETADATA INBOX (/private/comment "kim's" /shared/comment "ours")
        S: b OK Set.
        Clee: a SETMETADATA user/kim@example.test/INBOX (/private/comment "lee's")
        Slee: a OK Set.
        Clee: b GETMETADATA user/kim@example.test/INBOX (/private/comment /shared/comment)
        Slee: * METADATA user/kim@example.test/INBOX (/private/comment "lee's" /shared/comment "ours")
        Slee: b OK That is all.
        Clee: c SETMETADATA user/kim@example.test/INBOX (/shared/comment "x")
        Slee: c NO [NOPERM] You have no right to do that.
        C: c GETMETADATA (DEPTH infinity) INBOX /private
        S: c BAD Bad syntax: <any>
        C: d GETMETADATA INBOX /private/comment
        S: * METADATA INBOX (/private/comment "kim's")
        S: d OK That is all.
        """,  # noqa: E501
        accounts=["lee"],
    )


def test_special_use_is_an_annotation() -> None:
    """RFC 6154 §4, §5.4: what a mailbox is for can be changed."""
    play(
        r"""
        C: a CREATE mine (USE (\Drafts))
        S: a OK <any>
        C: b GETMETADATA mine /private/specialuse
        S: * METADATA mine (/private/specialuse "\\Drafts")
        S: b OK That is all.
        C: c CREATE other
        S: c OK <any>
        C: d SETMETADATA other (/private/specialuse "\\drafts" /private/comment "x")
        S: * METADATA mine (/private/specialuse NIL)
        S: d OK Set.
        C: e LIST (SPECIAL-USE) "" (mine other)
        S: * LIST (\HasNoChildren \Drafts) "/" other
        S: e OK Done.
        C: f GETMETADATA other (/private/comment /private/specialuse)
        S: * METADATA other (/private/comment "x" /private/specialuse "\\Drafts")
        S: f OK That is all.
        C: g SETMETADATA other (/private/specialuse "\\Odd")
        S: g NO [USEATTR] Not with that use.
        C: h SETMETADATA other (/private/specialuse "\\Sent \\Junk")
        S: h NO [USEATTR] Not with that use.
        C: i SETMETADATA other (/private/specialuse NIL)
        S: i OK Set.
        C: j GETMETADATA other /private/specialuse
        S: * METADATA other (/private/specialuse NIL)
        S: j OK That is all.
        C: k SETACL other lee@example.test lrswipkxtea
        S: k OK Done.
        Clee: l SETMETADATA user/kim@example.test/other (/private/specialuse "\\Sent")
        Slee: l NO [USEATTR] Not with that use.
        """,
        accounts=["lee"],
    )


def test_unasked_after_enable() -> None:
    """ENABLE METADATA: which entries others changed, not to what (RFC 5464 §4.4.2).

    With the next command; nothing of what the client itself set.
    """
    play(
        r"""
        C: a ENABLE METADATA
        S: * ENABLED METADATA
        S: a OK Done.
        C: b NOOP
        S: b OK Done.
        Cboss: a SETMETADATA "" (/shared/comment "all's")
        Sboss: a OK Set.
        C: c NOOP
        S: * METADATA "" /shared/comment
        S: c OK Done.
        C2: b SETMETADATA INBOX (/shared/comment "x" /private/comment "y")
        S2: b OK Set.
        C2: c CREATE Other
        S2: c OK [MAILBOXID (<any>)] Made.
        C2: d SETMETADATA Other (/private/new "y")
        S2: d OK Set.
        C: d NOOP
        S: * METADATA INBOX /private/comment /shared/comment
        S: d OK Done.
        C: e SETMETADATA INBOX (/shared/comment "mine")
        S: e OK Set.
        C: f SETMETADATA "" (/private/comment "mine")
        S: f OK Set.
        C2: e SETMETADATA Other (/private/new NIL)
        S2: e OK Set.
        C: g SELECT INBOX
        S: <all>g OK <any>
        C: h STATUS INBOX (MESSAGES)
        S: * STATUS INBOX (MESSAGES 0)
        S: * METADATA Other /private/new
        S: h OK Done.
        C: i ENABLE METADATA
        S: * ENABLED
        S: i OK Done.
        # another's private entries are not seen, shared ones are
        C: j SETACL INBOX lee@example.test lrw
        S: j OK Done.
        Clee: a SETMETADATA user/kim@example.test/INBOX (/private/comment "x")
        Slee: a OK Set.
        Clee: b SETMETADATA user/kim@example.test/INBOX (/shared/comment "x")
        Slee: b OK Set.
        C: k NOOP
        S: * METADATA INBOX /shared/comment
        S: k OK Done.
        Clee: c ENABLE METADATA
        Slee: * ENABLED METADATA
        Slee: c OK Done.
        C: l SETMETADATA INBOX (/shared/comment NIL)
        S: l OK Set.
        Clee: d NOOP
        Slee: * METADATA user/kim@example.test/INBOX /shared/comment
        Slee: d OK Done.
        """,
        accounts=["boss", "lee"],
    )


def test_unasked_in_idle() -> None:
    """At once in IDLE, selected or not; what NOTIFY does not name is not told."""
    play(
        r"""
        C: a ENABLE METADATA
        S: * ENABLED METADATA
        S: a OK Done.
        C: i IDLE
        S: + Listening.
        C2: a SETMETADATA INBOX (/shared/comment "x")
        S2: a OK Set.
        S: * METADATA INBOX /shared/comment
        C2: b SETMETADATA "" (/private/comment "x")
        S2: b OK Set.
        S: * METADATA "" /private/comment
        C: DONE
        S: i OK Enough listened.
        C: n NOTIFY SET (MAILBOXES Other (MailboxMetadataChange))
        S: n OK As you wish.
        C2: c SETMETADATA INBOX (/shared/comment "y")
        S2: c OK Set.
        C: b NOOP
        S: b OK Done.
        C: n NOTIFY NONE
        S: n OK As you wish.
        C2: d SETMETADATA INBOX (/shared/comment "z")
        S2: d OK Set.
        C: c NOOP
        S: * METADATA INBOX /shared/comment
        S: c OK Done.
        """
    )
