"""A letter that must go over verified TLS, from one house of ours to another."""

from __future__ import annotations

import smtplib
import time

from tests.running import HOST, PASSWORD, Server

LEE = "lee@b.test"


def trace(server: Server, what: str, word: str) -> str:
    deadline = time.monotonic() + 30
    while True:
        told = server.run("trace", what, code=0).decode()
        if word in told:
            return told
        assert time.monotonic() < deadline, told
        time.sleep(0.1)


def send(server: Server, sender: str, to: str) -> None:
    """A stranger's letter, at port 25."""
    with smtplib.SMTP(HOST, server.port("smtp"), timeout=20) as client:
        client.starttls(context=server.tls_context())
        client.ehlo()
        octets = b"Subject: secret\r\n\r\nhello\r\n"
        client.sendmail(sender, [to], octets, ("REQUIRETLS",))


def test_from_house_to_house() -> None:
    """REQUIRETLS is passed on, and stands in both journeys (RFC 8689 §4.2.1)."""
    with Server(accounts=()) as theirs:
        theirs.run("domain", "add", "b.test")
        theirs.run("account", "add", LEE, "--password-stdin", stdin=PASSWORD)
        route = f"""
[[route]]
domain = "b.test"
next_hop = "localhost:{theirs.port("smtp")}"
ca = "{theirs.certificate}"
[[route]]
domain = "d.test"
next_hop = "localhost:{theirs.port("smtp")}"
"""
        with Server(accounts=("kim",), extra=route) as ours:
            ours.run("alias", "add", "all@example.test", LEE)
            send(ours, "kim@c.test", "all@example.test")
            assert "; TLS required" in trace(ours, LEE, "relayed")
            assert "; TLS required" in trace(theirs, LEE, "delivered")
            # the system trusts no such certificate: it comes back at once
            ours.run("alias", "add", "others@example.test", "lee@d.test")
            send(ours, "kim@example.test", "others@example.test")
            assert "5.7.10" in trace(ours, "lee@d.test", "failed")
            ours.wait_until_queue_is_empty()
