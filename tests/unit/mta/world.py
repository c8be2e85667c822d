"""A small world for the MTA: a queue and mailboxes in memory, a clock that is set.

The queue obeys the same Protocol as the real one; the way from a door to a
mailbox with the real engine is tests/roads' business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from pyeonji.base.clock import SetClock
from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.base.events import Happening, LetterEvent
from pyeonji.base.ids import AccountId, LetterId, MailboxId, Uid, letter_ids
from pyeonji.mda.aliases import Aliases
from pyeonji.mda.deliver import Placed
from pyeonji.message.prepare import Prepared
from pyeonji.mta.options import Options, Timeouts
from pyeonji.mta.queue.runner import Runner
from pyeonji.mta.relay.policies import StsPolicies
from pyeonji.mta.relay.relay import Relay
from pyeonji.storage.content import BlobFile, Content, Spool, StoredOctets
from pyeonji.storage.directory import Account, Alias, Domain
from pyeonji.storage.errors import NoSuchLetter, OverQuota, StorageUnavailable
from pyeonji.storage.mailboxes import Delivered
from pyeonji.storage.names import canonical, canonical_domain, domain_of
from pyeonji.storage.queue import (
    DomainSummary,
    Lane,
    NewLetter,
    QueuedLetter,
    Recipient,
    RecipientState,
)
from pyeonji.storage.tls import TlsResult


class MemorySpool:
    """Keeps a large letter in memory."""

    def __init__(self) -> None:
        self.size_octets = 0
        self.octets = b""

    def write(self, chunk: bytes) -> None:
        self.octets += chunk
        self.size_octets += len(chunk)

    async def finish(self) -> Content:
        return self.octets

    def abort(self) -> None:
        self.octets = b""


class MemoryQueue:
    """A queue that forgets with the test; `journey` holds all events."""

    def __init__(self, clock: SetClock) -> None:
        self.clock = clock
        self.next_id = letter_ids(0, lambda: int(clock.time() * 1000))
        self.letters: dict[LetterId, QueuedLetter] = {}
        self.contents: dict[LetterId, Content] = {}
        self.claimed: set[LetterId] = set()
        self.journey: list[LetterEvent] = []
        self.accepted: list[NewLetter] = []
        self.attempts_begun: list[tuple[LetterId, tuple[int, ...], float]] = []
        self.full = False
        self.aside: dict[LetterId, tuple[str, float]] = {}
        self.lanes: dict[str, Lane] = {}

    def spool(self) -> Spool:
        return MemorySpool()

    async def accept(self, letter: NewLetter) -> QueuedLetter:
        await asyncio.sleep(0)
        if self.full:
            raise StorageUnavailable("disk full")
        letter_id = letter.id or self.next_id()
        size = len(letter.prefix) + len(letter.content)  # type: ignore[arg-type]
        queued = QueuedLetter(
            id=letter_id,
            letter=letter,
            recipients=letter.recipients,
            size_octets=size,
            held=letter.held,
        )
        self.letters[letter_id] = queued
        self.contents[letter_id] = letter.content
        self.claimed.add(letter_id)
        self.accepted.append(letter)
        return queued

    async def load(self, *, due_before: float, limit: int) -> list[QueuedLetter]:
        due = [
            replace(letter, letter=replace(letter.letter, content=b""))
            for letter in self.letters.values()
            if letter.id not in self.claimed
            and not letter.held
            and self._due(letter) <= due_before
        ]
        due = sorted(due, key=lambda one: one.next_attempt)[:limit]
        self.claimed.update(one.id for one in due)
        return due

    async def next_due(self) -> float | None:
        return min(
            (
                self._due(one)
                for one in self.letters.values()
                if one.id not in self.claimed and not one.held
            ),
            default=None,
        )

    def _due(self, letter: QueuedLetter) -> float:
        return self.aside.get(letter.id, ("", letter.next_attempt))[1]

    def release(self, letter_id: LetterId) -> None:
        self.claimed.discard(letter_id)

    async def set_aside(
        self, lane: str, letters: Sequence[tuple[LetterId, float]]
    ) -> None:
        await asyncio.sleep(0)
        self.lanes.setdefault(lane, Lane(name=lane))
        for letter_id, until in letters:
            self.aside[letter_id] = (lane, until)
            self.claimed.discard(letter_id)

    async def load_lane(self, name: str, limit: int) -> list[QueuedLetter]:
        there = [
            replace(letter, letter=replace(letter.letter, content=b""))
            for letter in self.letters.values()
            if letter.id not in self.claimed
            and not letter.held
            and self.aside.get(letter.id, ("",))[0] == name
        ]
        there.sort(key=lambda one: (-one.letter.wishes.priority, one.id))
        self.claimed.update(one.id for one in there[:limit])
        return there[:limit]

    async def lane(self, name: str) -> Lane | None:
        return self.lanes.get(name)

    async def due_lanes(self, now: float, limit: int) -> list[Lane]:
        return [lane for lane in self.lanes.values() if lane.until <= now][:limit]

    async def next_lane(self, now: float) -> float | None:
        later = (lane.until for lane in self.lanes.values() if lane.until > now)
        return min(later, default=None)

    async def keep_lane(self, lane: Lane) -> None:
        await asyncio.sleep(0)
        self.lanes[lane.name] = lane

    async def forget_lane(self, name: str) -> None:
        await asyncio.sleep(0)
        if not any(lane == name for lane, _ in self.aside.values()):
            self.lanes.pop(name, None)

    async def octets(self, letter_id: LetterId) -> StoredOctets:
        if letter_id not in self.letters:
            raise NoSuchLetter(letter_id)
        content = self.contents[letter_id]
        assert not isinstance(content, BlobFile)
        return StoredOctets(prefix=self.letters[letter_id].letter.prefix, body=content)

    async def content(self, letter_id: LetterId) -> Content:
        if letter_id not in self.letters:
            raise NoSuchLetter(letter_id)
        return self.contents[letter_id]

    async def begin_attempt(
        self, letter_id: LetterId, indexes: Sequence[int], next_attempt: float
    ) -> None:
        self.attempts_begun.append((letter_id, tuple(indexes), next_attempt))
        self.aside.pop(letter_id, None)

    async def settle(
        self,
        letter: QueuedLetter,
        recipients: Sequence[Recipient],
        events: Sequence[LetterEvent],
    ) -> None:
        await asyncio.sleep(0)
        self.claimed.discard(letter.id)
        self.aside.pop(letter.id, None)
        if letter.id not in self.letters:
            return
        self.journey += events
        if any(r.state is RecipientState.WAITING for r in recipients):
            kept = self.letters[letter.id]
            self.letters[letter.id] = replace(kept, recipients=tuple(recipients))
        else:
            del self.letters[letter.id]

    def note_refused(self, letter: NewLetter) -> None:
        pass

    def on_change(self, told: Callable[[], None]) -> None:
        """Nobody else changes it."""

    # -- as an office

    async def domains(self) -> list[DomainSummary]:
        return []

    async def retry_domain(self, domain: str) -> int:
        count = 0
        for letter in list(self.letters.values()):
            if any(domain_of(r.address) == domain for r in letter.recipients):
                recipients = tuple(
                    replace(r, next_attempt=0.0) for r in letter.recipients
                )
                self.letters[letter.id] = replace(letter, recipients=recipients)
                self.aside.pop(letter.id, None)
                count += 1
        for name, lane in self.lanes.items():
            self.lanes[name] = replace(lane, until=0.0)
        return count

    def kinds(self, recipient: str = "") -> list[Happening]:
        return [
            e.kind for e in self.journey if not recipient or e.recipient == recipient
        ]


class MemoryDirectory:
    """Two domains' people, as the doors see them."""

    def __init__(self) -> None:
        self.domains_: dict[str, Domain] = {}
        self.accounts_: dict[str, Account] = {}
        self.aliases_: dict[str, Alias] = {}

    def add(self, address: str, **more: Any) -> Account:
        account = Account(
            id=AccountId(address.partition("@")[0]), address=address, **more
        )
        self.accounts_[address] = account
        name = domain_of(address)
        self.domains_.setdefault(name, Domain(name=name, administrator=account.id))
        return account

    async def domain(self, name: str) -> Domain | None:
        return self.domains_.get(canonical_domain(name))

    async def domains(self) -> list[Domain]:
        return list(self.domains_.values())

    async def account(self, account_id: AccountId) -> Account | None:
        return next((a for a in self.accounts_.values() if a.id == account_id), None)

    async def account_at(self, address: str) -> Account | None:
        return self.accounts_.get(canonical(address))

    async def alias(self, address: str) -> Alias | None:
        return self.aliases_.get(canonical(address))


