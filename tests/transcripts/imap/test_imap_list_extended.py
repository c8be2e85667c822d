r"""LIST with options: RFC 5258, 5819, 8440, 9590, 6154; STATUS items."""

from tests.transcripts.imap.imap_play import play


def test_subscribed_selection() -> None:
    r"""SUBSCRIBED tells names without a mailbox as \NonExistent (RFC 5258 §3.1)."""
    play(
        r"""
        C: a CREATE Fruit/Peach
        S: a OK [MAILBOXID (<any>)] Made.
        C: b SUBSCRIBE Fruit/Peach
        S: b OK Done.
        C: c SUBSCRIBE Fruit
        S: c OK Done.
        C: d DELETE Fruit/Peach
        S: d OK Deleted.
        C: e LIST (SUBSCRIBED) "" "Fruit*"
        S: * LIST (\HasNoChildren \Subscribed) "/" Fruit
        S: * LIST (\NonExistent \Noselect \HasNoChildren \Subscribed) "/" Fruit/Peach
        S: e OK Done.
        C: f LIST (SUBSCRIBED REMOTE) "" %
        S: * LIST (\HasNoChildren \Subscribed) "/" INBOX
        S: * LIST (\HasNoChildren \Subscribed \Archive) "/" Archive
        S: * LIST (\HasNoChildren \Subscribed \Drafts) "/" Drafts
        S: * LIST (\HasNoChildren \Subscribed) "/" Fruit
        S: * LIST (\HasNoChildren \Subscribed \Junk) "/" Junk
        S: * LIST (\HasNoChildren \Subscribed \Sent) "/" Sent
        S: * LIST (\HasNoChildren \Subscribed \Trash) "/" Trash
        S: f OK Done.
        """
    )


def test_return_options() -> None:
    r"""RETURN (SUBSCRIBED CHILDREN) tells both of every mailbox (RFC 5258 §3.2)."""
    play(
        r"""
        C: a CREATE Tofutti
        S: a OK [MAILBOXID (<any>)] Made.
        C: b CREATE Vegetable/Corn
        S: b OK [MAILBOXID (<any>)] Made.
        C: c SUBSCRIBE Vegetable
        S: c OK Done.
        C: d LIST () "" ("Tof*" "Veg%") RETURN (SUBSCRIBED CHILDREN)
        S: * LIST (\HasNoChildren) "/" Tofutti
        S: * LIST (\HasChildren \Subscribed) "/" Vegetable
        S: d OK Done.
        C: e LIST "" (INBOX "" "Veg*") RETURN ()
        S: * LIST (\HasNoChildren) "/" INBOX
        S: * LIST (\HasChildren) "/" Vegetable
        S: * LIST (\HasNoChildren) "/" Vegetable/Corn
        S: e OK Done.
        C: f LIST () "" ""
        S: f OK Done.
        """
    )


def test_recursive_match() -> None:
    """RECURSIVEMATCH tells names above those that are meant (RFC 5258 §3.1, §4)."""
    play(
        r"""
        C: a CREATE foo2/bar1
        S: a OK [MAILBOXID (<any>)] Made.
        C: b SUBSCRIBE foo2/bar1
        S: b OK Done.
        C: c LIST (RECURSIVEMATCH SUBSCRIBED) "" "foo%"
        S: * LIST (\HasChildren) "/" foo2 ("CHILDINFO" ("SUBSCRIBED"))
        S: c OK Done.
        C: d LIST (SUBSCRIBED RECURSIVEMATCH) "" foo2/bar1
        S: * LIST (\HasNoChildren \Subscribed) "/" foo2/bar1
        S: d OK Done.
        C: e LIST (RECURSIVEMATCH) "" *
        S: e BAD Bad syntax: <any>
        C: f LIST (REMOTE RECURSIVEMATCH) "" *
        S: f BAD Bad syntax: <any>
        C: g LIST (BOGUS) "" *
        S: g BAD Bad syntax: <any>
        C: h LIST "" * RETURN (BOGUS)
        S: h BAD Bad syntax: <any>
        """
    )


