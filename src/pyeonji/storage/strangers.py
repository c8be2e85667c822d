"""What is remembered of those who bring mail: triplets, clients, senders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class GreyTimes:
    """How long greylisting waits and remembers, seconds (RFC 6647 §5).

    `delay`: a triplet's first letter waits so long. `window`: one that did not
    come again by then begins anew. `keep`: what passed is known so long after
    its last letter.
    """

    delay_s: float
    window_s: float
    keep_s: float


class Strangers(Protocol):
    """Shared by all workers; bounded, and forgets what is old.

    What a crash of the machine takes of the last second does no harm.
    """

    async def grey(
        self, client: str, sender: str, recipient: str, now: float, times: GreyTimes
    ) -> float | None:
        """Meet a triplet; how many seconds ago it came first.

        Args:
            client: its network, or the domain that vouches for it.
            sender: the reverse path.
            recipient: canonical.
            now: Unix seconds.
            times: what the operator wants.

        Returns:
            None for a client that has passed often enough to be known.

        Raises:
            StorageUnavailable: nothing is known, nothing was kept.
        """

    async def first_seen(self, sender: str, now: float, keep_s: float) -> bool:
        """Meet a sender; whether it was not met before (or is forgotten).

        Raises:
            StorageUnavailable: nothing is known, nothing was kept.
        """
