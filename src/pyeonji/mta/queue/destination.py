"""Letters that go to the same next hop, waiting for a connection to it."""

from __future__ import annotations

import asyncio
import heapq
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.mta.queue.pace import MAX_BACKOFF_S, Pace
from pyeonji.storage.queue import Lane

if TYPE_CHECKING:
    from pyeonji.base.ids import LetterId
    from pyeonji.message.prepare import Prepared
    from pyeonji.storage.content import Content
    from pyeonji.storage.queue import QueuedLetter

WINDOW: Final = 1000
"""Letters for one next hop in memory; more rest in its lane, on the disk."""

LEAST_WINDOW: Final = 5
"""The same when the runner has hardly any room left."""

REFILL: Final = WINDOW // 2
"""With fewer of them, letters come from the lane."""


TOO_FAR_S: Final = 2 * MAX_BACKOFF_S


class Active:
    """A letter that the runner is at work on; it holds the queue's claim on it."""

    __slots__ = (
        "content", "from_lane", "its_turn", "kept_octets", "letter", "open", "prepared",
    )  # fmt: skip

    def __init__(
        self,
        letter: QueuedLetter,
        content: Content | None = None,
        prepared: Prepared | None = None,
        kept_octets: int = 0,
        *,
        from_lane: Destination | None = None,
    ) -> None:
        self.letter = letter  # replaced as recipients reach their ends
        self.content = content  # None: the queue has it
        self.prepared = prepared
        self.kept_octets = kept_octets  # of content, as long as it is at work
        self.open = 0  # attempts under way
        self.from_lane = from_lane  # until it is in line again
        self.its_turn = from_lane is not None  # it has waited already

    @property
    def id(self) -> LetterId:
        """The letter's."""
        return self.letter.id


@dataclass(slots=True)
class Job:
    """One letter for some of its recipients: one transaction."""

    active: Active
    indexes: tuple[int, ...]
    domain: str  # of the first of them, for looking up who takes its mail
    began_at: float = 0.0  # Unix seconds, once the attempt was counted


class Destination:
    """A next hop: the jobs for it, how many connections serve them, how it is.

    `until`, `failures`, `since` and `error` are as in `Lane`; `aside`: letters may
    rest in its lane.
    """

    __slots__ = (
        "_came", "_jobs", "_waiting", "aside", "coming", "error", "failures", "kept",
        "name", "pace", "since", "through", "turned", "until", "workers",
    )  # fmt: skip

    def __init__(self, name: str, most: int, lane: Lane | None = None) -> None:
        """Nothing waits yet.

        Args:
            name: key: the domain, or the route that several domains share.
            most: connections to it.
            lane: what is known of it.
        """
        self.name = name
        self.pace = Pace(most=most)
        self.workers = 0
        self.turned = False  # served by a connection of the client's (TURN)
        self.aside = lane is not None
        self.kept = lane is not None  # the queue knows of it
        self.through = 0  # letters that it answered
        self.coming = 0  # letters from its lane that are not in line yet
        self.until = lane.until if lane else 0.0
        self.failures = lane.failures if lane else 0
        self.since = lane.since if lane else 0.0
        self.error = lane.error if lane else ""
        if self.failures:
            self.pace.begin_again()
        self._jobs: list[tuple[int, int, Job]] = []  # urgent first, then as they came
        self._came = 0
        self._waiting: list[asyncio.Future[bool]] = []  # connections without a job

    def __len__(self) -> int:
        """Jobs that wait."""
        return len(self._jobs)

    def is_full(self, room: int) -> bool:
        """Whether new letters are to rest in the lane.

        Args:
            room: how many letters the runner can still take; the less it is, the
                less of it one next hop gets, so that others find some.
        """
        share = max(LEAST_WINDOW, min(WINDOW, room // 4))
        return len(self._jobs) >= (share // 2 if self.aside else share)

    @property
    def idle(self) -> bool:
        """Whether nothing is or will be at work here."""
        return not (self.workers or self._jobs or self.coming)

    @property
    def starves(self) -> bool:
        """Whether its connections wait for work while letters rest in its lane."""
        return self.aside and not (self._jobs or self.coming)

    def state(self) -> Lane:
        """What is kept of it."""
        return Lane(
            name=self.name,
            until=self.until,
            failures=self.failures,
            since=self.since,
            error=self.error,
        )

    def is_down(self, now: float) -> bool:
        """Whether it is left alone: nothing is tried before `until`.

        A time too far ahead was set by a clock that has gone back since.
        """
        return self.failures > 0 and now < self.until <= now + TOO_FAR_S

    def put(self, job: Job) -> None:
        """Add a job and wake one connection that waits for one."""
        self._came += 1
        priority = job.active.letter.letter.wishes.priority
        heapq.heappush(self._jobs, (-priority, self._came, job))
        while self._waiting:
            waiting = self._waiting.pop()  # the last one: the others may grow old
            if not waiting.done():
                waiting.set_result(True)
                return

    async def next_job(self, patience_s: float) -> Job | None:
        """The next job, or None when there was none for so long."""
        if not self._jobs and patience_s > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    # another may have taken it meanwhile
                    while not self._jobs and await self._arrival():
                        pass
        return heapq.heappop(self._jobs)[2] if self._jobs else None

    async def _arrival(self) -> bool:
        """Wait for a job; False: none will come."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[bool] = loop.create_future()
        self._waiting.append(waiting)
        try:
            return await waiting
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    def wake(self) -> None:
        """Let connections that wait for a job find that there is none."""
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(False)
        self._waiting.clear()

    def give_up(self) -> list[Job]:
        """All that waits: the next hop cannot be reached."""
        jobs = [job for _, _, job in sorted(self._jobs)]
        self._jobs.clear()
        return jobs
