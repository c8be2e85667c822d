"""Accounts that behave unlike themselves."""

from pyeonji.mta.policy import habits
from pyeonji.mta.policy.habits import AccountOptions, Habits

HOUR = 3600.0
OPTIONS = AccountOptions(hold=True, usual_recipients=20, factor=5, failures=3)
KIM = "kim@example.test"


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


def test_the_usual_fades_and_memory_is_bounded() -> None:
    kept = Habits(OPTIONS)
    assert kept.wrote(KIM, 20, 0.0) == ""
    assert kept.wrote(KIM, 95, HOUR) == ""  # 5 times 20, faded a little
    assert kept.wrote(KIM, 100, 1000 * HOUR) != ""
    for number in range(habits.MAX_ACCOUNTS + 10):
        kept.wrote(str(number), 1, 1000 * HOUR)
    assert len(kept._habits) == habits.MAX_ACCOUNTS


def test_nothing_is_held_where_that_is_not_wanted() -> None:
    kept = Habits(AccountOptions())
    assert kept.wrote(KIM, 10**6, 0.0) == ""
    assert kept.failed(KIM, 0.0) == ""
