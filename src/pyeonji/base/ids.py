"""Names for the things that are kept, so that none is taken for another."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final, NewType

if TYPE_CHECKING:
    from collections.abc import Callable

AccountId = NewType("AccountId", str)
"""An account's folder name; never reused, also when the address moves elsewhere."""

MailboxId = NewType("MailboxId", int)
"""A mailbox within its account; survives renaming, never reused."""

MessageId = NewType("MessageId", int)
"""A stored message within its account (not the Message-ID header field)."""

Uid = NewType("Uid", int)
"""IMAP unique identifier within a mailbox, 1 to 4294967295 (RFC 3501 §2.3.1.1)."""

UidValidity = NewType("UidValidity", int)
"""IMAP UIDVALIDITY of a mailbox (RFC 3501 §2.3.1.1)."""

ModSeq = NewType("ModSeq", int)
"""Modification sequence, 63 bits, one counter for an account (RFC 7162 §3.1)."""

LetterId = NewType("LetterId", str)
"""A letter on its way: queue id, log field and argument of `pyeonji trace`."""

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I L O U: read aloud


def base32(number: int, width: int) -> str:
    """Write a number in Crockford's base 32, most significant digit first."""
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def letter_ids(worker: int, milliseconds: Callable[[], int]) -> Callable[[], LetterId]:
    """Make a source of letter ids that sort by time and never meet another's.

    An id is 9 digits of Unix milliseconds, 2 of the worker and 2 of a counter.
    A source never gives the same id twice, also when the clock stands or goes
    back while the process lives: it counts on from the last one given.

    Args:
        worker: number of the worker process, 0 to 1023; one source for each.
        milliseconds: the present Unix time.
    """
    last = 0
    counter = count()

    def next_id() -> LetterId:
        nonlocal last, counter
        now = milliseconds()
        if now > last:
            last, counter = now, count()
        number = next(counter)
        if number >= 1024:
            last, counter, number = last + 1, count(1), 0
        return LetterId(base32(last, 9) + base32(worker, 2) + base32(number, 2))

    return next_id
