"""Rates of the embedded storage engine on this machine.

Run: python benchmarks/storage_rates.py [--messages 10000]
Each figure is the best of several rounds, in milliseconds of wall clock; the
letters' figures are CPU of the whole process, all threads.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from pyeonji.base.ids import Uid
from pyeonji.message.prepare import prepare
from pyeonji.storage.credentials import make_credentials
from pyeonji.storage.directory import Domain
from pyeonji.storage.embedded import Store, open_store
from pyeonji.storage.mailboxes import (
    DELETED,
    FLAGGED,
    SEEN,
    Column,
    Delivery,
    FlagChange,
    NewMessage,
)
from pyeonji.storage.query import HasFlags, Not, TextContains
from pyeonji.storage.queue import NewLetter, Recipient, RecipientState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyeonji.storage.embedded.account import EmbeddedAccount

WORDS = (
    *("the", "letter", "goes", "from", "hand", "to", "hand", "and", "rests", "where"),
    *("it", "is", "read", "편지", "한", "통", "quota", "envelope", "postman", "road"),
)


def letter(number: int, size: int = 5000) -> bytes:
    """A message of about `size` octets, each another."""
    head = (
        f"From: Kim <kim{number}@example.test>\r\nTo: Lee <lee@example.test>\r\n"
        f"Subject: Letter {number}\r\nMessage-ID: <{number}@example.test>\r\n"
        "Date: Tue, 24 Nov 2026 04:00:00 +0000\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    state, body = number * 7919 + 1, []
    length = len(head)
    while length < size:
        line = []
        for _ in range(10):
            state = (state * 1103515245 + 12345) % 2**31
            line.append(f"{WORDS[state % len(WORDS)]}{state % 97}")
        body.append(" ".join(line) + "\r\n")
        length += len(body[-1])
    return (head + "".join(body)).encode()


async def best(name: str, rounds: int, work: Callable[[], Awaitable[object]]) -> None:
    """Print the best time of a piece of work."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        await work()
        times.append(time.perf_counter() - started)
    print(f"{name:<42} {min(times) * 1000:9.2f} ms")


async def mailbox_rates(account: EmbeddedAccount, number: int) -> None:
    """What a client does with a large mailbox."""
    box = (await account.mailbox("INBOX")).id
    template = letter(1)
    prepared = prepare(template)
    for start in range(0, number, 500):
        await account.append(
            box,
            [
                NewMessage(
                    content=letter(n),
                    prepared=replace(prepared, message_id=f"<{n}>"),
                    internal_date=1_700_000_000 + n,
                )
                for n in range(start, min(start + 500, number))
            ],
        )
    everything = [(1, number)]

    def select(*columns: Column) -> Callable[[], Awaitable[object]]:
        return lambda: account.select(box, everything, columns)

    c = Column
    await best("mailbox (STATUS)", 20, lambda: account.mailbox("INBOX"))
    await best("uids", 7, lambda: account.uids(box))
    await best("flags", 7, select(c.UID, c.FLAGS, c.KEYWORDS))
    await best("envelopes", 7, select(c.UID, c.ENVELOPE))
    await best("body structures", 7, select(c.UID, c.BODY_STRUCTURE))
    first = [Uid(uid) for uid in range(1, 1001)]
    await best("1000 bodies of 5 KB", 7, lambda: account.octets(box, first))
    flip = [FlagChange.ADD, FlagChange.REMOVE] * 10

    async def store() -> None:
        await account.store_flags(box, everything, flip.pop(), FLAGGED)

    await best("store_flags on all", 8, store)
    since = (await account.mailbox("INBOX")).highest_mod_seq
    await account.store_flags(box, [(5, 5)], FlagChange.ADD, SEEN)
    await best("changes, one entry", 9, lambda: account.changes(box, since))
    await best("search unseen", 7, lambda: account.search(box, Not(HasFlags(SEEN))))
    text = TextContains("postman13")
    await best("search text, the first time", 1, lambda: account.search(box, text))
    await best("search text, then", 5, lambda: account.search(box, text))
    archive = (await account.mailbox("Archive")).id
    await best("copy 1000", 4, lambda: account.copy(box, [(1, 1000)], archive))
    for start in (1, 1001, 2001, 3001):
        await account.store_flags(
            archive, [(start, start + 999)], FlagChange.ADD, DELETED
        )
        await best(
            f"expunge 1000 ({'last' if start > 3000 else 'copies'})",
            1,
            lambda: account.expunge(archive),
        )
    await account.store_flags(box, [(1, 1000)], FlagChange.ADD, DELETED)
    await best("expunge 1000, messages go", 1, lambda: account.expunge(box))


async def letter_rates(store: Store, account_ids: list[str], letters: int) -> None:
    """Accept, deliver, sync and settle 5 KB letters, 50 at a time."""
    octets = [letter(n) for n in range(200)]
    prepared = [prepare(o) for o in octets]
    numbers = iter(range(letters))

    async def one_by_one() -> None:
        for n in numbers:
            account_id = account_ids[n % len(account_ids)]
            queued = await store.queue.accept(
                NewLetter(
                    reverse_path="lee@example.test",
                    recipients=(Recipient(address="kim@example.test"),),
                    content=octets[n % 200],
                    prefix=b"Received: from example.test\r\n" * 4,
                    accepted_at=time.time(),
                )
            )
            await store.mail.deliver(
                Delivery(
                    account_id=account_id,  # type: ignore[arg-type]
                    delivery_id=f"{queued.id}.0",
                    mailbox="INBOX",
                    content=octets[n % 200],
                    prefix=b"Return-Path: <lee@example.test>\r\n",
                    prepared=prepared[n % 200],
                    internal_date=int(time.time()),
                )
            )
            await store.mail.sync(account_id)  # type: ignore[arg-type]
            done = replace(queued.recipients[0], state=RecipientState.DELIVERED)
            await store.queue.settle(queued, [done], [])

    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one_by_one() for _ in range(50)))
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(
        f"letters, {len(account_ids)} account(s): {letters / wall:8.0f} a second,"
        f" {cpu / letters * 1000:.3f} ms of CPU each"
    )


async def main() -> None:
    """Measure in a folder that goes afterwards."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--letters", type=int, default=5_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = await open_store(Path(folder), worker=0)
        await store.directory.add_domain(Domain(name="example.test"))
        credentials = make_credentials("not a secret")
        accounts = [
            await store.directory.add_account(f"kim{n}@example.test", credentials)
            for n in range(21)
        ]
        account = await store.mail.account(accounts[0].id)
        await mailbox_rates(account, arguments.messages)
        await letter_rates(store, [accounts[1].id], arguments.letters)
        await letter_rates(store, [a.id for a in accounts[1:]], arguments.letters)
        await store.close()


if __name__ == "__main__":
    uvloop.run(main())
