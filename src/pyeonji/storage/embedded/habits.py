"""What accounts usually send: `habits.db`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyeonji.storage.embedded.smallfile import SmallFile
from pyeonji.storage.embedded.sqlite import Database, one
from pyeonji.storage.habits import Habit
from pyeonji.storage.names import canonical

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor
    from pathlib import Path

KEPT_S: Final = 90 * 86400.0
"""An account that sent nothing for so long is forgotten."""

MIGRATIONS: Final = (
    """
    CREATE TABLE habits (
        account TEXT PRIMARY KEY,       -- canonical address
        hour REAL NOT NULL,
        recipients INTEGER NOT NULL,
        failures INTEGER NOT NULL,
        most REAL NOT NULL,
        held_until REAL NOT NULL,
        reason TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX habits_hour ON habits (hour);
    CREATE INDEX habits_held ON habits (held_until) WHERE held_until > 0;
    """,
)

_COLUMNS: Final = "hour, recipients, failures, most, held_until, reason"


class EmbeddedHabits:
    """See HabitStore."""

    def __init__(self, path: Path, threads: Executor) -> None:
        self._file = SmallFile(path, threads, MIGRATIONS)

    def close(self) -> None:
        """Close the file (blocks)."""
        self._file.close()

    async def change(
        self, account: str, change: Callable[[Habit | None], Habit]
    ) -> Habit:
        """See HabitStore."""
        key = canonical(account)

        def work(database: Database) -> Habit:
            known = _known(database, key)
            habit = change(known)
            if known is None:
                database.execute(
                    "DELETE FROM habits WHERE hour < ?", (habit.hour - KEPT_S,)
                )
            _write(database, key, habit)
            return habit

        return await self._file.run(work)  # type: ignore[no-any-return]

    async def held(self, now: float) -> list[tuple[str, Habit]]:
        """See HabitStore."""

        def work(database: Database) -> list[tuple[str, Habit]]:
            rows = database.execute(
                f"SELECT account, {_COLUMNS} FROM habits"  # noqa: S608 - fixed names
                " WHERE held_until > 0 AND held_until > ? ORDER BY account",
                (now,),
            )
            return [(account, _habit(row)) for account, *row in rows]

        return await self._file.run(work)  # type: ignore[no-any-return]

    async def release(self, account: str) -> bool:
        """See HabitStore."""
        key = canonical(account)

        def work(database: Database) -> bool:
            database.execute(
                "UPDATE habits SET held_until = 0, reason = '', failures = 0,"
                " most = max(most, recipients) WHERE account = ? AND held_until > 0",
                (key,),
            )
            return bool(database.changes())

        return await self._file.run(work)  # type: ignore[no-any-return]


def _known(database: Database, key: str) -> Habit | None:
    row = one(
        database,
        f"SELECT {_COLUMNS} FROM habits WHERE account = ?",  # noqa: S608 - fixed names
        (key,),
    )
    return None if row is None else _habit(row)


def _habit(row: Any) -> Habit:
    hour, recipients, failures, most, held_until, reason = row
    return Habit(
        hour=hour,
        recipients=recipients,
        failures=failures,
        most=most,
        held_until=held_until,
        reason=reason,
    )


def _write(database: Database, key: str, habit: Habit) -> None:
    database.execute(
        "INSERT OR REPLACE INTO habits VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            key,
            habit.hour,
            habit.recipients,
            habit.failures,
            habit.most,
            habit.held_until,
            habit.reason,
        ),
    )
