"""What accounts usually do, and when one behaves unlike itself.

A stolen password shows: an account that wrote to ten people an hour writes to
a thousand, or to many who do not exist. Its letters are then held, for a person
to look at. Pure: time is an argument. Kept in memory, for each worker.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from pyeonji.base.rates import NO_LIMIT, Rate, Rates

HOUR_S: Final = 3600.0
MAX_ACCOUNTS: Final = 50_000
"""Accounts that are remembered; those that wrote longest ago go first."""

FADING: Final = 0.99
"""What is left of the usual after each hour: in a week about a fifth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOptions:
    """What an account may do.

    Holding begins with more recipients in an hour than `usual_recipients` and
    than `factor` times the most of an hour so far, or with `failures` in an
    hour: recipients that do not exist. It lasts `hold_s`.
    """

    letter_rate: Rate = NO_LIMIT
    recipient_rate: Rate = NO_LIMIT
    hold: bool = False
    usual_recipients: int = 100
    factor: float = 10.0
    failures: int = 30
    hold_s: float = 86400.0


@dataclass(slots=True)
class _Habit:
    hour: float
    recipients: int = 0
    failures: int = 0
    most: float = 0.0  # of an hour before this one
    held_until: float = 0.0
    reason: str = ""


class Habits:
    """All accounts that wrote of late."""

    def __init__(self, options: AccountOptions) -> None:
        self.options = options
        self.letters = Rates(options.letter_rate)
        self.recipients = Rates(options.recipient_rate)
        self._habits: OrderedDict[str, _Habit] = OrderedDict()

    def _of(self, account: str, now: float) -> _Habit:
        habit = self._habits.get(account)
        if habit is None:
            habit = self._habits[account] = _Habit(hour=now)
            if len(self._habits) > MAX_ACCOUNTS:
                self._habits.popitem(last=False)
        else:
            self._habits.move_to_end(account)
        if now - habit.hour >= HOUR_S:
            hours = (now - habit.hour) // HOUR_S
            if not habit.held_until:  # what was held is nobody's habit
                habit.most = max(habit.most, habit.recipients)
            habit.most *= FADING**hours
            habit.hour += hours * HOUR_S
            habit.recipients = habit.failures = 0
        if habit.held_until and now >= habit.held_until:
            habit.held_until, habit.reason = 0.0, ""
        return habit

    def wrote(self, account: str, recipients: int, now: float) -> str:
        """An account hands in a letter.

        Args:
            account: its address.
            recipients: of the letter.
            now: seconds that never go back.

        Returns:
            Why the letter is to be held; "" for a letter like others.
        """
        if not self.options.hold:
            return ""
        habit = self._of(account, now)
        habit.recipients += recipients
        most = max(self.options.usual_recipients, habit.most * self.options.factor)
        if not habit.held_until and habit.recipients > most:
            self._hold(
                habit,
                f"{habit.recipients} recipients within an hour, where "
                f"{max(habit.most, 0):.0f} were the most before",
                now,
            )
        return habit.reason

    def failed(self, account: str, now: float) -> str:
        """A recipient of an account's does not exist.

        Returns:
            Why its letters are held from now on, if that begins now.
        """
        if not self.options.hold:
            return ""
        habit = self._of(account, now)
        habit.failures += 1
        if habit.held_until or habit.failures < self.options.failures:
            return ""
        self._hold(
            habit, f"{habit.failures} recipients within an hour do not exist", now
        )
        return habit.reason

    def _hold(self, habit: _Habit, reason: str, now: float) -> None:
        habit.held_until = now + self.options.hold_s
        habit.reason = reason