@dataclass
class Mail:
    """What stands in a mailbox."""

    delivery_id: str
    recipient: str
    reverse_path: str
    octets: bytes


class MemoryMail:
    """Mailboxes; `full` ones refuse, `unstable` ones cannot be synced."""

    def __init__(self) -> None:
        self.mailboxes: dict[str, list[Mail]] = {}
        self.synced: list[AccountId] = []
        self.full: set[str] = set()
        self.unstable = False

    async def deliver(
        self,
        *,
        delivery_id: str,
        recipient: str,
        reverse_path: str,
        content: Content,
        prefix: bytes,
        prepared: Prepared,
        received_at: float,
        junk: bool = False,
    ) -> Placed:
        await asyncio.sleep(0)
        if recipient in self.full:
            raise OverQuota(used=10, limit=10)
        assert not isinstance(content, BlobFile)
        assert prepared.size_octets == len(content)
        box = self.mailboxes.setdefault(recipient, [])
        if all(mail.delivery_id != delivery_id for mail in box):
            box.append(Mail(delivery_id, recipient, reverse_path, prefix + content))
        return Placed(
            account_id=AccountId(recipient.partition("@")[0]),
            delivered=Delivered(
                mailbox="Junk" if junk else "INBOX",
                mailbox_id=MailboxId(1),
                uid=Uid(len(box)),
            ),
        )

    async def sync(self, account_id: AccountId) -> None:
        if self.unstable:
            raise StorageUnavailable("the disk is broken")
        self.synced.append(account_id)


