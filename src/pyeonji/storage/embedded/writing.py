"""Changing entries: the jobs that run inside a transaction, each all or none."""

from __future__ import annotations

import zlib
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from msgspec import json

from pyeonji.base.ids import MailboxId, ModSeq, Uid, UidValidity
from pyeonji.storage.embedded.ledger import Ledger, MailboxRow, consecutive, in_ranges
from pyeonji.storage.embedded.mail_schema import CHANGED, EXPUNGED
from pyeonji.storage.embedded.octets import compress, map_file, new_name
from pyeonji.storage.embedded.reading import narrow, numbers
from pyeonji.storage.errors import OverQuota
from pyeonji.storage.mailboxes import (
    DELETED,
    MAX_KEYWORDS,
    SEEN,
    Copied,
    FlagChange,
    FlagsStored,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.message.prepare import Prepared
    from pyeonji.storage.content import Content
    from pyeonji.storage.mailboxes import NewMessage, UidRanges

MAX_UID: Final = 2**32 - 1

_ENTRY: Final = "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_MESSAGE: Final = f"INSERT INTO messages VALUES ({', '.join('?' * 16)})"  # noqa: S608 - only marks
_BODY: Final = "INSERT INTO bodies VALUES (?, ?, ?, ?, ?)"


class Batch:
    """New messages of one job, written with one statement a table."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._entries: list[tuple[Any, ...]] = []
        self._messages: list[tuple[Any, ...]] = []
        self._bodies: list[tuple[Any, ...]] = []
        self._first: dict[int, int] = {}

    def add(
        self,
        row: MailboxRow,
        content: Content,
        prefix: bytes,
        prepared: Prepared,
        *,
        flags: int,
        keywords: str,
        internal_date: int,
        quota_octets: int | None,
    ) -> int:
        """Put a message into a mailbox (touched by the caller); gives its uid.

        Raises:
            OverQuota, OSError.
        """
        ledger = self._ledger
        size = len(prefix) + prepared.size_octets
        check_quota(ledger, size, quota_octets)
        if isinstance(content, bytes):
            body: tuple[Any, ...] = (prefix, compress(content), None, None)
        else:
            name = new_name()
            (ledger.blobs / name).hardlink_to(content.path)
            ledger.new_files = True
            body = (prefix, None, name, zlib.crc32(map_file(content.path)))
        message = ledger.next_message
        ledger.next_message = message + 1
        uid = row.uid_next
        row.uid_next = uid + 1
        self._first.setdefault(row.id, uid)
        self._entries.append(
            (
                row.id,
                uid,
                message,
                row.highest_mod_seq,
                flags,
                keywords,
                internal_date,
                ledger.now,
                size,
            )
        )
        self._messages.append(_message_row(message, size, len(prefix), prepared))
        self._bodies.append((message, *body))
        row.held += 1
        row.octets += size
        row.unseen += not flags & SEEN
        row.deleted += bool(flags & DELETED)
        ledger.octets += size
        ledger.messages += 1
        return uid

    def write(self) -> None:
        """Insert all rows."""
        if not self._entries:
            return
        connection = self._ledger.connection
        connection.executemany(_MESSAGE, self._messages)
        connection.executemany(_BODY, self._bodies)
        connection.executemany(_ENTRY, self._entries)
        for mailbox_id, first in self._first.items():
            row = self._ledger.mailbox(mailbox_id)
            self._ledger.log(row, CHANGED, [(first, row.uid_next - 1)])


def _message_row(
    message: int, size: int, prefix_size: int, prepared: Prepared
) -> tuple[Any, ...]:
    return (
        message,
        size,
        prefix_size,
        prepared.sent_date,
        prepared.sent_day,
        prepared.sort_from,
        prepared.sort_to,
        prepared.sort_cc,
        prepared.message_id,
        prepared.sort_subject,
        prepared.envelope,
        prepared.body_structure,
        prepared.parts,
        prepared.references,
        prepared.subject,
        prepared.preview,
    )


def check_quota(ledger: Ledger, size: int, quota_octets: int | None) -> None:
    """Raises OverQuota where `size` more octets don't fit."""
    if quota_octets is not None and ledger.octets + size > quota_octets:
        raise OverQuota(used_octets=ledger.octets, limit_octets=quota_octets)


def append(
    ledger: Ledger,
    mailbox_id: int,
    messages: Sequence[NewMessage],
    quota_octets: int | None,
) -> list[Uid]:
    """See AccountStore.append."""
    if not messages:
        ledger.mailbox(mailbox_id)
        return []
    row = ledger.mailbox(mailbox_id, touch=True)
    batch = Batch(ledger)
    uids = [
        batch.add(
            row,
            new.content,
            b"",
            new.prepared,
            flags=new.flags,
            keywords=new.keywords,
            internal_date=new.internal_date,
            quota_octets=quota_octets,
        )
        for new in messages
    ]
    batch.write()
    return [Uid(uid) for uid in uids]


# -- flags


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
    source, where, bindings = in_ranges(mailbox_id, ranges)
    there = narrow(
        ledger.connection,
        ("e.uid", "e.flags", "e.keywords", "e.mod_seq"),
        f"FROM {source} WHERE {where}",
        bindings,
    )
    refused: list[Uid] = []
    if unchanged_since is not None:
        refused = [entry[0] for entry in there if entry[3] > unchanged_since]
        there = [entry for entry in there if entry[3] <= unchanged_since]
    if keywords or change is FlagChange.SET:
        after = _with_keywords(there, change, flags, frozenset(keywords))
    elif change is FlagChange.ADD:
        after = [(e, e[1] | flags, e[2]) for e in there if e[1] & flags != flags]
    else:
        after = [(e, e[1] & ~flags, e[2]) for e in there if e[1] & flags]
    if not after:
        return FlagsStored(changed=[], refused=refused)
    ledger.mailbox(mailbox_id, touch=True)
    if change is FlagChange.SET or flags & (SEEN | DELETED):
        unseen = [(e[1] & SEEN) - (f & SEEN) for e, f, _ in after]
        deleted = [(f & DELETED) - (e[1] & DELETED) for e, f, _ in after]
        row.unseen += sum(unseen)
        row.deleted += sum(deleted) // DELETED
    mod_seq = ModSeq(ledger.mod_seq())
    changed = [(e[0], f, k, mod_seq) for e, f, k in after]
    _write_flags(ledger, mailbox_id, changed, all_of=there, ranges=ranges)
    uids = [entry[0] for entry in changed]
    whole = [(uids[0], uids[-1])] if len(uids) == len(there) else consecutive(uids)
    ledger.log(row, CHANGED, whole)
    return FlagsStored(changed=changed, refused=refused)


def _with_keywords(
    there: list[Any], change: FlagChange, flags: int, given: frozenset[str]
) -> list[tuple[Any, int, str]]:
    """What changes where keywords take part; each spelling is merged once."""
    merged: dict[str, str] = {}
    after = []
    for entry in there:
        _, old_flags, old_keywords, _ = entry
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
    all_of: list[Any],
    ranges: UidRanges,
) -> None:
    _, flags, keywords, mod_seq = changed[0]
    alike = all(f == flags and k == keywords for _, f, k, _ in changed)
    if alike and len(changed) == len(all_of) and len(ranges) == 1:
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


