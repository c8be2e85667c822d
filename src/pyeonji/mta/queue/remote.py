"""Attempts at other hosts: a line for each destination, a few connections each.

A connection takes one letter after another from its destination's line and is
kept a moment when the line is empty. When a next hop cannot be reached, all
that waits for it is put off together: the silence of one host costs one
timeout, not one for each letter. Connections in all are limited; one that has
had its share gives way to destinations that have none.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.base.errors import PyeonjiError
from pyeonji.base.events import Happening, LetterEvent
from pyeonji.mta.queue import plan
from pyeonji.mta.queue.destination import Destination, Job
from pyeonji.mta.queue.plan import Fate, Outcome
from pyeonji.mta.relay.calling import CallFailed, session_over
from pyeonji.net.errors import Unreachable
from pyeonji.storage.errors import NoSuchLetter, StorageUnavailable
from pyeonji.storage.names import canonical_domain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mta.queue.destination import Active
    from pyeonji.mta.queue.runner import Runner
    from pyeonji.mta.relay.relay import Relay
    from pyeonji.mta.relay.session import Session, Stream
    from pyeonji.storage.queue import QueueOffice

SHARE: Final = 50
"""Letters that a connection sends before it looks whether others wait."""

MAX_TURNED: Final = 200
"""Letters sent in one TURN; the client may ask again."""

TURN_PATIENCE_S: Final = 2.0

log = structlog.get_logger("pyeonji.mta.queue")


class RemoteDeliveries:
    """The lines of letters for other hosts."""

    def __init__(
        self, runner: Runner, relay: Relay, office: QueueOffice | None
    ) -> None:
        self._runner = runner
        self.relay = relay
        self._office = office
        self._destinations: dict[str, Destination] = {}
        self._hungry: deque[Destination] = deque()  # without a connection
        self._workers: set[asyncio.Task[None]] = set()
        self._turned: dict[str, Destination] = {}  # by domain
        self._stopping = False

    def use(self, relay: Relay) -> None:
        """Call hosts as another relay says, from the next call on."""
        self.relay = relay

    def put_all(self, active: Active, domains: dict[str, list[int]]) -> int:
        """Line up a letter for its domains; how many transactions that makes."""
        lines: dict[str, tuple[Destination, list[int]]] = {}
        for domain, indexes in domains.items():
            line = self._line(domain)
            lines.setdefault(line.name, (line, []))[1].extend(indexes)
        for line, indexes in lines.values():
            line.put(Job(active, tuple(indexes)))
            self._serve(line)
        return len(lines)

    def stop(self) -> None:
        """No new letters; connections end after the present one."""
        self._stopping = True
        for line in self._destinations.values():
            line.give_up()
            line.wake()

    async def drained(self) -> None:
        """Return when no connection is at work."""
        while self._workers:
            await asyncio.wait(self._workers)

    def abandon(self) -> None:
        """End what is still under way; the queue will try it again."""
        for task in list(self._workers):
            task.cancel()

    def _line(self, domain: str) -> Destination:
        turned = self._turned.get(domain)
        if turned is not None:
            return turned
        name = self.relay.destination(domain)
        line = self._destinations.get(name)
        if line is None:
            line = self._destinations[name] = Destination(name, domain)
        return line

    # -- connections

    def _serve(self, line: Destination) -> None:
        """Give a line another connection if it should have one."""
        options = self._runner.options
        if line.turned or self._stopping:
            return
        if line.workers and (
            line.workers >= options.max_relays_per_destination
            or len(line.jobs) <= line.workers
        ):
            return
        if len(self._workers) >= options.max_relays:
            if not line.workers and line not in self._hungry:
                self._hungry.append(line)
            return
        line.workers += 1
        task = asyncio.get_running_loop().create_task(self._work(line))
        self._workers.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._workers.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("relay.error", exc_info=error)
        if self._hungry:
            self._serve(self._hungry.popleft())

    async def _work(self, line: Destination) -> None:
        """Serve a line with one connection after another until it is empty."""
        session: Session | None = None
        try:
            while not self._stopping:
                patience = self._runner.options.idle_connection if session else 0.0
                job = await line.next_job(patience)
                if job is None:
                    break
                session = await self._attempt(line, job, session)
                if self._hungry and session and session.letters >= SHARE:
                    break
        finally:
            line.workers -= 1
            if session is not None:
                await session.quit()
            if line.jobs and not self._stopping:
                self._hungry.append(line)
            elif not line.workers and not line.jobs:
                self._destinations.pop(line.name, None)

    async def _attempt(
        self, line: Destination, job: Job, session: Session | None
    ) -> Session | None:
        """One letter over the present connection or a new one."""
        if not await self._begin(job):
            return session
        try:
            if session is not None and not session.usable:
                await session.quit()
                session = None
            if session is None:
                session = await self.relay.call(line.domain)
            await self._send(job, session)
        except CallFailed as error:
            await self._put_off(line, job, error)
            return None
        except (PyeonjiError, OSError) as error:
            await self._end(job, _all(job, Fate.LATER, "4.3.0", str(error)))
        except Exception:
            log.exception("relay.error", letter=job.active.id)
            await self._end(job, _all(job, Fate.LATER, "4.3.0", "internal error"))
            if session is not None:
                await session.quit()
            return None
        return session

    async def _begin(self, job: Job) -> bool:
        """Count the attempt before it is made (a crash must not hammer a host)."""
        runner, letter = self._runner, job.active.letter
        now = job.began_at = runner.clock.time()
        attempts = max(letter.recipients[i].attempts for i in job.indexes) + 1
        due = plan.next_attempt(
            now, attempts, letter.letter.accepted_at, runner.options
        )
        try:
            await runner.queue.begin_attempt(letter.id, job.indexes, due)
        except NoSuchLetter:
            runner.leave(job.active)
            return False
        except StorageUnavailable as error:
            log.exception("relay.not_begun", letter=letter.id)
            await self._end(job, _all(job, Fate.LATER, "4.3.0", str(error)))
            return False
        return True

    async def _send(self, job: Job, session: Session) -> None:
        """Hand the letter over and keep what came of it."""
        active = job.active
        octets = await self._runner.queue.octets(active.id)
        outcomes = await session.send(active.letter, octets, job.indexes)
        await self._end(job, outcomes)

    async def _end(self, job: Job, outcomes: Sequence[Outcome]) -> None:
        for one in outcomes:
            log.info(
                "relay.outcome",
                letter=job.active.id,
                recipient=job.active.letter.recipients[one.index].address,
                fate=one.fate.value,
                reply=one.reply,
            )
        runner = self._runner
        before = _attempted(job, outcomes, runner.clock.time())
        await runner.finish(job.active, outcomes, before)

    async def _put_off(self, line: Destination, job: Job, error: CallFailed) -> None:
        """Nobody could be called: that holds for all that waits in the line.

        A refusal for good holds only for the domain that was looked up.
        """
        await self._end(job, _all(job, error.fate, error.status, str(error), error))
        if error.fate is Fate.NEVER and line.name.startswith("route "):
            return
        for other in line.give_up():
            if await self._begin(other):
                await self._end(
                    other, _all(other, error.fate, error.status, str(error), error)
                )

    # -- roles turned (RFC 2645)

    async def make_due(self, domains: Sequence[str]) -> int:
        """Make letters for domains due now; how many there are."""
        if self._office is None:
            return 0
        return sum([await self._office.retry_domain(name) for name in domains])

    async def turn(self, domains: Sequence[str], stream: Stream) -> int:
        """Send what waits for domains down a connection of the client's."""
        names = [canonical_domain(name) for name in domains]
        line = Destination(f"turn {' '.join(names)}", names[0])
        line.turned = True
        for name in names:
            self._turned[name] = line
        session: Session | None = None
        try:
            session = await session_over(stream, self._runner.options)
            await self.make_due(names)
            self._runner.wake()
            while session.usable and session.letters < MAX_TURNED:
                job = await line.next_job(TURN_PATIENCE_S)
                if job is None:
                    break
                if await self._begin(job):
                    await self._send(job, session)
        except (CallFailed, Unreachable) as error:
            log.info("turn.failed", domains=names, reason=str(error))
        finally:
            for name in names:
                if self._turned.get(name) is line:
                    del self._turned[name]
            for job in line.give_up():
                await self._end(job, _all(job, Fate.LATER, "4.4.2", "turn ended"))
            if session is not None:
                await session.quit()
        return session.letters if session is not None else 0


def _all(
    job: Job,
    fate: Fate,
    status: str,
    text: str,
    error: CallFailed | None = None,
) -> list[Outcome]:
    """The same outcome for all recipients of a job."""
    remote = error.remote.partition(" ")[0] if error is not None else ""
    return [
        Outcome(index=i, fate=fate, status=status, reply=text, remote=remote)
        for i in job.indexes
    ]


def _attempted(job: Job, outcomes: Sequence[Outcome], now: float) -> list[LetterEvent]:
    """That an attempt was made, for the journey: one line for all recipients."""
    facts = {"recipients": str(len(job.indexes))}
    if outcomes and "next_hop" in outcomes[0].facts:
        facts["next_hop"] = outcomes[0].facts["next_hop"]
    return [
        LetterEvent(
            letter_id=job.active.id,
            at=job.began_at or now,
            kind=Happening.ATTEMPTED,
            facts=facts,
        )
    ]
