"""Which flags a change touched, as the log keeps it (RFC 7162 §3.1.12).

An entry has one mod-sequence for all its flags. What was touched since another
mod-sequence stands in the log, so that a conditional change of other flags need
not be refused. A row without it (new entries, rows of earlier versions) counts
as if it had touched everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.storage.embedded.mail_schema import CHANGED
from pyeonji.storage.embedded.reading import merged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyeonji.storage.embedded.ledger import Ledger, MailboxRow

MAX_WORDS: Final = 32
"""Keywords that a row of the log names; with more it counts as everything."""

MAX_ROWS: Final = 2000
"""Rows of the log that one conditional change looks at; with more it is refused."""

_ROWS: Final = (
    "SELECT first, last, touched FROM log"
    " WHERE mailbox = ? AND mod_seq > ? AND kind = ? ORDER BY first LIMIT ?"
)


def written(bits: int, keywords: Iterable[str]) -> str | None:
    """System flags and keywords as a row of the log has them."""
    words = {word.lower() for word in keywords}
    if len(words) > MAX_WORDS:
        return None
    return " ".join([str(bits), *sorted(words)])


def touching(
    ledger: Ledger, row: MailboxRow, since: int, bits: int, keywords: Iterable[str]
) -> list[tuple[int, int]] | None:
    """Uid ranges where one of these flags was touched after a mod-sequence.

    Returns:
        Ranges, ascending; None where the log does not reach back so far.
    """
    if since + 1 < row.log_floor:
        return None
    found = ledger.connection.execute(
        _ROWS, (row.id, since, CHANGED, MAX_ROWS + 1)
    ).fetchall()
    if len(found) > MAX_ROWS:
        return None
    words = {word.lower() for word in keywords}
    return merged(
        [
            (first, last)
            for first, last, touched in found
            if touched is None or _meets(touched, bits, words)
        ]
    )


def _meets(touched: str, bits: int, words: set[str]) -> bool:
    number, *there = touched.split(" ")
    return bool(int(number) & bits) or not words.isdisjoint(there)
