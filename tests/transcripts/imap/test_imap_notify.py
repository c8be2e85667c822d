r"""NOTIFY: the dialogues of RFC 5465, with news that nobody asked for."""

from tests.transcripts.imap.imap_play import play


def test_status_of_others() -> None:
    """STATUS at once, then for each change of a mailbox not selected (§3.1, §5.2)."""
    play(
        r"""
        C: a CREATE Lists/Lemonade
        S: a OK [MAILBOXID (<any>)] Made.
        C: b NOTIFY SET STATUS (SUBTREE Lists (MessageNew MessageExpunge FlagChange))
        S: * STATUS Lists (MESSAGES 0 UIDNEXT 1 UIDVALIDITY <n> HIGHESTMODSEQ <n>)
        S: * STATUS Lists/Lemonade (MESSAGES 0 UIDNEXT 1 UIDVALIDITY <n> HIGHESTMODSEQ <n>)
        S: b OK As you wish.
        C2: a APPEND Lists/Lemonade {23+}
        C2: Subject: one
        C2:
        C2: a body.
        S2: a OK [APPENDUID <n> 1] Kept.
        S: * STATUS Lists/Lemonade (MESSAGES 1 UIDNEXT 2 UIDVALIDITY <n> UNSEEN 1)
        C2: b SELECT Lists/Lemonade
        S2: <all>b OK <any>
        C2: c STORE 1 +FLAGS.SILENT (\Seen \Deleted)
        S2: c OK Done.
        S: * STATUS Lists/Lemonade (UIDVALIDITY <n> UNSEEN 0)
        C2: d EXPUNGE
        S2: * 1 EXPUNGE
        S2: d OK Done.
        S: * STATUS Lists/Lemonade (MESSAGES 0 UIDNEXT 2 UIDVALIDITY <n> UNSEEN 0)
        C: c NOTIFY NONE
        S: c OK As you wish.
        C2: e APPEND Lists/Lemonade {23+}
        C2: Subject: one
        C2:
        C2: a body.
        S2: * 1 EXISTS
        S2: * 1 RECENT
        S2: e OK [APPENDUID <n> 2] Kept.
        C: d NOOP
        S: d OK Done.
        """  # noqa: E501
    )


def test_selected_with_items() -> None:
    """SELECTED: EXISTS, then FETCH with what was asked for, unasked (§5.2)."""
    play(
        r"""
        C: a NOTIFY SET (SELECTED (MessageNew (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)]) MessageExpunge FlagChange))
        S: a OK As you wish.
        C: b SELECT INBOX
        S: <all>b OK <any>
        C2: a APPEND INBOX {23+}
        C2: Subject: one
        C2:
        C2: a body.
        S2: a OK [APPENDUID <n> 1] Kept.
        S: * 1 EXISTS
        S: * 1 RECENT
        S: * 1 FETCH (UID 1 BODY[HEADER.FIELDS (SUBJECT)] {16}
        S: Subject: one
        S: 
        S: )
        C2: b SELECT INBOX
        S2: <all>b OK <any>
        C2: c STORE 1 +FLAGS.SILENT (\Deleted)
        S2: c OK Done.
        S: * 1 FETCH (UID 1 FLAGS (\Deleted \Recent))
        C2: d EXPUNGE
        S2: * 1 EXPUNGE
        S2: d OK Done.
        S: * 1 EXPUNGE
        """  # noqa: E501, W291
    )


def test_selected_delayed() -> None:
    """SELECTED-DELAYED keeps EXPUNGE for a command that may tell it (§6.1.2)."""
    play(
        r"""
        C: a APPEND INBOX (\Deleted) {23+}
        C: Subject: one
        C:
        C: a body.
        S: a OK [APPENDUID <n> 1] Kept.
        C: b SELECT INBOX
        S: <all>b OK <any>
        C: c NOTIFY SET (SELECTED-DELAYED (MessageNew MessageExpunge))
        S: c OK As you wish.
        C2: a SELECT INBOX
        S2: <all>a OK <any>
        C2: b EXPUNGE
        S2: * 1 EXPUNGE
        S2: b OK Done.
        C: d FETCH 1 UID
        S: d OK [EXPUNGEISSUED] Some are gone.
        C: e NOOP
        S: * 1 EXPUNGE
        S: e OK Done.
        """
    )


def test_names_and_subscriptions() -> None:
    r"""MailboxName and SubscriptionChange tell LIST; not of one's own (§5.4, §5.5)."""
    play(
        r"""
        C: a NOTIFY SET (PERSONAL (MailboxName SubscriptionChange))
        S: a OK As you wish.
        C2: a CREATE NewMailbox
        S2: a OK [MAILBOXID (<any>)] Made.
        S: * LIST (\HasNoChildren) "/" NewMailbox
        C2: b RENAME NewMailbox Renamed
        S2: b OK Renamed.
        S: * LIST (\HasNoChildren) "/" Renamed ("OLDNAME" (NewMailbox))
        C2: c SUBSCRIBE Renamed
        S2: c OK Done.
        S: * LIST (\HasNoChildren \Subscribed) "/" Renamed
        C2: d UNSUBSCRIBE Renamed
        S2: d OK Done.
        S: * LIST (\HasNoChildren) "/" Renamed
        C2: e DELETE Renamed
        S2: e OK Deleted.
        S: * LIST (\NonExistent \Noselect \HasNoChildren) "/" Renamed
        C: b CREATE Mine
        S: b OK [MAILBOXID (<any>)] Made.
        C: c NOOP
        S: c OK Done.
        """
    )


