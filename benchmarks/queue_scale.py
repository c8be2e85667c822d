#!/usr/bin/env python3
"""A server started over a long queue: how soon, with how much memory, how fair.

    python benchmarks/queue_scale.py 100000 [--pyeonji .venv/bin/pyeonji]

A queue file is made with so many letters, all due: most for a domain whose host
answers nothing, the others for living domains (a sink of this process). Told are
the time until `ready`, until the first letter for a living domain came and until
all of them had, the most memory meanwhile, and what a second start takes.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pyeonji.base.ids import letter_ids
from pyeonji.storage.embedded import letters
from pyeonji.storage.embedded.sqlite import connect
from pyeonji.storage.queue import NewLetter, Recipient

LIVING = 50  # domains
PART = 0.02  # of the letters are for them
OCTETS = b"Subject: x\r\n\r\n" + b"a line of text that is not very long\r\n" * 60
BATCH = 10_000


def fill(data: Path, count: int) -> int:
    """Make the queue file; how many letters are for living domains."""
    (data / "queue").mkdir(parents=True)
    file = connect(data / "queue" / "0.db", letters.MIGRATIONS, synchronous="OFF")
    now = time.time()
    next_id = letter_ids(0, lambda: int(now * 1000))
    every = int(1 / PART)
    for start in range(0, count, BATCH):
        jobs = []
        for number in range(start, min(start + BATCH, count)):
            living = number % every == every - 1
            domain = f"l{number // every % LIVING}.test" if living else "dead.test"
            new = NewLetter(
                reverse_path="",
                recipients=(Recipient(address=f"r{number}@{domain}"),),
                content=OCTETS,
                prefix=b"Received: from x\r\n",
                accepted_at=now,
            )
            jobs.append(letters.Accept(next_id(), new))
        file.execute("BEGIN")
        letters.run_all(file, jobs, [])
        file.execute("COMMIT")
    file.close()
    return count // every


class Sink:
    """An SMTP server that counts letters and keeps none."""

    def __init__(self) -> None:
        self.count = 0
        self.first_at = 0.0

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"220 sink ESMTP\r\n")
        try:
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b"DATA":
                    writer.write(b"354 go\r\n")
                    while (await reader.readline()) != b".\r\n":
                        pass
                    self.count += 1
                    self.first_at = self.first_at or time.monotonic()
                    writer.write(b"250 ok\r\n")
                elif verb == b"EHLO":
                    writer.write(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
                else:
                    writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                if verb == b"QUIT":
                    break
        except ConnectionError:
            pass
        finally:
            writer.close()


def memory_mib(pid: int) -> float:
    """Private memory of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    total = 0
    for one in [pid, *map(int, children)]:
        for line in Path(f"/proc/{one}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                total += int(line.split()[1])
    return total / 1024


async def start(program: str, config: Path) -> tuple[subprocess.Popen[bytes], float]:
    """Start a server; the seconds until it was ready."""
    began = time.monotonic()
    process = subprocess.Popen(  # noqa: ASYNC220 - a moment
        [program, "--config", config, "serve"],
        stdout=subprocess.PIPE,
        stderr=(config.parent / "log").open("ab"),
    )
    assert process.stdout is not None
    line = await asyncio.to_thread(process.stdout.readline)
    if line != b"ready\n":
        sys.exit((config.parent / "log").read_text()[-2000:])
    return process, time.monotonic() - began


async def measure(program: str, count: int, limit_s: float) -> None:
    """Make it, run it, tell of it."""
    folder = Path(tempfile.mkdtemp(prefix="queue-scale-"))
    sink = Sink()
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    silent = socket.create_server(("127.0.0.1", 0), backlog=1)  # never accepts
    config = folder / "pyeonji.toml"
    lines = ['hostname = "mx.example.test"', f'data = "{folder / "data"}"']
    lines += ["[log]", 'level = "warning"', "[[listener]]", 'protocol = "smtp"']
    lines += ['address = "127.0.0.1:0"']
    for number in range(LIVING):
        # a name of its own for each, so that each is a next hop of its own
        hop = f"127.0.{number // 250}.{number % 250 + 1}"
        lines += [
            "[[route]]",
            f'domain = "l{number}.test"',
            f'next_hop = "{hop}:{port}"',
        ]
        if number:
            extra = await asyncio.start_server(sink.serve, hop, port)
            asyncio.ensure_future(extra.serve_forever())  # noqa: RUF006
    dead = silent.getsockname()[1]
    lines += ["[[route]]", 'domain = "dead.test"', f'next_hop = "127.0.0.1:{dead}"']
    config.write_text("\n".join(lines) + "\n")
    began = time.monotonic()
    living = fill(folder / "data", count)
    size = (folder / "data" / "queue" / "0.db").stat().st_size / 2**20
    print(
        f"{count:,} letters, {living:,} of them for {LIVING} living domains;", end=" "
    )
    print(f"{size:,.0f} MiB, made in {time.monotonic() - began:.0f} s", flush=True)
    process, ready = await start(program, config)
    started = time.monotonic()
    most = 0.0
    try:
        while sink.count < living and time.monotonic() - started < limit_s:
            await asyncio.sleep(0.2)
            most = max(most, memory_mib(process.pid))
        took = time.monotonic() - started
        print(
            f"ready after {ready:.2f} s; first letter {sink.first_at - started:.2f} s",
            end="",
        )
        print(
            f" later; {sink.count:,} of {living:,} after {took:.1f} s;"
            f" {most:.0f} MiB at most"
        )
        await asyncio.sleep(2)
        process.terminate()
        await asyncio.to_thread(process.wait)
        process, ready = await start(program, config)
        await asyncio.sleep(3)
        print(
            f"started again: ready after {ready:.2f} s,"
            f" {memory_mib(process.pid):.0f} MiB"
        )
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)
        shutil.rmtree(folder)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=100_000)
    parser.add_argument(
        "--pyeonji", default=str(Path(sys.executable).parent / "pyeonji")
    )
    parser.add_argument("--limit", type=float, default=120.0, metavar="SECONDS")
    asked = parser.parse_args()
    asyncio.run(measure(asked.pyeonji, asked.count, asked.limit))


if __name__ == "__main__":
    main()
