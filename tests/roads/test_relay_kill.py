"""`kill -9` while letters go on to another host, and a disk that is full."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.roads.load import Ledger, Sender
from tests.roads.smtp_house import Client, House, play
from tests.roads.test_queue_chaos import Sink
from tests.running import HOST, Server

KILLS = 5
FAR = tuple(f"r{number}@far.test" for number in range(3))


class Tokens(Sink):
    """A next hop that counts letters by the subjects that `load` writes."""

    def count(self, octets: bytes, _: str) -> None:
        subject = octets.partition(b"Subject: ")[2].partition(b"\r\n")[0]
        self.taken[subject.decode()] += 1


@pytest.mark.timeout(120)
def test_what_was_accepted_for_others_gets_there() -> None:
    """At least once each; more often only what was under way at a kill."""
    sink = Tokens()
    sink.start()
    routes = f'[[route]]\ndomain = "far.test"\nnext_hop = "{HOST}:{sink.port}"'
    extra = f'[queue]\nretry = ["1s"]\n{routes}'
    with Server(accounts=("kim",), extra=extra, log_level="warning") as server:
        ledger = Ledger()
        senders = [
            Sender(number, server.port("smtp"), FAR, ledger, pause_s=0.03)
            for number in range(6)
        ]
        for sender in senders:
            sender.start()
        for number in range(KILLS):
            owed = ledger.promises()
            time.sleep(0.2 + 0.1 * number)
            while ledger.promises() == owed:
                time.sleep(0.02)
            server.kill()
            server.start()
        for sender in senders:
            sender.halt()
        for sender in senders:
            sender.join(30)
        server.wait_until_queue_is_empty(40)
        server.verify()
    sink.close()
    promised = {token for tokens in ledger.promised.values() for token in tokens}
    begun = {token for tokens in ledger.open.values() for token in tokens}
    assert len(promised) > 50
    assert [token for token in promised if not sink.taken[token]] == []
    assert set(sink.taken) <= begun
    twice = [token for token, count in sink.taken.items() if count > len(FAR)]
    assert len(twice) <= KILLS * 20  # connections to one next hop


@contextmanager
def largest_file(octets: int) -> Iterator[None]:
    """No file of this process can grow beyond it: as a disk without room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_no_room_is_said_and_passes(tmp_path: Path) -> None:
    """452 4.3.1, whatever the size; all that was taken is there afterwards."""
    small = b"Subject: s\r\n\r\n" + bytes(range(32, 127)) * 20 + b"\r\n"
    large = b"Subject: l\r\n\r\n" + (b"x" * 70 + b"\r\n") * 20_000

    async def scene(house: House) -> None:
        client = await Client.open(house.port)
        await client.say("EHLO a.test", "250-")
        await client.letter("a@b.test", "kim@example.test", small)
        await house.inbox(house.kim)
        log = tmp_path / "data" / "queue" / "0.db-wal"
        with largest_file(log.stat().st_size + 20_000):
            await client.letter(
                "a@b.test", "kim@example.test", large, expected="452 4.3.1"
            )
            taken, reply = 1, ""
            for _ in range(50):
                reply = await client.letter(
                    "a@b.test", "kim@example.test", small, expected=""
                )
                if reply.startswith("452 4.3.1"):
                    break
                taken += 1
            assert reply.startswith("452 4.3.1")
        await client.letter("a@b.test", "kim@example.test", large)
        await client.close()
        await house.inbox(house.kim)
        house.clock.advance(120)  # mailboxes had no room either
        house.runner.wake()
        assert len(await house.inbox(house.kim)) == taken + 1

    play(tmp_path, scene)
