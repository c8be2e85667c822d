"""Accounts that behave unlike themselves."""

import asyncio

import pytest

from pyeonji.mta.policy import habits
from pyeonji.mta.policy.habits import AccountOptions, Remembered
from pyeonji.storage.habits import HabitStore

HOUR = 3600.0
OPTIONS = AccountOptions(hold=True, usual_recipients=20, factor=5, failures=3)
KIM = "kim@example.test"


class Habits:
    """The same, without waiting."""

    def __init__(self, options: AccountOptions, kept: HabitStore | None = None) -> None:
        self.kept = Remembered() if kept is None else kept
        self.habits = habits.Habits(options, self.kept)

    def wrote(self, account: str, recipients: int, now: float) -> str:
        return asyncio.run(self.habits.wrote(account, recipients, now))

    def failed(self, account: str, now: float) -> str:
        return asyncio.run(self.habits.failed(account, now))


def test_few_recipients_are_never_unusual() -> None:
    kept = Habits(OPTIONS)
    assert [kept.wrote(KIM, 1, 0.0) for _ in range(20)] == [""] * 20
    assert "21 recipients within an hour" in kept.wrote(KIM, 1, 1.0)
    assert kept.wrote("lee@example.test", 1, 1.0) == ""


def test_who_usually_writes_much_may_write_more() -> None:
    kept = Habits(OPTIONS)
    for hour in range(5):
        assert kept.wrote(KIM, 20, hour * HOUR) == ""
    assert kept.wrote(KIM, 90, 5 * HOUR) == ""
    # 90 were the most of an hour: now 5 times that many are still usual
    assert kept.wrote(KIM, 400, 6 * HOUR) == ""
    assert kept.wrote(KIM, 100, 6 * HOUR + 1) != ""


def test_recipients_that_do_not_exist() -> None:
    kept = Habits(OPTIONS)
    told = [kept.failed(KIM, 0.0) for _ in range(4)]
    assert told == ["", "", "3 recipients within an hour do not exist", ""]
    assert kept.wrote(KIM, 1, 1.0) == told[2]
    slow = Habits(OPTIONS)
    assert [slow.failed(KIM, hour * HOUR) for hour in range(9)] == [""] * 9


def test_a_hold_ends_and_is_no_habit() -> None:
    kept = Habits(OPTIONS)
    assert kept.wrote(KIM, 1000, 0.0)
    assert kept.wrote(KIM, 1, 2 * HOUR)
    day = OPTIONS.hold_s + 1
    assert kept.wrote(KIM, 1, day) == ""
    assert kept.wrote(KIM, 1000, day + 1)  # the thousand were not learnt


def test_the_usual_fades() -> None:
    kept = Habits(OPTIONS)
    assert kept.wrote(KIM, 20, 0.0) == ""
    assert kept.wrote(KIM, 95, HOUR) == ""  # 5 times 20, faded a little
    assert kept.wrote(KIM, 100, 1000 * HOUR) != ""


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(habits, "MAX_ACCOUNTS", 5)
    remembered = Remembered()
    kept = Habits(OPTIONS, remembered)
    for number in range(9):
        kept.wrote(str(number), 1, 0.0)
    assert len(remembered) == 5


def test_a_clock_that_jumps_holds_nobody_for_ever() -> None:
    kept = Habits(OPTIONS)
    year = 365 * 24 * HOUR
    assert kept.wrote(KIM, 1000, year)
    assert kept.wrote(KIM, 1, 0.0) == ""  # it was put back
    assert (
        kept.wrote(KIM, 25, 1.0)
        == "26 recipients within an hour, where 0 were the most before"
    )


def test_a_hold_can_be_ended() -> None:
    """What it did is usual then."""
    kept = Habits(OPTIONS)
    assert kept.wrote(KIM, 50, 0.0)
    assert [account for account, _ in asyncio.run(kept.kept.held(1.0))] == [KIM]
    assert asyncio.run(kept.kept.release(KIM))
    assert not asyncio.run(kept.kept.release(KIM))
    assert kept.wrote(KIM, 50, 1.0) == ""
    assert asyncio.run(kept.kept.held(1.0)) == []


def test_nothing_is_held_where_that_is_not_wanted() -> None:
    kept = Habits(AccountOptions())
    assert kept.wrote(KIM, 10**6, 0.0) == ""
    assert kept.failed(KIM, 0.0) == ""
