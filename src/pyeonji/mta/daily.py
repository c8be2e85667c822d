"""Reports that go out once a day: when, for whom, and as what letter."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pyeonji.base.errors import PyeonjiError
from pyeonji.storage.queue import BodyType, NewLetter, Recipient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyeonji.base.clock import Clock
    from pyeonji.mta.reports.day import DayReport

LOOK_S: Final = 900.0
"""How often it is looked whether there is something to report."""

SPREAD_S: Final = 4 * 3600.0
"""Reports leave within so long after midnight UTC (RFC 8460 §4.1): not all at once."""

GIVE_UP_S: Final = 2 * 86400.0
"""So long after its day begins what could not be told is forgotten (RFC 8460 §5.5)."""

DAY_S: Final = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """Who reports: our domain, an address in it, and our name."""

    submitter: str
    contact: str
    organization: str


class Schedule:
    """When the reports about a day go, and until when."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.delay_s = random.uniform(0, SPREAD_S)  # after midnight UTC

    async def keep(
        self, report: Callable[[], Awaitable[int]], log: Any, failed: str
    ) -> None:
        """Report day by day, until cancelled; one worker does it for all.

        Args:
            report: sends what is due.
            log: hears of its errors.
            failed: the event that they are there.
        """
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await report()
            except PyeonjiError:
                log.exception(failed)

    def due_before(self) -> str:
        """The day before which all days are to be reported now."""
        now = self.clock.time()
        if now % DAY_S < self.delay_s:  # the night is not over yet
            return _day(now - DAY_S)
        return _day(now)

    def too_old(self, day: str) -> bool:
        """Whether what could not be told of a day is given up."""
        return day < _day(self.clock.time() - GIVE_UP_S)


def letter_of(
    report: DayReport, to: str, octets: bytes, now: float, facts: dict[str, str]
) -> NewLetter:
    """A report for the queue; nobody is told of failures.

    The reverse path is one that reads reports itself.
    """
    return NewLetter(
        reverse_path=report.contact,
        recipients=(Recipient(address=to, notify="NEVER"),),
        content=octets,
        prefix=b"",
        body_type=BodyType.SEVEN_BIT,
        accepted_at=now,
        message_id=f"<{report.id}>",
        facts=facts,
    )


def _day(now: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(now))
