"""Cutting a mailbox into batches (RFC 10022 §3.1)."""

from hypothesis import given
from hypothesis import strategies as st

from pyeonji.mra.imap.batches import cut
from pyeonji.mra.imap.changed import partial
from pyeonji.mra.imap.uid_map import UidMap

UIDS = st.sets(st.integers(1, 200), max_size=60).map(sorted)


@given(uids=UIDS, size=st.integers(1, 20))
def test_batches_are_the_mailbox(uids: list[int], size: int) -> None:
    """Each message is in one batch; all are full but the oldest."""
    batches = cut(UidMap(uids), size, None)
    found = [[uid for uid in uids if low <= uid <= high] for high, low in batches]
    assert [uid for batch in reversed(found) for uid in batch] == uids
    assert all(len(batch) == size for batch in found[:-1])
    assert all(high in uids for high, _ in batches)
    assert all(low in uids for _, low in batches[:-1])
    assert all(low == 1 for _, low in batches[-1:])  # §3.1.4


@given(uids=UIDS, first=st.integers(1, 5), more=st.integers(0, 3))
def test_some_batches_are_those_of_all(uids: list[int], first: int, more: int) -> None:
    """The numbers of batches count from the newest."""
    every = cut(UidMap(uids), 7, None)
    assert (
        cut(UidMap(uids), 7, (first, first + more)) == every[first - 1 : first + more]
    )


@given(
    uids=UIDS,
    ends=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    last=st.booleans(),
)
def test_partial(uids: list[int], ends: tuple[int, int], last: bool) -> None:
    """RFC 9394 §3.3: positions among the messages named, also from the end."""
    low, high = min(ends), max(ends)
    ranges = [(1, 50), (61, 120)]
    named = [uid for uid in uids if uid <= 50 or 61 <= uid <= 120]
    wanted = named[low - 1 : high]
    if last:
        wanted = named[::-1][low - 1 : high][::-1]
    kept = partial(UidMap(uids), ranges, (-high, -low) if last else (low, high))
    assert [u for u in uids if any(a <= u <= b for a, b in kept)] == wanted
