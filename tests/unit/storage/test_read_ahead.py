"""Which pages rows are on: as SQLite says itself, and never an end without one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contracts.engines import Engine, World, letter, new_message

from pyeonji.base.clock import SystemClock
from pyeonji.storage.embedded import ahead
from pyeonji.storage.mailboxes import Column


def table(path: Path, rows: list[tuple[int, bytes]]) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.execute(
        "PRAGMA page_size = 512; CREATE TABLE t (message INTEGER PRIMARY KEY, o BLOB)"
    )
    with connection:
        connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
    return connection


@pytest.mark.parametrize("step", [1, 7, 1 << 40])
def test_pages_are_those_that_hold_the_rows(tmp_path: Path, step: int) -> None:
    """Three levels of pages, keys of one and of many octets."""
    keys = [number * step for number in range(1, 5001)]
    connection = table(tmp_path / "a.db", [(key, b"x" * 40) for key in keys])
    descriptor = ahead.descriptor_of(connection)  # type: ignore[arg-type]
    assert descriptor is not None
    pages = ahead.Pages()
    pages.file, pages.size = descriptor, 512

    found = ahead.leaves_of(pages, 2, keys)

    leaves: Any = connection.execute(
        "SELECT pageno FROM dbstat WHERE name = 't' AND pagetype = 'leaf' ORDER BY 1"
    ).fetchall()
    assert [(page,) for page in found] == leaves
    assert ahead.leaves_of(pages, 2, keys[:1]) == [leaves[0][0]]
    few = ahead.leaves_of(pages, 2, keys[10:4000:600])
    assert set(few) < set(found)
    assert len(few) == 7
    connection.close()


def test_a_table_of_one_page_is_not_asked_for(tmp_path: Path) -> None:
    connection = table(tmp_path / "a.db", [(1, b"x")])
    pages = ahead.Pages()
    pages.file, pages.size = ahead.descriptor_of(connection) or -1, 512  # type: ignore[arg-type]
    assert ahead.leaves_of(pages, 2, [1]) == []
    connection.close()


def test_a_database_without_a_file() -> None:
    assert ahead.descriptor_of(apsw.Connection(":memory:")) is None  # type: ignore[arg-type]


@given(
    st.lists(
        st.builds(
            lambda cells, rest: b"\5\0\0\0%c" % cells + rest,
            st.integers(0, 40),
            st.binary(max_size=100),
        ),
        max_size=5,
    ),
    st.lists(st.integers(0, 1 << 62), max_size=20).map(sorted),
)
def test_pages_of_rubbish_come_to_an_end(made: list[bytes], rows: list[int]) -> None:
    """Children that are their own parents, keys in no order."""

    class Rubbish(ahead.Pages):
        def inner(self, number: int) -> ahead.Inner:
            return ahead.inner(made[number % len(made)]) if made else ((), ())

    ahead.leaves_of(Rubbish(), 1, rows)


def test_pages_that_lead_back_to_themselves_come_to_an_end() -> None:
    """One was read before a change and one after it: each is above the other."""

    class Mixed(ahead.Pages):
        def inner(self, number: int) -> ahead.Inner:
            return [10], [7 - number, 7 - number]

    assert ahead.leaves_of(Mixed(), 2, [1, 5, 20]) == []


def test_the_system_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For many rows; again when the account has been looked after."""
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(
        os, "posix_fadvise", lambda _, at, size, __: asked.append((at, size))
    )

    async def test(w: World) -> None:
        box = (await w.mail.mailbox("INBOX")).id
        await w.mail.append(box, [new_message(letter())] * 300)
        everything = [(1, 300)]
        wanted = [Column.UID, Column.COMMON_FIELDS]
        w.mail.file.reader.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

        async def asks() -> int:
            asked.clear()
            assert len(await w.mail.select(box, everything, wanted)) == 300
            return len(asked)

        first = await asks()
        assert first > 0
        assert await asks() == 0
        w.mail.file.tend()
        assert await asks() == first
        everything = [(1, 50)]
        asked.clear()
        await w.mail.select(box, everything, wanted)
        await w.mail.select(box, [(1, 300)], [Column.UID, Column.FLAGS])
        assert asked == []

    Engine(tmp_path / "data", SystemClock()).run(test)
