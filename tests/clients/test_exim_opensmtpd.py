"""Exim and OpenSMTPD, as next hops of ours and as servers that send to us."""

from __future__ import annotations

import email
import smtplib
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.clients.exim import exim
from tests.clients.letters import (
    BODIES,
    LEE,
    SENDER,
    UTF_8,
    arrived,
    assert_below_our_headers,
    header,
    letter,
    new_token,
    password_of,
    told,
)
from tests.clients.opensmtpd import NOBODY, opensmtpd
from tests.clients.relaying import events, reports, submit, submit_utf8
from tests.running import HOST, Ports, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clients.chrooted import Chrooted

THEIRS = (b"Delivered-To", b"Envelope-to", b"Delivery-date", b"X-Spool")


class Stranger(NamedTuple):
    """A server of another make, with two doors, and ours beside it."""

    domain: str  # letters for bare.DOMAIN go to the door without extensions
    there: Chrooted
    house: Server
    port: int

    def sends(
        self,
        to: str,
        octets: bytes,
        options: tuple[str, ...] = ("BODY=8BITMIME",),
        for_each: tuple[str, ...] = (),
        sender: str = "",
    ) -> None:
        """A user of theirs sends to one of ours."""
        with smtplib.SMTP(HOST, self.port, timeout=20) as client:
            whose = sender or f"ahn@{self.domain}"
            client.sendmail(whose, [to], octets, options, for_each)


def _together(domain: str, *, eight: bool = True) -> Iterator[Stranger]:
    ports = Ports()
    full, bare = ports.take(), ports.take()
    ports.close()
    extra = ["[queue]", 'retry = ["1s"]']
    secret = "required" if domain == "exim.test" else "opportunistic"
    for name, port, tls in (
        (domain, full, secret),
        (f"bare.{domain}", bare, "opportunistic"),
    ):
        extra += ["[[route]]", f'domain = "{name}"', f'next_hop = "{HOST}:{port}"']
        extra += [f'tls = "{tls}"']
    with Server(accounts=("kim", "lee"), extra="\n".join(extra)) as house:
        words = ("account", "add", SENDER, "--password-stdin")
        house.run(*words, stdin=password_of(SENDER))
        there = (
            exim(house, full, bare, eight=eight)
            if domain == "exim.test"
            else opensmtpd(house, full, bare)
        )
        with there:
            yield Stranger(domain, there, house, full)
        house.verify()


@pytest.fixture(scope="module", params=["exim.test", "opensmtpd.test"])
def stranger(request: pytest.FixtureRequest) -> Iterator[Stranger]:
    yield from _together(request.param)


@pytest.fixture(scope="module")
def old_exim() -> Iterator[Stranger]:
    """One that takes only seven bits."""
    yield from _together("exim.test", eight=False)


@pytest.mark.parametrize("name", BODIES)
def test_a_letter_goes_octet_for_octet(stranger: Stranger, name: str) -> None:
    """Below the headers that both add; to Exim over TLS."""
    to, token = f"ahn@{stranger.domain}", new_token()
    sent = letter(name, token, sender=SENDER, to=to)
    submit(stranger.house, to, sent)
    assert_below_our_headers(stranger.there.arrived(token), sent, *THEIRS)
    [done] = [e for e in events(stranger.house, token) if e["event"] == "relayed"]
    assert ("TLSv1.3" in done.get("tls", "")) == (stranger.domain == "exim.test")


def test_a_door_with_nothing(stranger: Stranger) -> None:
    """No TLS, no DSN, no SMTPUTF8: it goes as it can, and we say that it went."""
    to, token = f"bae@bare.{stranger.domain}", new_token()
    sent = letter("utf-8", token, sender=SENDER, to=to)
    submit(stranger.house, to, sent, for_each=("NOTIFY=SUCCESS",))
    assert_below_our_headers(stranger.there.arrived(token), sent, *THEIRS)
    [report] = reports(stranger.house, SENDER, token)
    _, of = told(report)
    assert of["Action"] == "relayed"
    [done] = [e for e in events(stranger.house, token) if e["event"] == "relayed"]
    assert not done.get("tls")


def test_seven_bits(old_exim: Stranger) -> None:
    """Eight-bit text becomes seven-bit and means the same (RFC 6152 §3)."""
    to, token = "ahn@exim.test", new_token()
    submit(old_exim.house, to, letter("euc-kr", token, sender=SENDER, to=to))
    kept = old_exim.there.arrived(token)
    assert kept.isascii()
    payload = email.message_from_bytes(kept).get_payload(decode=True)
    assert payload == BODIES["euc-kr"][1]


def test_success_is_told(stranger: Stranger) -> None:
    """Who has DSN tells the sender itself, and we don't."""
    to, token = f"ahn@{stranger.domain}", new_token()
    sent = letter("utf-8", token, sender=SENDER, to=to)
    submit(stranger.house, to, sent, for_each=("NOTIFY=SUCCESS",))
    assert_below_our_headers(stranger.there.arrived(token), sent, *THEIRS)
    kind = "multipart/report" if stranger.domain == "exim.test" else "multipart/mixed"
    [report] = reports(stranger.house, SENDER, token, kind)
    message = email.message_from_bytes(report)
    assert stranger.there.name in message.as_string().partition("Reporting-MTA:")[2]


