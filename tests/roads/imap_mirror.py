"""A strict reader of IMAP replies, and the mailbox that they add up to.

It knows nothing of our code. `Mirror` is what one client can know of the
selected mailbox from replies alone; each reply is checked against it, and
against `Truth`, what all clients together have seen of uids.
"""

from __future__ import annotations

import asyncio
import base64
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT_S: Final = 20.0
FETCH: Final = re.compile(rb"\* (\d+) (UID)?FETCH \((.*)\)\Z", re.DOTALL)
LITERAL: Final = re.compile(rb"\{(\d+)\}\Z")
SUBJECT: Final = re.compile(rb"Subject: (\S+)\r\n")


class Wrong(AssertionError):
    """A reply that cannot be right."""


def numbers_of(text: bytes) -> list[int]:
    """A sequence set without stars, as numbers in its order."""
    found: list[int] = []
    for part in text.split(b","):
        low, _, high = part.partition(b":")
        first, last = int(low), int(high or low)
        found.extend(range(min(first, last), max(first, last) + 1))
    return found


def set_of(numbers: list[int]) -> str:
    """Numbers as a sequence set."""
    return ",".join(map(str, numbers))


class Truth:
    """What was ever said of uids, by mailbox: never another message later."""

    def __init__(self) -> None:
        self.subjects: dict[tuple[str, int], bytes] = {}
        self.validity: dict[str, int] = {}
        self.least_next: dict[str, int] = {}
        self.recent: dict[tuple[str, int], object] = {}

    def subject(self, box: str, uid: int, subject: bytes) -> None:
        """A message was read, or told to have come."""
        there = self.subjects.setdefault((box, uid), subject)
        if there != subject:
            raise Wrong(f"{box} {uid}: {there!r} became {subject!r}")
        self.least_next[box] = max(self.least_next.get(box, 1), uid + 1)

    def uid_validity(self, box: str, value: int) -> None:
        """UIDVALIDITY never changes here."""
        if self.validity.setdefault(box, value) != value:
            raise Wrong(f"{box}: UIDVALIDITY {self.validity[box]} became {value}")


class Entry:
    """One message as far as it is known."""

    __slots__ = ("flags", "mod_seq", "uid")

    def __init__(self) -> None:
        self.uid: int | None = None
        self.flags: frozenset[str] | None = None
        self.mod_seq = 0