class Names:
    """DNS from a dict; `secure` names are vouched for, `dead` ones unanswered."""

    def __init__(
        self,
        zone: dict[tuple[str, str], list[str]],
        secure: set[str] | None = None,
        dead: set[str] | None = None,
        cnames: dict[str, str] | None = None,
    ) -> None:
        self.zone = zone
        self.secure = secure or set()
        self.dead = dead or set()
        self.validating = bool(self.secure)
        self.cnames = cnames or {}

    async def ask(self, name: str, kind: str) -> DnsAnswer:
        found = self.zone.get((name, kind))
        if name in self.dead:
            return DnsAnswer(status=DnsStatus.FAILED)
        if found is not None:
            return DnsAnswer(
                status=DnsStatus.FOUND,
                records=tuple(found),
                canonical_name=self.cnames.get(name, name),
                authentic=any(
                    name == one or name.endswith(f".{one}") for one in self.secure
                ),
            )
        known = any(name == other for other, _ in self.zone)
        return DnsAnswer(status=DnsStatus.NO_DATA if known else DnsStatus.NO_NAME)


@dataclass
class World:
    """All parts together; `runner` runs within `async with`."""

    options: Options
    clock: SetClock = field(default_factory=SetClock)
    directory: MemoryDirectory = field(default_factory=MemoryDirectory)
    mail: MemoryMail = field(default_factory=MemoryMail)
    zone: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    secure: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    cnames: dict[str, str] = field(default_factory=dict)
    policies: StsPolicies | None = None

    def __post_init__(self) -> None:
        self.queue = MemoryQueue(self.clock)
        self.results: list[TlsResult] = []
        self.aliases = Aliases(
            self.directory,  # type: ignore[arg-type]
            hostname=self.options.hostname,
        )
        self.directory.add("kim@example.test", name="Kim")

    async def __aenter__(self) -> Self:
        names = Names(self.zone, self.secure, self.dead, self.cnames)
        self.relay = Relay(
            self.options,
            names,  # type: ignore[arg-type]
            note=self.results.append,
            policies=self.policies,
        )
        self.runner = Runner(
            options=self.options,
            queue=self.queue,
            clock=self.clock,
            relay=self.relay,
            deliver=self.mail.deliver,
            sync=self.mail.sync,
            expand=self.aliases.expand,
            is_local=self.aliases.is_local,
            office=self.queue,  # type: ignore[arg-type]
        )
        self.runner.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.runner.stop(1.0)

    async def send(
        self,
        *recipients: str | Recipient,
        sender: str = "kim@example.test",
        octets: bytes = b"Subject: x\r\n\r\nhello\r\n",
        **more: Any,
    ) -> QueuedLetter:
        """Accept a letter as a door does."""
        queued = await self.queue.accept(
            NewLetter(
                reverse_path=sender,
                recipients=tuple(
                    Recipient(address=r, original=f"rfc822;{r}")
                    if isinstance(r, str)
                    else r
                    for r in recipients
                ),
                content=octets,
                prefix=b"Received: from test\r\n",
                accepted_at=self.clock.time(),
                **more,
            )
        )
        self.runner.take(queued)
        return queued

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        await asyncio.sleep(0.02)
        async with asyncio.timeout(20):
            await self.runner.idle()

    async def later(self, seconds: float) -> None:
        """Let time pass and the queue run."""
        self.clock.advance(seconds)
        self.runner.wake()
        await self.settle()


def options(**more: Any) -> Options:
    """Options for tests: short waits for other hosts."""
    times = Timeouts(
        connect=2, greeting=2, mail=2, rcpt=2, data_initiation=2, data_block=2,
        data_termination=2,
    )  # fmt: skip
    return Options(
        hostname="mx.example.test",
        timeouts=times,
        idle_connection=0.05,
        sync_pause=0.1,
        **more,
    )


__all__ = ["World", "options"]
