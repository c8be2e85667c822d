"""Postfix as the next hop of our relay."""

from __future__ import annotations

import email
import smtplib
from typing import TYPE_CHECKING

import pytest
from tests.clients.letters import (
    BODIES,
    LEE,
    SENDER,
    UTF_8,
    assert_below_our_headers,
    header,
    imap,
    letter,
    new_token,
    told,
)
from tests.clients.postfix import AHN
from tests.clients.relaying import events, reports, submit, submit_utf8
from tests.running import HOST

if TYPE_CHECKING:
    from tests.clients.postfix import Postfix
    from tests.running import Server

THEIRS = b"X-Original-To"


@pytest.mark.parametrize("name", BODIES)
def test_a_letter_goes_octet_for_octet(
    postfix: Postfix, house: Server, name: str
) -> None:
    """Below the headers that both add."""
    token = new_token()
    sent = letter(name, token, sender=SENDER, to=AHN)
    submit(house, AHN, sent)
    assert_below_our_headers(postfix.arrived(AHN, token), sent, THEIRS)


@pytest.mark.parametrize(("domain", "tls"), [("all.test", True), ("clear.test", False)])
def test_tls_to_postfix(
    postfix: Postfix, house: Server, domain: str, *, tls: bool
) -> None:
    """STARTTLS where it is offered; both say so, in Received and in the trace."""
    to, token = f"ahn@{domain}", new_token()
    submit(house, to, letter("plain", token, sender=SENDER, to=to))
    got = email.message_from_bytes(postfix.arrived(to, token))
    by_postfix = got.get_all("Received", [])[0]
    assert ("using TLSv1.3" in by_postfix) == tls
    assert f"with {'ESMTPS' if tls else 'ESMTP'} id" in by_postfix
    [done] = [each for each in events(house, token) if each["event"] == "relayed"]
    assert ("TLSv1.3" in done.get("tls", "")) == tls


def test_deferred_then_delivered(postfix: Postfix, house: Server) -> None:
    """A 4xx first: the letter stays, and trace tells both attempts."""
    to, token = "bae@all.test", new_token()
    postfix.answers[to] = ["450 4.7.1 come back in a moment"]
    sent = letter("utf-8", token, sender=SENDER, to=to)
    submit(house, to, sent)
    assert_below_our_headers(postfix.arrived(to, token), sent, THEIRS)
    house.wait_until_queue_is_empty()
    said = [(each["event"], each.get("reply", "")) for each in events(house, token)]
    [first] = [reply for event, reply in said if event == "deferred"]
    assert "come back in a moment" in first
    assert [event for event, _ in said].count("relayed") == 1
    assert said[-1][0] == "relayed"
    words = house.run("trace", f"<{token}@example.test>").decode()
    assert words.index("come back in a moment") < words.rindex("relayed")


def test_refused(postfix: Postfix, house: Server) -> None:
    """A 5xx: the sender hears of it with the remote's words, once."""
    to, token = "bae@ascii.test", new_token()
    postfix.answers[to] = ["550 5.7.1 not from you, thank you"]
    submit(house, to, letter("plain", token, sender=SENDER, to=to))
    [report] = reports(house, SENDER, token)
    message, of = told(report)
    assert message["To"] == SENDER
    assert of["Final-Recipient"] == f"rfc822; {to}"
    assert of["Action"] == "failed"
    assert of["Status"] == "5.7.1"
    assert "not from you, thank you" in of["Diagnostic-Code"]
    assert of["Remote-MTA"]


def test_nobody_lives_there(house: Server) -> None:
    """Postfix's own 550 for a mailbox that it has not."""
    to, token = "nobody@all.test", new_token()
    submit(house, to, letter("plain", token, sender=SENDER, to=to))
    [report] = reports(house, SENDER, token)
    _, of = told(report)
    assert of["Status"] == "5.1.1"
    assert "User unknown" in of["Diagnostic-Code"]


