"""The queue runner: every accepted letter comes to an end here.

A letter comes by `take`, right after it was accepted, or is loaded when it is
due again. Its recipients here are delivered by `local`, those elsewhere join
the queue of their destination, which a few connections serve (`remote`). What
came of it goes through `finish`: reports are queued first, then the letter is
settled, so that a crash between tells twice rather than never.

The runner's window is bounded: letters beyond it rest in the queue.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.base.errors import PyeonjiError
from pyeonji.base.events import Happening, LetterEvent
from pyeonji.mta.dsn import MAX_ORIGINAL, as_letter, reports
from pyeonji.mta.queue import plan
from pyeonji.mta.queue.destination import Active
from pyeonji.mta.queue.local import LocalDeliveries
from pyeonji.mta.queue.remote import RemoteDeliveries
from pyeonji.mta.signing.letters import sign_again, sign_own
from pyeonji.mta.suppressing import suppressed_by
from pyeonji.net.eager import run_eagerly
from pyeonji.storage.errors import NoSuchLetter, StorageUnavailable
from pyeonji.storage.names import domain_of
from pyeonji.storage.queue import RecipientState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyeonji.base.clock import Clock
    from pyeonji.base.ids import LetterId
    from pyeonji.message.prepare import Prepared
    from pyeonji.message.report import DeliveryReport
    from pyeonji.mta.needs import Deliver, Expand, IsLocal, Sync
    from pyeonji.mta.options import Options
    from pyeonji.mta.queue.plan import Outcome, Settlement, Told
    from pyeonji.mta.relay.relay import Relay
    from pyeonji.mta.relay.session import Stream
    from pyeonji.mta.signing.signer import Signer
    from pyeonji.storage.content import StoredOctets
    from pyeonji.storage.queue import NewLetter, Queue, QueuedLetter, QueueOffice
    from pyeonji.storage.suppressions import Suppressions

MAX_SLEEP_S: Final = 60.0
"""The queue is looked at that often even when nothing seems due."""

LOAD_AT_ONCE: Final = 200
FULL_PAUSE_S: Final = 0.2
"""How soon a full window is looked at again."""

MAX_KEPT_OCTETS: Final = 32 << 20
"""Letters just accepted are kept in memory so far; others are read again."""

TROUBLE_PAUSE_S: Final = 5.0
"""Pause before storage that failed is tried again."""

log = structlog.get_logger("pyeonji.mta.queue")


class Runner:
    """Runs one worker's queue."""

    def __init__(
        self,
        *,
        options: Options,
        queue: Queue,
        clock: Clock,
        relay: Relay,
        deliver: Deliver,
        sync: Sync,
        expand: Expand,
        is_local: IsLocal,
        office: QueueOffice | None = None,
        signer: Signer | None = None,
        suppressions: Suppressions | None = None,
        watch: Callable[[QueuedLetter, Sequence[LetterEvent]], None] | None = None,
    ) -> None:
        """Nothing runs before `start`.

        Args:
            options: schedule and limits.
            queue: this worker's.
            clock: the time.
            relay: calls other hosts.
            deliver: puts a letter into a mailbox here.
            sync: makes deliveries to an account stable.
            expand: who an address of ours stands for (for reports).
            is_local: whether an address is ours.
            office: finds waiting letters when roles turn; None: TURN finds none.
            signer: signs reports, and converted letters again; None: nothing is.
            watch: told what became of letters, once that is stable.
            suppressions: learns which addresses don't exist; None: nobody does.
        """
        self.options = options
        self.queue = queue
        self.clock = clock
        self.is_local = is_local
        self._expand = expand
        self._signer = signer
        self._suppressions = suppressions
        self._watch = watch
        self._active: dict[LetterId, Active] = {}
        self._kept_octets = 0  # of letters in the window
        self._local = LocalDeliveries(self, deliver, sync)
        self._remote = RemoteDeliveries(self, relay, office)
        self._wake = asyncio.Event()
        self._stopping = False
        self._loop_task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # -- for serve and the doors

    def start(self) -> None:
        """Begin to run, on the present loop."""
        loop = asyncio.get_running_loop()

        def changed() -> None:
            loop.call_soon_threadsafe(self._wake.set)

        self.queue.on_change(changed)
        self._loop_task = loop.create_task(self._run())

    async def stop(self, grace_s: float = 10.0) -> None:
        """Finish what is under way; what waits stays in the queue."""
        self._stopping = True
        self._wake.set()
        if self._loop_task is not None:
            await self._loop_task
        self._remote.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._remote.drained()
        self._remote.abandon()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._local.drained()
                while self._tasks:
                    await asyncio.wait(self._tasks)
        await self._local.close()

    def reconfigure(self, options: Options, relay: Relay) -> None:
        """Use these from now on; what is under way ends as it began."""
        self.options = options
        self._remote.use(relay)
        self._wake.set()

    def take(self, letter: QueuedLetter, prepared: Prepared | None = None) -> None:
        """Run a letter that was just accepted; does not wait."""
        if letter.held or self._stopping:
            if letter.held:
                self.background(self._release(letter))
            return
        wait = letter.letter.wishes.not_before
        if wait > self.clock.time():
            self.queue.release(letter.id)
            self._wake.set()
            return
        if self.room <= 0:  # it is loaded when there is room
            self.queue.release(letter.id)
            return
        content = letter.letter.content
        octets = len(content) if isinstance(content, bytes) else 0
        if self._kept_octets + octets > MAX_KEPT_OCTETS:
            bare = replace(letter, letter=replace(letter.letter, content=b""))
            self.admit(Active(bare))
            return
        self._kept_octets += octets
        self.admit(Active(letter, content, prepared, octets))

    @property
    def room(self) -> int:
        """How many letters the window can still take."""
        return self.options.max_active - len(self._active)

    def wake(self) -> None:
        """Look at the queue now (after ETRN, or when the clock was moved)."""
        self._wake.set()

    async def turn(self, domains: Sequence[str], stream: Stream) -> int:
        """Send what waits for domains down a connection that the client made.

        Returns:
            How many letters were handed over (RFC 2645 §5.2).
        """
        return await self._remote.turn(domains, stream)

    async def waiting(self, domains: Sequence[str]) -> int:
        """Make letters for these domains due now; how many there are."""
        return await self._remote.make_due(domains)

    async def idle(self) -> None:
        """Return when nothing is under way (letters that wait don't count)."""
        while self._active or self._tasks:  # noqa: ASYNC110 - for tests and shutdown
            await asyncio.sleep(0.01)

    # -- the loop

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                pause = await self._load()
            except StorageUnavailable:
                log.exception("queue.unavailable")
                pause = TROUBLE_PAUSE_S
            if pause > 0 and not self._stopping:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()

    async def _load(self) -> float:
        """Take what is due into the window; how long to sleep then."""
        now = self.clock.time()
        await self._remote.revive(now)
        room = min(self.room, LOAD_AT_ONCE)
        if room <= 0:
            return FULL_PAUSE_S
        letters = await self.queue.load(due_before=now, limit=room)
        aside: dict[str, list[tuple[LetterId, float]]] = {}
        for letter in letters:
            # one that is still at work was made due by somebody else: it keeps
            # the claim, and is looked at again after its end
            if letter.id in self._active:
                continue
            lane = await self._closed_lane(letter, now)
            until = plan.rests_until(letter, now, self.options) if lane else now
            if until > now:
                aside.setdefault(lane, []).append((letter.id, until))
            else:
                self.admit(Active(letter))
        if aside:  # all in one commit
            await asyncio.gather(
                *(self.queue.set_aside(name, some) for name, some in aside.items())
            )
            for name in aside:
                self._remote.rested(name, now)
        if len(letters) == room:
            await asyncio.sleep(0)
            return 0.0
        dues = (await self.queue.next_due(), await self.queue.next_lane(now))
        due = min((one for one in dues if one is not None), default=None)
        if due is None:
            return MAX_SLEEP_S
        return min(max(due - now, 0.05), MAX_SLEEP_S)

    async def _closed_lane(self, letter: QueuedLetter, now: float) -> str:
        """The lane of a next hop that takes nothing now; "" for all others."""
        lane = self._remote.closed_to(letter, now)
        if lane:
            for recipient in letter.recipients:
                if await self.is_local(recipient.address):
                    return ""
        return lane

    # -- the way of a letter

    def admit(self, active: Active) -> None:
        """Begin work on a letter that the queue has claimed for us."""
        self._active[active.id] = active
        self._local.put(active)

    async def dispatch(self, active: Active) -> list[int]:
        """Line up due recipients elsewhere; return those here, to be delivered.

        Counts the attempts that this opens. A letter with none goes back.
        """
        if active.from_lane is not None:
            active.from_lane.coming -= 1
            active.from_lane = None
        here, elsewhere, outcomes = await self._sorted(active)
        active.open = (1 if here else 0) + (1 if outcomes else 0)
        if not here:
            active.prepared = None
        if elsewhere:
            await self._remote.put_all(active, elsewhere)
        if outcomes:
            self.background(self.finish(active, outcomes))
        elif not active.open:
            active.open = 1
            await self.finish(active, ())
        return here

    async def _sorted(
        self, active: Active
    ) -> tuple[list[int], dict[str, list[int]], list[Outcome]]:
        """Due recipients: those here, those elsewhere by domain, and the settled.

        Settled without an attempt are aliases, and all when it is too late.
        """
        now = self.clock.time()
        letter = active.letter
        is_late = plan.is_too_late(letter, now)
        # the door prepares only what has recipients here
        surely_here = active.prepared is not None and len(letter.recipients) == 1
        here: list[int] = []
        elsewhere: dict[str, list[int]] = {}
        outcomes: list[Outcome] = []
        for index, recipient in enumerate(letter.recipients):
            if (
                recipient.state is not RecipientState.WAITING
                or recipient.next_attempt > now
            ):
                continue
            if is_late:
                outcomes.append(plan.came_too_late(index))
            elif recipient.expanded:
                outcomes.append(plan.was_expanded(index))
            elif surely_here or await self.is_local(recipient.address):
                here.append(index)
            else:
                elsewhere.setdefault(domain_of(recipient.address), []).append(index)
        return here, elsewhere, outcomes

    async def finish(
        self,
        active: Active,
        outcomes: Sequence[Outcome],
        before: Sequence[LetterEvent] = (),
        *,
        counted: bool = False,
    ) -> None:
        """Keep what an attempt came to, tell who is to be told, go on.

        `before` are events that happened earlier in the attempt. `counted`:
        nothing was attempted.
        """
        settlement = self.settlement(active, outcomes, counted=counted)
        await self.conclude(active, settlement, before)

    async def conclude(
        self,
        active: Active,
        settlement: Settlement,
        before: Sequence[LetterEvent] = (),
    ) -> None:
        """Tell and keep what was settled.

        Storage that fails is tried again until it works: the letter stays in
        the window meanwhile, so nothing is done twice.
        """
        told: list[LetterEvent] | None = None
        while True:
            try:
                if told is None:
                    told = await self.notify(active, settlement.told)
                events = (*before, *settlement.events, *told)
                await self.keep(active, events)
            except StorageUnavailable:
                log.exception("queue.not_settled", letter=active.id)
                if self._stopping:
                    return
                await asyncio.sleep(TROUBLE_PAUSE_S)
            else:
                return

    def settlement(
        self, active: Active, outcomes: Sequence[Outcome], *, counted: bool = False
    ) -> Settlement:
        """What the outcomes mean, from now on the state of the letter."""
        settlement = plan.settle(
            active.letter,
            outcomes,
            self.clock.time(),
            self.options,
            chance=random.random(),
            counted=counted,
        )
        if self._suppressions is not None:
            hard = suppressed_by(
                active.letter, outcomes, self.clock.time(), self.options.suppress
            )
            for suppression in hard:
                self.background(self._suppressions.add(suppression))
        active.letter = replace(active.letter, recipients=settlement.recipients)
        return settlement

    async def keep(self, active: Active, events: Sequence[LetterEvent]) -> None:
        """Settle; the letter leaves the window with its last attempt."""
        await self.queue.settle(active.letter, active.letter.recipients, events)
        if self._watch is not None and events:
            self._watch(active.letter, events)
        self.leave(active)

    def leave(self, active: Active, *, known: bool = False) -> None:
        """One attempt is over; `known`: when it is due again need not be asked."""
        active.open -= 1
        if active.open > 0:
            return
        self._active.pop(active.id, None)
        self._kept_octets -= active.kept_octets
        if known:
            return
        for recipient in active.letter.recipients:
            if recipient.state is RecipientState.WAITING:
                self._wake.set()  # when it is due must be known
                return

    async def notify(self, active: Active, told: Sequence[Told]) -> list[LetterEvent]:
        """Queue reports to the sender; what happened, for the journey.

        Raises:
            StorageUnavailable: none is queued for what `told` says.
        """
        letter = active.letter
        if not told or not letter.letter.reverse_path:
            return []
        try:
            octets = await self.queue.octets(letter.id)
        except NoSuchLetter:
            return []  # removed meanwhile, and nobody is told of that
        events = []
        for report in reports(
            letter,
            told,
            octets.slice(0, MAX_ORIGINAL),
            options=self.options,
            now=self.clock.time(),
            token=lambda: secrets.token_hex(12),
        ):
            event = await self._queue_report(letter, report)
            if event is not None:
                events.append(event)
        return events

    async def send_own(self, letter: NewLetter) -> None:
        """Queue a letter of the system itself, signed if its domain has keys.

        Raises:
            StorageUnavailable: it was not kept.
        """
        if self._signer is not None:
            letter = await sign_own(self._signer, letter)
        self.take(await self.queue.accept(letter))

    async def _queue_report(
        self, letter: QueuedLetter, report: DeliveryReport
    ) -> LetterEvent | None:
        try:
            recipients = await self._report_recipients(report.to)
            new = as_letter(report, recipients, letter)
        except StorageUnavailable:
            raise
        except PyeonjiError as error:
            log.warning("dsn.impossible", letter=letter.id, reason=str(error))
            return None
        if not recipients:
            log.warning("dsn.nobody", letter=letter.id, sender=report.to)
            return None
        if self._signer is not None and not await self.is_local(report.to):
            new = await sign_own(self._signer, new)
        queued = await self.queue.accept(new)
        self.take(queued)
        return LetterEvent(
            letter_id=letter.id,
            at=report.reported_at,
            kind=Happening.NOTIFIED,
            recipient=report.to,
            facts={
                "report": queued.id,
                "about": ", ".join(r.final_recipient for r in report.recipients[:10]),
                "action": report.recipients[0].action.value,
            },
        )

    async def sign_again(self, octets: StoredOctets) -> StoredOctets:
        """See `letters.sign_again`: for a letter that was converted."""
        if self._signer is None:
            return octets
        return await sign_again(self._signer, octets, self.clock.time())

    async def _report_recipients(self, sender: str) -> list[str]:
        """The reverse path, or who it stands for here."""
        if not await self.is_local(sender):
            return [sender]
        expansion = await self._expand(sender)
        if expansion is None:
            return []
        return [address for address, _ in expansion.accounts] + list(expansion.remote)

    async def _release(self, letter: QueuedLetter) -> None:
        """Give up the claim on a letter that is not to be run."""
        with suppress(StorageUnavailable):
            await self.queue.settle(letter, letter.recipients, ())

    def background(self, work: object) -> None:
        """Run a coroutine to its end; errors are logged."""
        task = run_eagerly(work, self._ended)  # type: ignore[arg-type]
        if task is not None:
            self._tasks.add(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("queue.error", exc_info=error)