def test_special_use_options() -> None:
    """SPECIAL-USE as selection and return option (RFC 6154 §2)."""
    play(
        r"""
        C: a LIST (SPECIAL-USE) "" "*"
        S: * LIST (\HasNoChildren \Archive) "/" Archive
        S: * LIST (\HasNoChildren \Drafts) "/" Drafts
        S: * LIST (\HasNoChildren \Junk) "/" Junk
        S: * LIST (\HasNoChildren \Sent) "/" Sent
        S: * LIST (\HasNoChildren \Trash) "/" Trash
        S: a OK Done.
        C: b LIST "" "S%" RETURN (SPECIAL-USE)
        S: * LIST (\HasNoChildren \Sent) "/" Sent
        S: b OK Done.
        """
    )


def test_list_status() -> None:
    """STATUS as a return option; bare names have none (RFC 5819 §2)."""
    play(
        r"""
        C: a CREATE foo/bar
        S: a OK [MAILBOXID (<any>)] Made.
        C: b DELETE foo
        S: b OK Deleted.
        C: c LIST "" "foo*" RETURN (CHILDREN STATUS (MESSAGES UNSEEN))
        S: * LIST (\Noselect \HasChildren) "/" foo
        S: * LIST (\HasNoChildren) "/" foo/bar
        S: * STATUS foo/bar (MESSAGES 0 UNSEEN 0)
        S: c OK Done.
        C: d LIST "" INBOX RETURN (STATUS ())
        S: d BAD Bad syntax: <any>
        """
    )


def test_list_myrights_and_metadata() -> None:
    """MYRIGHTS (RFC 8440 §3) and METADATA (RFC 9590 §3) follow each LIST."""
    play(
        r"""
        C: a SETMETADATA INBOX (/shared/comment "ours")
        S: a OK Set.
        C: b LIST "" INBOX RETURN (MYRIGHTS METADATA (/shared/comment /private/x))
        S: * LIST (\HasNoChildren) "/" INBOX
        S: * MYRIGHTS INBOX lrswipkxteacd
        S: * METADATA INBOX (/shared/comment "ours" /private/x NIL)
        S: b OK Done.
        """
    )


def test_status_items() -> None:
    r"""SIZE (RFC 8438 §3), DELETED and DELETED-STORAGE (RFC 9208 §4.1.4)."""
    play(
        r"""
        C: a APPEND INBOX (\Deleted) {23+}
        C: Subject: one
        C:
        C: a body.
        S: a OK [APPENDUID <n> 1] Kept.
        C: b STATUS INBOX (SIZE DELETED DELETED-STORAGE APPENDLIMIT MAILBOXID)
        S: * STATUS INBOX (SIZE 23 DELETED 1 DELETED-STORAGE 23 APPENDLIMIT <n> MAILBOXID (<any>))
        S: b OK Done.
        """  # noqa: E501
    )


def test_names_in_utf8() -> None:
    """Both spellings of a name are the same mailbox; composed or not."""
    play(
        r"""
        C: a CREATE "편지"
        S: a OK [MAILBOXID (<any>)] Made.
        C: b STATUS &07jJwA- (MESSAGES)
        S: * STATUS &07jJwA- (MESSAGES 0)
        S: b OK Done.
        C: c STATUS "편지" (MESSAGES)
        S: * STATUS &07jJwA- (MESSAGES 0)
        S: c OK Done.
        C: d LIST "" "편%"
        S: * LIST (\HasNoChildren) "/" &07jJwA-
        S: d OK Done.
        C: e CREATE a//b
        S: e NO [CANNOT] This cannot be a mailbox's name.
        C: f CREATE user
        S: f NO [CANNOT] Not with this mailbox.
        C: g CREATE shared/x
        S: g NO [NOPERM] You have no right to do that.
        """
    )
