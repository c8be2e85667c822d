"""FETCH of a big mailbox, through door, shell and storage, without a network.

    .venv/bin/python benchmarks/imap_fetch.py [--messages 10000]

Prints milliseconds for each command (the best of several) and what Dovecot
needs for the same on the machine where the plan was measured.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.transcripts.imap.imap_play import Client, Stage, stage

from pyeonji.message.prepare import prepare
from pyeonji.storage.mailboxes import NewMessage

COMMANDS = {
    "flags": (b"FETCH 1:* (UID FLAGS)", 5.0),
    "envelope": (b"FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)", 90.0),
    "bodystructure": (b"FETCH 1:* (UID BODYSTRUCTURE)", 14.0),
    "headers": (b"FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)])", 26.0),
    "bodies of 1000": (b"FETCH 1:1000 (UID BODY.PEEK[])", 22.0),
    "store +flags": (b"STORE 1:* +FLAGS (\\Answered)", 4.6),
    "store -flags": (b"STORE 1:* -FLAGS (\\Answered)", 4.6),
    "search unseen": (b"SEARCH UNSEEN", None),
    "select": (b"SELECT INBOX", None),
    "noop": (b"NOOP", None),
}


def letter(number: int) -> bytes:
    """A message of some 5 KB."""
    lines = [
        f"From: Sender {number % 97} <s{number % 97}@example.test>",
        "To: kim@example.test, Lee <lee@example.test>",
        f"Subject: Message {number} about things",
        "Date: Wed, 17 Jul 2024 02:23:25 +0900",
        f"Message-ID: <{number}@example.test>",
        "Received: from a.example.test by b.example.test; Wed, 17 Jul 2024 02:23:25",
        "MIME-Version: 1.0",
        "Content-Type: multipart/alternative; boundary=bb",
        "",
        "--bb",
        "Content-Type: text/plain; charset=utf-8",
        "",
        *(
            f"line {line} of message {number}, with some words in it"
            for line in range(45)
        ),
        "--bb",
        "Content-Type: text/html; charset=utf-8",
        "",
        *(f"<p>line {line} of message {number}, with words</p>" for line in range(45)),
        "--bb--",
    ]
    return "\r\n".join(lines).encode("ascii") + b"\r\n"


async def fill(system: Stage, messages: int) -> None:
    inbox = await system.account.mailbox("INBOX")
    for start in range(0, messages, 500):
        batch = []
        for number in range(start, min(start + 500, messages)):
            octets = letter(number)
            batch.append(
                NewMessage(
                    content=octets,
                    prepared=prepare(octets),
                    internal_date=1_700_000_000 + number * 61,
                )
            )
        await system.account.append(inbox.id, batch)


async def measure(client: Client, command: bytes, repeats: int) -> tuple[float, int]:
    best, size = 1e9, 0
    for _ in range(repeats):
        started = time.perf_counter()
        heard = await client.ask(b"a " + command + b"\r\n")
        best = min(best, time.perf_counter() - started)
        assert b"a OK" in heard[-200:], heard[-200:]
        size = len(heard)
    return best * 1000, size


async def main(messages: int, repeats: int) -> None:
    async with stage() as system:
        await fill(system, messages)
        client = system.client()
        await client.log_in()
        await client.ask(b"a SELECT INBOX\r\n")
        print(f"{'command':16} {'ms':>8} {'KB':>8} {'Dovecot ms':>11}")
        for name, (command, dovecot) in COMMANDS.items():
            took, size = await measure(client, command, repeats)
            beside = f"{dovecot:11.1f}" if dovecot else " " * 11
            print(f"{name:16} {took:8.2f} {size / 1024:8.0f} {beside}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.messages, arguments.repeats))
