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
    Column,
    FlagChange,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mra.imap.places import Place
    from pyeonji.mra.imap.selected import Selected
    from pyeonji.storage.mailboxes import UidRanges

_NEEDED: Final = (("s", SEEN), ("t", DELETED), ("w", ANSWERED | FLAGGED | DRAFT))

ALL_BITS: Final = SEEN | DELETED | ANSWERED | FLAGGED | DRAFT

WRITING: Final = frozenset("iestw")
"""With none of these a mailbox is selected read-only (RFC 4314 §5.2)."""


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


async def narrowed(
    selected: Selected, ranges: UidRanges, bits: int, keywords: Sequence[str]
) -> tuple[FlagChange, int, list[str]] | None:
    """Take off what a STORE that replaces may take off; what it then must add.

    Where the user may not change every flag, replacing is done as removing and
    adding. None: nothing that was named may be changed.
    """
    allowed = settable(selected.rights)
    added, words = kept_flags(selected.rights, bits, keywords)
    removed: list[str] = []
    if "w" in selected.rights:
        rows = await selected.account.select(
            selected.mailbox_id, ranges, (Column.KEYWORDS,)
        )
        there = {word for (names,) in rows for word in names.split()}
        removed = sorted(there - set(words))
    if not allowed:
        return None
    stored = await selected.account.store_flags(
        selected.mailbox_id, ranges, FlagChange.REMOVE, allowed & ~added, removed
    )
    if stored.changed:
        selected.dirty = True
    return FlagChange.ADD, added, words


async def strip(place: Place, uids: Sequence[int]) -> None:
    """Take off the copies what their maker may not set (§4, COPY)."""
    if not uids or all(letter in place.rights for letter, _ in _NEEDED):
        return
    account, mailbox_id = place.account, place.mailbox.id
    ranges = [(uid, uid) for uid in uids]
    columns = (Column.UID, Column.FLAGS, Column.KEYWORDS)
    wanted: dict[tuple[int, str], list[int]] = {}
    for uid, bits, keywords in await account.select(mailbox_id, ranges, columns):
        left = bits & settable(place.rights), keywords if "w" in place.rights else ""
        if left != (bits, keywords):
            wanted.setdefault(left, []).append(uid)
    for (bits, keywords), changed in wanted.items():
        await account.store_flags(
            mailbox_id,
            [(uid, uid) for uid in changed],
            FlagChange.SET,
            bits,
            keywords.split(),
        )
