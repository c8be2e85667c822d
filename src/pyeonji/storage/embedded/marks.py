"""Flags and mod-sequences of entries: a row of `marks` for each SPAN uids.

They are what changes, often for thousands of entries at once; so they stand
side by side as octets, apart from what stays as it came. A row has an octet for
each uid: PRESENT and the bits of its flags, or nought where no entry is; and a
mod-sequence of eight octets, the highest first, so that SQL can compare them.
Where all entries of a row have the same one, as after a change of all, it stands
there once.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import compress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyeonji.storage.embedded.sqlite import Database
    from pyeonji.storage.entries import UidRanges

SPAN: Final = 128
"""Uids of a row: three of them fill a page."""

PRESENT: Final = 128
WORDED: Final = 64
"""The entry has keywords, which are in its row of `entries`."""

BITS: Final = 31
"""System flags of an octet."""

FEW_RANGES: Final = 16
"""So many are read one by one; more are picked from all that is between them."""

SCHEMA: Final = """
    CREATE TABLE marks (
        id INTEGER PRIMARY KEY,         -- (mailbox << 25) | (uid >> 7)
        flags BLOB NOT NULL,
        mod_seqs BLOB NOT NULL
    );
"""

OF_ENTRY: Final = "(SELECT {} FROM marks WHERE id = (e.mailbox << 25) | (e.uid >> 7))"
FLAGS_OF_ENTRY: Final = (
    f"substr({OF_ENTRY.format('flags')}, (e.uid & {SPAN - 1}) + 1, 1)"
)
MOD_SEQ_OF_ENTRY: Final = OF_ENTRY.format(
    f"substr(mod_seqs, iif(length(mod_seqs) = 8, 0, (e.uid & {SPAN - 1}) * 8) + 1, 8)"
)
"""SQL for an entry `e`: blobs of one and of eight octets."""

_SHIFT: Final = 25
_IN_MAILBOX: Final = (1 << _SHIFT) - 1
BITS_OF: Final = bytes(octet & BITS for octet in range(256))
_FULL: Final = bytes(1) + b"\xff" * 255
_ABSENT: Final = b"\xff" + bytes(255)
_NONE: Final = bytes(SPAN)
_SEQ: Final = 8
_NO_SEQS: Final = bytes(_SEQ * SPAN)


def packed(mod_seq: int) -> bytes:
    """A mod-sequence as it is kept."""
    return mod_seq.to_bytes(8, "big")


@dataclass(slots=True)
class Run:
    """Rows whose uids follow one another."""

    base: int  # the first uid
    flags: bytes
    named: bytes  # the same, with nought for entries that were not asked for
    seqs: bytes  # empty where they were not asked for

    def uids(self) -> Sequence[int]:
        """Of the named entries."""
        return places(self.base, self.named)

    def bits(self) -> bytes:
        """System flags of the named entries."""
        return self.named.translate(BITS_OF, b"\0")

    def mod_seqs(self) -> Sequence[int]:
        """Of the named entries."""
        every = _unpacked(self.seqs)
        return every if 0 not in self.named else list(compress(every, self.named))

    @property
    def worded(self) -> bool:
        """Whether a named entry has keywords."""
        return bool(self.named.translate(_WORDED).strip(b"\0"))

    def where(self, table: bytes) -> list[int]:
        """Uids of named entries whose octets a table gives something for."""
        every = range(self.base, self.base + len(self.named))
        return list(compress(every, self.named.translate(table)))


def places(base: int, octets: bytes) -> Sequence[int]:
    """Numbers from `base` on whose octets are not nought."""
    every = range(base, base + len(octets))
    named = octets.rstrip(b"\0")
    start = len(named) - len(named.lstrip(b"\0"))
    if named.find(0, start) < 0:
        return every[start : len(named)]
    return list(compress(every, octets))


_WORDED: Final = bytes(octet & WORDED for octet in range(256))


def _unpacked(seqs: bytes) -> array[int]:
    found = array("Q", seqs)
    if sys.byteorder == "little":
        found.byteswap()
    return found


@cache
def table_of(flags: int, *, wanted: bool = True) -> bytes:
    """One for `Run.where`: entries that have all of these flags, or don't."""
    return bytes(
        octet >= PRESENT and (octet & flags == flags) is wanted for octet in range(256)
    )


