"""All queue files of an installation, for the command line and for ETRN."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pyeonji.base.events import Happening, LetterEvent
from pyeonji.storage.embedded import finding, journeys, lanes, letters, waiting
from pyeonji.storage.embedded.sqlite import (
    Database,
    connect,
    errors_named,
    one,
    transaction,
)
from pyeonji.storage.errors import NoSuchLetter
from pyeonji.storage.names import canonical_domain, domain_of
from pyeonji.storage.queue import (
    ALL_LETTERS,
    DomainSummary,
    Held,
    LetterFilter,
    Recipient,
    RecipientState,
    Summary,
    Totals,
    TraceFilter,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from pyeonji.base.clock import Clock
    from pyeonji.base.ids import LetterId
    from pyeonji.storage.content import StoredOctets

PAGE: Final = 500
"""Letters that are changed in one transaction; the server can write in between."""

_recipients = msgspec.json.Decoder(tuple[Recipient, ...])
_events = msgspec.json.Decoder(list[LetterEvent])


class EmbeddedOffice:
    """See QueueOffice."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        threads: Executor,
        changed: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._threads = threads
        self._changed = changed

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        def named() -> Any:
            with errors_named():
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._threads, named)

    @contextlib.contextmanager
    def _open(self, path: Path) -> Iterator[Database]:
        connection = connect(path, letters.MIGRATIONS, synchronous="FULL")
        try:
            yield connection
        finally:
            connection.close()

    def _files(self) -> list[tuple[int, Path]]:
        return sorted(
            (int(path.stem), path)
            for path in self._folder.glob("*.db")
            if path.stem.isdecimal()
        )

    async def summaries(
        self,
        which: LetterFilter = ALL_LETTERS,
        *,
        after: str = "",
        limit: int | None = None,
    ) -> list[Summary]:
        """See QueueOffice."""

        def work() -> list[Summary]:
            found: list[Summary] = []
            for worker, path in self._files():
                with self._open(path) as connection:
                    meant = finding.find(connection, worker, which, after)
                    found += islice(meant, limit)
            found.sort(key=lambda letter: letter.id)
            return found[:limit]

        letters: list[Summary] = await self._in_thread(work)
        return letters

    async def totals(self) -> Totals:
        """See QueueOffice."""

        def work() -> Totals:
            letters_, held, oldest = 0, 0, []
            for _, path in self._files():
                with self._open(path) as connection:
                    count, free, first = waiting.totals(connection)
                letters_ += count
                held += count - free
                oldest += [first] if first is not None else []
            return Totals(
                letters=letters_, held=held, oldest_at=min(oldest, default=None)
            )

        totals: Totals = await self._in_thread(work)
        return totals

    async def future(self, account: str, now: float) -> Held:
        """See QueueOffice."""

        def work() -> Held:
            rows = []
            for _, path in self._files():
                with self._open(path) as connection:
                    rows.append(waiting.future(connection, account, now))
            return Held(
                letters=sum(row[0] for row in rows), octets=sum(row[1] for row in rows)
            )

        held: Held = await self._in_thread(work)
        return held

    async def domains(self) -> list[DomainSummary]:
        """See QueueOffice."""

        def work() -> list[DomainSummary]:
            found: dict[str, DomainSummary] = {}
            for _, path in self._files():
                with self._open(path) as connection:
                    finding.by_domain(connection, found)
            return sorted(found.values(), key=lambda one: (-one.letters, one.domain))

        summaries: list[DomainSummary] = await self._in_thread(work)
        return summaries

    async def show(self, letter_id: LetterId) -> Summary:
        """See QueueOffice."""

        def work() -> Summary | None:
            for worker, path in self._files():
                with self._open(path) as connection:
                    found = finding.get(connection, worker, letter_id)
                if found is not None:
                    return found
            return None

        summary: Summary | None = await self._in_thread(work)
        if summary is None:
            raise NoSuchLetter(f"there is no letter {letter_id} in the queue")
        return summary

    async def octets(self, letter_id: LetterId) -> StoredOctets:
        """See QueueOffice."""

        def work() -> StoredOctets:
            for _, path in self._files():
                with self._open(path) as connection, contextlib.suppress(NoSuchLetter):
                    return waiting.octets(connection, path.with_suffix(""), letter_id)
            raise NoSuchLetter(f"there is no letter {letter_id} in the queue")

        stored: StoredOctets = await self._in_thread(work)
        return stored

    async def _change(self, change: Callable[[Database, Path], int]) -> int:
        """Do something in all files, each in a transaction; tell the workers."""

        def work() -> int:
            count = 0
            for _, path in self._files():
                with self._open(path) as connection, transaction(connection):
                    count += change(connection, path.with_suffix(""))
            return count

        count: int = await self._in_thread(work)
        if count:
            self._changed()
        return count

    async def retry(self, letter_ids: Sequence[LetterId]) -> int:
        """See QueueOffice."""
        return await self._make_due(letter_ids, lambda _: True)

    async def retry_domain(self, domain: str) -> int:
        """See QueueOffice."""
        name = canonical_domain(domain)
        count, after = 0, ""
        meant = LetterFilter(domain=name, held=False)
        while page := await self.summaries(meant, after=after, limit=PAGE):
            after = page[-1].id
            count += await self._make_due(
                [letter.id for letter in page], lambda r: domain_of(r.address) == name
            )
        return count

    async def _make_due(
        self, letter_ids: Sequence[LetterId], meant: Callable[[Recipient], bool]
    ) -> int:
        wanted = set(letter_ids)

        def change(connection: Database, _: Path) -> int:
            domains: set[str] = set()
            count = sum(
                self._due_now(connection, letter_id, meant, domains)
                for letter_id in wanted
            )
            lanes.make_due(connection, domains)
            return count

        return await self._change(change)

    def _due_now(
        self,
        connection: Database,
        letter_id: str,
        meant: Callable[[Recipient], bool],
        domains: set[str],
    ) -> bool:
        row = one(
            connection, "SELECT recipients FROM letters WHERE id = ?", (letter_id,)
        )
        if row is None:
            return False
        now = self._clock.time()
        before = _recipients.decode(row[0])
        after = tuple(
            replace(r, next_attempt=min(now, r.next_attempt))
            if r.state is RecipientState.WAITING and meant(r)
            else r
            for r in before
        )
        if not any(r.state is RecipientState.WAITING and meant(r) for r in before):
            return False
        connection.execute(
            "UPDATE letters SET recipients = ?, next_attempt = ?, lane = NULL"
            " WHERE id = ?",
            (
                msgspec.json.encode(after).decode(),
                letters.first_due(after) or 0.0,
                letter_id,
            ),
        )
        domains.update(domain_of(r.address) for r in after if meant(r))
        return True

    async def hold(self, letter_ids: Sequence[LetterId]) -> int:
        """See QueueOffice."""
        return await self._set_held(letter_ids, held=True)

    async def release(self, letter_ids: Sequence[LetterId]) -> int:
        """See QueueOffice."""
        return await self._set_held(letter_ids, held=False)

    async def _set_held(self, letter_ids: Sequence[LetterId], *, held: bool) -> int:
        wanted = set(letter_ids)
        kind = Happening.HELD if held else Happening.RELEASED

        def change(connection: Database, _: Path) -> int:
            count = 0
            domains: set[str] = set()
            for letter_id in wanted:
                row = one(
                    connection,
                    "UPDATE letters SET held = ? WHERE id = ? AND held <> ?"
                    " RETURNING events",
                    (held, letter_id, held),
                )
                if row is None:
                    continue
                count += 1
                events = [*_events.decode(row[0]), self._event(letter_id, kind)]
                connection.execute(
                    "UPDATE letters SET events = ? WHERE id = ?",
                    (msgspec.json.encode(events).decode(), letter_id),
                )
                if not held:
                    self._due_now(connection, letter_id, lambda _: True, domains)
            lanes.make_due(connection, domains)
            return count

        return await self._change(change)

    def _event(self, letter_id: LetterId, kind: Happening) -> LetterEvent:
        return LetterEvent(letter_id=letter_id, at=self._clock.time(), kind=kind)

    async def remove(self, letter_ids: Sequence[LetterId]) -> int:
        """See QueueOffice."""
        wanted = set(letter_ids)
        unlinked: list[Path] = []

        def change(connection: Database, spool_folder: Path) -> int:
            files: list[str] = []
            count = 0
            for letter_id in wanted:
                row = letters.take_out(connection, letter_id)
                if row is not None:
                    event = self._event(letter_id, Happening.REMOVED)
                    letters.end_journey(connection, row, [event], files)
                    count += 1
            unlinked.extend(spool_folder / name for name in files)
            return count

        count = await self._change(change)
        for path in unlinked:  # only now that the commit is stable
            path.unlink(missing_ok=True)
        return count

    async def trace(self, which: str | TraceFilter) -> list[LetterEvent]:
        """See QueueOffice."""
        meant = TraceFilter(what=which) if isinstance(which, str) else which
        search = journeys.Search.of(meant)

        def work() -> list[LetterEvent]:
            found: list[journeys.Found] = []
            for _, path in self._files():
                with self._open(path) as connection:
                    found += waiting.trace(connection, search)
                    found += journeys.find(connection, search)
            found.sort(key=itemgetter(0))
            return [event for _, events in found[-search.limit :] for event in events]

        events: list[LetterEvent] = await self._in_thread(work)
        return events
