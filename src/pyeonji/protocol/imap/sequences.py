"""Sequence sets (RFC 3501 §9): what a client wrote, and the ranges it means."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

STAR: Final = 0
"""The value of "*": the largest number in use."""

_PART: Final = re.compile(rb"(\*|[1-9][0-9]{0,9})(?::(\*|[1-9][0-9]{0,9}))?")
LARGEST: Final = 0xFFFFFFFF
"""The largest number there can be (RFC 3501 §9, nz-number)."""


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Pairs as written, STAR for "*"; a single number is a pair of itself.

    `saved`: "$", the messages that a SEARCH has saved (RFC 5182); no pairs.
    """

    pairs: tuple[tuple[int, int], ...]
    saved: bool = False

    @classmethod
    def parse(cls, text: bytes) -> SequenceSet:
        """Read e.g. b"2,4:7,9,12:*" or b"$".

        Raises:
            ValueError: it is not a sequence set, or a number is over 32 bits.
        """
        if text == b"$":
            return SAVED
        pairs = []
        for part in text.split(b","):
            found = _PART.fullmatch(part)
            if found is None:
                raise ValueError("bad sequence set")
            first, last = found.groups()
            low = STAR if first == b"*" else int(first)
            high = low if last is None else STAR if last == b"*" else int(last)
            if max(low, high) > LARGEST:
                raise ValueError("number too large")
            pairs.append((low, high))
        return cls(tuple(pairs))

    def largest(self) -> int:
        """The largest number named, not counting "*"."""
        return max((max(pair) for pair in self.pairs), default=0)

    def has_star(self) -> bool:
        """Whether "*" is in it."""
        return any(STAR in pair for pair in self.pairs)

    def ranges(self, largest: int) -> list[tuple[int, int]]:
        """Ascending ranges that don't meet, "*" being `largest` (RFC 3501 §9)."""
        found = []
        for first, last in self.pairs:
            low, high = first or largest, last or largest
            found.append((low, high) if low <= high else (high, low))
        return merged(found)


SAVED: Final = SequenceSet((), saved=True)
"""The marker "$" (RFC 5182 §2.1)."""


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sort inclusive ranges and join those that touch or overlap."""
    result: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if result and low <= result[-1][1] + 1:
            if high > result[-1][1]:
                result[-1] = (result[-1][0], high)
        else:
            result.append((low, high))
    return result


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Ascending numbers as inclusive ranges of consecutive ones."""
    result: list[tuple[int, int]] = []
    start = previous = -1
    for number in numbers:
        if number != previous + 1 or start < 0:
            if start >= 0:
                result.append((start, previous))
            start = number
        previous = number
    if start >= 0:
        result.append((start, previous))
    return result


def write_ranges(ranges: Sequence[tuple[int, int]]) -> bytes:
    """Ranges as a sequence set, in the order given."""
    return b",".join(
        b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in ranges
    )


def within(numbers: Sequence[int], ranges: Sequence[tuple[int, int]]) -> list[int]:
    """Those of ascending numbers that lie in ascending ranges."""
    found: list[int] = []
    for low, high in ranges:
        start = bisect_left(numbers, low)
        found.extend(numbers[start : bisect_right(numbers, high, start)])
    return found
