"""The map of uids against a plain list."""

from hypothesis import given
from hypothesis import strategies as st

from pyeonji.mra.imap.uid_map import UidMap, expunge_numbers

UIDS = st.sets(st.integers(1, 80)).map(sorted)


@given(uids=UIDS)
def test_it_is_the_list(uids: list[int]) -> None:
    mapped = UidMap(uids)
    assert len(mapped) == len(uids)
    assert mapped.last == (uids[-1] if uids else 0)
    assert list(mapped.uids()) == uids
    for number, uid in enumerate(uids, 1):
        assert mapped.uid(number) == uid
    for uid in range(90):
        assert mapped.number(uid) == (uids.index(uid) + 1 if uid in uids else 0)
        assert mapped.count_below(uid) == sum(1 for other in uids if other < uid)


@given(uids=UIDS, gone=UIDS, new=st.sets(st.integers(60, 120)).map(sorted))
def test_what_goes_and_what_comes(
    uids: list[int], gone: list[int], new: list[int]
) -> None:
    mapped = UidMap(uids)
    numbers = mapped.remove(gone)
    assert numbers == [uids.index(uid) + 1 for uid in gone if uid in uids]
    left = [uid for uid in uids if uid not in gone]
    assert list(mapped.uids()) == left
    told = list(uids)
    for number in expunge_numbers(numbers):
        del told[number - 1]  # as a client does (RFC 3501 §7.4.1)
    assert told == left
    last = left[-1] if left else 0
    added = [uid for uid in new if uid > last]
    assert mapped.extend(new) == len(added)
    assert list(mapped.uids()) == left + added


@given(
    uids=UIDS,
    ends=st.sets(st.integers(1, 90), max_size=8).map(sorted),
    most=st.integers(1, 7),
)
def test_portions_hold_all_that_was_asked(
    uids: list[int], ends: list[int], most: int
) -> None:
    ranges = list(zip(ends[::2], ends[1::2], strict=False))
    mapped = UidMap(uids)
    asked = [uid for uid in uids if any(low <= uid <= high for low, high in ranges)]
    found = []
    for portion in mapped.split(ranges, most):
        inside = [
            uid for uid in uids if any(low <= uid <= high for low, high in portion)
        ]
        assert 0 < len(inside) <= most
        assert sum(mapped.count(low, high) for low, high in portion) == len(inside)
        found += inside
    assert found == asked


@given(uids=UIDS, data=st.data())
def test_numbers_of_some_uids(uids: list[int], data: st.DataObject) -> None:
    some = data.draw(st.sets(st.sampled_from(uids)).map(sorted)) if uids else []
    mapped = UidMap(uids)
    assert list(mapped.numbers(some)) == [uids.index(uid) + 1 for uid in some]


def test_a_large_mailbox_takes_one_run() -> None:
    """So that an idle connection stays small whatever it has selected."""
    mapped = UidMap(range(1, 100_001))
    assert mapped.runs == 1
    mapped.remove(range(500, 600))
    assert mapped.runs == 2
    assert list(mapped.uids(499, 501)) == [499, 600, 601]


@given(st.lists(st.integers(1, 60), max_size=40), st.data())
def test_many_numbers_are_each_one(given: list[int], data: st.DataObject) -> None:
    """Of uids that are there, and of some that came later."""
    there = sorted(set(given))
    mapped = UidMap(there)
    some = data.draw(st.sets(st.sampled_from([*there, 61, 63]), max_size=40))
    uids = sorted(some)
    assert list(mapped.numbers(uids)) == [mapped.number(uid) for uid in uids]
