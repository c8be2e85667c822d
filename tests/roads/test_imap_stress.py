"""Many connections on few mailboxes, in two worker processes.

Each does random legal commands and keeps its own model of its mailbox, built
only from replies; no reply may disagree with it (RFC 3501 §5.2, §7.4.1; RFC
7162 §3.2.10). At the end, when all is still, model and mailbox must be the
same. PYEONJI_STRESS_S is how long it goes on, PYEONJI_STRESS_SEED which run.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
from contextlib import suppress
from typing import Final

import pytest
from tests.roads.imap_mirror import (
    FETCH,
    Lost,
    Mirror,
    Truth,
    Wire,
    Wrong,
    numbers_of,
    set_of,
)
from tests.running import PASSWORD, Server

SECONDS: Final = float(os.environ.get("PYEONJI_STRESS_S", "8"))
SEED: Final = int(os.environ.get("PYEONJI_STRESS_SEED", "7162"))
CONNECTIONS: Final = 20
BOXES: Final = ("INBOX", "one", "two", "three")
MOST: Final = 60
"""From this many messages on, a mailbox is emptied rather than filled."""
FLAGS: Final = (r"\Seen", r"\Flagged", r"\Answered", "$Work", "later")
MODES: Final = (
    "",
    "",
    "CONDSTORE",
    "QRESYNC",
    "QRESYNC",
    "UIDONLY",
    "QRESYNC UIDONLY",
)
NO_EXPUNGE: Final = ("FETCH", "STORE", "SEARCH")


class Client:
    """One connection that goes on until it is told to stop."""

    def __init__(self, number: int, port: int, truth: Truth) -> None:
        self.number = number
        self.chance = random.Random(SEED * 1000 + number)
        self.port = port
        self.truth = truth
        self.mode = MODES[number % len(MODES)]
        self.vanish = self.mode not in {"", "CONDSTORE"}
        self.uid_only = "UIDONLY" in self.mode
        self.mirror: Mirror | None = None
        self.wire: Wire | None = None
        self.tags = 0
        self.done = 0
        self.word = ""
        self.trail: list[str] = []
        self.found: list[int] = []
        self.remembered: dict[str, tuple[int, int, set[int]]] = {}

    # -- talking

    async def connect(self) -> None:
        """Log in, and turn on what this one has."""
        self.mirror = None
        while True:
            self.close()
            try:
                self.wire = await Wire.open(self.port)
                await self.wire.log_in("kim@example.test", PASSWORD)
                if self.mode:
                    await self.ask("ENABLE " + self.mode)
            except Lost:
                await asyncio.sleep(0.1)
            else:
                return

    def close(self) -> None:
        if self.wire is not None:
            self.wire.close()
            self.wire = None

    async def ask(self, command: str, literal: bytes | None = None) -> bytes:
        """Say a command; everything told before its answer is taken in."""
        assert self.wire is not None
        self.tags += 1
        tag = b"t%d" % self.tags
        self.trail.append(command[:120])
        del self.trail[:-30]
        words = command.split()
        self.word = words[1] if words[0] == "UID" else words[0]
        by_number = words[0] != "UID"
        line = tag + b" " + command.encode()
        if literal is not None:
            line += b" {%d+}\r\n" % len(literal) + literal
        self.wire.say(line + b"\r\n")
        while True:
            response = await self.wire.response()
            if response.startswith(tag + b" "):
                self.trail.append(response[:200].decode("utf-8", "replace"))
                self.done += 1
                return response[len(tag) + 1 :]
            if response.startswith(b"+ "):
                continue
            self.take(response, by_number=by_number)

    def take(self, response: bytes, *, by_number: bool) -> None:
        """An untagged response."""
        self.trail.append(response[:200].decode("utf-8", "replace"))
        if response.startswith(b"* BYE"):
            raise Lost
        if response.startswith(b"* OK [CLOSED]"):
            self.mirror = None
            return
        if response.startswith(b"* SEARCH"):
            text = re.sub(rb" \(MODSEQ \d+\)", b"", response[8:])
            self.found = [int(number) for number in text.split()]
            return
        mirror = self.mirror
        if mirror is None:
            return
        found = FETCH.match(response)
        if found is not None:
            number, uid, body = int(found[1]), found[2], found[3]
            if bool(uid) is not self.uid_only:
                raise Wrong(f"{response!r} in mode {self.mode!r}")
            take = mirror.fetched_uid if uid else mirror.fetched
            take(number, body)
            return
        counted = re.fullmatch(rb"\* (\d+) (EXISTS|RECENT|EXPUNGE)", response)
        if counted is not None:
            self.counted(mirror, int(counted[1]), counted[2], by_number=by_number)
        elif response.startswith(b"* VANISHED"):
            self.vanished(mirror, response, by_number=by_number)

    def counted(
        self, mirror: Mirror, number: int, word: bytes, *, by_number: bool
    ) -> None:
        if word == b"EXISTS":
            mirror.exists(number)
        elif word == b"RECENT":
            if number > len(mirror.entries):
                raise Wrong(f"RECENT {number} of {len(mirror.entries)}")
        else:
            self.may_expunge(by_number=by_number)
            if self.vanish:
                raise Wrong("EXPUNGE where VANISHED was promised")
            mirror.expunge(number)

    def may_expunge(self, *, by_number: bool) -> None:
        if by_number and self.word in NO_EXPUNGE:
            raise Wrong(f"EXPUNGE during {self.word}")

    def vanished(self, mirror: Mirror, response: bytes, *, by_number: bool) -> None:
        if not self.vanish:
            raise Wrong("VANISHED that nobody asked for")
        uids = numbers_of(response.split()[-1])
        if b"(EARLIER)" in response:
            known = mirror.known()
            if back := [uid for uid in uids if uid in known]:
                raise Wrong(f"VANISHED (EARLIER) {back} that are there")
            return
        self.may_expunge(by_number=by_number)
        mirror.vanished(uids)

    # -- what it does

    async def run(self, stop: asyncio.Event) -> None:
        await self.connect()
        while not stop.is_set():
            try:
                await self.step()
            except Lost:
                await self.connect()
            except Wrong as error:
                story = "\n".join(self.trail)
                raise Wrong(
                    f"client {self.number} ({self.mode}) in"
                    f" {self.mirror and self.mirror.box}: {error}\n{story}"
                ) from error
            await asyncio.sleep(self.chance.uniform(0, 0.01))

    async def step(self) -> None:
        chance = self.chance
        if self.mirror is None or chance.random() < 0.04:
            await self.select(chance.choice(BOXES))
            return
        action = chance.choices(ACTIONS, WEIGHTS)[0]
        await action(self)

    async def select(self, box: str) -> None:
        if self.mirror is not None:
            self.remember()
        writes = self.chance.random() < 0.8
        command = f"{'SELECT' if writes else 'EXAMINE'} {box}"
        earlier = self.remembered.get(box)
        resync = "QRESYNC" in self.mode and earlier is not None
        if resync and earlier is not None:
            command += f" (QRESYNC ({earlier[0]} {earlier[1]}))"
        closing, self.mirror = self.mirror, None
        del closing
        fresh = Mirror(box, self.truth, writes=writes, ordered=not self.uid_only)
        told = await self.opened(command, fresh, earlier if resync else None)
        if not told.startswith(b"OK"):
            raise Wrong(f"{command}: {told!r}")
        self.mirror = fresh
        await self.learn()

    async def opened(
        self, command: str, fresh: Mirror, earlier: tuple[int, int, set[int]] | None
    ) -> bytes:
        """The replies of SELECT: what is new comes into `fresh`."""
        assert self.wire is not None
        self.tags += 1
        tag = b"t%d" % self.tags
        self.trail.append(command)
        self.wire.say(tag + b" " + command.encode() + b"\r\n")
        cached = set(earlier[2]) if earlier is not None else set()
        while True:
            response = await self.wire.response()
            self.trail.append(response[:200].decode("utf-8", "replace"))
            if response.startswith(tag + b" "):
                break
            if response.startswith(b"* BYE"):
                raise Lost
            if counted := re.match(rb"\* (\d+) EXISTS", response):
                fresh.exists(int(counted[1]))
            elif code := re.match(rb"\* OK \[UIDVALIDITY (\d+)", response):
                self.truth.uid_validity(fresh.box, int(code[1]))
            elif code := re.match(rb"\* OK \[HIGHESTMODSEQ (\d+)", response):
                fresh.high = int(code[1])
            elif response.startswith(b"* VANISHED (EARLIER)"):
                cached -= set(numbers_of(response.split()[-1]))
            elif (found := FETCH.match(response)) and not found[2]:
                fresh.fetched(int(found[1]), found[3])
        if earlier is not None:
            fresh.gone_now = set(earlier[2]) - cached
            self.resynced = cached
        else:
            self.resynced = set()
        return response[len(tag) + 1 :]

    def remember(self) -> None:
        """What a client that keeps a copy would keep (RFC 7162 §6)."""
        mirror = self.mirror
        if mirror is not None and "QRESYNC" in self.mode and mirror.high:
            known = {entry.uid for entry in mirror.entries}
            if None in known:
                return
            uids = {uid for uid in known if uid is not None}
            validity = self.truth.validity[mirror.box]
            self.remembered[mirror.box] = (validity, mirror.high, uids)

    async def learn(self) -> None:
        """Uids and flags of all; what a copy kept must still be there."""
        mirror = self.mirror
        assert mirror is not None
        cached, self.resynced = self.resynced, set()
        if not mirror.entries:
            return
        low = "UID FETCH 1:* (UID FLAGS)" if self.uid_only else "FETCH 1:* (UID FLAGS)"
        await self.ask(low)
        if self.mirror is None:
            return
        lost = cached - set(mirror.known()) - mirror.gone_now
        if lost and all(entry.uid is not None for entry in mirror.entries):
            told = await self.ask("NOOP")
            lost -= mirror.gone_now
            if lost:
                raise Wrong(f"QRESYNC said nothing of {lost}, {told!r}")

    def some(self) -> tuple[str, bool, list[int]]:
        """A set of messages: as text, by uid, and their uids (known ones)."""
        mirror = self.mirror
        assert mirror is not None
        known = [
            (at + 1, entry.uid)
            for at, entry in enumerate(mirror.entries)
            if entry.uid is not None
        ]
        if not known:
            return "", True, []
        start = self.chance.randrange(len(known))
        count = self.chance.choice((1, 1, 2, 5, len(known)))
        part = known[start : start + count]
        by_uid = self.uid_only or self.chance.random() < 0.5
        text = set_of([uid if by_uid else number for number, uid in part])
        return text, by_uid, [uid for _, uid in part]

    async def noop(self) -> None:
        await self.ask("NOOP")

    async def idle(self) -> None:
        assert self.wire is not None
        self.tags += 1
        tag = b"t%d" % self.tags
        self.word = "IDLE"
        self.trail.append("IDLE")
        self.wire.say(tag + b" IDLE\r\n")
        rest = self.chance.uniform(0, 0.05)
        ending = asyncio.get_running_loop().call_later(rest, self.wire.say, b"DONE\r\n")
        try:
            while not (response := await self.wire.response()).startswith(tag + b" "):
                if not response.startswith(b"+ "):
                    self.take(response, by_number=False)
        finally:
            if not ending.cancelled():
                ending.cancel()

    async def fetch(self) -> None:
        text, by_uid, _ = self.some()
        if text:
            items = self.chance.choice(
                ("(UID FLAGS)", "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            )
            await self.ask(f"{'UID ' if by_uid else ''}FETCH {text} {items}")

    async def fetch_all(self) -> None:
        assert self.mirror is not None
        if self.mirror.entries:
            await self.ask("UID FETCH 1:* (UID FLAGS)")

    async def store(self) -> None:
        mirror = self.mirror
        assert mirror is not None
        text, by_uid, uids = self.some()
        if not text or not mirror.writes:
            return
        sign, flag = self.chance.choice("+-"), self.chance.choice(FLAGS)
        if self.chance.random() < 0.25:
            sign, flag = "+", r"\Deleted"
        await self.stored(text, uids, sign, flag, by_uid=by_uid)

    async def stored(
        self, text: str, uids: list[int], sign: str, flag: str, *, by_uid: bool
    ) -> None:
        mirror = self.mirror
        assert mirror is not None
        silent = self.chance.random() < 0.4
        condition = ""
        if self.mode and self.chance.random() < 0.2:
            known = mirror.known()
            least = min(known[uid].mod_seq for uid in uids)
            condition = f"(UNCHANGEDSINCE {max(least, 1)}) "
        if silent:  # what the client may reckon; what is told later counts
            changed = {}
            for uid, entry in mirror.known().items():
                if uid in uids and entry.flags is not None and not condition:
                    flags = (
                        entry.flags | {flag} if sign == "+" else entry.flags - {flag}
                    )
                    changed[uid] = flags
            for uid, entry in mirror.known().items():
                if uid in changed:
                    entry.flags = changed[uid]
                elif uid in uids:
                    entry.flags = None
        told = await self.ask(
            f"{'UID ' if by_uid else ''}STORE {text} {condition}"
            f"{sign}FLAGS{'.SILENT' if silent else ''} ({flag})"
        )
        if not told.startswith(b"OK"):
            raise Wrong(f"STORE: {told!r}")

    async def expunge(self) -> None:
        assert self.mirror is not None
        if not self.mirror.writes:
            return
        text, _, _ = self.some()
        command = "EXPUNGE" if self.chance.random() < 0.5 else f"UID EXPUNGE {text}"
        if text or command == "EXPUNGE":
            await self.ask(command)

    async def search(self) -> None:
        mirror = self.mirror
        assert mirror is not None
        by_uid = self.uid_only or self.chance.random() < 0.5
        key = self.chance.choice(("ALL", "UNDELETED", "SEEN", "KEYWORD later"))
        count = len(mirror.entries)
        before = mirror.snapshot()
        await self.ask(f"{'UID ' if by_uid else ''}SEARCH {key}")
        if self.found != sorted(set(self.found)):
            raise Wrong(f"SEARCH gave {self.found}")
        if not by_uid and self.found and self.found[-1] > count:
            raise Wrong(f"SEARCH gave {self.found[-1]} of {count}")
        if by_uid:
            strange = [uid for uid in self.found if not before.has_place(uid)]
            if strange:
                raise Wrong(f"UID SEARCH gave {strange}")

    async def copy(self) -> None:
        mirror = self.mirror
        assert mirror is not None
        text, by_uid, uids = self.some()
        if not text or len(mirror.entries) > MOST:
            return
        move = mirror.writes and self.chance.random() < 0.5
        target = self.chance.choice([box for box in BOXES if box != mirror.box])
        verb = "MOVE" if move else "COPY"
        codes = len(self.trail)
        told = await self.ask(f"{'UID ' if by_uid else ''}{verb} {text} {target}")
        if not told.startswith(b"OK"):
            raise Wrong(f"{verb}: {told!r}")
        said = told + b"".join(
            line.encode() for line in self.trail[max(0, codes - 30) :]
        )
        code = re.search(rb"\[COPYUID (\d+) (\S+) (\S+)\]", told)
        del said
        if code is None:
            return
        self.truth.uid_validity(target, int(code[1]))
        source, copies = numbers_of(code[2]), numbers_of(code[3])
        if len(source) != len(copies) or not set(source) <= set(uids):
            raise Wrong(f"{verb} of {uids}: {told!r}")
        for one, other in zip(source, copies, strict=True):
            subject = self.truth.subjects.get((mirror.box, one))
            if subject is not None:
                self.truth.subject(target, other, subject)

    async def append(self) -> None:
        assert self.mirror is not None
        if len(self.mirror.entries) > MOST:
            await self.empty()
            return
        box = self.chance.choice((*BOXES, self.mirror.box))
        subject = f"c{self.number}t{self.tags}"
        letter = f"From: kim@example.test\r\nSubject: {subject}\r\n\r\nText.\r\n"
        least = self.truth.least_next.get(box, 1)
        told = await self.ask(f"APPEND {box}", letter.encode())
        code = re.search(rb"\[APPENDUID (\d+) (\d+)\]", told)
        if code is None:
            raise Wrong(f"APPEND: {told!r}")
        if int(code[2]) < least:
            raise Wrong(f"APPENDUID {code[2]!r} after {least}")
        self.truth.uid_validity(box, int(code[1]))
        self.truth.subject(box, int(code[2]), subject.encode())

    async def empty(self) -> None:
        mirror = self.mirror
        assert mirror is not None
        uids = sorted(mirror.known())[: MOST // 2]
        if mirror.writes and uids:
            text = set_of(uids)
            await self.stored(text, uids, "+", r"\Deleted", by_uid=True)
            if self.mirror is not None:
                await self.ask(f"UID EXPUNGE {text}")

    async def status(self) -> None:
        box = self.chance.choice(BOXES)
        least = self.truth.least_next.get(box, 1)
        assert self.wire is not None
        at = len(self.trail)
        del at
        await self.ask(f"STATUS {box} (UIDNEXT UIDVALIDITY MESSAGES UNSEEN)")
        line = next(
            line for line in reversed(self.trail) if line.startswith("* STATUS")
        )
        told = dict(re.findall(r"(UIDNEXT|UIDVALIDITY|MESSAGES|UNSEEN) (\d+)", line))
        if int(told["UIDNEXT"]) < least or int(told["UNSEEN"]) > int(told["MESSAGES"]):
            raise Wrong(f"{line}, UIDNEXT was {least}")
        self.truth.uid_validity(box, int(told["UIDVALIDITY"]))

    async def leave(self) -> None:
        self.remember()
        await self.ask(self.chance.choice(("CLOSE", "UNSELECT")))
        self.mirror = None

    async def judge(self) -> None:
        """All is still: the model is the mailbox."""
        if self.mirror is None:
            return
        await self.ask("NOOP")
        mirror = self.mirror
        reckoned = [(entry.uid, entry.flags) for entry in mirror.entries]
        if mirror.entries:
            word = "UID FETCH" if self.uid_only else "FETCH"
            await self.ask(f"{word} 1:* (UID FLAGS)")
        real = [(entry.uid, entry.flags) for entry in mirror.entries]
        if len(real) != len(reckoned):
            raise Wrong(f"{len(reckoned)} reckoned, {len(real)} there")
        for (uid, flags), (true_uid, true_flags) in zip(reckoned, real, strict=True):
            if uid is not None and (uid != true_uid):
                raise Wrong(f"uid {uid} is {true_uid}")
            if flags is not None and flags != true_flags:
                story = "\n".join(self.trail)
                raise Wrong(
                    f"client {self.number} ({self.mode}): {mirror.box} {uid}:"
                    f" {set(flags)} reckoned, {set(true_flags or ())} there\n{story}"
                )


ACTIONS: Final = (
    Client.noop,
    Client.idle,
    Client.fetch,
    Client.fetch_all,
    Client.store,
    Client.expunge,
    Client.search,
    Client.copy,
    Client.append,
    Client.status,
    Client.leave,
)
WEIGHTS: Final = (10, 6, 16, 6, 24, 6, 10, 10, 12, 4, 1)


async def murder(server: Server, stop: asyncio.Event) -> None:
    """kill -9 of a worker now and then."""
    chance = random.Random(SEED)
    while not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), chance.uniform(0.8, 2.0))
            return
        pids = server.worker_pids()
        if pids:
            os.kill(chance.choice(pids), signal.SIGKILL)


async def stress(server: Server, seconds: float, *, kills: bool) -> int:
    """Let all loose; the number of commands done."""
    truth = Truth()
    port = server.port("imap")
    clients = [Client(number, port, truth) for number in range(CONNECTIONS)]
    first = Client(0, port, truth)
    await first.connect()
    for box in BOXES[1:]:
        await first.ask(f"CREATE {box}")
    stop = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(client.run(stop))
            if kills:
                group.create_task(murder(server, stop))
            await asyncio.sleep(seconds)
            stop.set()
        await asyncio.sleep(0.5)
        for client in clients:
            with suppress(Lost):
                await client.judge()
    finally:
        for client in (*clients, first):
            client.close()
    await asyncio.sleep(0)
    return sum(client.done for client in clients)


def go(seconds: float, *, kills: bool) -> None:
    """One run on a server of its own."""
    with Server(accounts=("kim",), workers=2, log_level="warning") as server:
        done = asyncio.run(stress(server, seconds, kills=kills))
        assert done > 40 * seconds
        server.verify()
        assert "Traceback" not in server.log()


@pytest.mark.timeout(120 + 4 * SECONDS)
@pytest.mark.parametrize("kills", [False, True], ids=["calm", "kills"])
def test_no_reply_disagrees(kills: bool) -> None:
    """RFC 3501 §5.2, §5.5, §7.4.1; also with workers killed in between."""
    go(SECONDS, kills=kills)


@pytest.mark.clients
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kills", [False, True], ids=["calm", "kills"])
def test_no_reply_disagrees_for_a_minute(kills: bool) -> None:
    """The same for longer (make test-all)."""
    go(60.0, kills=kills)
