"""What to do with a letter next: pure functions from what is known to a plan.

`fate` reads a reply, `next_attempt` a schedule, `groups` says which recipients
go together, and `settle` turns what an attempt came to into what is kept, what
is written into the letter's journey and who is told.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from pyeonji.base.events import Happening, LetterEvent
from pyeonji.storage.queue import QueuedLetter, Recipient, RecipientState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pyeonji.mta.options import Options
    from pyeonji.storage.queue import NewLetter

MAX_REPLY: Final = 1000
"""Characters kept of what a next hop said (ours: RFC 5321 lines have 512)."""

JITTER: Final = 0.1
"""Part of a wait by which retries are spread, so that they don't march in step."""


class Fate(StrEnum):
    """What became of one recipient in one attempt."""

    DELIVERED = "delivered"  # it stands in a mailbox here
    RELAYED = "relayed"  # the next hop took responsibility
    EXPANDED = "expanded"  # an alias: its members have fates of their own
    LATER = "later"
    NEVER = "never"


class Notice(StrEnum):
    """What a sender can be told about a recipient (RFC 3464 §2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an attempt came to for one recipient.

    `status` is an enhanced status code (RFC 3463) and `reply` what was said,
    in one line; `remote` names the host that said it, "" if it was us.
    `reports_itself`: the next hop took over the duty to report success.
    """

    index: int
    fate: Fate
    status: str
    reply: str
    remote: str = ""
    reports_itself: bool = False
    tell: bool = False  # that it was relayed, whether asked for by NOTIFY or not
    facts: dict[str, str] = field(default_factory=dict)
    at: float | None = None  # when it happened, if before it is settled


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A recipient whose sender is to be told something."""

    recipient: Recipient
    notice: Notice
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What is to be kept, written down and told after an attempt."""

    recipients: tuple[Recipient, ...]
    events: tuple[LetterEvent, ...]
    told: tuple[Told, ...]


_END: Final = {
    Fate.DELIVERED: (RecipientState.DELIVERED, Happening.DELIVERED),
    Fate.RELAYED: (RecipientState.RELAYED, Happening.RELAYED),
    Fate.EXPANDED: (RecipientState.EXPANDED, Happening.EXPANDED),
    Fate.NEVER: (RecipientState.FAILED, Happening.FAILED),
}


def fate(code: int, status: str = "", *, at_rcpt: bool = False) -> Fate:
    """Read a reply of the next hop; nonsense counts as temporary.

    552 to RCPT without a reason of its own is "too many recipients", which
    passes (RFC 5321 §4.5.3.1.10).
    """
    if 200 <= code < 300:
        return Fate.RELAYED
    if code == 552 and at_rcpt and status in {"", "5.5.3"}:
        return Fate.LATER
    return Fate.NEVER if 500 <= code < 600 else Fate.LATER


def status_of(code: int, enhanced: str) -> str:
    """The enhanced status of a reply, made from its first digit where it has none."""
    if enhanced:
        return enhanced
    digit = code // 100
    return f"{digit}.0.0" if digit in {2, 4, 5} else "4.0.0"


def wait(attempts: int, retry: Sequence[float]) -> float:
    """Seconds until the attempt after `attempts` ones: the last wait repeats."""
    return retry[min(max(attempts, 1), len(retry)) - 1]


def next_attempt(
    now: float,
    attempts: int,
    accepted_at: float,
    options: Options,
    chance: float = 0.0,
    by: float = 0.0,
) -> float:
    """Say when to try a deferred recipient again (RFC 5321 §4.5.4.1).

    Args:
        now: Unix seconds.
        attempts: those made so far, this one included.
        accepted_at: when the letter came; one last attempt is made when its
            time is over, so that it does not expire between two.
        options: for the schedule and the life time.
        chance: from 0 to 1; spreads letters that failed together.
        by: a time at which something is to be said of it; 0: none.

    Returns:
        Unix seconds, always later than `now`.
    """
    seconds = wait(attempts, options.retry)
    due = now + seconds * (1 + JITTER * chance)
    for end in (accepted_at + options.expire, by):
        if now < end < due:
            due = end
    return due


def news_at(letter: QueuedLetter, recipient: Recipient, options: Options) -> float:
    """When the sender must hear of a recipient, even if nothing is tried till then."""
    new = letter.letter
    end = new.begins_at + options.expire
    if new.wishes.by_return:
        end = min(end, new.wishes.deliver_by)
    if recipient.delay_told or not new.reverse_path:
        return end
    if not wants(recipient.notify, Notice.DELAYED):
        return end
    return min(end, delay_at(new, options))


def delay_at(new: NewLetter, options: Options) -> float:
    """When a sender hears that it takes long; a time of his own counts instead."""
    if new.wishes.deliver_by and not new.wishes.by_return:  # RFC 2852 §4.1.3
        return new.wishes.deliver_by
    return new.begins_at + options.delay_notice


def is_too_late(letter: QueuedLetter, now: float) -> bool:
    """Whether it was to be there by now, or come back (RFC 2852 §4.1.3)."""
    wishes = letter.letter.wishes
    return wishes.by_return and now >= wishes.deliver_by


def came_too_late(index: int) -> Outcome:
    """What becomes of a recipient then."""
    return Outcome(
        index=index,
        fate=Fate.NEVER,
        status="5.4.7",
        reply="delivery time expired",
    )


