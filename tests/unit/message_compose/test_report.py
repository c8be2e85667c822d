"""Delivery status notifications (RFC 3461, 3464, 6522, 6533)."""

from __future__ import annotations

import email
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pyeonji.message.report import (
    MAX_RETURNED_OCTETS,
    DeliveryReport,
    RecipientReport,
    compose_report,
)
from pyeonji.message.report_words import Action

ORIGINAL = b"From: kim@example.test\r\nSubject: x\r\n\r\nbody of it\r\n"

RECIPIENT = RecipientReport(
    final_recipient="lee@example.test",
    action=Action.FAILED,
    status="5.1.1",
    original_recipient="rfc822;lee.old@example.test",
    remote_mta="mx.example.test",
    diagnostic="550 5.1.1 no such user",
    last_attempt_at=1_000_000_000.0,
)
REPORT = DeliveryReport(
    reporting_mta="mta.example.test",
    to="kim@example.test",
    recipients=(RECIPIENT,),
    original=ORIGINAL,
    envid="QQ314159",
    arrived_at=999_999_000.0,
    reported_at=1_000_000_001.0,
    token="abcdef0123456789",
)


def parts_of(report: DeliveryReport) -> list[Any]:
    octets = compose_report(report)
    assert octets.isascii()
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    message = email.message_from_bytes(octets)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    parts = message.get_payload()
    assert isinstance(parts, list)
    return parts


def test_a_report_has_text_facts_and_header() -> None:
    """RFC 3464 §2."""
    text, facts, header = parts_of(REPORT)
    assert "배달하지 못했습니다" in text.get_payload(decode=True).decode()
    assert "could not be delivered" in text.get_payload(decode=True).decode()
    per_message, per_recipient = facts.get_payload()
    assert per_message.items() == [
        ("Original-Envelope-Id", "QQ314159"),
        ("Reporting-MTA", "dns; mta.example.test"),
        ("Arrival-Date", "Sun, 09 Sep 2001 01:30:00 +0000"),
    ]
    assert per_recipient.items() == [
        ("Original-Recipient", "rfc822; lee.old@example.test"),
        ("Final-Recipient", "rfc822; lee@example.test"),
        ("Action", "failed"),
        ("Status", "5.1.1"),
        ("Remote-MTA", "dns; mx.example.test"),
        ("Diagnostic-Code", "smtp; 550 5.1.1 no such user"),
        ("Last-Attempt-Date", "Sun, 09 Sep 2001 01:46:40 +0000"),
    ]
    assert header.get_content_type() == "text/rfc822-headers"
    assert "body of it" not in header.get_payload()


def test_the_whole_letter_comes_back_only_with_a_failure() -> None:
    """RET=FULL speaks of failures only (RFC 3461 §4.3)."""
    full = replace(REPORT, return_full=True)
    assert parts_of(full)[2].get_content_type() == "message/rfc822"
    delayed = replace(RECIPIENT, action=Action.DELAYED, status="4.4.1")
    delay = replace(full, recipients=(delayed,))
    assert parts_of(delay)[2].get_content_type() == "text/rfc822-headers"


def test_a_large_letter_is_not_returned() -> None:
    large = ORIGINAL + b"x\r\n" * MAX_RETURNED_OCTETS
    report = replace(REPORT, return_full=True, original=large)
    assert len(compose_report(report)) < 10_000


def test_what_a_remote_server_said_stays_in_its_field() -> None:
    """Remote replies are hostile text."""
    said = "550 no\r\nFinal-Recipient: rfc822; x@y\r\n\r\n\x1b[31m가" + "y" * 5000
    hostile = replace(RECIPIENT, diagnostic=said, remote_mta="mx\r\nX: y")
    facts = parts_of(replace(REPORT, recipients=(hostile,)))[1]
    groups = facts.get_payload()
    assert len(groups) == 2
    assert groups[1].get_all("Final-Recipient") == ["rfc822; lee@example.test"]
    assert r"\x{1B}[31m\x{AC00}" in groups[1]["Diagnostic-Code"]
    assert "X" not in groups[1]


def test_addresses_of_other_scripts_stay_seven_bit() -> None:
    """utf-8-addr-xtext (RFC 6533 §3); the letter goes as message/global (§4)."""
    korean = replace(RECIPIENT, final_recipient="이@한국.kr", original_recipient="")
    original = "From: 김@한국.kr\r\n\r\nx\r\n".encode()
    report = replace(REPORT, recipients=(korean,), original=original, return_full=True)
    _, facts, letter = parts_of(report)
    address = r"utf-8; \x{C774}@\x{D55C}\x{AD6D}.kr"
    assert facts.get_payload()[1]["Final-Recipient"] == address
    assert letter.get_content_type() == "message/global"


@settings(deadline=None, max_examples=200)
@given(text=st.text(max_size=80), octets=st.binary(max_size=200))
def test_nothing_in_a_report_needs_to_be_clean(text: str, octets: bytes) -> None:
    hostile = RecipientReport(
        final_recipient=text,
        action=Action.FAILED,
        status=text,
        original_recipient=text,
        remote_mta=text,
        diagnostic=text,
        diagnostic_type=text,
    )
    report = replace(
        REPORT, recipients=(hostile,), envid=text, original=octets, return_full=True
    )
    facts = parts_of(replace(report, reporting_mta=text))[1]
    assert len(facts.get_payload()) == 2


def test_people_read_why_in_both_languages() -> None:
    """By the status code; until when it is tried; which letter it was."""

    def text(subject: bytes = b"x", **wanted: Any) -> str:
        report = replace(
            REPORT,
            recipients=(replace(RECIPIENT, **wanted),),
            original=b"Subject: " + subject + b"\r\n\r\nbody\r\n",
        )
        words: str = parts_of(report)[0].get_payload(decode=True).decode()
        return words

    assert "그런 주소가 없습니다 / there is no such address" in text()
    full = text(status="4.2.2", action=Action.DELAYED, will_retry_until=1e9)
    assert "편지함이 가득 찼습니다 / the mailbox is full" in full
    assert "이때까지 시도합니다 / tried until: Sun, 09 Sep 2001" in full
    assert "server" not in text(status="5.9.9").partition("<lee")[2].partition("의")[0]
    assert "no such" not in text(action=Action.DELIVERED, diagnostic="")
    korean = text(subject=b"=?utf-8?B?7ZqM7J2Y66Gd?=")
    assert "subject of the letter: 회의록" in korean
    hostile = text(subject=b"=?utf-8?Q?a=0D=0Ab=1B[31m?= " + b"y" * 5000)
    assert "subject of the letter: a b [31m yyy" in hostile
    assert "y" * 250 not in hostile


def test_a_reason_is_said_of_every_plain_status() -> None:
    """Both languages, nothing left empty."""
    from pyeonji.message.report_words import _WHY, why

    for detail, (korean, english) in _WHY.items():
        assert why(f"5.{detail}") == why(f"4.{detail}") == (korean, english)
        assert not korean.isascii()
        assert english.isascii()
    assert why("") is None
