"""Preparing a message for storage, wherever its octets are."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

from pyeonji.message.prepare import prepare
from pyeonji.storage.content import BlobFile

if TYPE_CHECKING:
    from pyeonji.message.prepare import Prepared
    from pyeonji.storage.content import Content


def prepare_content(content: Content) -> Prepared:
    """Parse a message; a large one is mapped, not read (run that in a thread).

    Raises:
        OSError: the file cannot be read.
    """
    if not isinstance(content, BlobFile):
        return prepare(content)
    with (
        content.path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
    ):
        return prepare(mapped)
