"""The octets of a message, small in memory or large in a file."""

from __future__ import annotations

import mmap
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobFile:
    """A finished file that holds a large message; it is hard-linked, never changed."""

    path: Path
    size_octets: int


Content = bytes | BlobFile
"""A message up to SMALL_BLOB_OCTETS is bytes, a larger one a file."""


@contextmanager
def opened(content: Content) -> Iterator[bytes | mmap.mmap]:
    """The octets of a content, a large one mapped and not read."""
    if not isinstance(content, BlobFile):
        yield content
    elif not content.size_octets:
        yield b""
    else:
        with (
            content.path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        ):
            yield mapped


class Spool(Protocol):
    """Takes a message as it streams in, at any size in bounded memory."""

    size_octets: int

    def write(self, chunk: bytes) -> None:
        """Add octets; large messages flow on into a file.

        Raises:
            StorageUnavailable: the disk is full or broken.
        """

    async def finish(self) -> Content:
        """Close it; a file and its folder are synced when this returns."""

    def abort(self) -> None:
        """Forget it; may be called at any time, also after finish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOctets:
    """A message as read from storage: our trace headers, then what came in."""

    prefix: bytes
    body: bytes | mmap.mmap

    def __len__(self) -> int:
        return len(self.prefix) + len(self.body)

    def slice(self, start: int, end: int) -> bytes:
        """The octets [start, end) of the whole message; past the end is cut."""
        cut = len(self.prefix)
        if start >= cut:
            return self.body[start - cut : end - cut]
        if end <= cut:
            return self.prefix[start:end]
        return self.prefix[start:] + self.body[: end - cut]

    def whole(self) -> bytes:
        """All octets (copies a large message: prefer slices)."""
        return self.prefix + self.body[:]