def test_metadata() -> None:
    """MailboxMetadataChange and ServerMetadataChange tell names only (§5.6, §5.7)."""
    play(
        r"""
        C: a NOTIFY SET (MAILBOXES INBOX (MailboxMetadataChange)) (PERSONAL (ServerMetadataChange))
        S: a OK As you wish.
        C2: a SETMETADATA INBOX (/shared/comment "x")
        S2: a OK Set.
        S: * METADATA INBOX /shared/comment
        C2: b SETMETADATA "" (/private/comment "x")
        S2: b OK Set.
        S: * METADATA "" /private/comment
        C2: c SETMETADATA INBOX (/shared/comment NIL)
        S2: c OK Set.
        S: * METADATA INBOX /shared/comment
        C: b SETMETADATA INBOX (/shared/comment "mine")
        S: b OK Set.
        """  # noqa: E501
    )


def test_rights_given_and_taken() -> None:
    r"""A mailbox that may be seen from now on is as one that was made (§5.4)."""
    play(
        r"""
        Clee: a NOTIFY SET (SUBTREE user (MailboxName MessageNew MessageExpunge))
        Slee: a OK As you wish.
        C: a SETACL INBOX lee@example.test lr
        S: a OK Done.
        Slee: * LIST (\HasNoChildren) "/" user/kim@example.test/INBOX
        C: b DELETEACL INBOX lee@example.test
        S: b OK Done.
        Slee: * LIST (\NonExistent \Noselect \HasNoChildren) "/" user/kim@example.test/INBOX
        """,  # noqa: E501
        accounts=["lee"],
    )


def test_idle_tells_the_same() -> None:
    """IDLE tells exactly what NOTIFY says (§4)."""
    play(
        r"""
        C: a NOTIFY SET (MAILBOXES Archive (MessageNew MessageExpunge))
        S: a OK As you wish.
        C: b IDLE
        S: + Listening.
        C2: a APPEND Archive {23+}
        C2: Subject: one
        C2:
        C2: a body.
        S2: a OK [APPENDUID <n> 1] Kept.
        S: * STATUS Archive (MESSAGES 1 UIDNEXT 2)
        C: DONE
        S: b OK Enough listened.
        """
    )


def test_what_is_refused() -> None:
    """Unknown events are NO with BADEVENT, what can't stand together BAD (§5, §6.1)."""
    play(
        r"""
        C: a NOTIFY SET (PERSONAL (MessageNew MessageExpunge AnnotationChange))
        S: a NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange ServerMetadataChange)] Not all of these events.
        C: b NOTIFY SET (PERSONAL (SomethingNew))
        S: b NO [BADEVENT <any>] Not all of these events.
        C: c NOTIFY SET (PERSONAL (MessageNew))
        S: c BAD Bad syntax: <any>
        C: d NOTIFY SET (PERSONAL (FlagChange))
        S: d BAD Bad syntax: <any>
        C: e NOTIFY SET (SELECTED (MailboxName))
        S: e BAD Bad syntax: <any>
        C: f NOTIFY SET (SELECTED NONE) (SELECTED-DELAYED NONE)
        S: f BAD Bad syntax: <any>
        C: g NOTIFY SET (PERSONAL (MessageNew (UID) MessageExpunge))
        S: g BAD Bad syntax: <any>
        C: h NOTIFY SET (SELECTED NONE)
        S: h OK As you wish.
        """  # noqa: E501
    )


def test_selected_mailbox_without_selected() -> None:
    """Without SELECTED, news of its messages are not wanted (§3.1)."""
    play(
        r"""
        C: a SELECT INBOX
        S: <all>a OK <any>
        C: b NOTIFY SET (MAILBOXES INBOX (MessageNew MessageExpunge))
        S: b OK As you wish.
        C2: a APPEND INBOX {23+}
        C2: Subject: one
        C2:
        C2: a body.
        S2: a OK [APPENDUID <n> 1] Kept.
        C: c NOOP
        S: c OK Done.
        C: d NOTIFY NONE
        S: * 1 EXISTS
        S: * 1 RECENT
        S: d OK As you wish.
        """
    )


def test_flags_not_asked_for() -> None:
    """SELECTED without FlagChange: flags that others change are not told (§5)."""
    play(
        r"""
        C: a APPEND INBOX {23+}
        C: Subject: one
        C:
        C: a body.
        S: a OK [APPENDUID <n> 1] Kept.
        C: b SELECT INBOX
        S: <all>b OK <any>
        C: c NOTIFY SET (SELECTED (MessageNew MessageExpunge))
        S: c OK As you wish.
        C2: a SELECT INBOX
        S2: <all>a OK <any>
        C2: b STORE 1 +FLAGS.SILENT (\Seen)
        S2: b OK Done.
        C: d NOOP
        S: d OK Done.
        """
    )
