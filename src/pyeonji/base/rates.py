"""How much of something a key did of late: bounded memory, time as an argument.

A leaky bucket for each key: it holds as many as `burst` and empties at the
rate. What was used longest ago goes first when there are too many keys.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

MAX_KEYS: Final = 50_000
"""Keys of one counter: some 10 MB at most."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in so many seconds; `count` of 0 is no limit."""

    count: int = 0
    seconds: float = 60.0

    def __str__(self) -> str:
        """As "100 in 60 s"."""
        return f"{self.count} in {self.seconds:g} s"


NO_LIMIT: Final = Rate()


class Rates:
    """One counter of many keys."""

    def __init__(self, rate: Rate, max_keys: int = MAX_KEYS) -> None:
        self.rate = rate
        self._max_keys = max_keys
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """How many keys are known."""
        return len(self._buckets)

    def count(self, key: str, now: float, amount: int = 1) -> bool:
        """Count; whether it is still within the rate.

        What is too much is not counted, so a client that goes on asking gets
        its share and no more.

        Args:
            key: who.
            now: seconds that never go back.
            amount: how many.
        """
        rate = self.rate
        if not rate.count or amount <= 0:
            return True
        filled = self.level(key, now) + amount
        fits = filled <= rate.count
        if not fits and amount <= rate.count:
            filled -= amount
        buckets = self._buckets
        buckets[key] = (min(filled, float(rate.count)), now)
        buckets.move_to_end(key)
        while len(buckets) > self._max_keys:
            buckets.popitem(last=False)
        return fits

    def level(self, key: str, now: float) -> float:
        """How full a key's bucket is."""
        known = self._buckets.get(key)
        if known is None:
            return 0.0
        filled, at = known
        leaked = max(now - at, 0.0) * self.rate.count / self.rate.seconds
        return max(filled - leaked, 0.0)
