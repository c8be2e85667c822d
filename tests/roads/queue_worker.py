"""Runs one worker's queue over a folder: accepts letters, relays them, and says so.

    python -m tests.roads.queue_worker DATA PORT COUNT NAME

Lines on standard output: "A token" accepted, "R token" refused for now, "E" at
the end, when the queue is empty. Whatever was said must be true afterwards.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import structlog

from pyeonji.mta.options import Options, Route
from pyeonji.mta.queue import remote as remote_module
from pyeonji.mta.queue import runner as runner_module
from pyeonji.mta.queue.runner import Runner
from pyeonji.mta.relay.relay import Relay
from pyeonji.net.dns import Resolver
from pyeonji.storage.embedded import open_store
from pyeonji.storage.errors import StorageUnavailable
from pyeonji.storage.queue import NewLetter, Recipient


def say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


async def never(*_: object, **__: object) -> None:
    raise AssertionError("nobody is here")


async def elsewhere(_: str) -> bool:
    return False


async def main(data: Path, port: int, count: int, name: str) -> None:
    store = await open_store(data, worker=0)
    route = Route(domain="*", hosts=(("127.0.0.1", port),))
    options = Options(
        hostname="mx.example.test",
        routes={"*": route},
        retry=(0.3,),
        idle_connection=0.1,
        max_relays_per_destination=4,
    )
    clock = store._clock
    runner = Runner(
        options=options,
        queue=store.queue,
        clock=clock,
        relay=Relay(options, Resolver(["127.0.0.1:1"])),
        deliver=never,  # type: ignore[arg-type]
        sync=never,
        expand=never,
        is_local=elsewhere,
        office=store.office,
    )
    runner.start()
    for number in range(count):
        token = f"{name}x{number}"
        letter = NewLetter(
            reverse_path="",
            recipients=(Recipient(address=f"{token}@far.test"),),
            content=b"Subject: x\r\n\r\nx\r\n",
            prefix=b"",
            accepted_at=clock.time(),
        )
        try:
            queued = await store.queue.accept(letter)
        except StorageUnavailable:
            say("R", token)
            await asyncio.sleep(0.02)
            continue
        say("A", token)
        runner.take(queued)
        if number % 3 == 2:
            await asyncio.sleep(0.01)
    while True:
        await runner.idle()
        try:
            if not await store.office.summaries():
                break
        except StorageUnavailable:
            pass
        await asyncio.sleep(0.1)
    say("E")
    await runner.stop()
    await store.close()


if __name__ == "__main__":
    runner_module.TROUBLE_PAUSE_S = 0.2  # type: ignore[misc]
    remote_module.TROUBLE_PAUSE_S = 0.2  # type: ignore[misc]
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(
        main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    )
