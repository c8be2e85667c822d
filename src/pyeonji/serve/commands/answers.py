"""What became of a letter, in a sentence for each recipient, Korean and English.

Pure: from the events of its journey and, while it is in the queue, its state.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from pyeonji.base.clock import utc
from pyeonji.base.events import Happening, LetterEvent
from pyeonji.storage.queue import RecipientState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.storage.queue import Recipient, Summary

Answer = tuple[str, str, str]
"""Recipient, and what became of the letter for him in Korean and in English."""

_ENDS: Final = frozenset(
    {
        Happening.DELIVERED,
        Happening.RELAYED,
        Happening.EXPANDED,
        Happening.FAILED,
        Happening.EXPIRED,
    }
)


def answers(
    events: Sequence[LetterEvent], queued: Summary | None, now: float
) -> list[Answer]:
    """One answer for each recipient that something is known of.

    Args:
        events: of one letter, oldest first.
        queued: the letter as it stands in the queue; None: it has left it.
        now: Unix seconds.
    """
    last: dict[str, LetterEvent] = {}
    for event in events:
        if event.kind in _ENDS and event.recipient:
            last[event.recipient] = event
    told = {e.facts.get("about", "") for e in events if e.kind is Happening.NOTIFIED}
    found = [_ended(event, told) for event in last.values()]
    if queued is not None:
        found += [
            (one.address, *_waits(one, queued, now))
            for one in queued.recipients
            if one.state is RecipientState.WAITING
        ]
    elif events and events[-1].kind is Happening.REMOVED:
        gone = (
            "관리자가 대기열에서 지웠습니다",
            "removed from the queue by the operator",
        )
        known = events[0].facts.get("to", "").split()
        found += [(to, *gone) for to in known if to not in last]
    return found


def _ended(event: LetterEvent, told: set[str]) -> Answer:
    facts, when = event.facts, _moment(event.at)
    reply = facts.get("reply", "")
    host = facts.get("next_hop", "") or facts.get("remote", "")
    heard = any(event.recipient in about for about in told)
    match event.kind:
        case Happening.DELIVERED:
            box = facts.get("mailbox", "INBOX")
            korean = f"{when}에 편지함 {box}에 배달했습니다"
            english = f"delivered to the mailbox {box} at {when}"
        case Happening.RELAYED:
            korean = f"{when}에 {host} 서버가 넘겨받았습니다 ({reply})"
            english = f"{host} took it over at {when} ({reply})"
        case Happening.EXPANDED:
            korean, english = "명단의 모두에게 보냈습니다", "sent on to all members"
        case _:
            status = facts.get("status", "")
            end = "시간이 다 되어" if event.kind is Happening.EXPIRED else ""
            korean = f"{when}에 {end} 포기했습니다: {status} {reply}".replace("  ", " ")
            english = f"given up at {when}: {status} {reply}"
            if heard:
                korean += "; 보낸이에게 알렸습니다"
                english += "; the sender was told"
    return event.recipient, korean, english


def _waits(recipient: Recipient, queued: Summary, now: float) -> tuple[str, str]:
    """Why a recipient has not got it yet, and when it goes on."""
    if queued.held:
        return "관리자가 붙들어 두었습니다", "held by the operator"
    if queued.waits_for:
        return (
            f"다음 서버에 닿지 않아 기다립니다: {queued.waits_for}",
            f"waits, because its next hop cannot be reached: {queued.waits_for}",
        )
    if queued.lane:
        return "같은 서버로 가는 편지가 많아 차례를 기다립니다", "waits for its turn"
    if recipient.next_attempt <= now:
        return "지금 보내는 중입니다", "is being sent now"
    when = _moment(recipient.next_attempt)
    if not recipient.attempts:
        return f"{when}에 보내기로 했습니다", f"is to be sent at {when}"
    reply = recipient.last_reply
    return (
        f"{recipient.attempts}번 시도했고 {when}에 다시 합니다: {reply}",
        f"tried {recipient.attempts} times, next at {when}: {reply}",
    )


def _moment(seconds: float) -> str:
    """A time for people, in their time zone; the day only if it is another one."""
    moment = utc(seconds).astimezone()
    today = utc(time.time()).astimezone().date()
    same = moment.date() == today
    return f"{moment:%H:%M:%S}" if same else f"{moment:%Y-%m-%d %H:%M}"
