"""What accounts usually send, and which of them are held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """One account's; times are Unix seconds.

    `recipients` and `failures` are those of the hour that began at `hour`;
    `most` are the recipients of an hour before it, fading. While `held_until`
    lies ahead, the account's letters are held because of `reason`.
    """

    hour: float
    recipients: int = 0
    failures: int = 0
    most: float = 0.0
    held_until: float = 0.0
    reason: str = ""


class HabitStore(Protocol):
    """Shared by all workers, and as old as the accounts."""

    async def change(
        self, account: str, change: Callable[[Habit | None], Habit]
    ) -> Habit:
        """Change what is known of an account; nobody else does meanwhile.

        Args:
            account: its address.
            change: from what is known (None: nothing) to what shall be; may be
                called in another thread.

        Raises:
            StorageUnavailable: nothing is changed.
        """

    async def held(self, now: float) -> list[tuple[str, Habit]]:
        """Accounts that are held now, by address. Raises StorageUnavailable."""

    async def release(self, account: str) -> bool:
        """End a hold: what the account did is usual. False: there was none.

        Raises:
            StorageUnavailable.
        """
