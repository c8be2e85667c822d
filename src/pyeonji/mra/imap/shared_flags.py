r"""Flags in mailboxes where a user may not set all of them (RFC 4314 §4).

"s" is needed for \Seen, "t" for \Deleted, "w" for all others. Flags belong to the
mailbox: all who may see it see the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap import responses
from pyeonji.storage.mailboxes import (
    ANSWERED,
    DELETED,
    DRAFT,
    FLAGGED,
    SEEN,
    Settable,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
_NEEDED: Final = (("s", SEEN), ("t", DELETED), ("w", ANSWERED | FLAGGED | DRAFT))

ALL_BITS: Final = SEEN | DELETED | ANSWERED | FLAGGED | DRAFT


def settable(rights: str) -> int:
    """Bits of the system flags that may be changed."""
    return sum(bits for letter, bits in _NEEDED if letter in rights)


def permanent_flags(rights: str) -> bytes:
    r"""The list of PERMANENTFLAGS (RFC 4314 §5.1); "\*" where keywords may be set."""
    known = responses.flags(settable(rights), "")[1:-1]
    if "w" in rights:
        known = b"%b \\*" % known if known else b"\\*"
    return b"(%b)" % known


def kept_flags(
    rights: str, bits: int, keywords: Sequence[str]
) -> tuple[int, list[str]]:
    """Of the flags of a new message those that the user may set."""
    return bits & settable(rights), list(keywords) if "w" in rights else []


def settable_in(rights: str) -> Settable | None:
    """The same for storage; None where every flag may be set."""
    if all(letter in rights for letter, _ in _NEEDED):
        return None
    return Settable(settable(rights), "w" in rights)
