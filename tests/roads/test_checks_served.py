"""The served program checks letters: configuration, DNS over UDP, policy, trace."""

from __future__ import annotations

import imaplib
import json
import smtplib
from collections.abc import Iterator

import pytest
from tests.running import DOMAIN, HOST, PASSWORD, Server
from tests.unit.serve.fake_dns import FakeDns

LETTER = b"From: lee@one.test\r\nTo: kim@example.test\r\nSubject: hello\r\n\r\nHi\r\n"
ZONE = {
    ("one.test", "TXT"): ['"v=spf1 ip4:127.0.0.1 -all"'],
    ("_dmarc.one.test", "TXT"): ['"v=DMARC1; p=quarantine"'],
    ("two.test", "TXT"): ['"v=spf1 -all"'],
    ("_dmarc.two.test", "TXT"): ['"v=DMARC1; p=quarantine"'],
    ("_dmarc.three.test", "TXT"): ['"v=DMARC1; p=reject"'],
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with FakeDns(ZONE) as dns:
        extra = f'[dns]\nservers = ["{dns.server}"]\n[trust]\nprivate = true\n'
        with Server(accounts=["kim"], extra=extra) as server:
            yield server


def bring(server: Server, sender: str, octets: bytes) -> None:
    with smtplib.SMTP(HOST, server.port("smtp"), "mx.one.test", timeout=30) as client:
        client.sendmail(sender, [f"kim@{DOMAIN}"], octets)
    server.wait_until_queue_is_empty()


def latest(server: Server, mailbox: str) -> bytes:
    with imaplib.IMAP4(HOST, server.port("imap")) as client:
        secret = f"\0kim@{DOMAIN}\0{PASSWORD}".encode()
        client.authenticate("PLAIN", lambda _: secret)
        client.select(mailbox, readonly=True)
        _, data = client.fetch("*", "(BODY.PEEK[])")
        assert isinstance(data[0], tuple)
        return data[0][1]


def test_a_letter_that_passes(server: Server) -> None:
    bring(server, "lee@one.test", LETTER)
    field = latest(server, "INBOX").partition(b"Received:")[0].decode()
    assert f"Authentication-Results: mail.{DOMAIN};" in field
    assert "spf=pass" in field
    assert "dmarc=pass (p=quarantine) header.from=one.test" in field
    events = json.loads(server.run("trace", "lee@one.test", "--json"))
    assert "pass one.test" in json.dumps(events)
    told = server.run("trace", "lee@one.test").decode()
    assert "spf pass one.test; dkim none; dmarc pass one.test" in told


def test_a_letter_that_fails_goes_where_its_domain_wants_it(server: Server) -> None:
    bring(server, "lee@two.test", LETTER.replace(b"one.test", b"two.test"))
    field = latest(server, "Junk").partition(b"Received:")[0].decode()
    assert "spf=fail" in field
    assert "policy.dmarc=quarantine header.from=two.test" in field
    with pytest.raises(smtplib.SMTPDataError, match="does not vouch"):
        bring(server, "lee@one.test", LETTER.replace(b"@one.test", b"@three.test"))


def test_mail_verify_asks_the_configured_servers(server: Server) -> None:
    words = ("--ip", "127.0.0.1", "--mail-from", "lee@one.test", "--json")
    told = json.loads(server.run("mail", "verify", "-", *words, stdin=LETTER))
    assert (told["spf"]["result"], told["dmarc"]["result"]) == ("pass", "pass")
