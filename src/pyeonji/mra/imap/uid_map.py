"""Which uid has which sequence number, in a few octets per run of uids.

Uids of a mailbox are mostly consecutive, so they are kept as runs: first uid
and how many entries come before it. A mailbox of any size that was never
expunged takes one run; each gap costs one more. Look-ups bisect.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class UidMap:
    """Ascending uids; sequence numbers are positions counted from 1."""

    __slots__ = ("_before", "_firsts", "_size")

    def __init__(self, uids: Iterable[int] = ()) -> None:
        self._firsts = array("Q")  # first uid of each run
        self._before = array("Q")  # entries before each run
        self._size = 0
        self.extend(uids)

    @classmethod
    def of_runs(cls, runs: Iterable[tuple[int, int]]) -> UidMap:
        """From ascending runs (first and last uid) that don't touch."""
        made = cls()
        for first, last in runs:
            made._firsts.append(first)
            made._before.append(made._size)
            made._size += last - first + 1
        return made

    def __len__(self) -> int:
        return self._size

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return len(self._firsts)

    @property
    def last(self) -> int:
        """The largest uid, 0 if there is none."""
        return self._run_last(len(self._firsts) - 1) if self._size else 0

    def _run_last(self, run: int) -> int:
        following = self._before[run + 1] if run + 1 < len(self._before) else self._size
        return self._firsts[run] + following - self._before[run] - 1

    def extend(self, uids: Iterable[int]) -> int:
        """Add uids above all that are there, ascending; returns how many.

        Uids that are not above the last one are passed over.
        """
        before = self._size
        found = uids if isinstance(uids, list | tuple) else list(uids)
        start = bisect_right(found, self.last)
        end = len(found)
        while start < end:
            stop = self._end_of_run(found, start)
            if not self._size or found[start] != self.last + 1:
                self._firsts.append(found[start])
                self._before.append(self._size)
            self._size += stop - start
            start = stop
        return self._size - before

    @staticmethod
    def _end_of_run(uids: Sequence[int], start: int) -> int:
        """Where the run that begins at an index ends, in few looks."""
        offset = uids[start] - start
        end, step = start + 1, 1
        while end < len(uids) and uids[end] - end == offset:
            reach = min(end + step, len(uids) - 1)
            if uids[reach] - reach == offset:
                end, step = reach + 1, step * 2
            elif step == 1:
                end += 1
            else:
                step = max(step // 4, 1)
        return end

    def uid(self, number: int) -> int:
        """The uid at a sequence number from 1 to len."""
        run = bisect_right(self._before, number - 1) - 1
        return self._firsts[run] + number - 1 - self._before[run]

    def number(self, uid: int) -> int:
        """The sequence number of a uid, 0 if it is not there."""
        run = bisect_right(self._firsts, uid) - 1
        if run < 0 or uid > self._run_last(run):
            return 0
        return self._before[run] + uid - self._firsts[run] + 1

    def count_below(self, uid: int) -> int:
        """How many uids are smaller than this one."""
        run = bisect_right(self._firsts, uid) - 1
        if run < 0:
            return 0
        inside = min(uid, self._run_last(run) + 1) - self._firsts[run]
        return self._before[run] + inside

    def count(self, low: int, high: int) -> int:
        """How many uids lie from low to high, both included."""
        return self.count_below(high + 1) - self.count_below(low)

    def numbers(self, uids: Sequence[int]) -> Sequence[int]:
        """Sequence numbers of ascending uids of this map."""
        if not uids:
            return ()
        first = self.number(uids[0])
        # the common case: consecutive entries, whatever the gaps of their uids
        if first and self.number(uids[-1]) - first + 1 == len(uids):
            return range(first, first + len(uids))
        if len(self._firsts) > len(uids):
            return [self.number(uid) for uid in uids]
        found: list[int] = []
        start = 0
        for run, low in enumerate(self._firsts):  # all of a run at once
            if start == len(uids):
                break
            end = bisect_right(uids, self._run_last(run), start)
            shift = self._before[run] - low + 1
            if start < end and uids[start] < low:
                found += [self.number(uid) for uid in uids[start:end]]
            else:
                found += [uid + shift for uid in uids[start:end]]
            start = end
        return found + [0] * (len(uids) - start)

    def range_of_numbers(self, first: int, last: int) -> tuple[int, int]:
        """The uids at both ends of a range of sequence numbers within 1 to len."""
        return self.uid(first), self.uid(last)

    def split(
        self, ranges: Sequence[tuple[int, int]], most: int
    ) -> Iterator[list[tuple[int, int]]]:
        """Uid ranges in portions of at most `most` entries of the map.

        Ranges (ascending, not overlapping) are cut to what the map holds.
        """
        portion: list[tuple[int, int]] = []
        room = most
        for low, high in ranges:
            start = self.count_below(low) + 1
            end = min(self.count_below(high + 1), self._size)
            while start <= end:
                stop = min(end, start + room - 1)
                portion.append((self.uid(start), self.uid(stop)))
                room -= stop - start + 1
                start = stop + 1
                if not room:
                    yield portion
                    portion, room = [], most
        if portion:
            yield portion

    def uids(self, first: int = 1, last: int | None = None) -> Iterator[int]:
        """Uids at the sequence numbers first to last, ascending."""
        last = self._size if last is None else min(last, self._size)
        run = bisect_right(self._before, first - 1) - 1
        pieces = []
        while first <= last and 0 <= run < len(self._firsts):
            start = self._firsts[run] + first - 1 - self._before[run]
            stop = min(self._run_last(run), start + last - first)
            pieces.append(range(start, stop + 1))
            first += stop - start + 1
            run += 1
        return chain.from_iterable(pieces)

    def remove(self, uids: Iterable[int]) -> list[int]:
        """Take uids out; returns their sequence numbers as they were, ascending.

        Uids that are not there are passed over. One pass over the runs,
        however many are removed.
        """
        gone = sorted({uid for uid in uids if self.number(uid)})
        if not gone:
            return []
        numbers = [self.number(uid) for uid in gone]
        firsts, before = array("Q"), array("Q")
        size = at = 0
        for run, first in enumerate(self._firsts):
            low, high = first, self._run_last(run)
            until = bisect_left(gone, high + 1, at)
            for uid in chain(gone[at:until], (high + 1,)):
                if uid > low:
                    firsts.append(low)
                    before.append(size)
                    size += uid - low
                low = uid + 1
            at = until
        self._firsts, self._before, self._size = firsts, before, size
        return numbers


def expunge_numbers(numbers: Sequence[int]) -> list[int]:
    """What EXPUNGE responses say, one after the other (RFC 3501 §7.4.1).

    Each response moves the numbers above it down, so the n-th of ascending
    numbers is told as n less.
    """
    return [number - done for done, number in enumerate(numbers)]
