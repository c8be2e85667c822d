"""When an address elsewhere is put on the list of those that don't exist: pure.

Only what the next hop itself said of a recipient counts, for a letter that one of
our users handed in; what a stranger's forwarded letter met says nothing of whom
our users may write to. Postmasters are always written to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.base.clock import utc
from pyeonji.message.report import clean
from pyeonji.mta.queue.plan import MAX_REPLY, Fate
from pyeonji.storage.suppressions import Suppression

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyeonji.mta.queue.plan import Outcome
    from pyeonji.storage.queue import QueuedLetter

HARD: Final = frozenset({"5.1.1", "5.1.3", "5.1.6", "5.1.10"})
"""No such mailbox, no address, moved without a word, takes no mail (RFC 3463 §3.2)."""

ALWAYS: Final = frozenset({"postmaster", "abuse", "hostmaster"})
"""Local parts, of senders and of recipients, that are never kept apart."""

MAX_SAID: Final = 200
"""Characters of a reply that are told again at RCPT."""


def suppressed_by(
    letter: QueuedLetter, outcomes: Iterable[Outcome], now: float, seconds: float
) -> list[Suppression]:
    """The addresses that an attempt has shown not to exist.

    Args:
        letter: as it was attempted.
        outcomes: of the attempt.
        now: Unix seconds.
        seconds: how long they are kept; 0: none is.
    """
    new = letter.letter
    if not seconds or not new.facts.get("user"):
        return []
    found = []
    for outcome in outcomes:
        hard = outcome.fate is Fate.NEVER and outcome.status in HARD
        address = letter.recipients[outcome.index].address
        if hard and outcome.remote and not is_exempt(new.reverse_path, address):
            found.append(
                Suppression(
                    address=address,
                    reason=f"{outcome.remote}: {outcome.reply}"[:MAX_REPLY],
                    added_at=now,
                    until=now + seconds,
                    letter=letter.id,
                )
            )
    return found


def is_exempt(sender: str, recipient: str) -> bool:
    """Whether mail between two addresses goes whatever is known."""
    locals_ = {address.rpartition("@")[0].lower() for address in (sender, recipient)}
    return not ALWAYS.isdisjoint(locals_)


def said_at_rcpt(suppression: Suppression) -> str:
    """Why a recipient is refused, in one printable line."""
    when, until = utc(suppression.added_at), utc(suppression.until)
    reason = clean(suppression.reason, MAX_SAID)
    return (
        f"not sent there until {until:%Y-%m-%d %H:%M} UTC;"
        f" known since {when:%Y-%m-%d %H:%M} UTC: {reason}"
    )
