"""Answers of THREAD that are kept."""

from __future__ import annotations

from array import array

from pyeonji.mra.imap.kept_threads import EACH_OCTETS, KeptThreads


def test_only_the_same_question_has_the_same_answer() -> None:
    kept = KeptThreads()
    uids = [3, 5, 9]
    kept.keep("inbox", uids, [1, 2, 3], b"(1 2)(3)")

    assert kept.get("inbox", array("I", [3, 5, 9]), (1, 2, 3)) == b"(1 2)(3)"
    assert kept.get("inbox", uids, [1, 2, 4]) is None
    assert kept.get("inbox", uids, uids) is None
    assert kept.get("inbox", [3, 5], [1, 2]) is None
    assert kept.get("other", uids, [1, 2, 3]) is None

    kept.keep("inbox", uids, uids, b"(3 5)(9)")

    assert kept.get("inbox", uids, uids) == b"(3 5)(9)"
    assert kept.get("inbox", uids, [1, 2, 3]) is None


def test_the_room_is_limited() -> None:
    each = EACH_OCTETS + 4 + 100
    kept = KeptThreads(3 * each)
    uids = [1]
    for name in ("a", "b", "c"):
        kept.keep(name, uids, uids, b"x" * 100)
    assert kept.get("a", uids, uids) is not None

    kept.keep("d", uids, uids, b"x" * 100)  # "b" was not asked for longest
    assert [kept.get(name, uids, uids) is not None for name in "abcd"] == [
        *(True, False, True, True)
    ]

    kept.keep("a", uids, uids, b"x" * 3 * each)  # too large by itself
    kept.keep("e", uids, uids, b"x" * 100)
    assert [kept.get(name, uids, uids) is not None for name in "abcde"] == [
        *(False, False, True, True, True)
    ]
