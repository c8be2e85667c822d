"""An open transaction on an account's file, with its counters in memory."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from pyeonji.storage.embedded.mail_schema import CHANGED
from pyeonji.storage.errors import NoSuchMailbox

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pyeonji.storage.embedded.sqlite import Database
    from pyeonji.storage.mailboxes import UidRanges

MAX_LOG_ROWS: Final = 4000
"""Rows of changes that a mailbox keeps in its log; older ones take a scan."""

MAX_LOGGED_RUNS: Final = 200
"""Runs that one change writes; more are written as one that covers them."""

_READ_MAILBOX: Final = (
    "SELECT id, name, uid_validity, uid_next, highest_mod_seq, held, unseen,"
    " deleted, octets, first_recent, special_use, selectable, log_floor"
    " FROM mailboxes WHERE "
)


@dataclass(slots=True)
class MailboxRow:
    """A row of `mailboxes`, changed in place and written by `flush`."""

    id: int
    name: str
    uid_validity: int
    uid_next: int
    highest_mod_seq: int
    held: int
    unseen: int
    deleted: int
    octets: int
    first_recent: int
    special_use: str | None
    selectable: int
    log_floor: int


class Ledger:
    """What a job sees: the connection inside BEGIN IMMEDIATE, and the counters.

    `mod_seq()` gives the modification sequence of the job's changes; all
    entries that one job changes share it (RFC 7162 §3.1).
    """

    def __init__(self, connection: Database, folder: Path, now: int) -> None:
        self.connection = connection
        self.blobs = folder / "blobs"
        self.now = now
        self.changed: set[int] = set()
        self.list_changed = False
        self.new_files = False
        self.messages_came = False
        self.forget()

    def forget(self) -> None:
        """Read counters anew (after a job was rolled back)."""
        self._mailboxes: dict[int, MailboxRow] = {}
        self._touched: set[int] = set()
        row = self.connection.execute(
            "SELECT mod_seq, uid_validity, next_message, octets, messages FROM account"
        ).fetchone()
        self._kept = row
        self.last_mod_seq: int = row[0]
        self.last_uid_validity: int = row[1]
        self.next_message: int = row[2]
        self.octets: int = row[3]
        self.messages: int = row[4]
        self._mod_seq = 0

    @property
    def next_mod_seq(self) -> int:
        """What `mod_seq` is or will be."""
        return self._mod_seq or self.last_mod_seq + 1

    def mod_seq(self) -> int:
        """The sequence of this job."""
        if not self._mod_seq:
            self.last_mod_seq += 1
            self._mod_seq = self.last_mod_seq
        return self._mod_seq

    def uid_validity(self) -> int:
        """A new one, greater than all before (RFC 3501 §2.3.1.1)."""
        self.last_uid_validity = max(self.now, self.last_uid_validity + 1)
        return self.last_uid_validity

    def mailbox(self, mailbox_id: int, *, touch: bool = False) -> MailboxRow:
        """A selectable mailbox; with `touch`, this job changes entries of it.

        Raises:
            NoSuchMailbox.
        """
        row = self._mailboxes.get(mailbox_id)
        if row is None:
            found = self.connection.execute(
                _READ_MAILBOX + "id = ? AND selectable", (mailbox_id,)
            ).fetchone()
            if found is None:
                raise NoSuchMailbox(str(mailbox_id))
            row = self._mailboxes[mailbox_id] = MailboxRow(*found)
        if touch:
            self._touched.add(mailbox_id)
            row.highest_mod_seq = self.mod_seq()
        return row

    def named(self, name: str) -> MailboxRow | None:
        """A mailbox by its canonical name, selectable or not."""
        for row in self._mailboxes.values():
            if row.name == name:
                return row
        found = self.connection.execute(_READ_MAILBOX + "name = ?", (name,)).fetchone()
        if found is None:
            return None
        row = MailboxRow(*found)
        if row.selectable:
            self._mailboxes[row.id] = row
        return row

    def drop(self, mailbox_id: int) -> None:
        """The row was changed or deleted by SQL: don't write it back."""
        self._mailboxes.pop(mailbox_id, None)
        self._touched.discard(mailbox_id)

    def log(
        self,
        row: MailboxRow,
        kind: int,
        runs: Sequence[tuple[int, int]],
        touched: str | None = None,
    ) -> None:
        """Note which uids this job changed or expunged (see `consecutive`).

        Args:
            row: the mailbox.
            kind: CHANGED or EXPUNGED.
            runs: first and last uids.
            touched: which flags, None for all (see `touching`).
        """
        if kind == CHANGED and len(runs) > MAX_LOGGED_RUNS:
            runs = [(runs[0][0], runs[-1][1])]
        mod_seq = self.mod_seq()
        self.connection.executemany(
            "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET last = max(last, excluded.last), touched = NULL",
            [(row.id, mod_seq, kind, first, last, touched) for first, last in runs],
        )
        if mod_seq - row.log_floor > MAX_LOG_ROWS:
            self._shorten_log(row)

    def _shorten_log(self, row: MailboxRow) -> None:
        floor = self.connection.execute(
            "SELECT mod_seq FROM log WHERE mailbox = ? AND kind = 0"
            " ORDER BY mod_seq DESC LIMIT 1 OFFSET ?",
            (row.id, MAX_LOG_ROWS // 2),
        ).fetchone()
        row.log_floor = floor[0] if floor else self.mod_seq() - MAX_LOG_ROWS // 2
        self.connection.execute(
            "DELETE FROM log WHERE mailbox = ? AND kind = 0 AND mod_seq < ?",
            (row.id, row.log_floor),
        )

    def flush(self) -> None:
        """Write the counters back; the end of a job."""
        kept = (
            self.last_mod_seq,
            self.last_uid_validity,
            self.next_message,
            self.octets,
            self.messages,
        )
        if kept != self._kept:
            self.connection.execute(
                "UPDATE account SET mod_seq = ?, uid_validity = ?, next_message = ?,"
                " octets = ?, messages = ?",
                kept,
            )
            self._kept = kept
        if self.list_changed:
            self.connection.execute(
                "UPDATE account SET list_changes = list_changes + 1"
            )
        for mailbox_id in self._touched:
            row = self._mailboxes[mailbox_id]
            self.connection.execute(
                "UPDATE mailboxes SET uid_next = ?, highest_mod_seq = ?, held = ?,"
                " unseen = ?, deleted = ?, octets = ?, first_recent = ?,"
                " log_floor = ? WHERE id = ?",
                (
                    row.uid_next,
                    row.highest_mod_seq,
                    row.held,
                    row.unseen,
                    row.deleted,
                    row.octets,
                    row.first_recent,
                    row.log_floor,
                    row.id,
                ),
            )
        self.changed |= self._touched
        self._touched.clear()
        self._mod_seq = 0


def consecutive(uids: Sequence[int]) -> list[tuple[int, int]]:
    """Runs of numbers that follow one another, from ascending numbers."""
    if not uids:
        return []
    if uids[-1] - uids[0] == len(uids) - 1:
        return [(uids[0], uids[-1])]
    runs = []
    start = uids[0]
    for here, following in pairwise(uids):
        if following != here + 1:
            runs.append((start, here))
            start = following
    runs.append((start, uids[-1]))
    return runs


def in_ranges(mailbox_id: int, ranges: UidRanges) -> tuple[str, str, list[Any]]:
    """What selects entries `e` within ranges: FROM, WHERE, and bindings.

    Many ranges are given as JSON, so that the SQL is always one of two.
    """
    if len(ranges) == 1:
        first, last = ranges[0]
        return (
            "entries e",
            "e.mailbox = ? AND e.uid BETWEEN ? AND ?",
            [mailbox_id, first, last],
        )
    pairs = ",".join(f"[{first},{last}]" for first, last in ranges)
    return (
        "json_each(?) r CROSS JOIN entries e",
        "e.mailbox = ? AND e.uid BETWEEN r.value ->> 0 AND r.value ->> 1",
        [f"[{pairs}]", mailbox_id],
    )
