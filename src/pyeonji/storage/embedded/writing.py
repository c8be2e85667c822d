"""Copying, moving and removing entries: jobs inside a transaction, all or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import json

from pyeonji.base.ids import MailboxId, Uid, UidValidity
from pyeonji.storage.embedded import marks
from pyeonji.storage.embedded.conversations import forget_threads
from pyeonji.storage.embedded.inserting import (
    Entry,
    append,
    check_quota,
    insert_copies,
)
from pyeonji.storage.embedded.ledger import consecutive
from pyeonji.storage.embedded.mail_schema import EXPUNGED
from pyeonji.storage.embedded.reading import columns, numbers
from pyeonji.storage.embedded.sqlite import one
from pyeonji.storage.entries import DELETED, MAX_UID, SEEN, Column, Copied
from pyeonji.storage.errors import NoSuchMailbox, NoSuchMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.storage.embedded.ledger import Ledger, MailboxRow
    from pyeonji.storage.embedded.sqlite import Database
    from pyeonji.storage.entries import NewMessage, Quota, Settable, UidRanges

_COLUMNS: Final = (
    Column.UID,
    Column.MESSAGE_ID,
    Column.FLAGS,
    Column.KEYWORDS,
    Column.INTERNAL_DATE,
    Column.SIZE,
)


def entries_in(ledger: Ledger, mailbox_id: int, ranges: UidRanges) -> list[Entry]:
    """The entries within ranges, ascending by uid."""
    found: Any = columns(ledger.connection, mailbox_id, ranges, _COLUMNS)
    return list(zip(*found, strict=True))


def copy(
    ledger: Ledger,
    mailbox_id: int,
    ranges: UidRanges,
    target: int,
    quota: Quota,
    within: Settable | None = None,
) -> Copied:
    """See AccountStore.copy: a message in two mailboxes counts once."""
    ledger.mailbox(mailbox_id)
    entries = entries_in(ledger, mailbox_id, ranges)
    row = ledger.mailbox(target, touch=bool(entries))
    check_quota(ledger, quota, octets=0, messages=0)
    return Copied(
        uid_validity=UidValidity(row.uid_validity),
        source=[Uid(entry[0]) for entry in entries],
        target=(
            insert_copies(ledger, row, with_flags(entries, within)) if entries else []
        ),
    )


def with_flags(entries: list[Entry], within: Settable | None) -> list[Entry]:
    """Entries as copies of them shall be."""
    if within is None:
        return entries
    return [(*one[:2], *within.of(one[2], one[3]), *one[4:]) for one in entries]


def move(
    ledger: Ledger,
    mailbox_id: int,
    ranges: UidRanges,
    target: int,
    within: Settable | None = None,
) -> Copied:
    """See AccountStore.move; within one mailbox the entries get new uids."""
    ledger.mailbox(mailbox_id)
    entries = entries_in(ledger, mailbox_id, ranges)
    row = ledger.mailbox(target, touch=bool(entries))
    if not entries:
        return Copied(uid_validity=UidValidity(row.uid_validity), source=[], target=[])
    uids = insert_copies(ledger, row, with_flags(entries, within))
    _take_out(ledger, ledger.mailbox(mailbox_id, touch=True), entries)
    return Copied(
        uid_validity=UidValidity(row.uid_validity),
        source=[Uid(entry[0]) for entry in entries],
        target=uids,
    )


def replace(
    ledger: Ledger,
    mailbox_id: int,
    uid: int,
    target: int,
    message: NewMessage,
    quota: Quota,
) -> Uid:
    """See AccountStore.replace; what goes makes room for what comes."""
    ledger.mailbox(mailbox_id)
    ledger.mailbox(target)
    if not remove(ledger, mailbox_id, [Uid(uid)]):
        raise NoSuchMessage(str(uid))
    (new,) = append(ledger, target, [message], quota)
    return new


# -- removing


def _take_out(ledger: Ledger, row: MailboxRow, entries: list[Entry]) -> None:
    """Delete entries of a touched mailbox; their messages may go on elsewhere."""
    uids = [entry[0] for entry in entries]
    runs = consecutive(uids)
    ledger.connection.executemany(
        "DELETE FROM entries WHERE mailbox = ? AND uid BETWEEN ? AND ?",
        [(row.id, first, last) for first, last in runs],
    )
    marks.take_out(ledger.connection, row.id, runs)
    ledger.log(row, EXPUNGED, runs)
    row.held -= len(entries)
    row.octets -= sum(entry[5] for entry in entries)
    row.unseen -= sum(1 for entry in entries if not entry[2] & SEEN)
    row.deleted -= sum(1 for entry in entries if entry[2] & DELETED)


def throw_away(ledger: Ledger, entries: list[Entry]) -> None:
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


def _expunge(ledger: Ledger, mailbox_id: int, entries: list[Entry]) -> list[Uid]:
    if entries:
        _take_out(ledger, ledger.mailbox(mailbox_id, touch=True), entries)
        throw_away(ledger, entries)
    return [Uid(entry[0]) for entry in entries]


def expunge(ledger: Ledger, mailbox_id: int, ranges: UidRanges | None) -> list[Uid]:
    """See AccountStore.expunge."""
    if not ledger.mailbox(mailbox_id).deleted:
        return []
    loaded = marks.load(
        ledger.connection, mailbox_id, [(1, MAX_UID)] if ranges is None else ranges
    )
    uids = loaded.where(marks.table_of(DELETED))
    return _expunge(
        ledger, mailbox_id, entries_in(ledger, mailbox_id, consecutive(uids))
    )


def remove(ledger: Ledger, mailbox_id: int, uids: Sequence[Uid]) -> list[Uid]:
    """See AccountStore.remove."""
    ledger.mailbox(mailbox_id)
    entries = entries_in(ledger, mailbox_id, consecutive(sorted(set(uids))))
    return _expunge(ledger, mailbox_id, entries)


def empty(ledger: Ledger, mailbox_id: int) -> None:
    """Remove all entries of a mailbox that is about to go."""
    _expunge(ledger, mailbox_id, entries_in(ledger, mailbox_id, [(1, MAX_UID)]))


def claim_recent(ledger: Ledger, mailbox_id: int, uid_next: int) -> int:
    """See AccountStore.claim_recent; no change of an entry, so no new mod-seq."""
    row = ledger.mailbox(mailbox_id)
    first = claim_directly(ledger.connection, mailbox_id, uid_next)
    row.first_recent = max(first, uid_next)
    return first


def claim_directly(connection: Database, mailbox_id: int, uid_next: int) -> int:
    """The same in a transaction that has no ledger."""
    found = one(
        connection,
        "SELECT first_recent FROM mailboxes WHERE id = ? AND selectable",
        (mailbox_id,),
    )
    if found is None:
        raise NoSuchMailbox(str(mailbox_id))
    first: int = found[0]
    if first < uid_next:
        connection.execute(
            "UPDATE mailboxes SET first_recent = ? WHERE id = ?", (uid_next, mailbox_id)
        )
    return first


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
    threads = set()
    for (message,) in messages:
        row = connection.execute(
            "DELETE FROM bodies WHERE message = ? RETURNING file", (message,)
        ).fetchone()
        if row and row[0]:
            files.append(row[0])
        row = connection.execute(
            "DELETE FROM messages WHERE id = ? RETURNING thread", (message,)
        ).fetchone()
        if row:
            threads.add(row[0])
    forget_threads(connection, list(threads))
    for table, key in (
        ("heads", "message"),
        ("fields", "message"),
        ("texts", "message"),
        ("words", "rowid"),
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
