"""What a client wants of the way of its letter, as far as it may want it.

Pure: MT-PRIORITY (RFC 6710 §4.1), FUTURERELEASE (RFC 4865 §4.2) and DELIVERBY
(RFC 2852 §4.1) become `Wishes` that the queue keeps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.mta.receive.inspect import Refusal
from pyeonji.protocol.smtp.wishes import write_time
from pyeonji.storage.queue import NO_WISHES, Wishes

if TYPE_CHECKING:
    from pyeonji.protocol.smtp.events import MailAsked

_TOO_LONG: Final = Refusal(501, "5.5.4", "letters are not held so long")
_OVER: Final = Refusal(501, "5.5.4", "that time is over")
_CONTRADICTION: Final = Refusal(
    501, "5.5.4", "it would be released after the time to be there"
)


def wishes_of(
    mail: MailAsked, *, now: float, trusted: bool, max_hold: float
) -> Wishes | Refusal:
    """Read the parameters of MAIL.

    Args:
        mail: the parameters, each right by itself.
        now: Unix seconds.
        trusted: the client has logged in; others are never urgent (RFC 6710 §4.1).
        max_hold: seconds that a letter may be held.
    """
    if mail.hold is None and mail.by is None and not mail.priority:
        return NO_WISHES
    released_at, hold = 0.0, ""
    if mail.hold is not None:
        released_at = mail.hold.released_at(now)
        if released_at <= now:
            return _OVER
        if released_at > now + max_hold + 1:  # a second for the way of EHLO
            return _TOO_LONG
        seconds = mail.hold.seconds
        hold = f"for;{seconds}" if seconds else f"until;{write_time(released_at)}"
    deliver_by = now + mail.by.seconds if mail.by is not None else 0.0
    if mail.by is not None and released_at > deliver_by:  # RFC 4865 §5.2.2
        return _CONTRADICTION
    return Wishes(
        priority=mail.priority if trusted else min(mail.priority, 0),
        not_before=released_at,
        hold=hold,
        deliver_by=deliver_by,
        by_return=mail.by is not None and mail.by.by_return,
        by_trace=mail.by is not None and mail.by.by_trace,
    )


def facts_of(wishes: Wishes) -> dict[str, str]:
    """The wishes for the letter's journey (RFC 6710 §4.1)."""
    facts = {}
    if wishes.priority:
        facts["priority"] = str(wishes.priority)
    if wishes.hold:
        facts["held_until"] = write_time(wishes.not_before)
    if wishes.deliver_by:
        facts["deliver_by"] = write_time(wishes.deliver_by)
    return facts
