#!/usr/bin/env python3
"""What journeys cost while letters pass, and how soon one of many is found.

    python benchmarks/trace_scale.py 1000000

So many letters are accepted into a queue's file and settled, some in each commit,
as the queue's thread does it (but without waiting for the disk); told is the CPU
time of a letter, with what indexes its journey and without. Then traces are timed.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyeonji.base.events import Happening, LetterEvent
from pyeonji.base.ids import letter_ids
from pyeonji.storage.embedded import letters, open_store
from pyeonji.storage.embedded.sqlite import Database, connect
from pyeonji.storage.queue import NewLetter, Recipient, RecipientState

if TYPE_CHECKING:
    from collections.abc import Callable

OCTETS = b"Subject: x\r\n\r\n" + b"a line of text that is not very long\r\n" * 60
TOGETHER = 20
"""Letters of a commit."""

BEGUN = 1_795_000_000.0
FACTS = {
    "client": "192.0.2.17",
    "helo": "mail.example.net",
    "with": "ESMTPS",
    "tls": "TLS_AES_256_GCM_SHA384",
    "connection": "c41",
    "spf": "pass (mail.example.net)",
    "dkim": "pass (example.net)",
    "dmarc": "pass (example.net)",
}


def sender(number: int) -> str:
    """One of fifty thousand."""
    return f"sender{number * 7919 % 50_000}@d{number * 7919 % 5000}.example.net"


def recipient(number: int) -> str:
    """One of two thousand."""
    return f"user{number % 2000}@example.org"


def pass_through(
    file: Database, next_id: Callable[[], Any], start: int, at: float
) -> None:
    """Accept some letters, then settle them, a commit each."""
    new = [
        letters.Accept(
            next_id(),
            NewLetter(
                reverse_path=sender(number),
                recipients=(Recipient(address=recipient(number)),),
                content=OCTETS,
                prefix=b"Received: from x\r\n",
                accepted_at=at,
                message_id=f"<{number}.4f1c9b2e7a@mail.example.net>",
                facts=FACTS,
            ),
        )
        for number in range(start, start + TOGETHER)
    ]
    ended = [
        letters.Settle(
            job.id,
            (
                Recipient(
                    address=job.letter.recipients[0].address,
                    state=RecipientState.DELIVERED,
                    attempts=1,
                ),
            ),
            (
                LetterEvent(
                    letter_id=job.id,
                    at=at + 0.1,
                    kind=Happening.DELIVERED,
                    recipient=job.letter.recipients[0].address,
                    facts={"status": "2.0.0", "reply": "kept", "mailbox": "INBOX"},
                ),
            ),
        )
        for job in new
    ]
    for jobs in (new, ended):
        file.execute("BEGIN IMMEDIATE")
        letters.run_all(file, jobs, [])
        file.execute("COMMIT")


def fill(data: Path, count: int) -> None:
    """Have letters pass, and tell what each took."""
    (data / "queue").mkdir(parents=True)
    file = connect(
        data / "queue" / "0.db",
        letters.MIGRATIONS,
        synchronous="OFF",
        cache_kib=8192,
        checkpoint_pages=4000,
    )
    passed = 0
    next_id = letter_ids(0, lambda: int((BEGUN + passed) * 1000))
    begun = time.process_time()
    for start in range(0, count, TOGETHER):
        passed = start
        pass_through(file, next_id, start, BEGUN + passed)
    passing = time.process_time() - begun
    print(f"a letter passes: {passing / count * 1e6:.1f} us of CPU")
    begun = time.process_time()
    slowest = index(file)
    took = time.process_time() - begun
    print(f"and is indexed:  {took / count * 1e6:.1f} us", end=", ")
    print(f"a step at most {slowest * 1e3:.0f} ms")
    (octets,) = file.execute("SELECT sum(octets) FROM journey_segments").fetchone()
    file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.close()
    size = (data / "queue" / "0.db").stat().st_size
    print(f"journeys: {octets / count:.0f} octets each, the file {size / count:.0f}")


def index(file: Database) -> float:
    """All steps that are due; the time of the longest."""
    from pyeonji.storage.embedded import journeys  # noqa: PLC0415
    from pyeonji.storage.queue import JourneyLimits  # noqa: PLC0415

    slowest, more = 0.0, True
    while more:
        begun = time.perf_counter()
        more = journeys.tend(file, BEGUN, JourneyLimits(octets=1 << 50), busy=False)
        slowest = max(slowest, time.perf_counter() - begun)
    return slowest


async def find(data: Path, count: int) -> None:
    """Time traces: the best of three, in milliseconds."""
    from pyeonji.storage.queue import TraceFilter  # noqa: PLC0415

    store = await open_store(data)
    middle = count // 2
    asked = {
        "Message-ID": TraceFilter(what=f"<{middle}.4f1c9b2e7a@mail.example.net>"),
        "Message-ID of nobody": TraceFilter(what="<no@where.example>"),
        "recipient, the latest 100": TraceFilter(what=recipient(7)),
        "sender": TraceFilter(what=sender(middle)),
        "sender and recipient": TraceFilter(
            sender=sender(middle), recipient=recipient(middle)
        ),
        "domain of a sender": TraceFilter(what="d77.example.net"),
        "domain of all": TraceFilter(what="@example.org"),
        "a minute": TraceFilter(
            since=BEGUN + middle, until=BEGUN + middle + 60, limit=1000
        ),
        "sender and an hour": TraceFilter(
            sender=sender(middle), since=BEGUN + middle - 3600, until=BEGUN + middle + 1
        ),
    }
    for name, which in asked.items():
        best, found = 1e9, 0
        for _ in range(3):
            begun = time.perf_counter()
            events = await store.office.trace(which)
            best = min(best, time.perf_counter() - begun)
            found = len({event.letter_id for event in events})
        print(f"{name}: {found} letters in {best * 1e3:.1f} ms")
    await store.close()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    folder = Path(tempfile.mkdtemp(prefix="trace-"))
    try:
        fill(folder, count)
        asyncio.run(find(folder, count))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
