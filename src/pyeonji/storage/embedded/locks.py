"""Locks between processes that go with the process that holds them."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def lock_file(path: Path) -> Callable[[], None] | None:
    """Take an exclusive lock; None if somebody (this process too) has it.

    Returns what releases it; calling that again does nothing.

    Raises:
        OSError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    held = [descriptor]

    def release() -> None:
        while held:
            os.close(held.pop())

    return release