def rests_until(letter: QueuedLetter, now: float, options: Options) -> float:
    """How long a letter may rest in a lane: until somebody must be told or tried."""
    return min(
        (
            news_at(letter, one, options)
            if one.next_attempt <= now
            else one.next_attempt
            for one in letter.recipients
            if one.state is RecipientState.WAITING
        ),
        default=now,
    )


def groups(
    letter: QueuedLetter, now: float, destination: Callable[[str], str]
) -> dict[str, list[int]]:
    """The due recipients of a letter by where they go: one transaction each."""
    found: dict[str, list[int]] = {}
    for index, recipient in enumerate(letter.recipients):
        if recipient.state is RecipientState.WAITING and recipient.next_attempt <= now:
            found.setdefault(destination(recipient.address), []).append(index)
    return found


def wants(notify: str, notice: Notice) -> bool:
    """Whether a NOTIFY parameter asks for a notice (RFC 3461 §5.2).

    Without one, failures are told, delays may be, success is not.
    """
    if notice is Notice.FAILED:
        return not notify or "FAILURE" in notify
    if notice is Notice.DELAYED:
        return not notify or "DELAY" in notify
    return "SUCCESS" in notify


def was_expanded(index: int) -> Outcome:
    """What becomes of an alias whose sender wants to hear of success."""
    return Outcome(
        index=index,
        fate=Fate.EXPANDED,
        status="2.1.5",
        reply="sent on to all that the address stands for",
    )


def settle(
    letter: QueuedLetter,
    outcomes: Iterable[Outcome],
    now: float,
    options: Options,
    *,
    chance: float = 0.0,
    counted: bool = False,
) -> Settlement:
    """Turn what an attempt came to into what is kept and told.

    Args:
        letter: as it was before the attempt.
        outcomes: at most one for each recipient.
        now: Unix seconds.
        options: schedule, life time, when a delay is told.
        chance: from 0 to 1, see `next_attempt`.
        counted: `attempts` of the recipients already counts this attempt.
    """
    recipients = list(letter.recipients)
    events: list[LetterEvent] = []
    told: list[Told] = []
    for outcome in outcomes:
        before = recipients[outcome.index]
        attempts = before.attempts + (0 if counted else 1)
        after, happening = _move(
            letter, before, attempts, outcome, now, options, chance
        )
        notice = _notice(letter, after, outcome, now, options)
        if notice is Notice.DELAYED:
            after = replace(after, delay_told=True)
        if notice is not None:
            told.append(Told(recipient=after, notice=notice, outcome=outcome))
        recipients[outcome.index] = after
        events.append(_event(letter, after, outcome, happening, now))
    return Settlement(
        recipients=tuple(recipients), events=tuple(events), told=tuple(told)
    )


def _move(
    letter: QueuedLetter,
    recipient: Recipient,
    attempts: int,
    outcome: Outcome,
    now: float,
    options: Options,
    chance: float,
) -> tuple[Recipient, Happening]:
    """Where the recipient stands after the attempt, and the word for it."""
    reply = outcome.reply[:MAX_REPLY]
    if outcome.fate is not Fate.LATER:
        state, happening = _END[outcome.fate]
        moved = replace(recipient, state=state, attempts=attempts, last_reply=reply)
        return moved, happening
    accepted_at = letter.letter.begins_at
    if now >= accepted_at + options.expire or is_too_late(letter, now):
        failed = RecipientState.FAILED
        moved = replace(recipient, state=failed, attempts=attempts, last_reply=reply)
        return moved, Happening.EXPIRED
    by = letter.letter.wishes.deliver_by
    due = next_attempt(now, attempts, accepted_at, options, chance, by)
    moved = replace(recipient, attempts=attempts, next_attempt=due, last_reply=reply)
    return moved, Happening.DEFERRED


def _notice(
    letter: QueuedLetter,
    recipient: Recipient,
    outcome: Outcome,
    now: float,
    options: Options,
) -> Notice | None:
    """What the sender is to be told; nothing where there is no sender."""
    if not letter.letter.reverse_path:  # RFC 3461 §6.1, RFC 5321 §6.1
        return None
    match recipient.state:
        case RecipientState.FAILED:
            notice = Notice.FAILED
        case RecipientState.DELIVERED:
            notice = Notice.DELIVERED
        case RecipientState.EXPANDED:  # RFC 3461 §5.2.7.3 (c)
            notice = Notice.EXPANDED
        case RecipientState.RELAYED if outcome.tell and recipient.notify != "NEVER":
            return Notice.RELAYED  # RFC 2852 §4.1.4
        case RecipientState.RELAYED if not outcome.reports_itself:
            notice = Notice.RELAYED
        case RecipientState.WAITING if not recipient.delay_told and (
            now >= delay_at(letter.letter, options)
        ):
            notice = Notice.DELAYED
        case _:
            return None
    return notice if wants(recipient.notify, notice) else None


def _event(
    letter: QueuedLetter,
    recipient: Recipient,
    outcome: Outcome,
    happening: Happening,
    now: float,
) -> LetterEvent:
    facts = {"status": outcome.status, "reply": outcome.reply[:MAX_REPLY]}
    if outcome.remote:
        facts["remote"] = outcome.remote
    if happening is Happening.DEFERRED:
        facts["next_attempt"] = str(int(recipient.next_attempt))
    return LetterEvent(
        letter_id=letter.id,
        at=now if outcome.at is None else outcome.at,
        kind=happening,
        recipient=recipient.address,
        facts=facts | outcome.facts,
    )
