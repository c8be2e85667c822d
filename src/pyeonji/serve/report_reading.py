"""Reports in letters that are delivered here are read in passing, and counted.

The letter goes to its mailbox as always, so nothing is lost when reading it
fails; `pyeonji reports read` reads one by hand.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import structlog

from pyeonji.base.errors import PyeonjiError
from pyeonji.mta.reports.keeping import (
    HEAD_OCTETS,
    about,
    is_vouched_for,
    kept,
    looks_like_a_report,
)
from pyeonji.mta.reports.letter import Found, reports_in
from pyeonji.storage.content import BlobFile, opened

if TYPE_CHECKING:
    from pyeonji.base.clock import Clock
    from pyeonji.mta.needs import Deliver, Placed
    from pyeonji.mta.reports.letter import Report
    from pyeonji.storage.content import Content
    from pyeonji.storage.directory import Directory
    from pyeonji.storage.embedded import Store

MAX_LETTER: Final = 32 * 1024 * 1024
"""Octets of a letter that is read; a report of 10 MB grows by a third in it."""

MAX_UNDER_WAY: Final = 64
"""Letters that wait to be read; more are delivered unread."""

log = structlog.get_logger("pyeonji.serve")


async def keep_reports(
    reports: list[Report], store: Store, now: float
) -> dict[str, int]:
    """Keep what is about domains of ours.

    Returns:
        How many were "kept", were "known" already, or were "foreign".

    Raises:
        StorageUnavailable.
    """
    counts = {"kept": 0, "known": 0, "foreign": 0}
    for report in reports:
        ours = {}
        for name in about(report):
            domain = await our_domain(store.directory, name)
            if domain is not None:
                ours[name] = domain
        if not ours:
            counts["foreign"] += 1
        for each in kept(report, ours, now):
            fresh = await store.reports.keep(each)
            counts["kept" if fresh else "known"] += 1
    return counts


async def our_domain(directory: Directory, name: str) -> str | None:
    """Our domain that a name is, or is below."""
    labels = name.split(".")
    for at in range(min(len(labels) - 1, 8)):
        found = await directory.domain(".".join(labels[at:]))
        if found is not None:
            return found.name
    return None


class ReportReader:
    """Delivers as always, and reads what looks like a report."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Nothing is under way."""
        self._store = store
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()

    def reading(self, deliver: Deliver) -> Deliver:
        """`Deliverer.deliver` that also reads reports."""

        async def delivering(**letter: Any) -> Placed:
            placed = await deliver(**letter)
            content: Content = letter["content"]
            if self._is_report(content) and is_vouched_for(letter["prefix"]):
                self._begin(content)
            return placed

        return delivering

    async def close(self) -> None:
        """Finish what is under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _is_report(self, content: Content) -> bool:
        if not isinstance(content, BlobFile):
            return looks_like_a_report(content[:HEAD_OCTETS])
        if content.size_octets > MAX_LETTER:
            return False
        try:
            with opened(content) as octets:
                return looks_like_a_report(octets[:HEAD_OCTETS])
        except OSError:
            return False

    def _begin(self, content: Content) -> None:
        if len(self._tasks) >= MAX_UNDER_WAY:
            log.warning("report.unread", reason="too many wait")
            return
        task = asyncio.ensure_future(self._read(content))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self, content: Content) -> None:
        async with self._one_at_a_time:
            try:
                found = await asyncio.to_thread(_found_in, content)
                counts = await keep_reports(
                    found.reports, self._store, self._clock.time()
                )
            except (PyeonjiError, OSError) as error:
                log.warning("report.unread", reason=str(error))
                return
        log.info("report.read", refused=found.refused[:3], **counts)


def _found_in(content: Content) -> Found:
    with opened(content) as octets:
        return reports_in(bytes(octets))
