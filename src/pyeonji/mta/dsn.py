"""Telling a sender what became of a letter (RFC 3461 §6, RFC 3464).

`reports` turns what `plan.settle` wants told into reports, one for each kind
of news in a round; `as_letter` makes a report a letter of its own, under the
null reverse path, so that no report is ever made about a report.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyeonji.base.events import Happening
from pyeonji.message.report import DeliveryReport, RecipientReport, compose_report
from pyeonji.message.report_words import Action
from pyeonji.mta.queue.plan import Notice
from pyeonji.storage.queue import (
    NO_WISHES,
    TLS_WISH,
    BodyType,
    NewLetter,
    Recipient,
    TlsWish,
    Wishes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyeonji.mta.options import Options
    from pyeonji.mta.queue.plan import Told
    from pyeonji.storage.queue import QueuedLetter

MAX_ORIGINAL: Final = 320 * 1024
"""Octets of the letter that a report is made from; what it returns is less."""

MAX_REPORTED: Final = 1000
"""Recipients that one report lists."""

_KINDS: Final = (
    frozenset({Notice.FAILED}),
    frozenset({Notice.DELAYED}),
    frozenset({Notice.DELIVERED, Notice.RELAYED, Notice.EXPANDED}),
)
"""News that go together in one report."""


def reports(
    letter: QueuedLetter,
    told: Sequence[Told],
    original: bytes,
    *,
    options: Options,
    now: float,
    token: Callable[[], str],
) -> list[DeliveryReport]:
    """What is to be told, one report for each kind of news.

    Args:
        letter: whose sender is told; its reverse path is not null.
        told: from `plan.settle`.
        original: the beginning of the letter, MAX_ORIGINAL octets at most.
        options: our name and how long we try.
        now: Unix seconds.
        token: chance, 16 characters or more, anew each time.
    """
    found = []
    for kinds in _KINDS:
        some = [one for one in told if one.notice in kinds]
        for start in range(0, len(some), MAX_REPORTED):
            part = some[start : start + MAX_REPORTED]
            found.append(
                DeliveryReport(
                    reporting_mta=options.hostname,
                    to=letter.letter.reverse_path,
                    recipients=tuple(_report(letter, t, options, now) for t in part),
                    original=original,
                    return_full=_returns_all(letter, len(original)),
                    envid=letter.letter.envid,
                    arrived_at=letter.letter.accepted_at,
                    deliver_by=letter.letter.wishes.deliver_by or None,
                    future_release=letter.letter.wishes.hold,
                    reported_at=now,
                    token=token(),
                )
            )
    return found


def as_letter(
    report: DeliveryReport,
    recipients: Sequence[str],
    about: QueuedLetter,
) -> NewLetter:
    """A report as a letter for the queue.

    Args:
        report: what it says.
        recipients: final addresses that the reverse path stands for.
        about: the letter it is about, for the journey of both.

    Raises:
        ComposeError: the reverse path is no address.
    """
    octets = compose_report(report)
    eight_bit = not octets.isascii()
    facts = {Happening.GENERATED.value: "delivery status", "about": about.id}
    if about.letter.tls_wish is not TlsWish.USUAL:  # RFC 8689 §5
        facts[TLS_WISH] = about.letter.tls_wish.value
    return NewLetter(
        reverse_path="",  # RFC 3461 §6.1
        recipients=tuple(
            Recipient(address=address, notify="NEVER") for address in recipients
        ),
        content=octets,
        prefix=b"",
        body_type=BodyType.EIGHT_BIT if eight_bit else BodyType.SEVEN_BIT,
        smtputf8=eight_bit or not report.to.isascii(),
        accepted_at=report.reported_at,
        message_id=report.message_id,
        facts=facts,
        wishes=_as_urgent(about.letter.wishes),
    )


def _as_urgent(wishes: Wishes) -> Wishes:
    """A report's wishes: the priority of its letter (RFC 6710 §4.6)."""
    return Wishes(priority=wishes.priority) if wishes.priority else NO_WISHES


def _returns_all(letter: QueuedLetter, octets: int) -> bool:
    """RET decides; without it a letter comes back whole (RFC 3461 §4.3)."""
    whole = octets >= letter.size_octets
    secret = letter.letter.tls_wish is TlsWish.REQUIRED  # RFC 8689 §5
    return whole and letter.letter.ret != "HDRS" and not secret


def _report(
    letter: QueuedLetter, told: Told, options: Options, now: float
) -> RecipientReport:
    recipient, outcome = told.recipient, told.outcome
    expires = letter.letter.begins_at + options.expire
    status = outcome.status
    if told.notice is Notice.FAILED and status.startswith("4."):
        status = "4.4.7"  # RFC 3463 §3.5: the time is over
        if letter.letter.wishes.by_return:
            status = "5.4.7"  # RFC 2852 §4.1.3
    elif told.notice is Notice.DELAYED and letter.letter.wishes.deliver_by:
        status = "4.4.7"  # RFC 2852 §4.1.3
    reply = outcome.reply
    if recipient.accepted:  # where an alias led to is not the sender's to know
        hidden = re.compile(re.escape(recipient.address), re.IGNORECASE)
        reply = hidden.sub(lambda _: recipient.accepted, reply)
    return RecipientReport(
        final_recipient=recipient.accepted or recipient.address,  # RFC 3464 §2.3.2
        action=Action(told.notice.value),
        status=status,
        original_recipient=recipient.original,
        remote_mta=outcome.remote,
        diagnostic=reply,
        diagnostic_type="smtp" if outcome.remote else "x-pyeonji",
        last_attempt_at=now,
        will_retry_until=expires if told.notice is Notice.DELAYED else None,
    )
