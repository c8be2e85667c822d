"""Changing flags and keywords: a job that runs inside a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyeonji.base.ids import ModSeq, Uid
from pyeonji.storage.embedded.ledger import consecutive, in_ranges
from pyeonji.storage.embedded.mail_schema import CHANGED
from pyeonji.storage.embedded.reading import narrow
from pyeonji.storage.entries import (
    DELETED,
    MAX_KEYWORDS,
    SEEN,
    FlagChange,
    FlagsStored,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.storage.embedded.ledger import Ledger
    from pyeonji.storage.entries import UidRanges

MAX_MOD_SEQ: Final = 2**63 - 1


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
) -> FlagsStored:
    """See AccountStore.store_flags."""
    row = ledger.mailbox(mailbox_id)
    plain = not keywords and change is not FlagChange.SET
    there, refused = _there(ledger, mailbox_id, ranges, unchanged_since)
    if not plain:
        after = _with_keywords(there, change, flags, frozenset(keywords))
    elif change is FlagChange.ADD:
        after = [(e, e[1] | flags, e[2]) for e in there if e[1] & flags != flags]
    else:
        after = [(e, e[1] & ~flags, e[2]) for e in there if e[1] & flags]
    if not after:
        return FlagsStored(changed=[], refused=refused)
    before = ModSeq(row.highest_mod_seq)
    ledger.mailbox(mailbox_id, touch=True)
    if change is FlagChange.SET or flags & (SEEN | DELETED):
        unseen = [(e[1] & SEEN) - (f & SEEN) for e, f, _ in after]
        deleted = [(f & DELETED) - (e[1] & DELETED) for e, f, _ in after]
        row.unseen += sum(unseen)
        row.deleted += sum(deleted) // DELETED
    mod_seq = ModSeq(ledger.mod_seq())
    changed = [(e[0], f, k, mod_seq) for e, f, k in after]
    whole_range = not refused and len(changed) == len(there)
    if plain:
        _write_bits(ledger, mailbox_id, ranges, change, flags, unchanged_since)
    else:
        one_run = whole_range and len(ranges) == 1
        _write_flags(ledger, mailbox_id, changed, one_run=one_run)
    uids = [entry[0] for entry in changed]
    whole = [(uids[0], uids[-1])] if whole_range else consecutive(uids)
    ledger.log(row, CHANGED, whole)
    return FlagsStored(changed=changed, refused=refused, before=before)


def _there(
    ledger: Ledger, mailbox_id: int, ranges: UidRanges, unchanged_since: int | None
) -> tuple[list[Any], list[Uid]]:
    """Entries (uid, flags, keywords) to change, and uids changed since by others."""
    source, where, bindings = in_ranges(mailbox_id, ranges)
    columns = ["e.uid", "e.flags", "e.keywords"]
    if unchanged_since is not None:
        columns.append("e.mod_seq")
    there = narrow(ledger.connection, columns, f"FROM {source} WHERE {where}", bindings)
    if unchanged_since is None:
        return there, []
    refused = [entry[0] for entry in there if entry[3] > unchanged_since]
    return [entry for entry in there if entry[3] <= unchanged_since], refused


def _write_bits(
    ledger: Ledger,
    mailbox_id: int,
    ranges: UidRanges,
    change: FlagChange,
    flags: int,
    unchanged_since: int | None,
) -> None:
    """Add or take away bits, where that changes anything, in one scan of each range."""
    if change is FlagChange.ADD:
        what, whom = "flags | ?1", "flags & ?1 <> ?1"
    else:
        what, whom = "flags & ~?1", "flags & ?1 <> 0"
    latest = MAX_MOD_SEQ if unchanged_since is None else unchanged_since
    mod_seq = ledger.mod_seq()
    ledger.connection.executemany(
        f"UPDATE entries SET flags = {what}, mod_seq = ?2 WHERE mailbox = ?3"  # noqa: S608 - only fixed pieces
        f" AND uid BETWEEN ?4 AND ?5 AND {whom} AND mod_seq <= ?6",
        [(flags, mod_seq, mailbox_id, low, high, latest) for low, high in ranges],
    )


def _with_keywords(
    there: list[Any], change: FlagChange, flags: int, given: frozenset[str]
) -> list[tuple[Any, int, str]]:
    """What changes where keywords take part; each spelling is merged once."""
    merged: dict[str, str] = {}
    after = []
    for entry in there:
        old_flags, old_keywords = entry[1], entry[2]
        keywords = merged.get(old_keywords)
        if keywords is None:
            keywords = merged_keywords(change, old_keywords, given)
            merged[old_keywords] = keywords
        match change:
            case FlagChange.SET:
                new_flags = flags
            case FlagChange.ADD:
                new_flags = old_flags | flags
            case _:
                new_flags = old_flags & ~flags
        if new_flags != old_flags or keywords != old_keywords:
            after.append((entry, new_flags, keywords))
    return after


def _write_flags(
    ledger: Ledger,
    mailbox_id: int,
    changed: list[tuple[Uid, int, str, ModSeq]],
    *,
    one_run: bool,
) -> None:
    _, flags, keywords, mod_seq = changed[0]
    alike = all(f == flags and k == keywords for _, f, k, _ in changed)
    if alike and one_run:
        runs = [(changed[0][0], changed[-1][0])]
    elif alike:
        runs = consecutive([entry[0] for entry in changed])  # type: ignore[assignment]
    else:
        ledger.connection.executemany(
            "UPDATE entries SET flags = ?, keywords = ?, mod_seq = ?"
            " WHERE mailbox = ? AND uid = ?",
            [(f, k, m, mailbox_id, uid) for uid, f, k, m in changed],
        )
        return
    ledger.connection.executemany(
        "UPDATE entries SET flags = ?, keywords = ?, mod_seq = ?"
        " WHERE mailbox = ? AND uid BETWEEN ? AND ?",
        [(flags, keywords, mod_seq, mailbox_id, a, b) for a, b in runs],
    )
