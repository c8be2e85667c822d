"""Letter ids sort by time and never meet another's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyeonji.base.ids import base32, letter_ids

TIMES = st.lists(st.integers(1_700_000_000_000, 1_700_000_000_003), max_size=60)


@given(times=TIMES)
def test_ids_of_one_source_ascend_whatever_the_clock_does(times: list[int]) -> None:
    clock = iter(times)
    next_id = letter_ids(3, lambda: next(clock))
    ids = [next_id() for _ in times]
    assert len(set(ids)) == len(ids)
    by_time = [each[:9] + each[11:] for each in ids]
    assert by_time == sorted(by_time)


def test_a_full_millisecond_borrows_from_the_next() -> None:
    """1024 letters fit into one millisecond of one worker."""
    next_id = letter_ids(0, lambda: 1_700_000_000_000)
    ids = [next_id() for _ in range(5000)]
    assert len(set(ids)) == 5000


def test_sources_of_different_workers_never_meet() -> None:
    one, other = (letter_ids(worker, lambda: 1_700_000_000_000) for worker in (0, 1))
    assert not {one() for _ in range(2000)} & {other() for _ in range(2000)}


def test_base32_has_no_letters_that_look_like_digits() -> None:
    assert base32(32**4 - 1, 4) == "ZZZZ"
    assert base32(0, 3) == "000"
