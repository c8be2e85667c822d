"""Reading ahead: the system is told which pages many rows are about to be read from.

Rows of a table lie on pages all over the file, between those of the other tables.
SQLite reads one after the other, and where the system has them no more, waits for
the disk each time. The pages above the leaves say which leaves hold which rows; so
the system can be asked for all of them at once. That is advice: where it is wrong,
for pages have moved since, nothing else is.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import apsw

from pyeonji.storage.embedded.ledger import in_ranges
from pyeonji.storage.embedded.reading import numbers
from pyeonji.storage.embedded.sqlite import one

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyeonji.storage.embedded.sqlite import Database
    from pyeonji.storage.entries import UidRanges

LEAST: Final = 100
"""Span of uids from which it is worth while."""

MAX_INNER: Final = 1000
"""Pages above the leaves that are looked at and remembered."""

MAX_DONE: Final = 5000
"""Reads that are remembered."""

MAX_DEPTH: Final = 20
"""Levels of a table's tree, as SQLite itself has it."""

OF_OCTETS: Final = ("messages", "heads", "bodies")
"""Tables that whole messages are read from."""

Inner = tuple[Sequence[int], Sequence[int]]
"""Keys of a page above the leaves, and the pages below it."""

_NOTHING: Final[Inner] = (), ()
_INNER_PAGE: Final = 5
_FILE_POINTER: Final = 7  # SQLITE_FCNTL_FILE_POINTER
_DESCRIPTOR_AT: Final = 3 * ctypes.sizeof(ctypes.c_void_p)  # in SQLite's unixFile


class Ahead:
    """Of one reading connection; asked on the loop only."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection
        self._done: set[tuple[int, int, int, str]] = set()
        self._pages = Pages()

    def forget(self) -> None:
        """The system may have given up what was read."""
        self._done.clear()
        self._pages.forget()

    def read(self, mailbox_id: int, ranges: UidRanges, tables: Iterable[str]) -> None:
        """Rows of messages in these ranges are about to be read from tables."""
        if ranges[-1][1] - ranges[0][0] < LEAST:
            return
        for table in tables:
            what = (mailbox_id, ranges[0][0], ranges[-1][1], table)
            if what not in self._done:
                if len(self._done) >= MAX_DONE:
                    self._done.clear()
                self._done.add(what)
                with contextlib.suppress(OSError):  # a page that has moved
                    self._ask(mailbox_id, ranges, table)

    def _ask(self, mailbox_id: int, ranges: UidRanges, table: str) -> None:
        descriptor = descriptor_of(self._connection)
        if descriptor is None:
            return
        source, where, bindings = in_ranges(mailbox_id, ranges)
        rest = f"FROM {source} WHERE {where}"
        messages = sorted(numbers(self._connection, "e.message", rest, bindings))
        (size,) = one(self._connection, "PRAGMA page_size")
        (root,) = one(
            self._connection,
            "SELECT rootpage FROM sqlite_schema WHERE name = ?",
            (table,),
        )
        pages = self._pages
        pages.file, pages.size = descriptor, size
        for first, last in _runs(leaves_of(pages, root, messages)):
            os.posix_fadvise(
                descriptor,
                (first - 1) * size,
                (last - first + 1) * size,
                os.POSIX_FADV_WILLNEED,
            )


class Pages:
    """What stands on pages above the leaves, as they are in the file."""

    def __init__(self) -> None:
        self._known: dict[int, Inner] = {}
        self.file = -1
        self.size = 0

    def inner(self, number: int) -> Inner:
        """See `inner`; nothing also when it is enough."""
        found = self._known.get(number)
        if found is None:
            if len(self._known) >= MAX_INNER:
                return _NOTHING
            octets = os.pread(self.file, self.size, (number - 1) * self.size)
            found = self._known[number] = inner(octets)
        return found

    def forget(self) -> None:
        """They may have changed."""
        self._known.clear()


def descriptor_of(connection: Database) -> int | None:
    """SQLite's own descriptor of a database's file, None where it cannot be told.

    One more would not do: closing it would give up the locks that the process has
    on the file (POSIX fcntl).
    """
    if not hasattr(os, "posix_fadvise"):
        return None
    pointer = ctypes.c_void_p()
    try:
        connection.file_control("main", _FILE_POINTER, ctypes.addressof(pointer))
        if not pointer.value:
            return None
        at = pointer.value + _DESCRIPTOR_AT
        descriptor = ctypes.c_int.from_address(at).value
        held, there = os.fstat(descriptor), Path(connection.filename).stat()
    except (apsw.Error, OSError):
        return None
    same = (held.st_dev, held.st_ino) == (there.st_dev, there.st_ino)
    return descriptor if same else None


def leaves_of(pages: Pages, root: int, rows: Sequence[int]) -> list[int]:
    """Pages that hold rows (ascending ids) of a table, ascending.

    None where the table is a single page, or is not what it should be: pages are
    read from the file at different moments, and may lead back to where one was.
    """
    level, wanted = [root], [rows]
    for _ in range(MAX_DEPTH):
        below: list[int] = []
        wanted_below: list[Sequence[int]] = []
        for number, some in zip(level, wanted, strict=True):
            keys, children = pages.inner(number)
            if not children:
                return sorted(level) if level != [root] else []
            start = 0
            while start < len(some):
                at = bisect_left(keys, some[start])
                end = len(some)
                if at < len(keys):
                    end = max(bisect_left(some, keys[at] + 1, start), start + 1)
                below.append(children[at])
                wanted_below.append(some[start:end])
                start = end
        level, wanted = below, wanted_below
    return []


def inner(page: bytes) -> Inner:
    """Keys and children of a page above the leaves; of any other, nothing.

    A child holds what is up to the key of the same place, the last one the rest
    (https://www.sqlite.org/fileformat2.html#b_tree_pages).
    """
    if len(page) < 12 or page[0] != _INNER_PAGE:
        return _NOTHING
    keys, children = array("Q"), array("Q")
    for at in range(12, 12 + 2 * int.from_bytes(page[3:5], "big"), 2):
        cell = int.from_bytes(page[at : at + 2], "big")
        children.append(int.from_bytes(page[cell : cell + 4], "big"))
        keys.append(_varint(page[cell + 4 : cell + 13]))
    children.append(int.from_bytes(page[8:12], "big"))
    return keys, children


def _varint(octets: bytes) -> int:
    value = 0
    for at, octet in enumerate(octets):
        if at == 8:
            return value << 8 | octet
        value = value << 7 | octet & 127
        if octet < 128:
            break
    return value


def _runs(pages: Sequence[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for page in pages:
        if runs and page <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], page)
        else:
            runs.append((page, page))
    return runs
