"""Retries, expiry and who is told, as tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pyeonji.base.events import Happening
from pyeonji.base.ids import LetterId
from pyeonji.mta.options import HOUR, MINUTE, Options
from pyeonji.mta.queue.plan import (
    Fate,
    Notice,
    Outcome,
    fate,
    groups,
    next_attempt,
    settle,
    status_of,
    wants,
)
from pyeonji.storage.queue import NewLetter, QueuedLetter, Recipient, RecipientState

OPTIONS = Options(hostname="mx.example.test")
BEGAN = 1_700_000_000.0


def letter(*recipients: Recipient, sender: str = "kim@example.test") -> QueuedLetter:
    new = NewLetter(
        reverse_path=sender,
        recipients=recipients,
        content=b"",
        prefix=b"",
        accepted_at=BEGAN,
    )
    return QueuedLetter(
        id=LetterId("L1"), letter=new, recipients=recipients, size_octets=10
    )


@pytest.mark.parametrize(
    ("code", "status", "at_rcpt", "expected"),
    [
        (250, "", False, Fate.RELAYED),
        (251, "", True, Fate.RELAYED),
        (421, "", False, Fate.LATER),
        (450, "", True, Fate.LATER),
        (550, "5.1.1", True, Fate.NEVER),
        (552, "", True, Fate.LATER),
        (552, "5.5.3", True, Fate.LATER),
        (552, "5.2.2", True, Fate.NEVER),
        (552, "", False, Fate.NEVER),
        (354, "", False, Fate.LATER),
        (0, "", False, Fate.LATER),
        (999, "", False, Fate.LATER),
    ],
)
def test_what_a_reply_means(
    code: int, status: str, at_rcpt: bool, expected: Fate
) -> None:
    """The first digit decides; 552 to RCPT is too many (RFC 5321 §4.5.3.1.10)."""
    assert fate(code, status, at_rcpt=at_rcpt) is expected


@pytest.mark.parametrize(
    ("code", "enhanced", "expected"),
    [(550, "5.1.1", "5.1.1"), (550, "", "5.0.0"), (450, "", "4.0.0"), (0, "", "4.0.0")],
)
def test_status_of_a_reply(code: int, enhanced: str, expected: str) -> None:
    """A reply without an enhanced code gets one from its class (RFC 3463 §2)."""
    assert status_of(code, enhanced) == expected


@pytest.mark.parametrize(
    ("attempts", "waits"),
    [
        (0, MINUTE),
        (1, MINUTE),
        (2, 5 * MINUTE),
        (3, 15 * MINUTE),
        (4, HOUR),
        (5, 4 * HOUR),
        (6, 4 * HOUR),
        (60, 4 * HOUR),
    ],
)
def test_waits_follow_the_schedule_and_the_last_repeats(
    attempts: int, waits: float
) -> None:
    """RFC 5321 §4.5.4.1: soon at first, then at longer intervals."""
    assert next_attempt(BEGAN, attempts, BEGAN, OPTIONS) == BEGAN + waits
    later = next_attempt(BEGAN, attempts, BEGAN, OPTIONS, chance=1.0)
    assert BEGAN + waits < later <= BEGAN + waits * 1.1


def test_the_last_attempt_is_made_when_the_time_is_over() -> None:
    """A letter does not expire between two attempts (RFC 5321 §4.5.4.1)."""
    now = BEGAN + OPTIONS.expire - HOUR
    assert next_attempt(now, 9, BEGAN, OPTIONS) == BEGAN + OPTIONS.expire


def test_recipients_go_together_by_destination() -> None:
    """One transaction for all recipients at a next hop (RFC 5321 §4.5.4.1)."""
    done = Recipient(address="d@a.test", state=RecipientState.RELAYED)
    waits = Recipient(address="w@a.test", next_attempt=BEGAN + 1)
    mine = letter(
        Recipient(address="a@a.test"),
        Recipient(address="b@b.test"),
        Recipient(address="c@a.test"),
        done,
        waits,
    )
    found = groups(mine, BEGAN, lambda address: address.partition("@")[2])
    assert found == {"a.test": [0, 2], "b.test": [1]}


@pytest.mark.parametrize(
    ("notify", "failed", "delayed", "delivered"),
    [
        ("", True, True, False),
        ("NEVER", False, False, False),
        ("SUCCESS", False, False, True),
        ("FAILURE", True, False, False),
        ("DELAY", False, True, False),
        ("SUCCESS,FAILURE,DELAY", True, True, True),
    ],
)
def test_notify_decides_what_is_told(
    notify: str, failed: bool, delayed: bool, delivered: bool
) -> None:
    """RFC 3461 §5.2.2 to §5.2.6."""
    assert wants(notify, Notice.FAILED) is failed
    assert wants(notify, Notice.DELAYED) is delayed
    assert wants(notify, Notice.DELIVERED) is delivered
    assert wants(notify, Notice.RELAYED) is delivered


def outcome(what: Fate, **more: object) -> Outcome:
    base = Outcome(index=0, fate=what, status="4.0.0", reply="450 not now")
    return replace(base, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "after", "state", "happening", "notice"),
    [
        (Fate.DELIVERED, 0, RecipientState.DELIVERED, Happening.DELIVERED, None),
        (Fate.RELAYED, 0, RecipientState.RELAYED, Happening.RELAYED, None),
        (Fate.NEVER, 0, RecipientState.FAILED, Happening.FAILED, Notice.FAILED),
        (Fate.LATER, 0, RecipientState.WAITING, Happening.DEFERRED, None),
        (
            Fate.LATER,
            4 * HOUR,
            RecipientState.WAITING,
            Happening.DEFERRED,
            Notice.DELAYED,
        ),
        (
            Fate.LATER,
            OPTIONS.expire,
            RecipientState.FAILED,
            Happening.EXPIRED,
            Notice.FAILED,
        ),
    ],
)
def test_what_an_attempt_comes_to(
    what: Fate,
    after: float,
    state: RecipientState,
    happening: Happening,
    notice: Notice | None,
) -> None:
    """One table from outcome and age to state, event and notice."""
    mine = letter(Recipient(address="lee@remote.test"))
    settled = settle(mine, [outcome(what)], BEGAN + after, OPTIONS)
    assert settled.recipients[0].state is state
    assert settled.recipients[0].attempts == 1
    assert [e.kind for e in settled.events] == [happening]
    assert [t.notice for t in settled.told] == ([notice] if notice else [])
    if state is RecipientState.WAITING:
        assert settled.recipients[0].next_attempt > BEGAN + after


def test_a_delay_is_told_once() -> None:
    """A second delay notice would only annoy (RFC 3461 §5.2.5 allows one)."""
    mine = letter(Recipient(address="lee@remote.test"))
    first = settle(mine, [outcome(Fate.LATER)], BEGAN + 5 * HOUR, OPTIONS)
    mine = replace(mine, recipients=first.recipients)
    second = settle(mine, [outcome(Fate.LATER)], BEGAN + 9 * HOUR, OPTIONS)
    assert [t.notice for t in first.told] == [Notice.DELAYED]
    assert second.told == ()


@pytest.mark.parametrize("what", list(Fate))
@pytest.mark.parametrize("age", [0.0, 5 * HOUR, OPTIONS.expire])
def test_nobody_is_told_under_the_null_reverse_path(what: Fate, age: float) -> None:
    """Never a report about a report (RFC 5321 §6.1)."""
    every = Recipient(address="lee@remote.test", notify="SUCCESS,FAILURE,DELAY")
    settled = settle(letter(every, sender=""), [outcome(what)], BEGAN + age, OPTIONS)
    assert settled.told == ()


def test_a_next_hop_with_dsn_reports_success_itself() -> None:
    """No "relayed" report where the duty was passed on (RFC 3461 §5.2.1)."""
    wanted = letter(Recipient(address="lee@remote.test", notify="SUCCESS"))
    passed = outcome(Fate.RELAYED, reports_itself=True)
    ours = outcome(Fate.RELAYED)
    assert settle(wanted, [passed], BEGAN, OPTIONS).told == ()
    assert [t.notice for t in settle(wanted, [ours], BEGAN, OPTIONS).told] == [
        Notice.RELAYED
    ]
