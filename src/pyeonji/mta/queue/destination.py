"""Letters that go to the same next hop, waiting for a connection to it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyeonji.base.ids import LetterId
    from pyeonji.message.prepare import Prepared
    from pyeonji.storage.content import Content
    from pyeonji.storage.queue import QueuedLetter


class Active:
    """A letter that the runner is at work on; it holds the queue's claim on it."""

    __slots__ = ("content", "letter", "open", "prepared")

    def __init__(
        self,
        letter: QueuedLetter,
        content: Content | None = None,
        prepared: Prepared | None = None,
    ) -> None:
        self.letter = letter  # replaced as recipients reach their ends
        self.content = content  # None: the queue has it
        self.prepared = prepared
        self.open = 0  # attempts under way

    @property
    def id(self) -> LetterId:
        """The letter's."""
        return self.letter.id


@dataclass(slots=True)
class Job:
    """One letter for some of its recipients: one transaction."""

    active: Active
    indexes: tuple[int, ...]
    began_at: float = 0.0  # Unix seconds, once the attempt was counted


class Destination:
    """A next hop: the jobs for it, and how many connections serve them."""

    __slots__ = ("_arrived", "domain", "jobs", "name", "turned", "workers")

    def __init__(self, name: str, domain: str) -> None:
        """Nothing waits yet.

        Args:
            name: key: the domain, or the route that several domains share.
            domain: of the first recipient, for looking up who takes its mail.
        """
        self.name = name
        self.domain = domain
        self.jobs: deque[Job] = deque()
        self.workers = 0
        self.turned = False  # served by a connection of the client's (TURN)
        self._arrived = asyncio.Event()

    def put(self, job: Job) -> None:
        """Add a job and wake a connection that waits for one."""
        self.jobs.append(job)
        self._arrived.set()

    async def next_job(self, patience_s: float) -> Job | None:
        """The next job, or None when there was none for so long."""
        if not self.jobs:
            self._arrived.clear()
            try:
                async with asyncio.timeout(patience_s):
                    await self._arrived.wait()
            except TimeoutError:
                return None
        return self.jobs.popleft() if self.jobs else None

    def wake(self) -> None:
        """Let connections that wait for a job find that there is none."""
        self._arrived.set()

    def give_up(self) -> list[Job]:
        """All that waits: the next hop cannot be reached."""
        jobs = list(self.jobs)
        self.jobs.clear()
        return jobs
