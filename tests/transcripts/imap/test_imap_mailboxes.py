"""CREATE to STATUS: the dialogues of RFC 3501 §6.3."""

from tests.transcripts.imap.imap_play import play


def test_create_delete_rename() -> None:
    """RFC 3501 §6.3.3 to §6.3.5."""
    play(
        r"""
        C: A003 CREATE owatagusiam/
        S: A003 OK [MAILBOXID (<any>)] Made.
        C: A004 CREATE owatagusiam/blurdybloop
        S: A004 OK [MAILBOXID (<any>)] Made.
        C: A005 CREATE owatagusiam/blurdybloop
        S: A005 NO [ALREADYEXISTS] The mailbox exists already.
        C: A006 CREATE inbox
        S: A006 NO <any>
        C: A007 DELETE owatagusiam
        S: A007 OK Deleted.
        C: A008 LIST "" "ow*"
        S: * LIST (\Noselect \HasChildren) "/" owatagusiam
        S: * LIST (\HasNoChildren) "/" owatagusiam/blurdybloop
        S: A008 OK Done.
        C: A009 SELECT owatagusiam
        S: A009 NO [NONEXISTENT] No such mailbox.
        C: A010 RENAME owatagusiam zowie
        S: A010 OK Renamed.
        C: A011 LIST "" "zow%"
        S: * LIST (\Noselect \HasChildren) "/" zowie
        S: A011 OK Done.
        C: A012 DELETE zowie
        S: A012 NO [HASCHILDREN] Others are below it.
        C: A013 DELETE inbox
        S: A013 NO [CANNOT] Not with this mailbox.
        C: A014 RENAME nosuch other
        S: A014 NO [NONEXISTENT] No such mailbox.
        C: A015 DELETE nosuch
        S: A015 NO [NONEXISTENT] No such mailbox.
        """
    )


def test_korean_names() -> None:
    """Modified UTF-7 (RFC 3501 §5.1.3)."""
    play(
        r"""
        C: a CREATE "&07jJwNVo-/&xczCtQ-"
        S: a OK [MAILBOXID (<any>)] Made.
        C: b LIST "" "&07jJwNVo-/%"
        S: * LIST (\HasNoChildren) "/" &07jJwNVo-/&xczCtQ-
        S: b OK Done.
        C: c SUBSCRIBE &07jJwNVo-
        S: c OK Done.
        C: d CREATE 편지
        S: d BAD Bad syntax: <any>
        C: e CREATE &AGE-
        S: e BAD Bad syntax: <any>
        """
    )


def test_special_use() -> None:
    """RFC 6154 §3, §5.2."""
    play(
        r"""
        C: a CREATE Things (USE (\Archive))
        S: a OK [MAILBOXID (<any>)] Made.
        C: b LIST "" Things
        S: * LIST (\HasNoChildren \Archive) "/" Things
        S: b OK Done.
        C: c CREATE Others (USE (\Bogus))
        S: c NO [USEATTR] Not with that use.
        """
    )


def test_list() -> None:
    """RFC 3501 §6.3.8."""
    play(
        r"""
        C: A101 LIST "" ""
        S: * LIST (\Noselect) "/" ""
        S: A101 OK Done.
        C: A102 LIST "" inbox
        S: * LIST (\HasNoChildren) "/" INBOX
        S: A102 OK Done.
        C: a CREATE a/b/c
        S: a OK [MAILBOXID (<any>)] Made.
        C: b LIST a/ %
        S: * LIST (\HasChildren) "/" a/b
        S: b OK Done.
        C: c LIST "" "a/%/%"
        S: * LIST (\HasNoChildren) "/" a/b/c
        S: c OK Done.
        """
    )


def test_subscriptions() -> None:
    r"""LSUB "%" tells a name above with \Noselect (RFC 3501 §6.3.6, §6.3.9)."""
    play(
        r"""
        C: a CREATE foo/bar
        S: a OK [MAILBOXID (<any>)] Made.
        C: A002 SUBSCRIBE foo/bar
        S: A002 OK Done.
        C: b SUBSCRIBE nosuch
        S: b NO [NONEXISTENT] No such mailbox.
        C: c LSUB "" "foo/*"
        S: * LSUB () "/" foo/bar
        S: c OK Done.
        C: d LSUB "" "f%"
        S: * LSUB (\Noselect) "/" foo
        S: d OK Done.
        C: e DELETE foo/bar
        S: e OK Deleted.
        C: f LSUB "" "foo/*"
        S: * LSUB (\Noselect) "/" foo/bar
        S: f OK Done.
        C: g UNSUBSCRIBE foo/bar
        S: g OK Done.
        C: h LSUB "" "f*"
        S: h OK Done.
        """
    )


def test_status() -> None:
    """RFC 3501 §6.3.10."""
    play(
        r"""
        C: a CREATE blurdybloop
        S: a OK [MAILBOXID (<any>)] Made.
        C: b APPEND blurdybloop (\Seen) {12+}
        C: Subject: x
        C:
        S: b OK [APPENDUID <n> 1] Kept.
        C: A042 STATUS blurdybloop (UIDNEXT MESSAGES UNSEEN RECENT)
        S: * STATUS blurdybloop (UIDNEXT 2 MESSAGES 1 UNSEEN 0 RECENT 1)
        S: A042 OK Done.
        C: c STATUS nosuch (MESSAGES)
        S: c NO [NONEXISTENT] No such mailbox.
        """
    )


def test_namespace_id_enable() -> None:
    """RFC 2342 §5, RFC 2971 §3, RFC 5161 §3."""
    play(
        """
        C: a NAMESPACE
        S: * NAMESPACE (("" "/")) (("user/" "/")) (("shared/" "/"))
        S: a OK Done.
        C: b ID ("name" "mutt" "version" NIL)
        S: * ID ("name" "Pyeonji" "version" "<any>")
        S: b OK Pleased to meet you.
        C: c ENABLE CONDSTORE X-GOOD-IDEA
        S: * ENABLED CONDSTORE
        S: c OK Done.
        """
    )
