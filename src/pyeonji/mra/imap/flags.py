"""From flags as sent to flags as kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.storage.mailboxes import (
    ANSWERED,
    DELETED,
    DRAFT,
    FLAGGED,
    MAX_KEYWORDS,
    SEEN,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

BITS: Final = {
    rb"\SEEN": SEEN,
    rb"\ANSWERED": ANSWERED,
    rb"\FLAGGED": FLAGGED,
    rb"\DELETED": DELETED,
    rb"\DRAFT": DRAFT,
}
MAX_KEYWORD_OCTETS: Final = 128


class BadFlags(Exception):
    """Flags that cannot be kept; the text says why."""


def split(flags: Iterable[bytes]) -> tuple[int, list[str]]:
    r"""System flags as bits, and keywords sorted, each once.

    Keywords keep their letters' case; two that differ only in case are one.

    Raises:
        BadFlags: \Recent or another flag that clients can't set, a keyword
            that is too long, or too many of them.
    """
    bits = 0
    keywords: dict[str, str] = {}
    for flag in flags:
        if flag.startswith(b"\\"):
            bit = BITS.get(flag.upper())
            if bit is None:
                raise BadFlags("This flag cannot be set.")
            bits |= bit
        elif len(flag) > MAX_KEYWORD_OCTETS:
            raise BadFlags("Keyword too long.")
        else:
            word = flag.decode("ascii")
            keywords.setdefault(word.lower(), word)
    if len(keywords) > MAX_KEYWORDS:
        raise BadFlags("Too many keywords.")
    return bits, sorted(keywords.values())
