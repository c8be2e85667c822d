"""Attempts at other hosts: a line for each next hop, served by a few connections.

A connection takes one letter after another from its line and is kept a moment
when the line is empty. How many there are follows from how it goes (`pace`).
A next hop that cannot be called is down: its letters rest in its lane, on the
disk, and one of them is tried now and then; the silence of one host costs one
timeout, not one for each letter. Letters for a next hop that is only busy rest
there, too, beyond its window, so that nobody's mail stands in another's way.

Connections in all are limited. One that has had its share gives way to lines
that have none, and a quarter of all is kept for first connections.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.base.errors import PyeonjiError
from pyeonji.base.events import Happening, LetterEvent
from pyeonji.mta.queue import plan
from pyeonji.mta.queue.destination import REFILL, WINDOW, Active, Destination, Job
from pyeonji.mta.queue.pace import backoff
from pyeonji.mta.queue.plan import Fate, Outcome
from pyeonji.mta.queue.turned import turn
from pyeonji.mta.relay.calling import CallFailed
from pyeonji.storage.content import StoredOctets
from pyeonji.storage.errors import NoSuchLetter, StorageUnavailable
from pyeonji.storage.names import domain_of
from pyeonji.storage.queue import RecipientState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mta.queue.runner import Runner
    from pyeonji.mta.relay.relay import Relay
    from pyeonji.mta.relay.session import Session, Stream
    from pyeonji.storage.queue import QueuedLetter, QueueOffice

SHARE: Final = 50
"""Letters that a connection sends before it looks whether others wait."""

FIRST_ONLY: Final = 0.75
"""Part of all connections beyond which a line gets its first one only."""

MAX_DOWN: Final = 2000
"""Next hops known in memory to be down; of more the queue must be asked."""

LANES_AT_ONCE: Final = 100
TROUBLE_PAUSE_S: Final = 5.0

log = structlog.get_logger("pyeonji.mta.queue")


class RemoteDeliveries:
    """The lines of letters for other hosts."""

    def __init__(
        self, runner: Runner, relay: Relay, office: QueueOffice | None
    ) -> None:
        self.runner = runner
        self.relay = relay
        self._office = office
        self._destinations: dict[str, Destination] = {}
        self._hungry: deque[Destination] = deque()  # without a connection
        self._workers: set[asyncio.Task[None]] = set()
        self.turned: dict[str, Destination] = {}  # by domain
        self._stopping = False

    def use(self, relay: Relay) -> None:
        """Call hosts as another relay says, from the next call on."""
        self.relay = relay

    async def put_all(self, active: Active, domains: dict[str, list[int]]) -> int:
        """Line up a letter for its domains; how many ends that will have.

        Raises:
            StorageUnavailable: nothing was lined up.
        """
        jobs: dict[str, tuple[Destination, list[int], str]] = {}
        for domain, indexes in domains.items():
            line = await self._line(domain, active.letter)
            jobs.setdefault(line.name, (line, [], domain))[1].extend(indexes)
        alone = len(jobs) == 1 and not active.open
        now = self.runner.clock.time()
        active.open += len(jobs)
        for line, indexes, domain in jobs.values():
            job = Job(active, tuple(indexes), domain)
            fresh = alone and not active.its_turn
            if line.is_down(now) or (fresh and self._is_busy(line)):
                self._rest(line, job, now)
            else:
                line.put(job)
                self._serve(line)
                continue
            self._let_go(line)
        return len(jobs)

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

    # -- lines and lanes

    async def _line(self, domain: str, letter: QueuedLetter) -> Destination:
        line = self.turned.get(domain)
        if line is not None:
            return line
        return await self._named(self.relay.way(domain, letter.letter).name)

    async def _named(self, name: str) -> Destination:
        line = self._destinations.get(name)
        if line is None:
            lane = await self.runner.queue.lane(name)
            most = self.runner.options.max_relays_per_destination
            line = self._destinations.setdefault(name, Destination(name, most, lane))
        return line

    def _let_go(self, line: Destination) -> None:
        """Forget a line that has nothing to do; one that is down, if too many are."""
        if line.idle and (not line.failures or len(self._destinations) > MAX_DOWN):
            self._destinations.pop(line.name, None)

    def _is_busy(self, line: Destination) -> bool:
        return not line.turned and line.is_full(self.runner.room)

    def closed_to(self, letter: QueuedLetter, now: float) -> str:
        """The lane where a letter would rest; "" where it must be looked at.

        Whether its recipient is one of ours is not looked at.
        """
        waiting = [r for r in letter.recipients if r.state is RecipientState.WAITING]
        if len(waiting) != 1 or waiting[0].next_attempt > now:
            return ""
        domain = domain_of(waiting[0].address)
        if domain in self.turned:
            return ""
        line = self._destinations.get(self.relay.way(domain, letter.letter).name)
        if line is None or not (line.is_down(now) or self._is_busy(line)):
            return ""
        line.aside = line.kept = True
        return line.name

    def _rest(self, line: Destination, job: Job, now: float) -> None:
        """Have a letter rest in the lane; without it, if it has other ways or news."""
        runner, active = self.runner, job.active
        until = plan.rests_until(active.letter, now, runner.options)
        if active.open == 1 and until > now and not line.turned:
            line.aside = line.kept = True
            runner.background(self._set_aside(line, active, until))
            return
        error = line.error or "the next hop is busy"
        outcomes = _all(job, Fate.LATER, "4.4.1", error)
        runner.background(runner.finish(active, outcomes, counted=True))

    async def _set_aside(self, line: Destination, active: Active, until: float) -> None:
        try:
            await self.runner.queue.set_aside(line.name, [(active.id, until)])
        except StorageUnavailable:
            log.exception("queue.not_set_aside", letter=active.id)
            await asyncio.sleep(TROUBLE_PAUSE_S)
        self.runner.leave(active, known=True)
        self.rested(line.name, self.runner.clock.time())

    def rested(self, name: str, now: float) -> None:
        """Letters rest in a lane by now: it is looked at soon, unless it is down.

        Until they did, whoever served the line may have looked, found nothing,
        and be waiting for work now.
        """
        line = self._destinations.get(name)
        if line is not None and line.is_down(now):
            return
        if line is not None:
            line.aside = True
        self.runner.wake()

    async def revive(self, now: float) -> None:
        """Go on with lanes whose time has come.

        Raises:
            StorageUnavailable.
        """
        queue = self.runner.queue
        busy = len(self._destinations)
        for lane in await queue.due_lanes(now, LANES_AT_ONCE + busy):
            if self.runner.room <= 0 or self._stopping:
                return
            line = self._destinations.get(lane.name)
            if line is not None and not line.idle:
                if line.starves and not line.is_down(now):
                    await self._refill(line)
                continue
            line = await self._named(lane.name)
            line.until = lane.until  # perhaps the operator wants it tried now
            line.aside = True
            if not await self._refill(line):
                self._destinations.pop(line.name, None)
                await queue.forget_lane(line.name)

    async def _refill(self, line: Destination) -> int:
        """Take letters from a lane; only one where the next hop is not well."""
        wanted = 1 if line.failures else WINDOW
        room = min(wanted - len(line) - line.coming, self.runner.room)
        if room <= 0:
            return 0
        line.coming += 1  # while it is looked, nobody else looks
        line.aside = False  # who has letters rest meanwhile says so again
        try:
            letters = await self.runner.queue.load_lane(line.name, room)
        finally:
            line.coming -= 1
        line.aside |= len(letters) == room
        for letter in letters:
            line.coming += 1
            self.runner.admit(Active(letter, from_lane=line))
        return len(letters)

    # -- connections

    def _serve(self, line: Destination) -> None:
        """Give a line another connection if it should have one."""
        options = self.runner.options
        if line.turned or self._stopping:
            return
        if line.workers and (
            line.workers >= line.pace.connections
            or len(line) <= line.workers
            or len(self._workers) >= options.max_relays * FIRST_ONLY
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
            while not self._stopping and line.workers <= line.pace.connections:
                if line.aside and not line.coming and len(line) < REFILL:
                    await self._refill(line)
                keep = session is not None and not self._hungry
                patience = self.runner.options.idle_connection if keep else 0.0
                job = await line.next_job(patience)
                if job is None:
                    break
                session = await self._attempt(line, job, session)
                self._serve(line)
                if self._hungry and session and session.letters >= SHARE:
                    break
                if pause_s := line.pace.pause_s:
                    await asyncio.sleep(pause_s)
        finally:
            line.workers -= 1
            if session is not None:
                await session.quit()
            if len(line) and not line.workers and not self._stopping:
                self._hungry.append(line)
            if line.idle:
                self._let_go(line)
                if line.kept and not line.failures:
                    line.aside = False
                    self.runner.background(self._keep(line))

    async def _attempt(
        self, line: Destination, job: Job, session: Session | None
    ) -> Session | None:
        """One letter over the present connection or a new one."""
        if not await self.begin(job):
            return session
        try:
            if session is not None and not session.usable:
                await session.quit()
                session = None
            if session is None:
                way = self.relay.way(job.domain, job.active.letter.letter)
                session = await self.relay.call(way)
            self._went(line, session, await self.send(job, session))
        except CallFailed as error:
            await self._not_called(line, job, error)
            return None
        except (PyeonjiError, OSError) as error:
            await self.end(job, _all(job, Fate.LATER, "4.3.0", str(error)))
        except Exception:
            log.exception("relay.error", letter=job.active.id)
            await self.end(job, _all(job, Fate.LATER, "4.3.0", "internal error"))
            if session is not None:
                await session.quit()
            return None
        return session

    async def begin(self, job: Job) -> bool:
        """Count the attempt before it is made (a crash must not hammer a host)."""
        runner, letter = self.runner, job.active.letter
        now = job.began_at = runner.clock.time()
        attempts = max(letter.recipients[i].attempts for i in job.indexes) + 1
        new = letter.letter
        by = new.wishes.deliver_by
        due = plan.next_attempt(now, attempts, new.begins_at, runner.options, by=by)
        try:
            await runner.queue.begin_attempt(letter.id, job.indexes, due)
        except NoSuchLetter:
            runner.leave(job.active)
            return False
        except StorageUnavailable as error:
            log.exception("relay.not_begun", letter=letter.id)
            await self.end(job, _all(job, Fate.LATER, "4.3.0", str(error)))
            return False
        return True

    async def send(self, job: Job, session: Session) -> Sequence[Outcome]:
        """Hand the letter over and keep what came of it."""
        active = job.active
        if isinstance(active.content, bytes):
            prefix = active.letter.letter.prefix
            octets = StoredOctets(prefix=prefix, body=active.content)
        else:
            octets = await self.runner.queue.octets(active.id)
        outcomes = await session.send(
            active.letter,
            octets,
            job.indexes,
            self.runner.clock.time(),
            self.runner.sign_again,
        )
        await self.end(job, outcomes)
        return outcomes

    async def end(self, job: Job, outcomes: Sequence[Outcome]) -> None:
        """Keep what an attempt came to."""
        for one in outcomes:
            log.info(
                "relay.outcome",
                letter=job.active.id,
                recipient=job.active.letter.recipients[one.index].address,
                fate=one.fate.value,
                reply=one.reply,
            )
        runner = self.runner
        before = _attempted(job, outcomes, runner.clock.time())
        await runner.finish(job.active, outcomes, before)

    # -- how it goes

    def _went(
        self, line: Destination, session: Session, outcomes: Sequence[Outcome]
    ) -> None:
        """A letter was offered; what was said of it is the letter's business."""
        if not session.usable:  # it broke, or said 421
            line.pace.failed()
            return
        line.through += 1
        if all(one.fate is Fate.LATER for one in outcomes):
            line.pace.put_off()
        else:
            line.pace.went_through()
        if line.failures:
            log.info("relay.up", next_hop=line.name, failures=line.failures)
            line.failures, line.until, line.since, line.error = 0, 0.0, 0.0, ""
            self.runner.background(self._keep(line))

    async def _not_called(self, line: Destination, job: Job, error: CallFailed) -> None:
        """Nobody could be called: that holds for all that waits in the line.

        While other connections are well, only their number was too large. A
        refusal for good holds only for the domain that was looked up.
        """
        now = self.runner.clock.time()
        if error.fate is Fate.LATER and line.workers > 1 and line.through:
            line.pace.failed()
            line.put(job)
            return
        if error.fate is Fate.LATER and not line.is_down(now):
            self._is_down(line, error, now)
        await self.end(job, _all(job, error.fate, error.status, str(error), error))
        if error.fate is Fate.LATER:
            for other in line.give_up():
                self._rest(line, other, now)
        elif not line.name.startswith("route "):
            for other in line.give_up():
                if await self.begin(other):
                    outcomes = _all(other, error.fate, error.status, str(error), error)
                    await self.end(other, outcomes)

    def _is_down(self, line: Destination, error: CallFailed, now: float) -> None:
        line.failures += 1
        line.through = 0
        line.since = line.since or now
        line.error = str(error)[: plan.MAX_REPLY]
        retry = self.runner.options.retry
        line.until = now + backoff(line.failures, retry, random.random())
        line.pace.begin_again()
        log.info(
            "relay.down",
            next_hop=line.name,
            failures=line.failures,
            seconds=round(line.until - now),
            reason=line.error,
        )
        self.runner.background(self._keep(line))

    async def _keep(self, line: Destination) -> None:
        queue = self.runner.queue
        try:
            line.kept = bool(line.failures or line.aside)
            if line.kept:
                await queue.keep_lane(line.state())
            else:
                await queue.forget_lane(line.name)
        except StorageUnavailable:  # it is only found out again
            log.exception("relay.state_not_kept", next_hop=line.name)
        self.runner.wake()

    # -- roles turned (RFC 2645)

    async def make_due(self, domains: Sequence[str]) -> int:
        """Make letters for domains due now; how many there are."""
        if self._office is None:
            return 0
        return sum([await self._office.retry_domain(name) for name in domains])

    async def turn(self, domains: Sequence[str], stream: Stream) -> int:
        """Send what waits for domains down a connection of the client's."""
        return await turn(self, domains, stream)


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
