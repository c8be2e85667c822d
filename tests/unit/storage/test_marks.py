"""Marks of entries against a dictionary, over uids of several rows, with gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st

from pyeonji.storage.embedded import marks
from pyeonji.storage.entries import DELETED, SEEN

LAST = 5 * marks.SPAN
uids = st.one_of(
    st.integers(1, LAST),
    st.integers(1, 4).map(lambda row: row * marks.SPAN),
    st.integers(1, 4).map(lambda row: row * marks.SPAN - 1),
)


def in_order(edges: list[int]) -> list[tuple[int, int]]:
    """Ranges that don't overlap, from uids that begin and end them."""
    found = sorted(set(edges))
    if len(found) % 2:
        found.append(found[-1])
    return list(zip(found[::2], found[1::2], strict=True))


ranges = st.lists(uids, min_size=1, max_size=60).map(in_order)
steps = st.one_of(
    st.tuples(st.just("put"), st.integers(1, 300), st.integers(0, 31)),
    st.tuples(st.just("out"), ranges, st.none()),
    st.tuples(st.just("add"), ranges, st.integers(0, 31)),
    st.tuples(st.just("take"), ranges, st.integers(0, 31)),
)
Model = dict[int, tuple[int, int]]


class House:
    def __init__(self) -> None:
        self.connection: apsw.Connection = apsw.Connection(":memory:")
        self.connection.execute(marks.SCHEMA)
        self.model: Model = {}  # uid: octet, mod-sequence
        self.next = 1
        self.mod_seq = 1

    def put(self, number: int, bits: int) -> None:
        octets = bytes(
            marks.octet_of((bits + each) & 31, "k" if each % 7 == 0 else "")
            for each in range(number)
        )
        marks.put(self.connection, 3, self.next, octets, self.mod_seq)  # type: ignore[arg-type]
        for each, octet in enumerate(octets):
            self.model[self.next + each] = octet, self.mod_seq
        self.next += number

    def out(self, named: list[tuple[int, int]]) -> None:
        marks.take_out(self.connection, 3, named)  # type: ignore[arg-type]
        for uid in self.of(named):
            del self.model[uid]

    def change(self, named: list[tuple[int, int]], bits: int, *, add: bool) -> None:
        table = bytes(
            octet and (octet | bits if add else octet & ~bits) for octet in range(256)
        )
        changed = []
        for run in self.load(named).runs:
            new = run.named.translate(table)
            told = marks.change(self.connection, 3, run, new, self.mod_seq)  # type: ignore[arg-type]
            changed += [run.base + at for at, each in enumerate(told) if each]
        expected = [
            u for u in self.of(named) if table[self.model[u][0]] != self.model[u][0]
        ]
        assert changed == expected
        for uid in expected:
            self.model[uid] = table[self.model[uid][0]], self.mod_seq

    def load(self, named: Sequence[tuple[int, int]]) -> marks.Loaded:
        return marks.load(self.connection, 3, named, mod_seqs=True)  # type: ignore[arg-type]

    def of(self, named: list[tuple[int, int]]) -> list[int]:
        return sorted(u for u in self.model if any(a <= u <= b for a, b in named))

    def check(self, named: list[tuple[int, int]]) -> None:
        loaded, expected = self.load(named), self.of(named)
        assert list(loaded.uids) == expected
        octets = [self.model[uid][0] for uid in expected]
        assert list(loaded.bits()) == [octet & 31 for octet in octets]
        assert list(loaded.mod_seqs()) == [self.model[uid][1] for uid in expected]
        assert loaded.worded == any(octet & marks.WORDED for octet in octets)
        for flag in (SEEN, DELETED):
            for wanted in (True, False):
                has = [u for u in expected if bool(self.model[u][0] & flag) is wanted]
                assert loaded.where(marks.table_of(flag, wanted=wanted)) == has


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.lists(steps, max_size=8), ranges)
def test_marks_are_what_a_dictionary_says(
    first: int, doing: list[tuple[Any, ...]], named: list[tuple[int, int]]
) -> None:
    house = House()
    house.put(first, 0)
    # another mailbox beside it changes nothing here
    marks.put(house.connection, 2, 1, b"\x80" * 300, 9)  # type: ignore[arg-type]
    marks.put(house.connection, 4, 1, b"\x80" * 300, 9)  # type: ignore[arg-type]
    for what, value, bits in doing:
        house.mod_seq += 1
        match what:
            case "put":
                house.put(value, bits)
            case "out":
                house.out(value)
            case _:
                house.change(value, bits, add=what == "add")
        house.check([(1, 2**32 - 1)])
    house.check(named)
    whole = list(marks.spread(house.connection))  # type: ignore[arg-type]
    there = [(uid, *house.model[uid]) for uid in sorted(house.model)]
    assert [row[1:] for row in whole if row[0] == 3] == there
    entries = [
        (mailbox, uid, octet & 31, "k" if octet & marks.WORDED else "", mod_seq)
        for mailbox, uid, octet, mod_seq in whole
    ]
    marks.gather(house.connection, entries)  # type: ignore[arg-type]
    assert list(marks.spread(house.connection)) == whole  # type: ignore[arg-type]


def test_the_last_uid_there_can_be() -> None:
    house = House()
    house.next = 2**32 - 130
    house.put(129, 3)

    house.check([(1, 2**32 - 1)])
    house.check([(2**32 - 3, 2**32)])


def test_one_mod_sequence_of_a_whole_row_stands_once() -> None:
    """Where all entries changed together; spelt out again when one of them does."""
    house = House()
    house.put(300, 0)

    def lengths() -> list[int]:
        found = house.connection.execute("SELECT length(mod_seqs) FROM marks")
        return [length for (length,) in found]

    assert lengths() == [1024, 8, 1024]  # the first has no uid 0, the last an end
    house.change([(1, 300)], SEEN, add=False)
    house.mod_seq = 2
    house.change([(1, 300)], SEEN, add=True)
    assert lengths() == [8, 8, 8]
    house.mod_seq = 3
    house.change([(200, 200)], SEEN, add=False)
    assert lengths() == [8, 1024, 8]
    house.put(1, 0)
    assert lengths() == [8, 1024, 1024]
    house.check([(1, 2**32 - 1)])
    house.connection.execute("CREATE TABLE entries (mailbox, uid)")
    house.connection.executemany(
        "INSERT INTO entries VALUES (3, ?)", [(uid,) for uid in house.model]
    )
    found = house.connection.execute(
        f"SELECT e.uid FROM entries e WHERE {marks.MOD_SEQ_OF_ENTRY} >= ?",
        (marks.packed(3),),
    )
    assert [uid for (uid,) in found] == [200, 301]


def test_rows_of_the_sixth_schema_are_shortened() -> None:
    house = House()
    house.put(300, 0)
    whole = list(marks.spread(house.connection))  # type: ignore[arg-type]
    rows: Any = house.connection.execute("SELECT mod_seqs, id FROM marks").fetchall()
    house.connection.executemany(
        "UPDATE marks SET mod_seqs = ? WHERE id = ?",
        [(marks.spelt_out(seqs), number) for seqs, number in rows],
    )
    marks.shorten(house.connection)  # type: ignore[arg-type]
    assert house.connection.execute(
        "SELECT group_concat(length(mod_seqs)) FROM marks"
    ).fetchone() == ("1024,8,1024",)
    assert list(marks.spread(house.connection)) == whole  # type: ignore[arg-type]
