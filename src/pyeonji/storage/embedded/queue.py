"""One worker's queue: a file, a thread that writes, and group commits.

Whatever waits while one commit is being synced goes in the next one. A letter
is a row; its octets stand in it (zstd), or in a file named by the letter's id.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import apsw

from pyeonji.base.errors import PyeonjiError
from pyeonji.base.ids import LetterId, letter_ids
from pyeonji.storage.content import BlobFile
from pyeonji.storage.embedded import journeys, lanes, letters, waiting
from pyeonji.storage.embedded.letters import MIGRATIONS, QueueJob
from pyeonji.storage.embedded.octets import SpoolFile
from pyeonji.storage.embedded.sqlite import (
    Database,
    connect,
    data_version,
    errors_named,
    make_folder,
    sync_folder,
    transaction,
)
from pyeonji.storage.embedded.threads import Mailbag, resolve
from pyeonji.storage.errors import StorageUnavailable
from pyeonji.storage.queue import QueuedLetter

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from pyeonji.base.clock import Clock
    from pyeonji.base.events import LetterEvent
    from pyeonji.storage.content import Content, Spool, StoredOctets
    from pyeonji.storage.queue import JourneyLimits, Lane, NewLetter, Recipient

POLL_S: Final = 1.0
"""How often an idle queue looks whether another process wrote to it."""

MEND_S: Final = 3600.0
"""How often times are looked at that a wrong clock may have written."""

LOOK_AGAIN_S: Final = 60.0
"""All due letters are looked at so often, whatever is known of them."""

OWN_IDS: Final = 512
CHECKPOINT_PAGES: Final = 4000
CACHE_KIB: Final = 8192

_Asked = tuple[QueueJob, "asyncio.Future[Any]"]


class EmbeddedQueue:
    """See Queue."""

    def __init__(
        self,
        folder: Path,
        worker: int,
        clock: Clock,
        mailbag: Mailbag,
        pool: Executor,
        kept: JourneyLimits,
    ) -> None:
        self.path = folder / f"{worker}.db"
        self.spool_folder = folder / str(worker)
        self._clock = clock
        self._mailbag = mailbag
        self._pool = pool
        self._kept = kept
        with errors_named():
            make_folder(self.spool_folder)
        self._reader = self._connect()
        self._writer = self._connect()
        sync_folder(folder)
        letters.drop_orphans(self._reader, self.spool_folder)
        # doors that choose ids count as the worker itself: never the same ones
        self._next_id = letter_ids(worker + OWN_IDS, lambda: int(clock.time() * 1000))
        self._claimed: set[LetterId] = set()
        # by time, all letters up to here are claimed: they aren't looked at again
        self._looked = waiting.FRONT
        self._looked_from_front_at = -LOOK_AGAIN_S
        self._told: list[Callable[[], None]] = []
        self._jobs: queue.SimpleQueue[list[_Asked] | None] = queue.SimpleQueue()
        self._asked: list[_Asked] = []  # in this turn of the loop
        self._thread = threading.Thread(target=self._work, name="queue", daemon=True)
        self._thread.start()

    def _connect(self) -> Database:
        return connect(
            self.path,
            MIGRATIONS,
            synchronous="FULL",
            cache_kib=CACHE_KIB,
            checkpoint_pages=CHECKPOINT_PAGES,
        )

    def close(self) -> None:
        """Finish what was asked, then close the file (blocks)."""
        if self._thread.is_alive():
            self._hand_in()
            self._jobs.put(None)
            self._thread.join()
        self._reader.close()
        with contextlib.suppress(apsw.Error):
            self._writer.close()

    # -- on the loop

    def _submit(self, job: QueueJob) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._mailbag.loop.create_future()
        if not self._asked:
            # what else this turn of the loop brings wakes the thread once
            self._mailbag.loop.call_soon(self._hand_in)
        self._asked.append((job, future))
        return future

    def _hand_in(self) -> None:
        if self._asked:
            asked, self._asked = self._asked, []
            self._jobs.put(asked)

    def spool(self) -> Spool:
        """See Queue."""
        return SpoolFile(self.spool_folder, self._in_thread)

    async def _in_thread(self, call: Callable[[], None]) -> None:
        await self._mailbag.loop.run_in_executor(self._pool, call)

    async def accept(self, letter: NewLetter) -> QueuedLetter:
        """See Queue."""
        letter_id = letter.id or self._next_id()
        if isinstance(letter.content, BlobFile):
            letter = replace(
                letter, content=await self._take(letter_id, letter.content)
            )
        self._claimed.add(letter_id)
        try:
            size: int = await self._submit(letters.Accept(letter_id, letter))
        except BaseException:
            self.release(letter_id)
            raise
        return QueuedLetter(
            id=letter_id,
            letter=letter,
            recipients=letter.recipients,
            size_octets=size,
            held=letter.held,
        )

    async def _take(self, letter_id: LetterId, blob: BlobFile) -> BlobFile:
        """Give a file the letter's name in our folder, stable."""
        path = self.spool_folder / letter_id

        def work() -> None:
            with errors_named():
                if blob.path.parent == self.spool_folder:
                    blob.path.rename(path)
                else:
                    path.hardlink_to(blob.path)
                sync_folder(self.spool_folder)

        await self._in_thread(work)
        return BlobFile(path=path, size_octets=blob.size_octets)

    async def load(self, *, due_before: float, limit: int) -> list[QueuedLetter]:
        """See Queue."""
        now = self._clock.monotonic()
        if now - self._looked_from_front_at >= LOOK_AGAIN_S:
            self._look_from_front()
            self._looked_from_front_at = now
        with errors_named():
            found, self._looked = waiting.load(
                self._reader, due_before, limit, self._claimed, self._looked
            )
        self._claimed.update(letter.id for letter in found)
        return found

    async def next_due(self) -> float | None:
        """See Queue."""
        with errors_named():
            return waiting.next_due(self._reader, self._claimed, self._looked)

    def _look_from_front(self) -> None:
        """Letters may be due that were passed over."""
        self._looked = waiting.FRONT

    def release(self, letter_id: LetterId) -> None:
        """See Queue."""
        self._claimed.discard(letter_id)
        self._look_from_front()

    async def set_aside(
        self, lane: str, letters: Sequence[tuple[LetterId, float]]
    ) -> None:
        """See Queue."""
        first = 0.0  # when it fails, they stay where they were
        try:
            await self._submit(lanes.SetAside(lane, tuple(letters)))
            first = min(until for _, until in letters)
        finally:
            self._claimed.difference_update(name for name, _ in letters)
            self._come_back(first)

    def _come_back(self, due: float) -> None:
        """Letters that were claimed wait again, the first of them till then."""
        if due <= self._looked[0]:
            self._look_from_front()

    async def load_lane(self, name: str, limit: int) -> list[QueuedLetter]:
        """See Queue."""
        with errors_named():
            meant = lanes.load(self._reader, name, limit, self._claimed)
            found = [waiting.read(self._reader, letter_id) for letter_id in meant]
        self._claimed.update(letter.id for letter in found)
        return found

    async def lane(self, name: str) -> Lane | None:
        """See Queue."""
        with errors_named():
            return lanes.lane(self._reader, name)

    async def due_lanes(self, now: float, limit: int) -> list[Lane]:
        """See Queue."""
        with errors_named():
            return lanes.due(self._reader, now, limit)

    async def next_lane(self, now: float) -> float | None:
        """See Queue."""
        with errors_named():
            return lanes.next_due(self._reader, now)

    async def keep_lane(self, lane: Lane) -> None:
        """See Queue."""
        await self._submit(lanes.KeepLane(lane))

    async def forget_lane(self, name: str) -> None:
        """See Queue."""
        await self._submit(lanes.ForgetLane(name))

    async def octets(self, letter_id: LetterId) -> StoredOctets:
        """See Queue."""
        with errors_named():
            return waiting.octets(self._reader, self.spool_folder, letter_id)

    async def content(self, letter_id: LetterId) -> Content:
        """See Queue."""
        with errors_named():
            return waiting.content(self._reader, self.spool_folder, letter_id)

    async def begin_attempt(
        self, letter_id: LetterId, indexes: Sequence[int], next_attempt: float
    ) -> None:
        """See Queue."""
        await self._submit(letters.Begin(letter_id, tuple(indexes), next_attempt))

    async def settle(
        self,
        letter: QueuedLetter,
        recipients: Sequence[Recipient],
        events: Sequence[LetterEvent],
    ) -> None:
        """See Queue."""
        due: float | None = 0.0
        try:
            await self._submit(
                letters.Settle(letter.id, tuple(recipients), tuple(events))
            )
            due = letters.first_due(recipients)
        finally:
            self._claimed.discard(letter.id)
            if due is not None:
                self._come_back(due)

    def note_refused(self, letter: NewLetter) -> None:
        """See Queue."""
        future = self._submit(letters.Refuse(letter.id or self._next_id(), letter))
        future.add_done_callback(lambda done: done.cancelled() or done.exception())

    def on_change(self, told: Callable[[], None]) -> None:
        """See Queue."""
        self._told.append(told)

    def changed_elsewhere(self) -> None:
        """Tell those who asked that another process changed the file."""
        self._look_from_front()
        for told in self._told:
            told()

    # -- in the writer thread

    def _work(self) -> None:
        version = data_version(self._writer)
        tended_at = mended_at = -MEND_S
        while True:
            jobs, ended = self._next_jobs()
            if jobs:
                self._transact(jobs)
            if ended:
                return
            now = self._clock.monotonic()
            if jobs and now - tended_at < POLL_S:
                continue
            tended_at = now
            version = self._look_for_others(version)
            if now - mended_at >= MEND_S:
                mended_at = now
                self._mend_times()
            self._tend(busy=bool(jobs))

    def _next_jobs(self) -> tuple[list[_Asked], bool]:
        """All that waits; after a second without anything, nothing."""
        jobs: list[_Asked] = []
        try:
            item = self._jobs.get(timeout=POLL_S)
            while item is not None:
                jobs += item
                item = self._jobs.get_nowait()
        except queue.Empty:
            return jobs, False
        return jobs, True

    def _look_for_others(self, version: int) -> int:
        try:
            now = data_version(self._writer)
        except apsw.Error:
            return version
        if now != version:
            self._mailbag.put(self.changed_elsewhere)
        return now

    def _mend_times(self) -> None:
        try:
            with errors_named(), transaction(self._writer):
                mended = letters.mend_times(self._writer, self._clock.time())
            if mended:
                self._mailbag.put(self.changed_elsewhere)
        except StorageUnavailable:
            return  # tried again in an hour

    def _tend(self, *, busy: bool) -> None:
        """Look after the journeys: one step, or all that is due while it is quiet."""
        try:
            with errors_named():
                while journeys.tend(
                    self._writer, self._clock.time(), self._kept, busy=busy
                ):
                    if busy or not self._jobs.empty():
                        return
        except StorageUnavailable:
            return  # tried again in a second

    def _transact(self, jobs: list[_Asked]) -> None:
        results: list[Any] = []
        files: list[str] = []
        try:
            with errors_named():
                writer = self._writer
                writer.execute("BEGIN IMMEDIATE")
                results = letters.run_all(writer, [job for job, _ in jobs], files)
                writer.execute("COMMIT")
        except StorageUnavailable as error:
            self._reopen()
            results = [StorageUnavailable(str(error)) for _ in jobs]
            files.clear()
        except PyeonjiError as error:  # no job raises these: a mistake of ours
            self._writer.execute("ROLLBACK")
            results = [error for _ in jobs]
            files.clear()
        self._mailbag.put(_resolve_all, jobs, results)
        for name in files:
            with contextlib.suppress(OSError):  # an orphan goes at the next start
                (self.spool_folder / name).unlink()

    def _reopen(self) -> None:
        """After an error nothing about the connection is taken for granted."""
        with contextlib.suppress(apsw.Error):
            self._writer.close()
        try:
            self._writer = self._connect()
            # what a failed sync left in memory must reach the disk anew
            self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_FULL)
        except (StorageUnavailable, apsw.Error):
            return  # the next batch fails too, and opens again


def _resolve_all(jobs: list[_Asked], results: list[Any]) -> None:
    for (_, future), result in zip(jobs, results, strict=True):
        resolve(future, result)