def test_no_report_about_a_report(postfix: Postfix, house: Server) -> None:
    """What has the null reverse path and is refused ends there (RFC 5321 §6.1)."""
    to, token = "bae@seven.test", new_token()
    postfix.answers[to] = ["550 5.7.1 no"]
    before = {user: len(everything_of(house, user)) for user in (SENDER, LEE)}
    with smtplib.SMTP(HOST, house.port("smtp"), timeout=20) as client:
        client.sendmail("", [to], letter("plain", token, sender=SENDER, to=to))
    house.wait_until_queue_is_empty()
    assert "failed" in {each["event"] for each in events(house, token)}
    now = {user: len(everything_of(house, user)) for user in (SENDER, LEE)}
    assert now == before


def everything_of(server: Server, user: str) -> list[bytes]:
    """All message numbers in the INBOX."""
    with imap(server, user) as client:
        client.select("INBOX", readonly=True)
        found: list[bytes] = client.search(None, "ALL")[1][0].split()
        return found


@pytest.mark.parametrize("name", ["utf-8", "euc-kr", "lines of 998", "large"])
def test_without_8bitmime(postfix: Postfix, house: Server, name: str) -> None:
    """Eight-bit text becomes seven-bit and means the same (RFC 6152 §3)."""
    to, token = "ahn@seven.test", new_token()
    sent = letter(name, token, sender=SENDER, to=to)
    submit(house, to, sent)
    kept = postfix.arrived(to, token)
    assert kept.isascii()
    message = email.message_from_bytes(kept)
    assert message["Content-Transfer-Encoding"] in ("quoted-printable", "base64")
    assert message["Subject"] == token
    charset = message.get_content_charset()
    wanted = email.message_from_bytes(sent)
    assert charset == wanted.get_content_charset()
    payload = message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload == BODIES[name][1]


def test_without_smtputf8(postfix: Postfix, house: Server) -> None:
    """A letter that needs SMTPUTF8 only in name goes; one for a Korean name fails."""
    token = new_token()
    sent = letter("utf-8", token, sender=SENDER, to="ahn@ascii.test")
    submit(house, "ahn@ascii.test", sent, options=("BODY=8BITMIME", "SMTPUTF8"))
    assert_below_our_headers(postfix.arrived("ahn@ascii.test", token), sent, THEIRS)
    to, token = "한글@ascii.test", new_token()
    sent = header(token, *UTF_8, sender=SENDER, to="x@ascii.test") + b"x\r\n"
    submit_utf8(house, to, sent)
    [report] = reports(house, SENDER, "SMTPUTF8")  # the letter's copy is in base64
    _, of = told(report)
    assert of["Action"] == "failed"
    assert of["Status"] == "5.6.7"
    assert of["Final-Recipient"] == r"utf-8; \x{D55C}\x{AE00}@ascii.test"  # RFC 6533 §3


def test_smtputf8(postfix: Postfix, house: Server) -> None:
    """A Korean local part, and Korean in the header as it is (RFC 6531)."""
    to, token = "한글@all.test", new_token()
    sent = header(token, *UTF_8, f"X-To: {to}", sender=SENDER, to=to) + b"x\r\n"
    submit_utf8(house, to, sent)
    assert_below_our_headers(postfix.arrived(to, token), sent, THEIRS)


@pytest.mark.parametrize("domain", ["all.test", "silent.test"])
def test_notify_success(postfix: Postfix, house: Server, domain: str) -> None:
    """Who has DSN is asked to tell; else we say "relayed" (RFC 3461 §5.2.2)."""
    to, token = f"ahn@{domain}", new_token()
    sent = letter("utf-8", token, sender=SENDER, to=to)
    submit(
        house, to, sent,
        options=("BODY=8BITMIME", "RET=HDRS", f"ENVID={token}"),
        for_each=("NOTIFY=SUCCESS",),
    )  # fmt: skip
    assert_below_our_headers(postfix.arrived(to, token), sent, THEIRS)
    [report] = reports(house, SENDER, token)
    message, of = told(report)
    ours = domain == "silent.test"
    assert of["Action"] == ("relayed" if ours else "delivered")
    assert of["Status"].startswith("2.")
    assert of["Final-Recipient"].replace(" ", "") == f"rfc822;{to}"
    assert f"Original-Envelope-Id: {token}" in message.as_string()
    reporter = "mail.example.test" if ours else "mail.postfix.test"
    assert reporter in message.as_string().partition("Reporting-MTA:")[2][:40]