# -- copying and moving

_Entry = tuple[int, int, int, str, int, int]
_COLUMNS: Final = (
    "e.uid",
    "e.message",
    "e.flags",
    "e.keywords",
    "e.internal_date",
    "e.size",
)


def _entries(ledger: Ledger, mailbox_id: int, ranges: UidRanges) -> list[_Entry]:
    source, where, bindings = in_ranges(mailbox_id, ranges)
    found: list[_Entry] = narrow(
        ledger.connection, _COLUMNS, f"FROM {source} WHERE {where}", bindings
    )
    return found


def _insert_copies(ledger: Ledger, row: MailboxRow, entries: list[_Entry]) -> list[Uid]:
    """Entries for messages that are there already, in a touched mailbox."""
    first = row.uid_next
    mod_seq = row.highest_mod_seq
    ledger.connection.executemany(
        _ENTRY,
        [
            (row.id, uid, message, mod_seq, flags, keywords, date, ledger.now, size)
            for uid, (_, message, flags, keywords, date, size) in zip(
                count(first), entries, strict=False
            )
        ],
    )
    row.uid_next = first + len(entries)
    row.held += len(entries)
    row.octets += sum(entry[5] for entry in entries)
    row.unseen += sum(1 for entry in entries if not entry[2] & SEEN)
    row.deleted += sum(1 for entry in entries if entry[2] & DELETED)
    ledger.log(row, CHANGED, [(first, row.uid_next - 1)])
    return [Uid(uid) for uid in range(first, row.uid_next)]


def copy(
    ledger: Ledger,
    mailbox_id: int,
    ranges: UidRanges,
    target: int,
    quota_octets: int | None,
) -> Copied:
    """See AccountStore.copy: a message in two mailboxes counts once."""
    ledger.mailbox(mailbox_id)
    entries = _entries(ledger, mailbox_id, ranges)
    row = ledger.mailbox(target, touch=bool(entries))
    check_quota(ledger, 0, quota_octets)
    return Copied(
        uid_validity=UidValidity(row.uid_validity),
        source=[Uid(entry[0]) for entry in entries],
        target=_insert_copies(ledger, row, entries) if entries else [],
    )


def move(ledger: Ledger, mailbox_id: int, ranges: UidRanges, target: int) -> Copied:
    """See AccountStore.move; within one mailbox the entries get new uids."""
    ledger.mailbox(mailbox_id)
    entries = _entries(ledger, mailbox_id, ranges)
    row = ledger.mailbox(target, touch=bool(entries))
    if not entries:
        return Copied(uid_validity=UidValidity(row.uid_validity), source=[], target=[])
    uids = _insert_copies(ledger, row, entries)
    _take_out(ledger, ledger.mailbox(mailbox_id, touch=True), entries)
    return Copied(
        uid_validity=UidValidity(row.uid_validity),
        source=[Uid(entry[0]) for entry in entries],
        target=uids,
    )


