"""What accounts usually do, and when one behaves unlike itself.

A stolen password shows: an account that wrote to ten people an hour writes to
a thousand, or to many who do not exist. Its letters are then held, for a person
to look at. Pure: time is an argument; where habits are kept is a `HabitStore`.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pyeonji.base.rates import NO_LIMIT, Rate, Rates
from pyeonji.storage.habits import Habit

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyeonji.storage.habits import HabitStore

HOUR_S: Final = 3600.0
MAX_ACCOUNTS: Final = 50_000
"""Accounts that are remembered in memory; those that wrote longest ago go first."""

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


class Remembered:
    """See HabitStore: of this process alone, until it ends."""

    def __init__(self) -> None:
        self._habits: OrderedDict[str, Habit] = OrderedDict()

    def __len__(self) -> int:
        """How many accounts are remembered."""
        return len(self._habits)

    async def change(
        self, account: str, change: Callable[[Habit | None], Habit]
    ) -> Habit:
        """See HabitStore."""
        habit = self._habits[account] = change(self._habits.get(account))
        self._habits.move_to_end(account)
        if len(self._habits) > MAX_ACCOUNTS:
            self._habits.popitem(last=False)
        return habit

    async def held(self, now: float) -> list[tuple[str, Habit]]:
        """See HabitStore."""
        return sorted(
            (account, habit)
            for account, habit in self._habits.items()
            if habit.held_until > now
        )

    async def release(self, account: str) -> bool:
        """See HabitStore."""
        habit = self._habits.get(account)
        if habit is None or not habit.held_until:
            return False
        most = max(habit.most, habit.recipients)
        self._habits[account] = replace(
            habit, held_until=0.0, reason="", failures=0, most=most
        )
        return True


class Habits:
    """All accounts that wrote of late."""

    def __init__(self, options: AccountOptions, kept: HabitStore | None = None) -> None:
        """Nothing is known yet.

        Args:
            options: what an account may do.
            kept: where habits are kept; None: in memory.
        """
        self.options = options
        self.letters = Rates(options.letter_rate)
        self.recipients = Rates(options.recipient_rate)
        self._kept = Remembered() if kept is None else kept

    async def wrote(self, account: str, recipients: int, now: float) -> str:
        """An account hands in a letter.

        Args:
            account: its address.
            recipients: of the letter.
            now: Unix seconds.

        Returns:
            Why the letter is to be held; "" for a letter like others.

        Raises:
            StorageUnavailable: it is not known.
        """
        options = self.options
        if not options.hold:
            return ""

        def change(known: Habit | None) -> Habit:
            habit = aged(known, now, options)
            count = habit.recipients + recipients
            habit = replace(habit, recipients=count)
            most = max(options.usual_recipients, habit.most * options.factor)
            if habit.held_until or count <= most:
                return habit
            reason = (
                f"{count} recipients within an hour, where {habit.most:.0f} were "
                "the most before"
            )
            return replace(habit, held_until=now + options.hold_s, reason=reason)

        return (await self._kept.change(account, change)).reason

    async def failed(self, account: str, now: float) -> str:
        """A recipient of an account's does not exist.

        Returns:
            Why its letters are held from now on, if that begins now.

        Raises:
            StorageUnavailable: it is not known.
        """
        options = self.options
        if not options.hold:
            return ""

        def change(known: Habit | None) -> Habit:
            habit = aged(known, now, options)
            count = habit.failures + 1
            habit = replace(habit, failures=count)
            if habit.held_until or count < options.failures:
                return habit
            reason = f"{count} recipients within an hour do not exist"
            return replace(habit, held_until=now + options.hold_s, reason=reason)

        habit = await self._kept.change(account, change)
        begins = habit.held_until == now + options.hold_s
        return habit.reason if begins and habit.failures == options.failures else ""


def aged(known: Habit | None, now: float, options: AccountOptions) -> Habit:
    """What a habit is by now: hours that are over, holds that have ended.

    A clock that was put back begins another hour, and ends holds that would
    last longer than any may.
    """
    if known is None:
        return Habit(hour=now)
    habit = known
    if habit.held_until and not now < habit.held_until <= now + options.hold_s:
        habit = replace(habit, held_until=0.0, reason="")
    if 0 <= now - habit.hour < HOUR_S:
        return habit
    hours = max((now - habit.hour) // HOUR_S, 1.0)
    most = habit.most
    if not known.held_until:  # what was held is nobody's habit
        most = max(most, habit.recipients)
    begin = habit.hour + hours * HOUR_S
    return replace(
        habit,
        hour=min(begin, now),
        most=most * FADING**hours,
        recipients=0,
        failures=0,
    )