def test_korean_local_part(stranger: Stranger) -> None:
    """RFC 6531 where the next hop has it; else the sender is told why not."""
    to, token = f"한글@{stranger.domain}", new_token()
    sent = header(token, *UTF_8, f"X-To: {to}", sender=SENDER, to="x@y.test") + b"x\r\n"
    submit_utf8(stranger.house, to, sent)
    if stranger.domain == "exim.test":
        assert_below_our_headers(stranger.there.arrived(token), sent, *THEIRS)
        return
    [report] = reports(stranger.house, SENDER, "SMTPUTF8")
    _, of = told(report)
    assert (of["Action"], of["Status"]) == ("failed", "5.6.7")


def test_put_off_then_taken(stranger: Stranger) -> None:
    """Greylisted: the letter stays, goes at a later try, and once."""
    to, token = f"bae@{stranger.domain}", new_token()
    _put_off(stranger, to, off=True)
    sent = letter("utf-8", token, sender=SENDER, to=to)
    submit(stranger.house, to, sent)
    stranger.there.logged("greylisted")
    _put_off(stranger, to, off=False)
    assert_below_our_headers(stranger.there.arrived(token), sent, *THEIRS)
    stranger.house.wait_until_queue_is_empty()
    said = [
        (each["event"], each.get("reply", "")) for each in events(stranger.house, token)
    ]
    assert any("greylisted" in reply for event, reply in said if event == "deferred")
    assert [event for event, _ in said].count("relayed") == 1


def _put_off(stranger: Stranger, to: str, *, off: bool) -> None:
    if stranger.domain == "exim.test":
        mark = stranger.there.folder / "grey" / to.partition("@")[0]
        mark.touch() if off else mark.unlink()
    else:
        stranger.there.write("etc/put_off", f"{to}\n" if off else NOBODY)
        stranger.there.run("/usr/sbin/smtpctl", "update", "table", "put_off")


def test_refused(stranger: Stranger) -> None:
    """A 5xx at RCPT: the sender hears of it with the remote's words, once."""
    to, token = f"nobody@{stranger.domain}", new_token()
    submit(stranger.house, to, letter("plain", token, sender=SENDER, to=to))
    [report] = reports(stranger.house, SENDER, token)
    _, of = told(report)
    assert of["Final-Recipient"] == f"rfc822; {to}"
    assert of["Action"] == "failed"
    assert of["Status"].startswith("5.")
    assert of["Diagnostic-Code"].startswith("smtp; 5")


def test_refused_after_data(stranger: Stranger) -> None:
    """A 5xx for the content (Exim), a cut connection at DATA (OpenSMTPD)."""
    to, token = f"ahn@{stranger.domain}", new_token()
    if stranger.domain == "exim.test":
        sent = letter("plain", token, sender=SENDER, to=to)
        sent = sent.replace(b"Subject: ", b"X-Token: ")
        sent = b"Subject: unwanted\r\n" + sent
        submit(stranger.house, to, sent)
        [report] = reports(stranger.house, SENDER, token)
        assert told(report)[1]["Status"] == "5.7.1"
        return
    stranger.there.write("etc/cut", f"{SENDER}\n")
    stranger.there.run("/usr/sbin/smtpctl", "update", "table", "cut")
    sent = letter("plain", token, sender=SENDER, to=to)
    submit(stranger.house, to, sent)
    stranger.there.logged("that is enough")
    stranger.there.write("etc/cut", NOBODY)
    stranger.there.run("/usr/sbin/smtpctl", "update", "table", "cut")
    assert_below_our_headers(stranger.there.arrived(token), sent, *THEIRS)
    stranger.house.wait_until_queue_is_empty()
    said = [each["event"] for each in events(stranger.house, token)]
    assert said.count("relayed") == 1
    assert "deferred" in said


@pytest.mark.parametrize("name", BODIES)
def test_a_letter_comes_octet_for_octet(stranger: Stranger, name: str) -> None:
    """From them to us, over a connection whose certificate they have checked."""
    token = new_token()
    sent = letter(name, token, sender=f"ahn@{stranger.domain}", to=LEE)
    stranger.sends(LEE, sent)
    got = arrived(stranger.house, token, user=LEE)
    assert_below_our_headers(got, sent)
    assert b"with ESMTPS" in got.split(b"Received:")[1]


def test_they_tell_what_we_refused(stranger: Stranger) -> None:
    """Our 550 for somebody who does not live here is in their report."""
    token = new_token()
    to = "nobody@example.test"
    stranger.sends(to, letter("plain", token, sender=f"ahn@{stranger.domain}", to=to))
    report = stranger.there.report(token)
    assert to.encode() in report
    assert b"5.1.1" in report


def test_they_ask_for_success(stranger: Stranger) -> None:
    """NOTIFY=SUCCESS comes with the letter, and our report goes back by relay."""
    token = new_token()
    sent = letter("plain", token, sender=f"ahn@{stranger.domain}", to=LEE)
    stranger.sends(LEE, sent, (f"ENVID={token}",), ("NOTIFY=SUCCESS",))
    assert_below_our_headers(arrived(stranger.house, token, user=LEE), sent)
    report = stranger.there.report(token)
    assert b"Action: delivered" in report
    assert b"mail.example.test" in report.partition(b"Reporting-MTA:")[2][:40]
