"""How many connections an account may have, over all doors."""

import base64
import imaplib
import smtplib

import pytest
from tests.running import HOST, PASSWORD, Server

SASL = f"\0kim@example.test\0{PASSWORD}".encode()


def log_in(server: Server) -> imaplib.IMAP4:
    client = imaplib.IMAP4(HOST, server.port("imap"))
    client.authenticate("PLAIN", lambda _: SASL)
    return client


def test_an_account_has_its_number() -> None:
    with Server(extra="[limits]\nconnections_per_account = 2", workers=1) as server:
        first, second = log_in(server), log_in(server)
        refused = imaplib.IMAP4(HOST, server.port("imap"))
        with pytest.raises(imaplib.IMAP4.error, match="Too many connections"):
            refused.authenticate("PLAIN", lambda _: SASL)
        refused.logout()
        with smtplib.SMTP(HOST, server.port("submission")) as client:
            client.ehlo()
            token = base64.b64encode(SASL).decode()
            code, said = client.docmd(f"AUTH PLAIN {token}")
            assert (code, said) == (454, b"4.7.0 too many connections of your account")
        first.logout()
        third = log_in(server)
        second.logout()
        third.logout()
