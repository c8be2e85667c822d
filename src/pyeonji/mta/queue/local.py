"""Deliveries to mailboxes here: many at once, synced together, then settled.

A few workers take letters from one line, so that a letter costs no task and
the store can write what arrives together in one transaction. A delivered
letter stays in the queue until its account's file was synced; that is done for
all deliveries of half a second together. A crash between delivers again under
the same delivery id, which changes nothing.
"""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.base.errors import PermanentError, PyeonjiError
from pyeonji.mta.policy.decision import QUARANTINED
from pyeonji.mta.prepared import prepare_content
from pyeonji.mta.queue.plan import Fate, Outcome
from pyeonji.mta.started import Started
from pyeonji.storage.content import BlobFile
from pyeonji.storage.errors import NoSuchLetter, OverQuota, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.base.ids import AccountId
    from pyeonji.mta.needs import Deliver, Sync
    from pyeonji.mta.queue.destination import Active
    from pyeonji.mta.queue.plan import Settlement
    from pyeonji.mta.queue.runner import Runner

SYNC_AT: Final = 2000
"""So many deliveries are not kept waiting."""

AT_ONCE: Final = 50
"""Recipients of one letter that are delivered at once."""

log = structlog.get_logger("pyeonji.mta.queue")

_Delivered = tuple["Active", list[Outcome], set["AccountId"]]


