"""kill -9 at any moment: nothing acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import apsw
from tests.contracts.engines import Engine, World

from pyeonji.storage.embedded.verify import verify

ROOT = Path(__file__).parents[2]
ROUNDS = 6


def run_worker(data: Path, lines: int | None, seconds: float = 0) -> list[list[str]]:
    """What a worker said before it was killed (or ended by itself).

    Args:
        data: its folder.
        lines: it says so many about its work, then it is killed; None: never.
        seconds: and so long after them.
    """
    arguments = [sys.executable, "-m", "tests.contracts.crash_worker", str(data)]
    if lines is None:
        arguments.append("once")
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    if lines is not None:
        said = [process.stdout.readline()]
        while said[-1] not in {b"ready\n", b""}:
            said.append(process.stdout.readline())
        said += [process.stdout.readline() for _ in range(lines)]
        time.sleep(seconds)
        process.kill()
    else:
        said = []
    said += process.stdout.read().splitlines(keepends=True)
    process.stdout.close()
    process.wait()
    assert lines is not None or process.returncode == 0
    return [line.decode().split() for line in said if line.endswith(b"\n")]


def test_nothing_is_lost_and_nothing_twice(engine: Engine) -> None:
    """A 250 means at least once, and the delivery id makes it exactly once."""

    async def furnish(w: World) -> str:
        return w.account.id

    account = engine.run(furnish)
    chance = random.Random(7)
    accepted: set[str] = set()
    delivered: dict[str, str] = {}
    appended: set[int] = set()
    for number in range(ROUNDS + 1):
        last = number == ROUNDS
        lines = None if last else chance.randrange(1, 120)
        for line in run_worker(engine.data, lines, chance.random() * 0.02):
            match line:
                case ["A", letter_id]:
                    accepted.add(letter_id)
                case ["D", letter_id, uid]:
                    assert delivered.setdefault(letter_id, uid) == uid
                case ["P", uid]:
                    appended.add(int(uid))
        assert verify(engine.data, octets=last).problems == []
    assert len(accepted) > 50
    connection = apsw.Connection(str(engine.data / "accounts" / account / "mail.db"))
    there = connection.execute("SELECT uid FROM entries WHERE mailbox = 1").fetchall()
    ids: list[Any] = connection.execute(
        "SELECT delivery_id, uid FROM deliveries"
    ).fetchall()
    kept = {
        uid
        for (uid,) in connection.execute("SELECT uid FROM entries WHERE mailbox = 6")
    }
    connection.close()
    assert len(there) == len(ids)
    known = {delivery_id[:-2]: uid for delivery_id, uid in ids}
    assert accepted <= known.keys()
    assert {letter_id: int(uid) for letter_id, uid in delivered.items()}.items() <= (
        known.items()
    )
    assert appended <= kept
