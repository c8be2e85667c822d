"""Addresses elsewhere that are known not to exist, for some time.

A next hop that said so for good need not be asked again for every letter: who
writes there from here hears it at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An address to which nothing is sent for a while."""

    address: str  # as it was written
    reason: str  # what the next hop said, or what the operator did
    added_at: float  # Unix seconds
    until: float
    letter: str = ""  # the letter that came back, for `pyeonji trace`


class Suppressions(Protocol):
    """The list; shared by all workers and the command line."""

    async def find(self, address: str, now: float) -> Suppression | None:
        """What is known of an address in any spelling; None: it may be tried."""

    async def add(self, suppression: Suppression) -> None:
        """Keep one, in place of what was known; forgets those whose time is over."""

    async def remove(self, address: str) -> bool:
        """Let an address be tried again; False: it was not there."""

    async def listed(
        self, now: float, *, domain: str = "", limit: int | None = None
    ) -> list[Suppression]:
        """Those whose time is not over, the latest first."""
