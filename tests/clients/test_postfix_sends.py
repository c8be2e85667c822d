"""Postfix as a server that sends to us."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.clients.letters import (
    BODIES,
    LEE,
    UTF_8,
    arrived,
    assert_below_our_headers,
    everything,
    header,
    letter,
    new_token,
    told,
)
from tests.clients.postfix import AHN
from tests.clients.postfix_settings import CLEAR_READER
from tests.running import HOST

if TYPE_CHECKING:
    from tests.clients.postfix import Postfix
    from tests.running import Server


@pytest.mark.parametrize("name", BODIES)
def test_a_letter_comes_octet_for_octet(
    postfix: Postfix, house: Server, name: str
) -> None:
    """Over a connection whose certificate Postfix has checked."""
    token = new_token()
    to = "kim@example.test"
    sent = letter(name, token, sender=AHN, to=to)
    postfix.send(AHN, [to], sent)
    assert_below_our_headers(arrived(house, token, user=to), sent)
    assert postfix.logged("Verified TLS connection established to", "TLSv1.3")
    received = arrived(house, token, user=to).split(b"Received:")[1]
    assert b"with ESMTPS" in received


def test_without_tls(postfix: Postfix, house: Server) -> None:
    """MAIL, RCPT and DATA come before an answer was heard (RFC 2920 §3.1)."""
    token = new_token()
    sent = letter("utf-8", token, sender=AHN)
    postfix.send(AHN, [CLEAR_READER], sent)
    got = arrived(house, token, user=LEE)
    assert_below_our_headers(got, sent)
    assert b"with ESMTP " in got.split(b"Received:")[1]
    [asked] = postfix.logged(f"]:{house.port('smtp')}: DATA")
    dialogue = postfix.log()
    until = dialogue.index(asked)
    since = dialogue.rindex(": MAIL FROM:", 0, until)
    heard = f"< {HOST}[{HOST}]"
    assert ": RCPT TO:" in dialogue[since:until]
    assert heard not in dialogue[since:until]


def test_postfix_tells_what_we_refused(postfix: Postfix, house: Server) -> None:
    """Refused in the middle of a pipeline; who is here gets the letter."""
    token, to = new_token(), "kim@example.test"
    sent = letter("utf-8", token, sender=AHN, to=to)
    lost = [f"nobody{number}@example.test" for number in range(5)]
    postfix.send(AHN, [*lost, to], sent)
    assert_below_our_headers(arrived(house, token, user=to), sent)
    [report] = postfix.reports(AHN, token)
    for each in lost:
        assert f"Final-Recipient: rfc822; {each}".encode() in report
    assert report.count(b"Action: failed") == len(lost)
    assert report.count(b"Diagnostic-Code: smtp; 550 5.1.1") == len(lost)
    assert b"Remote-MTA: dns; 127.0.0.1" in report


def test_a_big_letter_comes(postfix: Postfix, house: Server) -> None:
    """15 MB, octet for octet."""
    token, to = new_token(), "kim@example.test"
    body = "큰 편지의 한 줄입니다, 끝이 없습니다.\r\n".encode() * 300_000
    sent = header(token, *UTF_8, sender=AHN, to=to) + body[:15_000_000] + b"\r\n"
    postfix.send(AHN, [to], sent)
    assert_below_our_headers(arrived(house, token, user=to), sent)


def test_many_letters_over_one_connection(postfix: Postfix, house: Server) -> None:
    """Postfix keeps a connection for the next letters; each comes once."""
    to = "kim@example.test"
    tokens = [new_token() for _ in range(30)]
    for token in tokens:
        postfix.send(AHN, [to], letter("dots", token, sender=AHN, to=to))
    postfix.wait_until_queue_is_empty()
    kept = everything(house, to)  # fails where one is there twice
    assert set(tokens) <= kept.keys()


def test_postfix_asks_for_success(postfix: Postfix, house: Server) -> None:
    """NOTIFY=SUCCESS comes with the letter, and our report goes back by relay."""
    token, to = new_token(), "kim@example.test"
    sent = letter("utf-8", token, sender=AHN, to=to)
    postfix.send(
        AHN, [to], sent,
        ("BODY=8BITMIME", f"ENVID={token}"), ("NOTIFY=SUCCESS",),
    )  # fmt: skip
    assert_below_our_headers(arrived(house, token, user=to), sent)
    [report] = postfix.reports(AHN, token)
    message, of = told(report)
    assert of["Action"] == "delivered"
    assert (
        "mail.example.test" in message.as_string().partition("Reporting-MTA:")[2][:40]
    )
