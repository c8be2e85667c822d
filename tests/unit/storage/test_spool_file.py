"""A message that streams in is written piece by piece, and nothing is lost of it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from pyeonji.base.limits import SMALL_BLOB_OCTETS
from pyeonji.storage.content import BlobFile
from pyeonji.storage.embedded.octets import (
    WRITE_AT_CHUNKS,
    WRITE_AT_OCTETS,
    SpoolFile,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

LARGE = os.urandom(2 * SMALL_BLOB_OCTETS + 2 * WRITE_AT_OCTETS + 1234)


async def in_place(call: Callable[[], None]) -> None:
    call()


def spooled(folder: Path, size: int) -> bytes:
    """What stands in the file after pieces of that size were written."""

    async def test() -> bytes:
        spool = SpoolFile(folder, in_place)
        for start in range(0, len(LARGE), size):
            spool.write(LARGE[start : start + size])
        content = await spool.finish()
        assert isinstance(content, BlobFile)
        assert content.size_octets == len(LARGE)
        return content.path.read_bytes()

    return asyncio.run(test())


@pytest.mark.parametrize("size", [100, 8192, SMALL_BLOB_OCTETS, len(LARGE)])
def test_pieces_of_any_size_make_the_same_file(tmp_path: Path, size: int) -> None:
    """Thousands of small ones before there is a file, too."""
    assert spooled(tmp_path, size) == LARGE


def test_a_short_write_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may take less than it is given."""
    takes_all = os.writev

    def takes_a_part(file: int, pieces: Sequence[bytes]) -> int:
        return takes_all(file, [b"".join(pieces)[:1000]])

    monkeypatch.setattr(os, "writev", takes_a_part)
    assert spooled(tmp_path, 8192) == LARGE


def test_what_waits_to_be_written_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However small or large the pieces are, once there is a file."""
    given: list[Sequence[bytes]] = []
    takes_all = os.writev

    def noted(file: int, pieces: Sequence[bytes]) -> int:
        given.append(list(pieces))
        return takes_all(file, pieces)

    monkeypatch.setattr(os, "writev", noted)
    for size in (100, 8192):
        given.clear()
        spooled(tmp_path, size)
        for pieces in given[1:]:
            assert len(pieces) <= WRITE_AT_CHUNKS
            assert sum(map(len, pieces)) < WRITE_AT_OCTETS + size
