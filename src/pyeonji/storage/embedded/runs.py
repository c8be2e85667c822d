"""What SELECT needs of a mailbox at the same cost at any size: runs, first unseen.

Uids are given one after the other and every one that was taken out is in the
log, so the runs of those that are there follow from the gaps; no entry is
read. What was found is remembered with its modification sequence, and brought
up to date from what the log says has happened since.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pyeonji.base.ids import Uid
from pyeonji.storage.embedded import marks, reading
from pyeonji.storage.embedded.ledger import consecutive
from pyeonji.storage.embedded.sqlite import one
from pyeonji.storage.entries import MAX_UID, SEEN, Opened
from pyeonji.storage.errors import NoSuchMailbox

if TYPE_CHECKING:
    from pyeonji.storage.embedded.sqlite import Database

MAX_REMEMBERED: Final = 32
"""Mailboxes of one account that are remembered."""

MAX_FOLLOWED: Final = 500
"""Changed entries that are looked at one by one; more take a scan."""

LOOKED_AT: Final = 5000
"""Uids from the first on that are looked at before the last ones are; at once."""

_COUNTERS: Final = (
    "SELECT highest_mod_seq, held, uid_next, unseen, log_floor, first_recent"
    " FROM mailboxes WHERE id = ? AND selectable"
)
_EXPUNGED: Final = (
    "SELECT first, last FROM log WHERE mailbox = ? AND mod_seq > ? AND kind = 1"
    " ORDER BY first"
)
_CHANGED: Final = (
    "SELECT first, min(last, ?) FROM log WHERE mailbox = ? AND mod_seq > ?"  # noqa: S608 - a number
    f" AND kind = 0 AND first <= ? ORDER BY first LIMIT {MAX_FOLLOWED}"
)
_UNSEEN: Final = marks.table_of(SEEN, wanted=False)


@dataclass(slots=True)
class _Known:
    """What was found of a mailbox, and when."""

    gaps_at: int = 0  # mod-seq of `gaps`
    gaps: tuple[tuple[int, int], ...] = ()  # uids that were expunged
    unseen_at: int = -1  # mod-seq of `unseen`; -1: not looked for yet
    unseen: int = 1  # no entry below it is unseen


class _Counters(NamedTuple):
    highest: int  # mod-sequence
    held: int
    uid_next: int
    unseen: int
    log_floor: int
    first_recent: int


class Runs:
    """Of one open account; asked on the loop only."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection
        self._known: OrderedDict[int, _Known] = OrderedDict()

    def _remembered(self, mailbox_id: int) -> _Known:
        known = self._known.setdefault(mailbox_id, _Known())
        self._known.move_to_end(mailbox_id)
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        return known

    def opened(self, mailbox_id: int, *, look: bool = True) -> tuple[Opened, int]:
        """See AccountStore.opened; and the next uid at that moment."""
        self._connection.execute("BEGIN")  # counters, log and marks of one moment
        try:
            found = one(self._connection, _COUNTERS, (mailbox_id,))
            if found is None:
                raise NoSuchMailbox(str(mailbox_id))
            counters = _Counters(*found)
            runs: Any = self._uid_runs(mailbox_id, counters)
            unseen: Any = None
            if look:
                unseen = self._first_unseen(mailbox_id, counters, runs)
        finally:
            self._connection.execute("COMMIT")
        first_recent = Uid(counters.first_recent)
        opened = Opened(runs=runs, first_recent=first_recent, first_unseen=unseen)
        return opened, counters.uid_next

    def _uid_runs(self, mailbox_id: int, now: _Counters) -> list[tuple[int, int]]:
        if now.held == now.uid_next - 1:
            return [(1, now.held)] if now.held else []
        known = self._remembered(mailbox_id)
        if known.gaps_at != now.highest:
            expunged = self._connection.execute(
                _EXPUNGED, (mailbox_id, known.gaps_at)
            ).fetchall()
            gaps = sorted([*known.gaps, *expunged]) if known.gaps else expunged
            known.gaps = tuple(reading.merged(gaps))
            known.gaps_at = now.highest
        runs = between(known.gaps, now.uid_next - 1)
        if sum(last - first + 1 for first, last in runs) == now.held:
            return runs
        # `repair` takes entries out that are not in the log
        everything = marks.load(self._connection, mailbox_id, [(1, MAX_UID)])
        return consecutive(everything.uids)

    def _first_unseen(
        self, mailbox_id: int, now: _Counters, runs: list[tuple[int, int]]
    ) -> int | None:
        if not now.unseen:
            return None
        if now.unseen == now.held:
            return runs[0][0] if runs else None
        known = self._remembered(mailbox_id)
        if known.unseen_at != now.highest:
            start = self._none_before(mailbox_id, known, now.log_floor)
            found = self._unseen(mailbox_id, [(start, start + LOOKED_AT)])
            first = found[0] if found else self._far(mailbox_id, now)
            known.unseen, known.unseen_at = first, now.highest
        return known.unseen

    def _none_before(self, mailbox_id: int, known: _Known, log_floor: int) -> int:
        """A uid below which nothing is unseen."""
        since = known.unseen_at
        if since < 0 or since + 1 < log_floor:
            return 1
        changed = self._connection.execute(
            _CHANGED, (known.unseen, mailbox_id, since, known.unseen)
        ).fetchall()
        ranges = reading.merged(changed)
        if len(changed) == MAX_FOLLOWED:
            return 1
        return min(self._unseen(mailbox_id, ranges), default=known.unseen)

    def _unseen(self, mailbox_id: int, ranges: list[tuple[int, int]]) -> list[int]:
        return marks.load(self._connection, mailbox_id, ranges).where(_UNSEEN)

    def _far(self, mailbox_id: int, now: _Counters) -> int:
        """The first unseen, from the end: mostly they are the last ones.

        All are found when there are as many as `unseen`.
        """
        end, first, unseen = now.uid_next - 1, 1, now.unseen
        while unseen > 0 and end > 0:
            found = self._unseen(mailbox_id, [(max(end - LOOKED_AT, 1), end)])
            unseen -= len(found)
            end -= LOOKED_AT + 1
            first = found[0] if found else first
        return first


def between(gaps: tuple[tuple[int, int], ...], last: int) -> list[tuple[int, int]]:
    """Runs from 1 to `last` that gaps leave."""
    runs = []
    start = 1
    for first, end in gaps:
        if first > start:
            runs.append((start, first - 1))
        start = end + 1
    if start <= last:
        runs.append((start, last))
    return runs
