"""A mailbox against a plain model: whatever is done, both say the same."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.contracts.engines import CREDENTIALS, letter, new_message

from pyeonji.base.ids import ModSeq
from pyeonji.storage.directory import Domain
from pyeonji.storage.embedded import open_store
from pyeonji.storage.embedded.verify import verify
from pyeonji.storage.mailboxes import DELETED, SEEN, FlagChange

UIDS = st.integers(1, 12)
FLAGS = st.integers(0, 31)
KEYWORDS = st.lists(st.sampled_from(["a", "b", "$C"]), max_size=2, unique=True)
CHANGES = st.sampled_from(list(FlagChange))
BOXES = st.integers(0, 1)


@st.composite
def ranges(draw: Any) -> list[tuple[int, int]]:
    points = sorted(draw(st.sets(UIDS, min_size=1, max_size=4)))
    out = []
    while points:
        first = points.pop(0)
        last = points.pop(0) if points and draw(st.booleans()) else first
        out.append((first, last))
    return out


def within(uid: int, wanted: list[tuple[int, int]]) -> bool:
    return any(first <= uid <= last for first, last in wanted)


class MailboxModel(RuleBasedStateMachine):
    """Two mailboxes; entries are uid -> (flags, keywords)."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.entries: list[dict[int, tuple[int, frozenset[str]]]] = [{}, {}]
        self.next = [1, 1]
        self.sessions: list[dict[int, int]] = [{}, {}]  # what a client has seen
        self.seen = [0, 0]
        self.run(self.open())

    async def open(self) -> None:
        self.store = await open_store(self.folder, worker=0)
        if not await self.store.directory.domains():
            await self.store.directory.add_domain(Domain(name="x.test"))
            await self.store.directory.add_account("k@x.test", CREDENTIALS)
        (account,) = await self.store.directory.accounts()
        self.mail = await self.store.mail.account(account.id)
        self.ids = [(await self.mail.mailbox(n)).id for n in ("INBOX", "Sent")]

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    @rule(box=BOXES, flags=FLAGS, keywords=KEYWORDS, count=st.integers(1, 3))
    def append(self, box: int, flags: int, keywords: list[str], count: int) -> None:
        message = new_message(
            letter(), flags=flags, keywords=" ".join(sorted(keywords))
        )
        uids = self.run(self.mail.append(self.ids[box], [message] * count))
        first = self.next[box]
        assert uids == list(range(first, first + count))
        self.entries[box] |= dict.fromkeys(uids, (flags, frozenset(keywords)))
        self.next[box] += count

    @rule(box=BOXES, wanted=ranges(), change=CHANGES, flags=FLAGS, keywords=KEYWORDS)
    def store_flags(
        self,
        box: int,
        wanted: list[tuple[int, int]],
        change: FlagChange,
        flags: int,
        keywords: list[str],
    ) -> None:
        stored = self.run(
            self.mail.store_flags(self.ids[box], wanted, change, flags, keywords)
        )
        expected = {}
        for uid, (old, words) in self.entries[box].items():
            if not within(uid, wanted):
                continue
            new = {
                FlagChange.SET: (flags, frozenset(keywords)),
                FlagChange.ADD: (old | flags, words | set(keywords)),
                FlagChange.REMOVE: (old & ~flags, words - set(keywords)),
            }[change]
            if new != (old, words):
                expected[uid] = new
        assert {e[0]: (e[1], frozenset(e[2].split())) for e in stored.entries()} == (
            expected
        )
        self.entries[box] |= expected

    @rule(box=BOXES, other=BOXES, wanted=ranges(), keep=st.booleans())
    def copy(
        self, box: int, other: int, wanted: list[tuple[int, int]], keep: bool
    ) -> None:
        target = other
        work = self.mail.copy if keep else self.mail.move
        done = self.run(work(self.ids[box], wanted, self.ids[target]))
        source = [uid for uid in sorted(self.entries[box]) if within(uid, wanted)]
        assert done.source == source
        first = self.next[target]
        assert done.target == list(range(first, first + len(source)))
        copies = dict(
            zip(done.target, [self.entries[box][uid] for uid in source], strict=True)
        )
        if not keep:
            for uid in source:
                del self.entries[box][uid]
        self.entries[target] |= copies
        self.next[target] += len(source)

    @rule(box=BOXES, wanted=st.none() | ranges())
    def expunge(self, box: int, wanted: list[tuple[int, int]] | None) -> None:
        gone = self.run(self.mail.expunge(self.ids[box], wanted))
        expected = [
            uid
            for uid, (flags, _) in sorted(self.entries[box].items())
            if flags & DELETED and (wanted is None or within(uid, wanted))
        ]
        assert gone == expected
        for uid in gone:
            del self.entries[box][uid]

    @rule(box=BOXES)
    def catch_up(self, box: int) -> None:
        """A client that applies changes sees what there is (RFC 7162 §3.2.5)."""
        changes = self.run(self.mail.changes(self.ids[box], ModSeq(self.seen[box])))
        session = self.sessions[box]
        for uid, flags, _, mod_seq in changes.entries:
            assert mod_seq > self.seen[box]
            session[uid] = flags
        for uid in changes.vanished:
            session.pop(uid, None)
        self.seen[box] = changes.highest_mod_seq
        assert session == {u: flags for u, (flags, _) in self.entries[box].items()}
        assert changes.exists == len(session)

    @rule()
    def reopen(self) -> None:
        self.run(self.store.close())
        self.run(self.open())

    @rule(box=BOXES)
    def select(self, box: int) -> None:
        opened = self.run(self.mail.opened(self.ids[box]))
        runs = opened.runs
        uids = [uid for first, last in runs for uid in range(first, last + 1)]
        assert uids == sorted(self.entries[box])
        assert all(a[1] + 1 < b[0] for a, b in pairwise(runs))
        unseen = [u for u in uids if not self.entries[box][u][0] & SEEN]
        assert opened.first_unseen == (unseen[0] if unseen else None)

    @invariant()
    def counters_agree(self) -> None:
        for box, name in enumerate(("INBOX", "Sent")):
            row = self.run(self.mail.mailbox(name))
            entries = self.entries[box].values()
            assert row.exists == len(entries)
            assert row.uid_next == self.next[box]
            assert row.unseen == sum(not flags & SEEN for flags, _ in entries)
            assert row.deleted == sum(bool(flags & DELETED) for flags, _ in entries)

    def teardown(self) -> None:
        self.run(self.store.close())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        try:
            assert verify(self.folder).problems == []
        finally:
            shutil.rmtree(self.folder)


TestMailboxModel = MailboxModel.TestCase
TestMailboxModel.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None
)
