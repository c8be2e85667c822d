"""Letters whose sender is not who he says: what he is told, somebody else hears.

A stranger who forges the sender and asks for reports of success has us write
signed letters to whom he likes. Where SPF says that the host may not speak for
the sender, only failures are told: those are owed (RFC 5321 §6.1).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyeonji.storage.queue import NewLetter

FORGED: Final = frozenset({"fail", "softfail"})
"""Results of SPF for the reverse path that say so (RFC 7208 §2.6)."""


def with_failures_only(letter: NewLetter) -> NewLetter:
    """The letter, with no success and no delay to be told."""
    return replace(
        letter,
        recipients=tuple(
            replace(one, notify=_failures(one.notify)) for one in letter.recipients
        ),
    )


def _failures(notify: str) -> str:
    """NOTIFY without SUCCESS and DELAY; "" would tell of delays."""
    return "FAILURE" if not notify or "FAILURE" in notify else "NEVER"