class Mirror:
    """The selected mailbox, from replies alone."""

    def __init__(
        self, box: str, truth: Truth, *, writes: bool, ordered: bool = True
    ) -> None:
        self.box = box
        self.truth = truth
        self.writes = writes
        self.ordered = ordered  # whether numbers are known
        self.entries: list[Entry] = []
        self.high = 0
        self.gone_now: set[int] = set()

    def known(self) -> dict[int, Entry]:
        """Entries by uid."""
        return {entry.uid: entry for entry in self.entries if entry.uid is not None}

    def exists(self, count: int) -> None:
        if count < len(self.entries):
            raise Wrong(f"EXISTS {count} after {len(self.entries)}")
        self.entries.extend(Entry() for _ in range(count - len(self.entries)))

    def expunge(self, number: int) -> None:
        if not 1 <= number <= len(self.entries):
            raise Wrong(f"EXPUNGE {number} of {len(self.entries)}")
        entry = self.entries.pop(number - 1)
        if entry.uid is not None:
            self.gone_now.add(entry.uid)

    def vanished(self, uids: list[int]) -> None:
        for uid in uids:
            at = next(self._places(uid), None)
            if at is None:
                raise Wrong(f"VANISHED {uid} was never there")
            del self.entries[at]
            self.gone_now.add(uid)

    def snapshot(self) -> Mirror:
        """As it is now."""
        copy = Mirror(self.box, self.truth, writes=False, ordered=self.ordered)
        copy.entries = list(self.entries)
        return copy

    def has_place(self, uid: int) -> bool:
        """Whether a uid is there or could be one of those not known yet."""
        return next(self._places(uid), None) is not None

    def _places(self, uid: int) -> Iterator[int]:
        """Where a uid is, or could be."""
        for at, entry in enumerate(self.entries):
            if entry.uid == uid:
                yield at
                return
        before, after = 0, self._following()
        for at, entry in enumerate(self.entries):
            if entry.uid is not None:
                before = entry.uid
            elif not self.ordered or before < uid < after[at]:
                yield at

    def _following(self) -> list[int]:
        """For each entry, the next known uid at or behind it."""
        found, last = [], 2**32
        for entry in reversed(self.entries):
            last = entry.uid or last
            found.append(last)
        return found[::-1]

    def fetched(self, number: int, body: bytes) -> Entry:
        """A FETCH response by number."""
        if not 1 <= number <= len(self.entries):
            raise Wrong(f"FETCH {number} of {len(self.entries)}")
        entry = self.entries[number - 1]
        uid = re.search(rb"(?:^| )UID (\d+)", body)
        if uid is not None:
            self._is(number - 1, int(uid.group(1)))
        self._take(entry, body)
        return entry

    def fetched_uid(self, uid: int, body: bytes) -> Entry:
        """A UIDFETCH response."""
        if uid in self.gone_now:
            raise Wrong(f"uid {uid} was expunged and is back")
        at = next(self._places(uid), None)
        if at is None:
            raise Wrong(f"UIDFETCH {uid} of a message that is not there")
        entry = self.entries[at]
        entry.uid = uid
        self._take(entry, body)
        return entry

    def _is(self, at: int, uid: int) -> None:
        entry = self.entries[at]
        if entry.uid is not None and entry.uid != uid:
            raise Wrong(f"number {at + 1} was uid {entry.uid}, is {uid}")
        before = [each.uid for each in self.entries[:at] if each.uid is not None]
        after = [each.uid for each in self.entries[at + 1 :] if each.uid is not None]
        if (before and before[-1] >= uid) or (after and after[0] <= uid):
            raise Wrong(f"number {at + 1} cannot be uid {uid}")
        if uid in self.gone_now:
            raise Wrong(f"uid {uid} was expunged and is back")
        entry.uid = uid

    def _take(self, entry: Entry, body: bytes) -> None:
        flags = re.search(rb"FLAGS \(([^)]*)\)", body)
        if flags is not None:
            words = flags.group(1).decode().split()
            entry.flags = frozenset(words) - {r"\Recent"}
            if r"\Recent" in words and entry.uid is not None and self.writes:
                key = (self.box, entry.uid)
                if self.truth.recent.setdefault(key, self) is not self:
                    raise Wrong(f"{key} is recent to two sessions")
        mod_seq = re.search(rb"MODSEQ \((\d+)\)", body)
        if mod_seq is not None:
            value = int(mod_seq.group(1))
            if value < entry.mod_seq:
                raise Wrong(f"MODSEQ went from {entry.mod_seq} to {value}")
            entry.mod_seq = value
        subject = SUBJECT.search(body)
        if subject is not None and entry.uid is not None:
            self.truth.subject(self.box, entry.uid, subject.group(1))


class Lost(Exception):
    """The connection broke."""


class Wire:
    """Lines and literals."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> Wire:
        try:
            return cls(*await asyncio.open_connection("127.0.0.1", port))
        except OSError as error:
            raise Lost from error

    def say(self, octets: bytes) -> None:
        self._writer.write(octets)

    async def response(self) -> bytes:
        """A response with its literals, without the last CRLF."""
        found = b""
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    line = await self._reader.readuntil(b"\r\n")
                    found += line
                    literal = LITERAL.search(line[:-2])
                    if literal is None:
                        return found[:-2]
                    found += await self._reader.readexactly(int(literal.group(1)))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Lost from error
        except TimeoutError:
            raise Wrong(f"silence for {WAIT_S} s after {found!r}") from None

    def close(self) -> None:
        self._writer.close()

    async def log_in(self, user: str, password: str) -> None:
        await self.response()
        plain = base64.b64encode(f"\0{user}\0{password}".encode())
        self.say(b"x AUTHENTICATE PLAIN " + plain + b"\r\n")
        answer = await self.response()
        if not answer.startswith(b"x OK"):
            raise Wrong(f"login: {answer!r}")
