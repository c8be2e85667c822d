"""Sequence sets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.protocol.imap.sequences import (
    SequenceSet,
    merged,
    runs,
    write_ranges,
)


@pytest.mark.parametrize(
    ("text", "largest", "ranges"),
    [
        (b"2,4:7,9,12:*", 15, [(2, 2), (4, 7), (9, 9), (12, 15)]),
        (b"*:4,5:7", 10, [(4, 10)]),
        (b"3291:*", 100, [(100, 3291)]),
        (b"*", 7, [(7, 7)]),
        (b"4:2", 9, [(2, 4)]),
        (b"1,2,3", 9, [(1, 3)]),
    ],
)
def test_examples_of_the_standard(
    text: bytes, largest: int, ranges: list[tuple[int, int]]
) -> None:
    """RFC 3501 §9, sequence-set and seq-range."""
    assert SequenceSet.parse(text).ranges(largest) == ranges


@pytest.mark.parametrize(
    "text", [b"", b"0", b"1:", b":1", b"1,,2", b"01", b"4294967296", b"1:2:3", b"**"]
)
def test_what_is_no_sequence_set(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"sequence|number"):
        SequenceSet.parse(text)


@given(st.sets(st.integers(1, 60)))
def test_runs_and_ranges_say_the_same(numbers: set[int]) -> None:
    found = runs(sorted(numbers))
    assert {n for low, high in found for n in range(low, high + 1)} == numbers
    assert merged(found) == found
    if found:
        assert SequenceSet.parse(write_ranges(found)).ranges(60) == found
