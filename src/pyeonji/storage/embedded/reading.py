"""Reading an account's file: SQL made once for each set of columns."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pyeonji.base.ids import MailboxId, ModSeq, Uid, UidValidity
from pyeonji.storage.content import StoredOctets
from pyeonji.storage.embedded import marks
from pyeonji.storage.embedded.ledger import consecutive, in_ranges
from pyeonji.storage.embedded.octets import map_file, unpack
from pyeonji.storage.errors import StorageUnavailable
from pyeonji.storage.mailboxes import Changes, Column, Mailbox, SpecialUse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from mmap import mmap
    from pathlib import Path

    from pyeonji.storage.embedded.sqlite import Database
    from pyeonji.storage.mailboxes import Row, UidRanges

_MARKS: Final = frozenset({Column.FLAGS, Column.MOD_SEQ})
"""Those that stand apart (see `marks`)."""

_FROM_MARKS: Final = frozenset({Column.UID, Column.KEYWORDS, *_MARKS})
"""Those that need nothing else where no entry has keywords."""

_COLUMNS: Final[dict[Column, str]] = {
    Column.UID: "e.uid",
    Column.KEYWORDS: "e.keywords",
    Column.INTERNAL_DATE: "e.internal_date",
    Column.SAVE_DATE: "e.save_date",
    Column.SIZE: "e.size",
    Column.MESSAGE_ID: "e.message",
    Column.PREFIX_SIZE: "m.prefix_size",
    Column.ENVELOPE: "m.envelope",
    Column.BODY_STRUCTURE: "m.body_structure",
    Column.PARTS: "m.parts",
    Column.SENT_DATE: "m.sent_date",
    Column.SENT_DAY: "m.sent_day",
    Column.SORT_SUBJECT: "m.sort_subject",
    Column.SORT_FROM: "m.sort_from",
    Column.SORT_TO: "m.sort_to",
    Column.SORT_CC: "m.sort_cc",
    Column.HEADER_MESSAGE_ID: "m.message_id",
    Column.REFERENCES: "m.refers",
    Column.PREVIEW: "m.preview",
    Column.THREAD_ID: "m.thread",
    Column.HEADER: "h.header",
    Column.SORT_DISPLAY_FROM: "m.display_from",
    Column.SORT_DISPLAY_TO: "m.display_to",
    Column.SUBJECT: "m.subject",
    Column.COMMON_FIELDS: "f.octets",
}

MANY: Final = 100
"""Span of uids from which narrow rows are gathered."""

_MAILBOXES: Final = (
    "SELECT b.id, b.name, b.uid_validity, b.uid_next, b.highest_mod_seq, b.held,"
    " b.unseen, b.deleted, b.octets, b.first_recent, b.special_use,"
    " EXISTS (SELECT 1 FROM subscriptions s WHERE s.name = b.name), b.selectable,"
    " b.object_id"
    " FROM mailboxes b"
)


@lru_cache(maxsize=4096)
def _mailbox(row: tuple[Any, ...]) -> Mailbox:
    """A row as a value; the same row again, as most are, costs only a look-up."""
    return Mailbox(
        id=MailboxId(row[0]),
        name=row[1],
        uid_validity=UidValidity(row[2]),
        uid_next=Uid(row[3]),
        highest_mod_seq=ModSeq(row[4]),
        exists=row[5],
        unseen=row[6],
        deleted=row[7],
        octets=row[8],
        first_recent=Uid(row[9]),
        special_use=SpecialUse(row[10]) if row[10] else None,
        subscribed=bool(row[11]),
        selectable=bool(row[12]),
        object_id=row[13],
    )


def mailboxes(connection: Database) -> list[Mailbox]:
    """All, by name, INBOX first."""
    rows = connection.execute(
        _MAILBOXES + " ORDER BY b.name <> 'INBOX', b.name"
    ).fetchall()
    return [_mailbox(row) for row in rows]


def mailbox_named(connection: Database, name: str) -> Mailbox | None:
    """One by its canonical name."""
    row = connection.execute(_MAILBOXES + " WHERE b.name = ?", (name,)).fetchone()
    return row and _mailbox(row)


def mailbox_by_id(connection: Database, mailbox_id: int) -> Mailbox | None:
    """One by its id."""
    row = connection.execute(_MAILBOXES + " WHERE b.id = ?", (mailbox_id,)).fetchone()
    return row and _mailbox(row)


@lru_cache(maxsize=512)
def _select(columns: tuple[Column, ...]) -> tuple[str, str]:
    """SELECT …, and what follows the table of entries."""
    wanted = [_COLUMNS[column] for column in columns]
    join = ""
    if any("m." in column for column in wanted):
        join = " CROSS JOIN messages m ON m.id = e.message"
    if any("h." in column for column in wanted):
        join += " CROSS JOIN heads h ON h.message = e.message"
    if any("f." in column for column in wanted):
        join += " CROSS JOIN fields f ON f.message = e.message"
    return f"SELECT {', '.join(wanted)} FROM ", f"{join} WHERE "  # noqa: S608 - names above


@lru_cache(maxsize=512)
def wide_tables(columns: tuple[Column, ...]) -> tuple[str, ...]:
    """Tables with a row for each message that such columns are read from."""
    wanted = {_COLUMNS.get(column, "")[:2] for column in columns}
    names = {"m.": "messages", "h.": "heads", "f.": "fields"}
    return tuple(name for alias, name in names.items() if alias in wanted)


def narrow(
    connection: Database, columns: Sequence[str], rest: str, bindings: Sequence[Any]
) -> list[Row]:
    """Rows of numbers and short texts, gathered by SQLite in one step.

    A step for each row costs more than all else about narrow rows; so each
    column comes as one JSON array. The rows keep the order of the scan.
    """
    gathered = ", ".join(f"json_group_array({column})" for column in columns)
    row = connection.execute(f"SELECT {gathered} {rest}", bindings).fetchone()
    return list(zip(*map(_array.decode, row), strict=True))


def numbers(
    connection: Database, column: str, rest: str, bindings: Sequence[Any]
) -> list[Any]:
    """One column of numbers, as `narrow` gathers it."""
    row = connection.execute(
        f"SELECT json_group_array({column}) {rest}",
        bindings,
    ).fetchone()
    found: list[Any] = _array.decode(row[0])
    return found


_array: Final = msgspec.json.Decoder(list[Any])


def select(
    connection: Database,
    mailbox_id: int,
    ranges: UidRanges,
    columns: Sequence[Column],
) -> list[Row]:
    """See AccountStore.select."""
    if not ranges:
        return []
    if not _MARKS.isdisjoint(columns):
        return list(
            zip(
                *_with_marks(connection, mailbox_id, ranges, columns, select=True),
                strict=True,
            )
        )
    return _select_rows(connection, mailbox_id, ranges, columns)


def _select_rows(
    connection: Database,
    mailbox_id: int,
    ranges: UidRanges,
    columns: Sequence[Column],
) -> list[Row]:
    what, join = _select(tuple(columns))
    source, where, bindings = in_ranges(mailbox_id, ranges)
    if not join.startswith(" CROSS") and ranges[-1][1] - ranges[0][0] > MANY:
        wanted = [_COLUMNS[column] for column in columns]
        return narrow(connection, wanted, f"FROM {source} WHERE {where}", bindings)
    found: list[Row] = connection.execute(
        f"{what}{source}{join}{where}", bindings
    ).fetchall()
    return found


def columns(
    connection: Database,
    mailbox_id: int,
    ranges: UidRanges,
    wanted: Sequence[Column],
) -> list[list[Any]]:
    """See AccountStore.columns: JSON arrays are made faster than rows."""
    if not ranges:
        return [[] for _ in wanted]
    if not _MARKS.isdisjoint(wanted):
        found = _with_marks(connection, mailbox_id, ranges, wanted, select=False)
        return [list(column) for column in found]
    return _gathered(connection, mailbox_id, ranges, wanted)


def _gathered(
    connection: Database,
    mailbox_id: int,
    ranges: UidRanges,
    wanted: Sequence[Column],
) -> list[list[Any]]:
    _, join = _select(tuple(wanted))
    source, where, bindings = in_ranges(mailbox_id, ranges)
    gathered = ", ".join(f"json_group_array({_COLUMNS[column]})" for column in wanted)
    row = connection.execute(
        f"SELECT {gathered} FROM {source}{join}{where}",  # noqa: S608 - names above
        bindings,
    ).fetchone()
    return [_array.decode(array) for array in row]


def _with_marks(
    connection: Database,
    mailbox_id: int,
    ranges: UidRanges,
    wanted: Sequence[Column],
    *,
    select: bool,
) -> list[Sequence[Any]]:
    """Columns where some of them are marks; both of one moment."""
    if connection.in_transaction:
        return _both(connection, mailbox_id, ranges, wanted, select=select)
    connection.execute("BEGIN")
    try:
        return _both(connection, mailbox_id, ranges, wanted, select=select)
    finally:
        connection.execute("COMMIT")


def _both(
    connection: Database,
    mailbox_id: int,
    ranges: UidRanges,
    wanted: Sequence[Column],
    *,
    select: bool,
) -> list[Sequence[Any]]:
    loaded = marks.load(
        connection, mailbox_id, ranges, mod_seqs=Column.MOD_SEQ in wanted
    )
    uids = loaded.uids
    found: dict[Column, Sequence[Any]] = {Column.UID: uids}
    if Column.FLAGS in wanted:
        found[Column.FLAGS] = loaded.bits()
    if Column.MOD_SEQ in wanted:
        found[Column.MOD_SEQ] = loaded.mod_seqs()
    others = [column for column in wanted if column not in found]
    if others == [Column.KEYWORDS] and not loaded.worded:
        found[Column.KEYWORDS] = [""] * len(uids)
    elif others:
        there = [Column.UID, *others]
        if select:
            rows = _select_rows(connection, mailbox_id, ranges, there)
            kept: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(
                there
            )
        else:
            kept = _gathered(connection, mailbox_id, ranges, there)
        if len(kept[0]) != len(uids):
            raise StorageUnavailable("marks without entries: `pyeonji repair`")
        found |= dict(zip(there, kept, strict=True))
    return [found[column] for column in wanted]


def keywords_of(
    connection: Database, mailbox_id: int, run: marks.Run
) -> dict[int, str]:
    """Keywords of those named entries that have any, by uid."""
    if not run.worded:
        return {}
    return dict(
        connection.execute(
            "SELECT uid, keywords FROM entries"
            " WHERE mailbox = ? AND uid BETWEEN ? AND ? AND keywords <> ''",
            (mailbox_id, run.base, run.base + len(run.named) - 1),
        ).fetchall()
    )


def octets(
    connection: Database, blobs: Path, mailbox_id: int, uids: Sequence[Uid]
) -> list[tuple[Uid, StoredOctets]]:
    """See AccountStore.octets."""
    if not uids:
        return []
    runs = consecutive(uids if len(uids) == 1 else sorted(set(uids)))
    source, where, bindings = in_ranges(mailbox_id, runs)
    rows = connection.execute(
        f"SELECT e.uid, {STORED} FROM {source}"  # noqa: S608 - only fixed pieces
        f" CROSS JOIN messages m ON m.id = e.message"
        f" CROSS JOIN heads h ON h.message = e.message"
        f" CROSS JOIN bodies b ON b.message = e.message WHERE {where}",
        bindings,
    ).fetchall()
    return [(row[0], stored(blobs, *row[1:])) for row in rows]


STORED: Final = "m.prefix_size, h.header, b.octets, b.file, b.checksum"
"""Columns that `stored` takes, of `messages m`, `heads h` and `bodies b`."""


def stored(
    blobs: Path,
    prefix_size: int,
    header: bytes,
    kept: bytes | None,
    file: str | None,
    checksum: int | None,
) -> StoredOctets:
    """A message from the pieces in which it is kept."""
    if kept is None:
        body: bytes | mmap = map_file(blobs / (file or ""))
    else:
        body = header[prefix_size:] + unpack(kept, checksum)
    return StoredOctets(prefix=header[:prefix_size], body=body)


def changes(connection: Database, mailbox_id: int, since: int) -> Changes:
    """See AccountStore.changes: from the log, or by a scan where it is too short."""
    row = connection.execute(_COUNTERS, (mailbox_id,)).fetchone()
    if row is None:
        return Changes(
            highest_mod_seq=ModSeq(since), exists=0, uid_next=Uid(1), gone=True
        )
    highest, held, uid_next, _ = row
    if highest <= since:
        return Changes(highest_mod_seq=highest, exists=held, uid_next=uid_next)
    connection.execute("BEGIN")  # one snapshot for what belongs together
    try:
        return _changes(connection, mailbox_id, since)
    finally:
        connection.execute("COMMIT")


_COUNTERS: Final = (
    "SELECT highest_mod_seq, held, uid_next, log_floor FROM mailboxes"
    " WHERE id = ? AND selectable"
)


def _changes(connection: Database, mailbox_id: int, since: int) -> Changes:
    row = connection.execute(_COUNTERS, (mailbox_id,)).fetchone()
    if row is None:
        return Changes(
            highest_mod_seq=ModSeq(since), exists=0, uid_next=Uid(1), gone=True
        )
    highest, held, uid_next, floor = row
    vanished = [
        Uid(uid)
        for first, last in connection.execute(
            "SELECT first, last FROM log"
            " WHERE mailbox = ? AND mod_seq > ? AND kind = 1 ORDER BY first",
            (mailbox_id, since),
        )
        for uid in range(first, last + 1)
    ]
    return Changes(
        highest_mod_seq=ModSeq(highest),
        exists=held,
        uid_next=Uid(uid_next),
        entries=_changed(connection, mailbox_id, since, in_log=since + 1 >= floor),
        vanished=vanished,
    )


def _changed(
    connection: Database, mailbox_id: int, since: int, *, in_log: bool
) -> list[tuple[Uid, int, str, ModSeq]]:
    ranges = [(0, 2**32)]
    if in_log:
        found = connection.execute(
            "SELECT first, last FROM log"
            " WHERE mailbox = ? AND mod_seq > ? AND kind = 0 ORDER BY first",
            (mailbox_id, since),
        ).fetchall()
        ranges = merged(found)
    if not ranges:
        return []
    loaded = marks.load(connection, mailbox_id, ranges, mod_seqs=True)
    changed: list[tuple[Uid, int, str, ModSeq]] = []
    for run in loaded.runs:
        words = keywords_of(connection, mailbox_id, run)
        changed += [
            (Uid(uid), bits, words.get(uid, ""), ModSeq(mod_seq))
            for uid, bits, mod_seq in zip(
                run.uids(), run.bits(), run.mod_seqs(), strict=True
            )
            if mod_seq > since
        ]
    return changed


def merged(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges ascending by their first, as ranges that don't overlap."""
    out: list[tuple[int, int]] = []
    for first, last in ranges:
        if out and first <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(last, out[-1][1]))
        else:
            out.append((first, last))
    return out