# -- removing


def _take_out(ledger: Ledger, row: MailboxRow, entries: list[_Entry]) -> None:
    """Delete entries of a touched mailbox; their messages may go on elsewhere."""
    uids = [entry[0] for entry in entries]
    runs = consecutive(uids)
    ledger.connection.executemany(
        "DELETE FROM entries WHERE mailbox = ? AND uid BETWEEN ? AND ?",
        [(row.id, first, last) for first, last in runs],
    )
    ledger.log(row, EXPUNGED, runs)
    row.held -= len(entries)
    row.octets -= sum(entry[5] for entry in entries)
    row.unseen -= sum(1 for entry in entries if not entry[2] & SEEN)
    row.deleted -= sum(1 for entry in entries if entry[2] & DELETED)


def throw_away(ledger: Ledger, entries: list[_Entry]) -> None:
    """Give up messages that stand nowhere any more; their rows go later."""
    sizes = {entry[1]: entry[5] for entry in entries}
    kept = set(
        numbers(
            ledger.connection,
            "value",
            "FROM json_each(?) WHERE EXISTS"
            " (SELECT 1 FROM entries e WHERE e.message = value)",
            (json.encode(list(sizes)).decode(),),
        )
    )
    gone = [message for message in sizes if message not in kept]
    ledger.connection.executemany(
        "INSERT INTO garbage VALUES (?)", [(message,) for message in gone]
    )
    ledger.messages -= len(gone)
    ledger.octets -= sum(sizes[message] for message in gone)


def _expunge(ledger: Ledger, mailbox_id: int, entries: list[_Entry]) -> list[Uid]:
    if entries:
        _take_out(ledger, ledger.mailbox(mailbox_id, touch=True), entries)
        throw_away(ledger, entries)
    return [Uid(entry[0]) for entry in entries]


def expunge(ledger: Ledger, mailbox_id: int, ranges: UidRanges | None) -> list[Uid]:
    """See AccountStore.expunge."""
    if not ledger.mailbox(mailbox_id).deleted:
        return []
    entries = _entries(ledger, mailbox_id, [(1, MAX_UID)] if ranges is None else ranges)
    return _expunge(ledger, mailbox_id, [e for e in entries if e[2] & DELETED])


def remove(ledger: Ledger, mailbox_id: int, uids: Sequence[Uid]) -> list[Uid]:
    """See AccountStore.remove."""
    ledger.mailbox(mailbox_id)
    entries = _entries(ledger, mailbox_id, consecutive(sorted(set(uids))))
    return _expunge(ledger, mailbox_id, entries)


def empty(ledger: Ledger, mailbox_id: int) -> None:
    """Remove all entries of a mailbox that is about to go."""
    _expunge(ledger, mailbox_id, _entries(ledger, mailbox_id, [(1, MAX_UID)]))


def claim_recent(ledger: Ledger, mailbox_id: int) -> Uid:
    """See AccountStore.claim_recent; no change of an entry, so no new mod-seq."""
    row = ledger.mailbox(mailbox_id)
    first = row.first_recent
    if first != row.uid_next:
        row.first_recent = row.uid_next
        ledger.connection.execute(
            "UPDATE mailboxes SET first_recent = uid_next WHERE id = ?", (mailbox_id,)
        )
    return Uid(first)


def collect_garbage(ledger: Ledger, limit: int) -> tuple[list[str], bool]:
    """Remove rows of up to `limit` thrown-away messages.

    Returns:
        Files in blobs/ to unlink after the commit, and whether more is left.
    """
    connection = ledger.connection
    messages = connection.execute(
        "SELECT message FROM garbage LIMIT ?", (limit,)
    ).fetchall()
    files = []
    for (message,) in messages:
        row = connection.execute(
            "DELETE FROM bodies WHERE message = ? RETURNING file", (message,)
        ).fetchone()
        if row and row[0]:
            files.append(row[0])
    for table, key in (
        ("messages", "id"),
        ("texts", "message"),
        ("garbage", "message"),
    ):
        connection.executemany(f"DELETE FROM {table} WHERE {key} = ?", messages)  # noqa: S608 - only fixed pieces
    return files, len(messages) == limit


def unlink_files(ledger: Ledger, files: Sequence[str]) -> None:
    """Remove files that no row names any more."""
    for name in files:
        (ledger.blobs / name).unlink(missing_ok=True)


def delivered_before(
    ledger: Ledger, delivery_id: str
) -> tuple[str, MailboxId, Uid] | None:
    """Where a delivery of that id went, if there was one."""
    found = ledger.connection.execute(
        "SELECT m.name, d.mailbox, d.uid FROM deliveries d LEFT JOIN mailboxes m"
        " ON m.id = d.mailbox WHERE d.delivery_id = ?",
        (delivery_id,),
    ).fetchone()
    if found is None:
        return None
    return found[0] or "", MailboxId(found[1]), Uid(found[2])
