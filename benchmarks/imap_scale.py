"""What IMAP commands cost in mailboxes of 1,000 to 1,000,000 messages.

    .venv/bin/python benchmarks/imap_scale.py [--sizes 1000,10000,100000] [--svg FILE]

Through door, shell and storage, without a network; the median of many. SELECT,
STATUS, FETCH of the 50 newest, STORE of one flag and the news to a client that
idles must cost the same at any size. `--svg` draws it.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.transcripts.imap.imap_play import Client, Stage, stage

from pyeonji.message.prepare import prepare
from pyeonji.storage.mailboxes import NewMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

PORTION = 2000
REPEATS = 30
COLOURS = ("#1b6ef3", "#d1495b", "#2a9d5c", "#b26a00", "#7a4fb5")


def letters(start: int, count: int) -> list[NewMessage]:
    """Short messages that differ."""
    made = []
    for number in range(start, start + count):
        octets = (
            f"From: Sender {number % 97} <s{number % 97}@example.test>\r\n"
            f"Subject: Message {number}\r\nMessage-ID: <{number}@example.test>\r\n"
            f"Date: Wed, 17 Jul 2024 02:23:25 +0900\r\n\r\nletter {number}\r\n"
        ).encode("ascii")
        made.append(
            NewMessage(
                content=octets,
                prepared=prepare(octets),
                internal_date=1_700_000_000 + number,
                flags=number % 2,
            )
        )
    return made


async def fill(system: Stage, have: int, wanted: int) -> None:
    inbox = await system.account.mailbox("INBOX")
    for start in range(have, wanted, PORTION):
        count = min(PORTION, wanted - start)
        await system.account.append(inbox.id, letters(start, count))


async def answered(client: Client, command: bytes) -> float:
    """Seconds until the tagged response was written."""
    heard = bytearray()
    ended = asyncio.Event()
    at = 0.0

    def write(octets: bytes) -> None:
        nonlocal at
        heard.extend(octets)
        if b"\r\na OK" in heard[-300:] or heard.startswith(b"a OK"):
            at = time.perf_counter()
            ended.set()

    client.transport.write = write
    started = time.perf_counter()
    client.say(b"a " + command + b"\r\n")
    await asyncio.wait_for(ended.wait(), 60)
    del client.transport.write
    await client.settle()
    return at - started


async def took(client: Client, commands: Sequence[bytes]) -> float:
    """Median milliseconds of a command (its forms in turn)."""
    measured = [
        await answered(client, commands[turn % len(commands)])
        for turn in range(2 * REPEATS)
    ]
    return statistics.median(measured[REPEATS:]) * 1000  # warm


async def news(system: Stage, idle: Client) -> float:
    """Median milliseconds from the end of an append to EXISTS at who idles."""
    inbox = await system.account.mailbox("INBOX")
    idle.say(b"i IDLE\r\n")
    await idle.line()
    measured = []
    for turn in range(10):
        batch = letters(turn, 1)
        await system.account.append(inbox.id, batch)
        started = time.perf_counter()
        while b" EXISTS" not in await idle.line():
            pass
        measured.append(time.perf_counter() - started)
    await idle.ask(b"DONE\r\n")
    return statistics.median(measured) * 1000


async def measure(system: Stage, size: int) -> dict[str, float]:
    client, idle = system.client(), system.client()
    for each in (client, idle):
        await each.log_in()
        await each.ask(b"a SELECT INBOX\r\n")
    newest = b"FETCH %d:%d (UID FLAGS ENVELOPE)" % (size - 49, size)
    found = {
        "SELECT": await took(client, [b"SELECT INBOX"]),
        "STATUS": await took(client, [b"STATUS INBOX (MESSAGES UNSEEN UIDNEXT)"]),
        "FETCH of 50": await took(client, [newest]),
        "STORE of one": await took(
            client,
            [b"STORE %d %cFLAGS (\\Flagged)" % (size // 2, sign) for sign in b"+-"],
        ),
        "news in IDLE": await news(system, idle),
    }
    for each in (client, idle):
        each.transport.close()
    await asyncio.sleep(0)
    return found


async def main(sizes: list[int]) -> dict[int, dict[str, float]]:
    results = {}
    async with stage() as system:
        have = 0
        for size in sizes:
            started = time.perf_counter()
            await fill(system, have, size)
            rate = (size - have) / (time.perf_counter() - started)
            inbox = await system.account.mailbox("INBOX")
            results[size] = found = await measure(system, inbox.exists)
            have = (await system.account.mailbox("INBOX")).exists
            if len(results) == 1:
                print(f"{'messages':>10} " + " ".join(f"{n:>13}" for n in found))
            told = " ".join(f"{ms:10.2f} ms" for ms in found.values())
            print(f"{size:>10} {told}   (filled at {rate:,.0f}/s)", flush=True)
    return results


WIDTH, HEIGHT = 640, 360
LEAST, MOST = -2, 2  # powers of ten, in milliseconds


def drawn(results: dict[int, dict[str, float]]) -> str:
    """An SVG: size of the mailbox to the right, milliseconds upwards, both by tens."""
    sizes, names = list(results), list(next(iter(results.values())))
    first = math.log10(sizes[0])
    decades = max(math.log10(sizes[-1]) - first, 1)

    def x(size: float) -> float:
        return 70 + (math.log10(size) - first) / decades * (WIDTH - 230)

    def y(ms: float) -> float:
        at = min(max(math.log10(ms), LEAST), MOST)
        return HEIGHT - 40 - (at - LEAST) / (MOST - LEAST) * (HEIGHT - 70)

    def text(at_x: float, at_y: float, words: str, anchor: str = "middle") -> str:
        return f'<text x="{at_x}" y="{at_y}" text-anchor="{anchor}">{words}</text>'

    out = [_HEAD]
    for power in range(LEAST, MOST + 1):
        at = y(10.0**power)
        line = f'<line x1="70" x2="{x(sizes[-1])}" y1="{at}" y2="{at}" stroke="#ddd"/>'
        out += [line, text(62, at + 4, f"{10.0**power:g} ms", "end")]
    out += [text(x(size), HEIGHT - 18, f"{size:,}") for size in sizes]
    for at, (name, colour) in enumerate(zip(names, COLOURS, strict=True)):
        points = " ".join(f"{x(n):.1f},{y(results[n][name]):.1f}" for n in sizes)
        look = f'fill="none" stroke="{colour}" stroke-width="2"'
        out.append(f'<polyline points="{points}" {look}/>')
        box = f'x="{WIDTH - 140}" y="{31 + at * 18}" width="10" height="10"'
        out.append(f'<rect {box} fill="{colour}"/>')
        out.append(text(WIDTH - 124, 40 + at * 18, name, "start"))
    out.append(text(260, HEIGHT - 2, "messages in the mailbox"))
    return "\n".join([*out, "</svg>"])


_HEAD = (
    f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"'
    f' font-family="sans-serif" font-size="12">'
    f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--svg", type=Path)
    arguments = parser.parse_args()
    table = asyncio.run(main([int(size) for size in arguments.sizes.split(",")]))
    if arguments.svg:
        arguments.svg.write_text(drawn(table))
