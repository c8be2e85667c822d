"""`kill -9` under load: what was answered 250 is there exactly once."""

from __future__ import annotations

import imaplib
import os
import random
import re
import signal
import time
from collections import Counter
from typing import Final

import pytest
from tests.roads.load import Ledger, Sender
from tests.running import HOST, PASSWORD, Server

MOMENTS: Final = 20
CONNECTIONS: Final = 20
READERS: Final = ("kim@example.test", "lee@example.test", "park@example.test")
SUBJECT: Final = re.compile(rb"Subject: (t\d+x\d+)\r\n")


def subjects(server: Server, user: str) -> Counter[str]:
    """How often each letter is in a mailbox."""
    with imaplib.IMAP4(HOST, server.port("imap"), timeout=30) as client:
        client.authenticate("PLAIN", lambda _: f"\0{user}\0{PASSWORD}".encode())
        client.select("INBOX", readonly=True)
        _, parts = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    texts = b"".join(part[1] for part in parts if isinstance(part, tuple))
    return Counter(found.decode() for found in SUBJECT.findall(texts))


def await_delivery(server: Server, ledger: Ledger, limit_s: float = 30) -> None:
    """Until every promised letter is there, or nothing comes any more."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if not server.run_json("queue", "list"):
            return
        time.sleep(0.5)
    raise AssertionError(f"the queue isn't empty: {server.run('queue', 'list')!r}")


def judge(server: Server, ledger: Ledger) -> None:
    """Nothing lost, nothing twice, nothing from nowhere."""
    for user in READERS:
        there = subjects(server, user)
        lost = [token for token in ledger.promised.get(user, ()) if not there[token]]
        twice = [token for token, count in there.items() if count > 1]
        unknown = set(there) - set(ledger.open.get(user, ()))
        assert not lost, f"{user}: {len(lost)} lost, such as {lost[:5]}"
        assert not twice, f"{user}: {len(twice)} twice, such as {twice[:5]}"
        assert not unknown, f"{user}: {len(unknown)} never sent"


@pytest.mark.timeout(150)
def test_what_was_answered_survives_every_kill() -> None:
    """RFC 5321 §4.2.5: after its 250 the server may not lose the letter."""
    chance = random.Random(5321)
    names = [reader.partition("@")[0] for reader in READERS]
    kills = ["worker"] * (MOMENTS // 2) + ["server"] * (MOMENTS // 2)
    chance.shuffle(kills)
    with Server(
        accounts=names, workers=2, extra='[queue]\nretry = ["1s"]', log_level="warning"
    ) as server:
        ledger = Ledger()
        senders = [
            Sender(
                number,
                server.port("lmtp" if number % 5 == 0 else "smtp"),
                READERS,
                ledger,
                lmtp=number % 5 == 0,
                pause_s=0.03,
            )
            for number in range(CONNECTIONS)
        ]
        for sender in senders:
            sender.start()
        for victim in kills:
            owed = ledger.promises()
            time.sleep(chance.uniform(0.1, 0.9))
            while ledger.promises() == owed:  # it must be under load when it is hit
                time.sleep(0.02)
            if victim == "server":
                server.kill()
                server.start()
            else:
                os.kill(chance.choice(server.worker_pids()), signal.SIGKILL)
        time.sleep(0.5)
        for sender in senders:
            sender.halt()
        for sender in senders:
            sender.join(15)
        await_delivery(server, ledger)
        assert ledger.promises() > 20 * MOMENTS
        judge(server, ledger)
        server.verify()
        server.restart()
        judge(server, ledger)
        server.stop()
        server.verify()
        server.start()
