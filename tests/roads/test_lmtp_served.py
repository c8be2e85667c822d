"""LMTP as it is served: each recipient has an answer, whatever becomes of others."""

from __future__ import annotations

import smtplib

import pytest
from tests.running import HOST, Server

LETTER = b"From: a@b.test\r\nSubject: x\r\n\r\n"


@pytest.mark.parametrize("octets", [200, 500_000])
def test_an_answer_for_each(octets: int) -> None:
    """Small and large letters, for two who are here and one who is not."""
    letter = LETTER + b"a line that is long enough\r\n" * (octets // 28)
    with Server() as server:
        with smtplib.LMTP(HOST, server.port("lmtp"), timeout=20) as client:
            client.ehlo()
            assert client.docmd("MAIL FROM:<a@b.test>")[0] == 250
            for name, code in (("kim", 250), ("nobody", 550), ("lee", 250)):
                assert client.docmd(f"RCPT TO:<{name}@example.test>")[0] == code
            assert client.docmd("DATA")[0] == 354
            client.send(letter + b".\r\n")
            code, words = client.getreply()
            assert (code, b"<kim@example.test>" in words) == (250, True)
            code, words = client.getreply()
            assert (code, b"<lee@example.test>" in words) == (250, True)
        server.verify()