@dataclass(frozen=True)
class Loaded:
    """What was read of a mailbox, ascending."""

    runs: list[Run]

    @cached_property
    def uids(self) -> Sequence[int]:
        """Of all named entries."""
        found = [run.uids() for run in self.runs]
        return found[0] if len(found) == 1 else [uid for each in found for uid in each]

    def bits(self) -> Sequence[int]:
        """Their system flags."""
        return b"".join([run.bits() for run in self.runs])

    def mod_seqs(self) -> Sequence[int]:
        """Their mod-sequences."""
        found = [run.mod_seqs() for run in self.runs]
        return found[0] if len(found) == 1 else [one for each in found for one in each]

    @property
    def worded(self) -> bool:
        """Whether one has keywords."""
        return any(run.worded for run in self.runs)

    def where(self, table: bytes) -> list[int]:
        """See Run."""
        return [uid for run in self.runs for uid in run.where(table)]


_READ: Final = "SELECT id, flags, mod_seqs FROM marks WHERE id BETWEEN ? AND ?"
_READ_FLAGS: Final = "SELECT id, flags, '' FROM marks WHERE id BETWEEN ? AND ?"


def load(
    connection: Database, mailbox: int, ranges: UidRanges, *, mod_seqs: bool = False
) -> Loaded:
    """The marks of entries within ranges."""
    if not ranges:
        return Loaded([])
    if len(ranges) <= FEW_RANGES:
        spans: list[tuple[int, int]] = []
        for low, high in ranges:
            first, last = low // SPAN, high // SPAN
            if spans and first <= spans[-1][1] + 1:
                spans[-1] = (spans[-1][0], last)
            else:
                spans.append((first, last))
    else:
        spans = [(ranges[0][0] // SPAN, ranges[-1][1] // SPAN)]
    sql = _READ if mod_seqs else _READ_FLAGS
    base = mailbox << _SHIFT
    runs = [
        run
        for first, last in spans
        for run in _joined(
            connection.execute(
                sql, (base + first, base + min(last, _IN_MAILBOX))
            ).fetchall()
        )
    ]
    if len(ranges) == 1:
        for run in runs:
            _name_one(run, *ranges[0])
    else:
        for run in runs:
            _name(run, ranges)
    return Loaded([run for run in runs if run.named.strip(b"\0")])


def _joined(rows: list[tuple[int, bytes, bytes]]) -> Iterator[Run]:
    """Rows that follow one another, together."""
    start = 0
    for at in range(1, len(rows) + 1):
        if at < len(rows) and rows[at][0] == rows[at - 1][0] + 1:
            continue
        whole = rows[start:at]
        flags = b"".join([row[1] for row in whole])
        seqs = b"".join([spelt_out(row[2]) for row in whole]) if whole[0][2] else b""
        yield Run((whole[0][0] & _IN_MAILBOX) * SPAN, flags, flags, seqs)
        start = at


def spelt_out(kept: bytes) -> bytes:
    """Mod-sequences of a row, one for each uid."""
    return kept if len(kept) > _SEQ else kept * SPAN


def shortened(seqs: bytes) -> bytes:
    """The same as a row has them."""
    one = seqs[:_SEQ]
    return one if seqs == one * SPAN else seqs


def _name_one(run: Run, low: int, high: int) -> None:
    size = len(run.flags)
    first, last = max(low - run.base, 0), min(high - run.base + 1, size)
    if first or last < size:
        run.named = bytes(first) + run.flags[first:last] + bytes(size - last)


def _name(run: Run, ranges: UidRanges) -> None:
    size = len(run.flags)
    named = bytearray(size)
    at = max(bisect_right(ranges, (run.base, 0)) - 1, 0)
    for low, high in ranges[at:]:
        first, last = low - run.base, high - run.base + 1
        if first >= size:
            break
        first = max(first, 0)
        if last > first:
            named[first:last] = run.flags[first : min(last, size)]
    run.named = bytes(named)


# -- writing


def masked(octets: bytes, mask: bytes) -> bytes:
    """Octets where the mask is not nought, nought elsewhere."""
    if 0 not in mask:
        return octets
    left = int.from_bytes(octets, "little") & int.from_bytes(
        mask.translate(_FULL), "little"
    )
    return left.to_bytes(len(octets), "little")


def change(
    connection: Database,
    mailbox: int,
    run: Run,
    new: bytes,
    mod_seq: int,
    *,
    forced: Sequence[int] = (),
) -> bytes:
    """Write new octets of named entries; nothing where they are what they were.

    Args:
        connection: in a transaction.
        mailbox: its number.
        run: loaded with its mod-sequences.
        new: as `run.named`.
        mod_seq: of those that change.
        forced: places of entries that change though their octets don't.

    Returns:
        The bits that changed of each entry, WORDED for those that were forced,
        as `new` is laid out.
    """
    size = len(new)
    difference = int.from_bytes(run.named, "little") ^ int.from_bytes(new, "little")
    if not difference and not forced:
        return b""
    changed = difference.to_bytes(size, "little")
    if forced:
        every = bytearray(changed)
        for at in forced:
            every[at] |= WORDED
        changed = bytes(every)
    flags = (int.from_bytes(run.flags, "little") ^ difference).to_bytes(size, "little")
    # what stands where no entry is does not matter
    absent = int.from_bytes(run.flags.translate(_ABSENT), "little")
    given = (int.from_bytes(changed, "little") | absent).to_bytes(size, "little")
    whole = packed(mod_seq) if 0 not in given else b""
    seqs = b"" if whole else with_seq(run.seqs, given, mod_seq)
    first = (mailbox << _SHIFT) + run.base // SPAN
    connection.executemany(
        "UPDATE marks SET flags = ?, mod_seqs = ? WHERE id = ?",
        [
            (
                flags[at : at + SPAN],
                whole or shortened(seqs[_SEQ * at : _SEQ * (at + SPAN)]),
                first + at // SPAN,
            )
            for at in range(0, size, SPAN)
            if changed[at : at + SPAN] != _NONE
        ],
    )
    return changed


def with_seq(seqs: bytes, changed: bytes, mod_seq: int) -> bytes:
    """Mod-sequences, with a new one where something changed."""
    new = packed(mod_seq)
    if 0 not in changed:
        return new * len(changed)
    every = array("Q", seqs)
    (value,) = array("Q", new)
    low = len(changed) - len(changed.lstrip(b"\0"))
    high = len(changed.rstrip(b"\0"))
    if changed.find(0, low, high) < 0:  # one stretch
        every[low:high] = array("Q", new * (high - low))
    else:
        for at in compress(range(len(changed)), changed):
            every[at] = value
    return every.tobytes()


def put(
    connection: Database, mailbox: int, first: int, octets: bytes, mod_seq: int
) -> None:
    """Write octets of new entries whose uids follow one another."""
    base = mailbox << _SHIFT
    new = packed(mod_seq)
    done = 0
    rows = []
    while done < len(octets):
        number, at = divmod(first + done, SPAN)
        piece = octets[done : done + SPAN - at]
        flags, seqs = _NONE, _NO_SEQS
        if at:  # what comes after it is not there yet
            row = connection.execute(_READ, (base + number, base + number)).fetchone()
            if row is not None:
                flags, seqs = row[1], spelt_out(row[2])
        end = at + len(piece)
        flags = flags[:at] + piece + flags[end:]
        seqs = seqs[: 8 * at] + new * len(piece) + seqs[8 * end :]
        rows.append((base + number, flags, shortened(seqs)))
        done += len(piece)
    connection.executemany("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)", rows)


def take_out(
    connection: Database, mailbox: int, runs: Iterable[tuple[int, int]]
) -> None:
    """Entries are there no more; rows without any go."""
    gone = list(runs)
    if not gone:
        return
    base = mailbox << _SHIFT
    span = (base + gone[0][0] // SPAN, base + gone[-1][1] // SPAN)
    if len(gone) <= FEW_RANGES:
        rows = []
        for low, high in gone:
            rows += connection.execute(
                _READ_FLAGS, (base + low // SPAN, base + high // SPAN)
            ).fetchall()
        rows = sorted({row[0]: row for row in rows}.values())
    else:
        rows = connection.execute(_READ_FLAGS, span).fetchall()
    written, empty = [], []
    for run in _joined(rows):
        _name(run, gone)
        left = (
            int.from_bytes(run.flags, "little") ^ int.from_bytes(run.named, "little")
        ).to_bytes(len(run.flags), "little")
        number = base + run.base // SPAN
        for at in range(0, len(left), SPAN):
            piece = left[at : at + SPAN]
            if piece == _NONE:
                empty.append((number + at // SPAN,))
            elif run.named[at : at + SPAN] != _NONE:
                written.append((piece, number + at // SPAN))
    connection.executemany("UPDATE marks SET flags = ? WHERE id = ?", written)
    connection.executemany("DELETE FROM marks WHERE id = ?", empty)


# -- first schemas, `verify` and `repair`


def spread(connection: Database) -> Iterator[tuple[int, int, int, int]]:
    """(mailbox, uid, octet, mod-sequence) of all entries of the account."""
    for number, flags, seqs in connection.execute(
        "SELECT id, flags, mod_seqs FROM marks"
    ):
        base = (number & _IN_MAILBOX) * SPAN
        for at, (octet, seq) in enumerate(
            zip(flags, _unpacked(spelt_out(seqs)), strict=False)
        ):
            if octet:
                yield number >> _SHIFT, base + at, octet, seq


def gather(
    connection: Database, entries: Iterable[tuple[int, int, int, str, int]]
) -> None:
    """Write all marks anew.

    Args:
        connection: in a transaction.
        entries: mailbox, uid, flags, keywords and mod-sequence, ascending.
    """
    connection.execute("DELETE FROM marks")
    here = -1
    flags, seqs = bytearray(SPAN), array("Q", _NO_SEQS)

    def write() -> None:
        kept = array("Q", seqs)
        if sys.byteorder == "little":
            kept.byteswap()
        connection.execute(
            "INSERT INTO marks VALUES (?, ?, ?)",
            (here, bytes(flags), shortened(kept.tobytes())),
        )

    for mailbox, uid, bits, keywords, mod_seq in entries:
        number = (mailbox << _SHIFT) + uid // SPAN
        if number != here:
            if here >= 0:
                write()
            here = number
            flags, seqs = bytearray(SPAN), array("Q", _NO_SEQS)
        flags[uid % SPAN] = octet_of(bits, keywords)
        seqs[uid % SPAN] = mod_seq
    if here >= 0:
        write()


def octet_of(bits: int, keywords: str) -> int:
    """The octet of an entry."""
    return PRESENT | bits & BITS | (WORDED if keywords else 0)


_FOURTH: Final = f"""
    {SCHEMA}
    CREATE TABLE narrow_entries (
        mailbox INTEGER NOT NULL,
        uid INTEGER NOT NULL,
        message INTEGER NOT NULL,
        keywords TEXT NOT NULL,
        internal_date INTEGER NOT NULL,
        save_date INTEGER NOT NULL,
        size INTEGER NOT NULL,
        PRIMARY KEY (mailbox, uid)
    ) WITHOUT ROWID;
    INSERT INTO narrow_entries SELECT mailbox, uid, message, keywords,
        internal_date, save_date, size FROM entries ORDER BY mailbox, uid;
"""  # noqa: S608 - fixed text


def flags_apart(connection: Database) -> None:
    """From the third schema to the fourth."""
    connection.execute(_FOURTH)
    gather(
        connection,
        connection.execute(
            "SELECT mailbox, uid, flags, keywords, mod_seq FROM entries"
            " ORDER BY mailbox, uid"
        ).fetchall(),
    )
    connection.execute(
        "DROP TABLE entries; ALTER TABLE narrow_entries RENAME TO entries;"
        " CREATE INDEX entries_of_message ON entries (message)"
    )


def shorten(connection: Database) -> None:
    """From the sixth schema to the seventh: mod-sequences that are all the same."""
    connection.create_scalar_function("shortened", shortened, 1, deterministic=True)
    connection.execute(
        "UPDATE marks SET mod_seqs = shortened(mod_seqs)"
        " WHERE mod_seqs <> shortened(mod_seqs)"
    )
