"""Events for web servers that were not taken yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingEvent:
    """One event for one server; `at` are Unix seconds, `body` is JSON."""

    id: str  # the event's
    at: float
    body: bytes


class WaitingEvents(Protocol):
    """This worker's; those of workers that there are no more are worker 0's."""

    async def waiting(self, url: str, *, since: float) -> list[WaitingEvent]:
        """What waits for a server, oldest first; what is older than `since` goes.

        Raises:
            StorageUnavailable.
        """

    async def change(
        self, url: str, *, add: Sequence[WaitingEvent], remove: Sequence[str]
    ) -> None:
        """Keep these, forget those; known ids are no error.

        Raises:
            StorageUnavailable: nothing is changed.
        """