class LocalDeliveries:
    """The line of letters for mailboxes here."""

    def __init__(self, runner: Runner, deliver: Deliver, sync: Sync) -> None:
        self._runner = runner
        self._deliver = deliver
        self._sync = sync
        # urgent first (RFC 6710 §5), then as they came
        self._line: list[tuple[int, int, Active]] = []
        self._came = 0
        self._workers: set[asyncio.Task[None]] = set()
        self._idle: list[asyncio.Future[None]] = []
        self._delivered: list[_Delivered] = []
        self._full = asyncio.Event()
        self._settler: asyncio.Task[None] | None = None
        self._hurry = False

    def put(self, active: Active) -> None:
        """Add a letter to the line; any letter, also one that has nobody here."""
        self._came += 1
        priority = active.letter.letter.wishes.priority
        heappush(self._line, (-priority, self._came, active))
        while self._idle:
            waiting = self._idle.pop()
            if not waiting.done():
                waiting.set_result(None)
                return
        if len(self._workers) < self._runner.options.max_deliveries:
            task = asyncio.get_running_loop().create_task(self._work())
            self._workers.add(task)
            task.add_done_callback(self._workers.discard)

    async def drained(self) -> None:
        """Return when all that was put has been settled."""
        self._hurry = True
        self._full.set()
        while (  # noqa: ASYNC110 - only when stopping
            self._line or len(self._idle) < len(self._workers) or self._settler
        ):
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        """End the workers."""
        for task in list(self._workers):
            task.cancel()
        if self._settler is not None:
            self._settler.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            while self._line:
                await self._run(heappop(self._line)[2])
            waiting = asyncio.get_running_loop().create_future()
            self._idle.append(waiting)
            await waiting

    async def _run(self, active: Active) -> None:
        """Deliver a letter to its recipients here; whatever fails is tried later."""
        try:
            here = await self._runner.dispatch(active)
        except StorageUnavailable:  # the directory: nothing was begun
            log.exception("queue.unavailable", letter=active.id)
            active.open = 1
            await self._runner.finish(active, ())
            return
        if not here:
            return
        accounts: set[AccountId] = set()
        try:
            await self._read(active)
            outcomes = await self._deliver_all(active, here, accounts)
        except NoSuchLetter:  # removed meanwhile
            outcomes = []
        except (PyeonjiError, OSError) as error:
            outcomes = [
                _failure(i, Fate.LATER, "4.3.0", str(error) or type(error).__name__)
                for i in here
            ]
        except Exception:
            log.exception("queue.delivery_error", letter=active.id)
            outcomes = [
                _failure(i, Fate.LATER, "4.3.0", "internal error") for i in here
            ]
        active.content = active.prepared = None
        self._delivered.append((active, outcomes, accounts))
        if len(self._delivered) >= SYNC_AT or self._hurry:
            self._full.set()
        if self._settler is None:
            self._settler = asyncio.get_running_loop().create_task(self._settle())

    async def _read(self, active: Active) -> None:
        """Have content and what is prepared from it, if the door did not."""
        if active.content is None:
            active.content = await self._runner.queue.content(active.id)
        if active.prepared is not None:
            return
        if isinstance(active.content, BlobFile):
            active.prepared = await asyncio.to_thread(prepare_content, active.content)
        else:
            active.prepared = prepare_content(active.content)

    async def _deliver_all(
        self, active: Active, here: list[int], accounts: set[AccountId]
    ) -> list[Outcome]:
        if len(here) == 1:
            return [await self._deliver_one(active, here[0], accounts)]
        outcomes: list[Outcome] = []
        for start in range(0, len(here), AT_ONCE):
            outcomes += await asyncio.gather(
                *(
                    self._deliver_one(active, index, accounts)
                    for index in here[start : start + AT_ONCE]
                )
            )
        return outcomes

    async def _deliver_one(
        self, active: Active, index: int, accounts: set[AccountId]
    ) -> Outcome:
        letter = active.letter
        recipient = letter.recipients[index]
        assert active.content is not None  # noqa: S101 - _run has read it
        assert active.prepared is not None  # noqa: S101 - _run has made it
        try:
            placed = await self._deliver(
                delivery_id=f"{letter.id}/{recipient.address}",
                recipient=recipient.address,
                reverse_path=letter.letter.reverse_path,
                content=active.content,
                prefix=letter.letter.prefix,
                prepared=active.prepared,
                received_at=letter.letter.accepted_at,
                junk=QUARANTINED in letter.letter.facts,
            )
        except OverQuota as error:
            return _failure(index, Fate.LATER, "4.2.2", f"mailbox full: {error}")
        except PermanentError as error:
            return _failure(index, Fate.NEVER, *_permanent(error))
        except PyeonjiError as error:
            return _failure(index, Fate.LATER, "4.3.0", _words(error))
        accounts.add(placed.account_id)
        return Outcome(
            index=index,
            fate=Fate.DELIVERED,
            status="2.1.5",
            reply=f"delivered to {placed.delivered.mailbox}",
            at=self._runner.clock.time(),
            facts={
                "account": str(placed.account_id),
                "mailbox": placed.delivered.mailbox,
                "uid": str(placed.delivered.uid),
            },
        )

    # -- making it stable

    async def _settle(self) -> None:
        """Sync and settle in rounds while there is something."""
        while self._delivered:
            self._full.clear()
            if not self._hurry:
                try:
                    async with asyncio.timeout(self._runner.options.sync_pause):
                        await self._full.wait()
                except TimeoutError:
                    pass
            batch, self._delivered = self._delivered, []
            try:
                await self._settle_batch(batch)
            except Exception:
                log.exception("queue.settle_error")
        self._settler = None

    async def _settle_batch(self, batch: Sequence[_Delivered]) -> None:
        broken = await self._sync_all(set().union(*(d[2] for d in batch)))
        quiet: list[tuple[Active, Settlement, Started[None]]] = []
        for active, outcomes, accounts in batch:
            if broken and not broken.isdisjoint(accounts):
                outcomes = [_unsynced(one) for one in outcomes]  # noqa: PLW2901
            settlement = self._runner.settlement(active, outcomes)
            if settlement.told:
                self._runner.background(self._runner.conclude(active, settlement))
                continue
            # nobody is told anything: all begun here go in one commit
            keeping = self._runner.keep(active, settlement.events)
            quiet.append((active, settlement, Started(keeping)))
        for active, settlement, started in quiet:
            try:
                await started
            except StorageUnavailable:
                log.exception("queue.not_settled", letter=active.id)
                self._runner.background(self._runner.conclude(active, settlement))

    async def _sync_all(self, accounts: set[AccountId]) -> set[AccountId]:
        """Make deliveries stable; the accounts where that failed."""
        names = list(accounts)
        results = await asyncio.gather(
            *(self._sync(name) for name in names), return_exceptions=True
        )
        broken = set()
        for name, result in zip(names, results, strict=True):
            if isinstance(result, BaseException):
                log.error("queue.not_synced", account=name, reason=str(result))
                broken.add(name)
        return broken


def _failure(index: int, fate: Fate, status: str, reply: str) -> Outcome:
    return Outcome(index=index, fate=fate, status=status, reply=reply)


def _unsynced(outcome: Outcome) -> Outcome:
    """Delivered, but perhaps not for ever: tried again, which is harmless."""
    if outcome.fate is not Fate.DELIVERED:
        return outcome
    return _failure(
        outcome.index, Fate.LATER, "4.3.0", "mailbox could not be made stable"
    )


def _permanent(error: PermanentError) -> tuple[str, str]:
    """Status and words of a refusal; by name, since the errors are the MDA's."""
    match type(error).__name__:
        case "DeliveryLoops":
            return "5.4.6", f"mail forwarding loop for {error}"
        case "NoSuchRecipient":
            return "5.1.1", f"no such user here: {error}"
        case _:
            return "5.2.0", _words(error)


def _words(error: PyeonjiError) -> str:
    return str(error) or type(error).__name__
