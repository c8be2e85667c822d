"""How many connections each account has, in this process."""

from __future__ import annotations

from collections import Counter


class AccountConnections:
    """Counts; `most` of 0 is no limit.

    One is shared by all listeners of a worker. Holds no more keys than there
    are connections.
    """

    def __init__(self, most: int = 0) -> None:
        self.most = most
        self._counts: Counter[str] = Counter()

    def take(self, account: str) -> bool:
        """One more connection of an account; False: it has enough."""
        if self.most and self._counts[account] >= self.most:
            return False
        self._counts[account] += 1
        return True

    def give_back(self, account: str) -> None:
        """One of its connections is over."""
        self._counts[account] -= 1
        if self._counts[account] <= 0:
            del self._counts[account]
