"""`pyeonji trace`: where did my message go? In Korean and in English."""

from __future__ import annotations

from typing import Any

from pyeonji.base.events import Happening, LetterEvent
from pyeonji.base.ids import LetterId
from pyeonji.serve.commands.answers import answers
from pyeonji.storage.queue import Recipient, RecipientState, Summary

NOW = 1_700_000_000.0


def event(kind: Happening, recipient: str = "", **facts: str) -> LetterEvent:
    return LetterEvent(
        letter_id=LetterId("1"), at=NOW, kind=kind, recipient=recipient, facts=facts
    )


def queued(recipient: Recipient, **more: Any) -> Summary:
    values: dict[str, Any] = {"held": False, **more}
    return Summary(
        id=LetterId("1"),
        worker=0,
        reverse_path="kim@example.test",
        recipients=(recipient,),
        size_octets=9,
        accepted_at=NOW,
        **values,
    )


def only(events: list[LetterEvent], summary: Summary | None = None) -> tuple[str, str]:
    ((recipient, korean, english),) = answers(events, summary, NOW)
    assert recipient == "lee@a.test"
    return korean, english


def test_where_it_has_gone() -> None:
    korean, english = only([event(Happening.DELIVERED, "lee@a.test", mailbox="Work")])
    assert "편지함 Work에 배달했습니다" in korean
    assert english.startswith("delivered to the mailbox Work at 2023-11-1")
    korean, english = only(
        [
            event(Happening.DEFERRED, "lee@a.test", reply="450 later"),
            event(
                Happening.RELAYED, "lee@a.test", reply="250 ok", next_hop="mx.a.test"
            ),
        ]
    )
    assert "mx.a.test 서버가 넘겨받았습니다 (250 ok)" in korean
    assert english.startswith("mx.a.test took it over at ")


def test_why_it_came_back_and_whether_that_was_told() -> None:
    failed = event(Happening.FAILED, "lee@a.test", status="5.1.1", reply="550 who?")
    told = event(Happening.NOTIFIED, "kim@example.test", about="lee@a.test")
    korean, english = only([failed])
    assert korean.endswith("포기했습니다: 5.1.1 550 who?")
    assert english.endswith("5.1.1 550 who?")
    korean, english = only([failed, told])
    assert korean.endswith("보낸이에게 알렸습니다")
    assert english.endswith("the sender was told")
    korean, _ = only([event(Happening.EXPIRED, "lee@a.test", status="4.4.1")])
    assert "시간이 다 되어 포기했습니다" in korean


def test_what_it_waits_for() -> None:
    lee = Recipient(address="lee@a.test", next_attempt=NOW + 60)
    cases = [
        (queued(lee, held=True), "붙들어", "held by the operator"),
        (queued(lee, lane="a.test", waits_for="no route"), "닿지 않아", "no route"),
        (queued(lee, lane="a.test"), "차례", "waits for its turn"),
        (queued(lee), "보내기로", "is to be sent at"),
        (
            queued(
                Recipient(
                    address="lee@a.test",
                    next_attempt=NOW + 60,
                    attempts=3,
                    last_reply="450 grey",
                )
            ),
            "3번 시도했고",
            "tried 3 times, next at",
        ),
        (queued(Recipient(address="lee@a.test")), "보내는 중", "is being sent now"),
    ]
    for summary, korean, english in cases:
        said = only([event(Happening.QUEUED, to="lee@a.test")], summary)
        assert korean in said[0]
        assert english in said[1]


def test_what_was_removed() -> None:
    events = [event(Happening.QUEUED, to="lee@a.test"), event(Happening.REMOVED)]
    assert only(events)[1] == "removed from the queue by the operator"


def test_who_has_it_is_not_said_to_wait() -> None:
    done = Recipient(address="lee@a.test", state=RecipientState.RELAYED)
    assert answers([event(Happening.QUEUED)], queued(done), NOW) == []
