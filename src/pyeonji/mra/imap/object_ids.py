"""Object ids as clients see them (RFC 8474 §4): a letter and storage's number."""

from __future__ import annotations

import re
from typing import Final

_OBJECT_ID: Final = re.compile(rb"([MT])([1-9][0-9]{0,18})")


def email_id(message_id: int) -> bytes:
    """EMAILID of a stored message, the same in every mailbox it stands in."""
    return b"M%d" % message_id


def thread_id(thread: int) -> bytes:
    """THREADID of a thread."""
    return b"T%d" % thread


def number_of(object_id: bytes, *, thread: bool) -> int | None:
    """Storage's number of what `email_id` or `thread_id` wrote, None for others."""
    found = _OBJECT_ID.fullmatch(object_id)
    if found is None or found.group(1) != (b"T" if thread else b"M"):
        return None
    number = int(found.group(2))
    return number if number < 1 << 63 else None
