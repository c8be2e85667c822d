"""Octets of messages at rest: zstd in a row, or a file of their own."""

from __future__ import annotations

import mmap
import os
import secrets
import threading
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final

import zstandard

from pyeonji.base.limits import SMALL_BLOB_OCTETS
from pyeonji.storage.content import BlobFile, Content
from pyeonji.storage.embedded.sqlite import errors_named, sync_folder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

LEVEL: Final = 1
"""Of zstd: mail shrinks by half; higher levels cost more than they save."""

PLAIN_OCTETS: Final = 32 * 1024
"""Up to this size octets are kept as they are: unpacking costs more than reading.

5 KB of text take 7 µs to unpack, 60 % of what FETCH does with a message; the
disk has room (docs/decisions/0008-bodies-plain.md).
"""

WRITE_AT_OCTETS: Final = 256 * 1024
"""What waits of a large message before it is written: while it is in the caches."""

WRITE_AT_CHUNKS: Final = 64
"""The same for small pieces."""

WORTHWHILE: Final = 0.6
"""Octets that don't shrink to this are kept as they are.

Attached files in base64 shrink by a quarter, whatever is in them: less than it
costs to unpack them each time.
"""

_local = threading.local()


def compress(octets: bytes) -> bytes:
    """One zstd frame that knows its size."""
    try:
        compressor: zstandard.ZstdCompressor = _local.compressor
    except AttributeError:
        compressor = _local.compressor = zstandard.ZstdCompressor(
            level=LEVEL, write_checksum=True
        )
    return compressor.compress(octets)


def decompress(frame: bytes) -> bytes:
    """What `compress` was given. Raises zstandard.ZstdError."""
    try:
        decompressor: zstandard.ZstdDecompressor = _local.decompressor
    except AttributeError:
        decompressor = _local.decompressor = zstandard.ZstdDecompressor()
    return decompressor.decompress(frame)


def pack(octets: bytes) -> tuple[bytes, None, int | None]:
    """Columns octets, file and checksum of `bodies` for what fits into a row."""
    if len(octets) > PLAIN_OCTETS:
        frame = compress(octets)
        if len(frame) < len(octets) * WORTHWHILE:
            return frame, None, None
    return octets, None, zlib.crc32(octets)


def unpack(kept: bytes, checksum: int | None) -> bytes:
    """What `pack` was given. Raises zstandard.ZstdError."""
    return decompress(kept) if checksum is None else kept


def map_file(path: Path) -> bytes | mmap.mmap:
    """A finished file as octets. Raises OSError."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return b""
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def read_content(content: Content) -> bytes | mmap.mmap:
    """The octets of a content. Raises OSError."""
    return content if isinstance(content, bytes) else map_file(content.path)


def new_name() -> str:
    """A file name that nobody else takes."""
    return secrets.token_hex(12)


class SpoolFile:
    """The Spool of the embedded engine: a list of chunks that may become a file."""

    def __init__(
        self,
        folder: Path,
        run: Callable[[Callable[[], None]], Awaitable[None]],
    ) -> None:
        self.size_octets = 0
        self._folder = folder
        self._run = run  # a call in a thread
        self._chunks: list[bytes] = []
        self._waiting_octets = 0  # of these chunks
        self._file: BinaryIO | None = None
        self._path: Path | None = None

    def write(self, chunk: bytes) -> None:
        """See Spool."""
        self.size_octets += len(chunk)
        self._waiting_octets += len(chunk)
        self._chunks.append(chunk)
        if self._file is None:
            if self.size_octets <= SMALL_BLOB_OCTETS:
                return
            self._open()
        elif (
            self._waiting_octets < WRITE_AT_OCTETS
            and len(self._chunks) < WRITE_AT_CHUNKS
        ):
            return
        self._flush()

    def _open(self) -> None:
        with errors_named():
            self._path = self._folder / new_name()
            self._file = self._path.open("xb", buffering=0)
            os.fchmod(self._file.fileno(), 0o600)

    def _flush(self) -> None:
        file = self._file
        if file is None or not self._chunks:
            return
        chunks, self._chunks = self._chunks, []
        wanted, self._waiting_octets = self._waiting_octets, 0
        if len(chunks) > WRITE_AT_CHUNKS:  # the system takes a thousand at most
            chunks = [b"".join(chunks)]
        with errors_named():
            written = os.writev(file.fileno(), chunks)
            if written < wanted:  # rarely: the disk is full, or a signal came
                rest = memoryview(b"".join(chunks))[written:]
                while rest:
                    rest = rest[file.write(rest) :]

    async def finish(self) -> Content:
        """See Spool."""
        if self._file is None or self._path is None:
            return b"".join(self._chunks)
        self._flush()
        path, size_octets = self._path, self.size_octets
        await self._run(self._sync)
        return BlobFile(path=path, size_octets=size_octets)

    def _sync(self) -> None:
        with errors_named():
            if self._file is not None:
                os.fdatasync(self._file.fileno())
                self._file.close()
            sync_folder(self._folder)

    def abort(self) -> None:
        """See Spool: a file that the queue took over has another name by then."""
        self._chunks.clear()
        self._waiting_octets = 0
        if self._file is not None:
            self._file.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None
