"""A POP3 maildrop of 100,000 messages: log in, UIDL, LIST, RETR, without a network.

    .venv/bin/python benchmarks/pop3_maildrop.py [--messages 100000]

Prints milliseconds, and how much memory a session takes that has logged in.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import structlog
from tests.transcripts.imap.imap_play import MemoryTransport

from pyeonji.message.prepare import prepare
from pyeonji.mra import pop3
from pyeonji.net.connection import Connection
from pyeonji.storage.credentials import make_credentials
from pyeonji.storage.directory import Domain
from pyeonji.storage.embedded import open_store
from pyeonji.storage.mailboxes import NewMessage

AT_ONCE = 1000
LETTER = b"Subject: a letter\r\n\r\n" + b"some words of a letter\r\n" * 40


def resident_octets() -> int:
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGESIZE")


class Session:
    def __init__(self, make: object) -> None:
        self.transport = MemoryTransport()
        self.connection = Connection(
            make,  # type: ignore[arg-type]
            connection_id="bench",
            loop=asyncio.get_running_loop(),
        )
        self.transport.protocol = self.connection
        self.connection.connection_made(self.transport)

    async def ask(self, command: bytes) -> tuple[float, int]:
        """Milliseconds, and octets of the answer."""
        self.transport.heard.clear()
        started = time.perf_counter()
        self.connection.data_received(command + b"\r\n")
        while self.connection.busy:  # noqa: ASYNC110 - the shell has no event
            await asyncio.sleep(0)
        took = (time.perf_counter() - started) * 1000
        assert self.transport.heard.startswith(b"+OK"), bytes(self.transport.heard[:80])
        return took, len(self.transport.heard)


async def run(folder: Path, messages: int) -> None:
    structlog.configure(
        processors=[lambda *_: ""], logger_factory=structlog.ReturnLoggerFactory()
    )
    store = await open_store(folder, worker=0)
    await store.directory.add_domain(Domain(name="example.test"))
    account = await store.directory.add_account(
        "kim@example.test", make_credentials("secret")
    )
    mail = await store.mail.account(account.id)
    inbox = await mail.mailbox("INBOX")
    one = NewMessage(content=LETTER, prepared=prepare(LETTER), internal_date=1)
    for _ in range(messages // AT_ONCE):
        await mail.append(inbox.id, [one] * AT_ONCE)
    authenticator = store.authenticator()
    make = pop3.door(
        pop3.Options(plaintext_auth=True), store.directory, store.mail, authenticator
    )
    for turn in ("first", "second"):
        before = resident_octets()
        session = Session(make)
        await session.ask(b"USER kim@example.test")
        took, _ = await session.ask(b"PASS secret")
        kept = (resident_octets() - before) / 1024
        print(f"{turn} login            {took:8.1f} ms, {kept:,.0f} KB")
        for command in (b"STAT", b"UIDL", b"LIST", b"RETR 1", b"TOP 99 0"):
            took, octets = await session.ask(command)
            print(f"  {command.decode():18} {took:8.1f} ms, {octets:,} octets")
        started = time.perf_counter()
        for number in range(1, 1001):
            await session.ask(b"RETR %d" % number)
        print(f"  1000 RETR          {(time.perf_counter() - started) * 1000:8.1f} ms")
        await session.ask(b"QUIT")
        await asyncio.sleep(0)
    authenticator.close()
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    messages = parser.parse_args().messages
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder), messages))


if __name__ == "__main__":
    main()
