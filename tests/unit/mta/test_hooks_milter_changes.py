"""What a milter may change of a letter, and how much."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.mta.hooks import milter_changes
from pyeonji.mta.hooks.editing import edited
from pyeonji.mta.hooks.milter_changes import Changes
from pyeonji.mta.hooks.session import Verdict
from pyeonji.mta.policy.decision import Action
from pyeonji.protocol.milter.packets import Actions
from pyeonji.protocol.milter.replies import (
    BadMilter,
    BodyReplaced,
    HeaderAdded,
    HeaderChanged,
    Quarantined,
    RecipientAdded,
    RecipientRemoved,
    Reply,
    SenderChanged,
    Word,
    read,
)

ALL = Actions(0xFF)
HEADER = b"A: 1\r\nB: 2\r\n more\r\nC: 3\r\n\r\n"


def changed(*replies: Reply, allowed: Actions = ALL) -> Verdict:
    changes = Changes("milter x", allowed)
    assert all(changes.take(reply) for reply in replies)
    assert not changes.take(Word.CONTINUE)
    return changes.verdict(None, None)


def test_fields_stand_where_they_are_wanted() -> None:
    """Place 0 is our own Received's: the first that it was shown has 1."""
    verdict = changed(
        HeaderAdded(b"X-End", b"x", None),
        HeaderAdded(b"X-Top", b"x", 1),
        HeaderAdded(b"X-Third", b"x", 3),
        HeaderAdded(b"X-Far", b"x", 400),
    )
    assert verdict.added == b"X-Top: x\r\nX-End: x\r\n"
    assert edited(HEADER, verdict.edits, verdict.inserts) == (
        b"A: 1\r\nB: 2\r\n more\r\nX-Third: x\r\nC: 3\r\nX-Far: x\r\n\r\n"
    )


def test_removed_fields_still_count() -> None:
    verdict = changed(HeaderChanged(b"A", b"", 1), HeaderAdded(b"X", b"x", 2))
    assert edited(HEADER, verdict.edits, verdict.inserts).startswith(b"X: x\r\nB: 2")


def test_an_envelope_is_read_as_smtp_does() -> None:
    verdict = changed(
        RecipientAdded(b"lee@example.test", b"NOTIFY=SUCCESS ORCPT=rfc822;l@x.test"),
        RecipientRemoved(b"kim@example.test"),
        SenderChanged("김@example.test".encode(), b"RET=HDRS ENVID=7"),
    )
    assert verdict.envelope is not None
    asked, removed = verdict.envelope.recipients
    assert not isinstance(asked, str)
    assert (asked.path, asked.notify) == ("lee@example.test", "SUCCESS")
    assert asked.orcpt == "rfc822;l@x.test"
    assert removed == "kim@example.test"
    sender = verdict.envelope.sender
    assert sender is not None
    assert sender.smtputf8
    assert (sender.reverse_path, sender.ret) == ("김@example.test", "HDRS")
    assert sender.envid == "7"


@pytest.mark.parametrize(
    "reply",
    [
        RecipientAdded(b"lee"),
        RecipientAdded(b"lee@example.test> NOTIFY=NEVER"),
        RecipientAdded(b"lee@example.test", b"NOTIFY=SOMETIMES"),
        RecipientAdded(b"lee@example.test\r\nDATA"),
        SenderChanged(b"kim"),
        SenderChanged(b"kim@example.test", b"RET=SOME"),
    ],
)
def test_what_smtp_does_not_have_is_refused(reply: Reply) -> None:
    with pytest.raises(BadMilter):
        changed(reply)


@pytest.mark.parametrize(
    ("reply", "needed"),
    [
        (HeaderAdded(b"X", b"x", 0), Actions.ADD_HEADERS),
        (HeaderChanged(b"X", b"", 1), Actions.CHANGE_HEADERS),
        (BodyReplaced(b""), Actions.CHANGE_BODY),
        (Quarantined(""), Actions.QUARANTINE),
        (RecipientAdded(b"a@b.test"), Actions.ADD_RECIPIENTS),
        (RecipientRemoved(b"a@b.test"), Actions.REMOVE_RECIPIENTS),
        (SenderChanged(b""), Actions.CHANGE_SENDER),
    ],
)
def test_it_does_only_what_it_may(reply: Reply, needed: Actions) -> None:
    changed(reply, allowed=needed)
    with pytest.raises(BadMilter, match="which it may not here"):
        changed(reply, allowed=ALL & ~needed)


def test_a_new_body_hides_no_command() -> None:
    """A lone LF could end the letter for the next hop."""
    verdict = changed(BodyReplaced(b"a\n.\nMAIL"), BodyReplaced(b" FROM\r.\r\n"))
    assert verdict.body == b"a\r\n.\r\nMAIL FROM\r\n.\r\n"
    assert changed(BodyReplaced(b"")).body == b""


def test_quarantine_is_a_decision() -> None:
    decision = changed(Quarantined("smells")).decision
    assert decision is not None
    assert decision.action is Action.QUARANTINE


def test_nothing_is_without_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    one = RecipientAdded(b"a@b.test")
    with pytest.raises(BadMilter, match="recipients"):
        changed(*[one] * (milter_changes.MAX_RECIPIENTS_CHANGED + 1))
    with pytest.raises(BadMilter, match="header"):
        changed(*[HeaderAdded(b"X", b"x" * 999, 5)] * 100)
    monkeypatch.setattr(milter_changes, "MAX_MESSAGE_OCTETS", 10)
    with pytest.raises(BadMilter, match="body"):
        changed(BodyReplaced(b"x" * 11))
    monkeypatch.setattr(milter_changes, "MAX_CHANGES", 5)
    with pytest.raises(BadMilter, match="changes"):
        changed(*[HeaderChanged(b"X", b"", 1)] * 6)


PIECES = st.sampled_from(
    [
        *(b"<", b">", b"a@b.test", "김@b.test".encode(), b"NOTIFY=NEVER", b"RET=FULL"),
        *(b"\0", b"\0\0\0\2", b" ", b"\r\n", b'"', b":", b"X-A", b"\xff", b"x" * 300),
    ]
)


@given(
    command=st.sampled_from([b"+", b"2", b"-", b"e", b"h", b"i", b"m", b"b", b"q"]),
    pieces=st.lists(PIECES, max_size=6),
)
def test_whatever_it_says_is_a_change_or_refused(
    command: bytes, pieces: list[bytes]
) -> None:
    changes = Changes("milter x", ALL)
    try:
        assert changes.take(read(command, b"".join(pieces)))
    except BadMilter:
        return
    verdict = changes.verdict(None, None)
    header = edited(verdict.added + HEADER, verdict.edits, verdict.inserts)
    assert header.endswith(b"\r\n\r\n")
    assert header.count(b"\r\n\r\n") == 1
    if verdict.envelope is not None and verdict.envelope.sender is not None:
        assert "\r" not in verdict.envelope.sender.reverse_path
