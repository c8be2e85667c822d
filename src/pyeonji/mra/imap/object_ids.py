"""Object ids as clients see them (RFC 8474 §4): a letter, the account, a number.

Numbers are storage's and mean something in one account only; a client that
sees others' mailboxes too must never find one id for two messages.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyeonji.base.ids import AccountId

_OBJECT_ID: Final = re.compile(rb"([MT])([A-Za-z0-9]+)-([1-9][0-9]{0,18})")


def email_id(account_id: AccountId, message_id: int) -> bytes:
    """EMAILID of a stored message, the same in every mailbox it stands in."""
    return b"M%b-%d" % (account_id.encode("ascii"), message_id)


def thread_id(account_id: AccountId, thread: int) -> bytes:
    """THREADID of a thread."""
    return b"T%b-%d" % (account_id.encode("ascii"), thread)


def number_of(object_id: bytes, account_id: AccountId, *, thread: bool) -> int | None:
    """Storage's number of what the functions above wrote, None for others."""
    found = _OBJECT_ID.fullmatch(object_id)
    if found is None or found.group(1) != (b"T" if thread else b"M"):
        return None
    if found.group(2) != account_id.encode("ascii"):
        return None
    number = int(found.group(3))
    return number if number < 1 << 63 else None
