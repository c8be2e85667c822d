"""A maildrop over kills: nothing goes unless QUIT was answered (RFC 1939 §6)."""

from __future__ import annotations

import poplib
import smtplib
import time

import pytest
from tests.running import DOMAIN, HOST, PASSWORD, Server

KIM = f"kim@{DOMAIN}"


def maildrop(server: Server) -> poplib.POP3:
    client = poplib.POP3(HOST, server.port("pop3"), timeout=20)
    client.encoding = "UTF-8"
    try:
        client.user(KIM)
        client.pass_(PASSWORD)
    except poplib.error_proto:
        client.close()
        raise
    return client


def fill(server: Server, count: int) -> None:
    with smtplib.LMTP(HOST, server.port("lmtp")) as lmtp:
        for number in range(count):
            lmtp.sendmail("", [KIM], f"Subject: {number}\r\n\r\nx\r\n".encode())


def test_kills_around_quit() -> None:
    """DELE and a kill: all stay. QUIT answered and a kill: all are gone."""
    with Server(workers=2) as server:
        fill(server, 20)
        client = maildrop(server)
        assert client.stat()[0] == 20
        for number in range(1, 11):
            client.dele(number)
        server.kill()
        client.close()
        server.start()
        client = maildrop(server)
        assert client.stat()[0] == 20
        for number in range(1, 11):
            client.dele(number)
        assert client.quit().startswith(b"+OK")
        server.kill()
        server.start()
        client = maildrop(server)
        assert client.stat()[0] == 10
        client.quit()
        server.verify()


def test_one_session_over_all_workers() -> None:
    """RFC 1939 §4: whichever worker has the other connection; a kill frees it."""
    with Server(workers=2) as server:
        first = maildrop(server)
        for _ in range(8):  # the kernel spreads them over both
            with pytest.raises(poplib.error_proto, match=r"\[IN-USE\]"):
                maildrop(server)
        server.kill()
        first.close()
        server.start()
        maildrop(server).quit()
        time.sleep(0.1)
        maildrop(server).quit()
