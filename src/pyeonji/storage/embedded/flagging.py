"""Changing flags and keywords: a job that runs inside a transaction."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final, cast

from pyeonji.base.ids import ModSeq, Uid
from pyeonji.storage.embedded import marks
from pyeonji.storage.embedded.ledger import consecutive
from pyeonji.storage.embedded.mail_schema import CHANGED
from pyeonji.storage.embedded.reading import keywords_of
from pyeonji.storage.embedded.touching import touching, written
from pyeonji.storage.entries import (
    DELETED,
    MAX_KEYWORDS,
    MAX_UID,
    SEEN,
    FlagChange,
    FlagsStored,
    Settable,
)

_EVERYTHING: Final = Settable(marks.BITS, keywords=True)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.storage.embedded.ledger import Ledger, MailboxRow
    from pyeonji.storage.entries import UidRanges


def merged_keywords(change: FlagChange, there: str, given: frozenset[str]) -> str:
    """Keywords after a change; ASCII case-insensitive, the first spelling stays."""
    before = {} if change is FlagChange.SET else {k.lower(): k for k in there.split()}
    lowered = {k.lower(): k for k in given}
    if change is FlagChange.REMOVE:
        after = {k: v for k, v in before.items() if k not in lowered}
    else:
        if change is FlagChange.SET:
            lowered |= {k.lower(): k for k in there.split() if k.lower() in lowered}
        after = {**lowered, **before}
    return " ".join(sorted(after.values())[:MAX_KEYWORDS])


def store_flags(
    ledger: Ledger,
    mailbox_id: int,
    ranges: UidRanges,
    change: FlagChange,
    flags: int,
    keywords: Sequence[str],
    unchanged_since: int | None,
    within: Settable | None = None,
) -> FlagsStored:
    """See AccountStore.store_flags."""
    row = ledger.mailbox(mailbox_id)
    loaded = marks.load(ledger.connection, mailbox_id, ranges, mod_seqs=True)
    may = within or _EVERYTHING
    flags &= may.bits
    refused: list[Uid] = []
    beside: list[Uid] = []
    if unchanged_since is not None:
        conflicts = None
        if change is not FlagChange.SET:
            conflicts = touching(ledger, row, unchanged_since, flags, keywords)
        refused, beside = _late(loaded, unchanged_since, conflicts)
    there = sum(len(run.named) - run.named.count(0) for run in loaded.runs)
    work = _Change(ledger, row, loaded, ModSeq(ledger.next_mod_seq))
    worded = keywords or (change is FlagChange.SET and loaded.worded)
    if worded and may.keywords:
        work.with_keywords(change, flags, frozenset(keywords), may.bits)
    else:
        work.plain(change, flags, may.bits)
    if not work.uids:
        return FlagsStored(refused=refused, beside=beside)
    before = ModSeq(row.highest_mod_seq)
    ledger.mailbox(mailbox_id, touch=True)
    uids = work.uids
    whole_range = not refused and len(uids) == there
    whole = [(uids[0], uids[-1])] if whole_range else consecutive(uids)
    ledger.log(row, CHANGED, whole, written(work.touched_bits, work.touched_words))
    return FlagsStored(
        refused=refused,
        beside=beside,
        uids=uids,
        flags=b"".join(work.flags),
        keywords=work.keywords,
        mod_seq=work.mod_seq,
        before=before,
    )


def _late(
    loaded: marks.Loaded,
    unchanged_since: int,
    conflicts: list[tuple[int, int]] | None,
) -> tuple[list[Uid], list[Uid]]:
    """Entries that changed since, in these ranges and beside them.

    Those within the ranges (None: wherever they are) are not asked for any more.
    """
    refused: list[Uid] = []
    beside: list[Uid] = []
    within = [(0, MAX_UID)] if conflicts is None else conflicts
    for run in loaded.runs:
        late = [
            uid
            for uid, mod_seq in zip(run.uids(), run.mod_seqs(), strict=True)
            if mod_seq > unchanged_since
        ]
        named = bytearray(run.named)
        for uid in late:
            at = bisect_right(within, (uid, MAX_UID)) - 1
            if at >= 0 and uid <= within[at][1]:
                named[uid - run.base] = 0
                refused.append(Uid(uid))
            else:
                beside.append(Uid(uid))
        run.named = bytes(named)
    return refused, beside


class _Change:
    """What is written, and what is told of it."""

    def __init__(
        self, ledger: Ledger, row: MailboxRow, loaded: marks.Loaded, mod_seq: ModSeq
    ) -> None:
        self._ledger = ledger
        self._row = row
        self._runs = loaded.runs
        self.mod_seq = mod_seq
        self.uids: Sequence[Uid] = ()
        self.flags: list[bytes] = []
        self.keywords: list[str] = []
        self.touched_bits = 0
        self.touched_words: set[str] = set()

    def plain(self, change: FlagChange, flags: int, within: int) -> None:
        """Bits alone, those within; keywords stay, or there are none."""
        within &= marks.BITS
        table = bytearray(256)
        for octet in range(marks.PRESENT, 256):
            match change:
                case FlagChange.SET:
                    table[octet] = octet & ~within | flags
                case FlagChange.ADD:
                    table[octet] = octet | flags
                case _:
                    table[octet] = octet & ~flags
        for run in self._runs:
            self._write(run, run.named.translate(table), {})

    def with_keywords(
        self, change: FlagChange, flags: int, given: frozenset[str], within: int
    ) -> None:
        """Where keywords take part; each spelling is merged once."""
        merged: dict[str, str] = {}
        for run in self._runs:
            old = keywords_of(self._ledger.connection, self._row.id, run)
            new: dict[int, str] = {}
            octets = bytearray(run.named)
            for uid in run.uids():
                there = old.get(uid, "")
                keywords = merged.get(there)
                if keywords is None:
                    keywords = merged[there] = merged_keywords(change, there, given)
                    words = set(there.lower().split())
                    self.touched_words |= words ^ set(keywords.lower().split())
                at = uid - run.base
                bits = _changed_bits(change, octets[at], flags, within)
                octets[at] = marks.octet_of(bits, keywords)
                if keywords != there:
                    new[uid] = keywords
            self._write(run, bytes(octets), new, old)

    def _write(
        self,
        run: marks.Run,
        new: bytes,
        keywords: dict[int, str],
        old: dict[int, str] | None = None,
    ) -> None:
        """Write the octets of a run, and keywords that are not what they were."""
        connection, mailbox_id = self._ledger.connection, self._row.id
        forced = [uid - run.base for uid in keywords]
        changed = marks.change(
            connection, mailbox_id, run, new, self.mod_seq, forced=forced
        )
        if not changed:
            return
        left = changed.translate(None, b"\0")
        while left:  # once for each different octet
            self.touched_bits |= left[0] & marks.BITS
            left = left.translate(None, left[:1])
        if keywords:
            connection.executemany(
                "UPDATE entries SET keywords = ? WHERE mailbox = ? AND uid = ?",
                [(words, mailbox_id, uid) for uid, words in keywords.items()],
            )
        self._count(run.named, new)
        uids = marks.places(run.base, changed)
        # an entry that changed keeps an octet
        bits = marks.masked(new, changed).translate(marks.BITS_OF, b"\0")
        if run.worded or keywords:
            if old is None:
                old = keywords_of(connection, mailbox_id, run)
            now = old | keywords
            self.keywords += [now.get(uid, "") for uid in uids]
        else:
            self.keywords += [""] * len(uids)
        # mostly there is one run, whose uids are a range
        found = cast("Sequence[Uid]", uids)
        self.uids = [*self.uids, *found] if self.uids else found
        self.flags.append(bits)

    def _count(self, old: bytes, new: bytes) -> None:
        row = self._row
        seen, deleted = marks.table_of(SEEN), marks.table_of(DELETED)
        row.unseen += old.translate(seen).count(1) - new.translate(seen).count(1)
        row.deleted += new.translate(deleted).count(1) - old.translate(deleted).count(1)


def _changed_bits(change: FlagChange, bits: int, flags: int, within: int) -> int:
    match change:
        case FlagChange.SET:
            return bits & ~within | flags
        case FlagChange.ADD:
            return bits | flags
        case _:
            return bits & ~flags
