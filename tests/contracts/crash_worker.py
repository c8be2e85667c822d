"""Runs until it is killed: accepts, delivers and settles, saying what is done.

Lines on standard output: "A id" accepted, "D id uid" delivered and stable,
"S id" settled. What was said must be true whatever happens next.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from tests.contracts.engines import delivery, letter, new_letter, new_message

from pyeonji.base.limits import SMALL_BLOB_OCTETS
from pyeonji.storage.content import Content
from pyeonji.storage.embedded import open_store
from pyeonji.storage.queue import QueuedLetter, RecipientState


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def main() -> None:
    store = await open_store(Path(sys.argv[1]), worker=0)
    account = await store.directory.account_at("kim@example.test")
    assert account is not None
    mail = await store.mail.account(account.id)
    archive = (await mail.mailbox("Archive")).id
    large = letter(0, size=SMALL_BLOB_OCTETS + 100)

    async def carry(queued: QueuedLetter, octets: bytes, content: Content) -> None:
        one = delivery(account, 0, octets=octets, delivery_id=f"{queued.id}.0")
        done = await store.mail.deliver(replace(one, content=content))
        await store.mail.sync(account.id)
        say("D", queued.id, done.uid)
        end = replace(queued.recipients[0], state=RecipientState.DELIVERED)
        await store.queue.settle(queued, [end], [])
        say("S", queued.id)

    async def postman(number: int) -> None:
        for turn in range(10**9):
            if turn % 25 == number:
                spool = store.queue.spool()
                spool.write(large)
                octets, content = large, await spool.finish()
            else:
                octets = content = letter(number * 10**6 + turn)
            queued = await store.queue.accept(new_letter(content=content))
            say("A", queued.id)
            await carry(queued, octets, await store.queue.content(queued.id))

    async def housekeeper() -> None:
        for turn in range(10**9):
            uids = await mail.append(archive, [new_message(letter(turn))] * 3)
            say("P", uids[-1])
            await mail.remove(archive, uids[:2])

    for queued in await store.queue.load(due_before=1e12, limit=10**6):
        octets = bytes((await store.queue.octets(queued.id)).body[:])
        await carry(queued, octets, await store.queue.content(queued.id))
    say("ready")
    if len(sys.argv) > 2:
        await store.close()
        return
    await asyncio.gather(*(postman(number) for number in range(8)), housekeeper())


asyncio.run(main())
