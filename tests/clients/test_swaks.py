"""swaks, the tester's SMTP client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.clients.letters import (
    KIM,
    LEE,
    arrived,
    assert_below_our_headers,
    letter,
    new_token,
)
from tests.running import HOST, PASSWORD

if TYPE_CHECKING:
    from tests.clients.conftest import Programs
    from tests.running import Server


def swaks(
    server: Server, programs: Programs, *words: str, codes: tuple[int, ...] = (0,)
) -> str:
    return programs.run(
        *("swaks", "--from", KIM, "--to", LEE, "--timeout", "20"),
        *("--tls-ca-path", str(server.certificate), *words),
        codes=codes,
    )


def at(server: Server, protocol: str, tls: str = "") -> list[str]:
    return ["--server", HOST, "--port", str(server.port(protocol, tls))]


@pytest.mark.parametrize("name", ["plain", "dots", "utf-8", "lines of 998"])
def test_starttls_without_login(server: Server, programs: Programs, name: str) -> None:
    """Mail for our own domain from anywhere."""
    token = new_token()
    sent = letter(name, token)
    if name == "dots":
        sent += b"end\r\n"  # swaks takes a last line of one dot for the end
    # swaks puts CRLF.CRLF behind what it is given, whether it ends a line or not
    file = programs.write("letter.eml", sent.removesuffix(b"\r\n"))
    tls = ("--tls", "--tls-verify")
    said = swaks(server, programs, *at(server, "smtp"), *tls, "--data", f"@{file}")
    assert "TLSv1.3" in said
    assert_below_our_headers(arrived(server, token), sent)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_authentication(
    server: Server, programs: Programs, mechanism: str, tls: str
) -> None:
    """AUTH over both kinds of TLS."""
    token = new_token()
    swaks(
        server, programs, *at(server, "submission", tls),
        "--tls" if tls == "starttls" else "--tls-on-connect",
        "--auth", mechanism, "--auth-user", KIM, "--auth-password", PASSWORD,
        "--header", f"Subject: {token}", "--body", "안녕",
    )  # fmt: skip
    assert arrived(server, token).rstrip().endswith("안녕".encode())


def test_wrong_password(server: Server, programs: Programs) -> None:
    """28: no authentication worked."""
    said = swaks(
        server, programs, *at(server, "submission"), "--tls", "--auth", "PLAIN",
        "--auth-user", KIM, "--auth-password", "wrong", codes=(28,),
    )  # fmt: skip
    assert "535 5.7.8" in said


def test_pipelining(server: Server, programs: Programs) -> None:
    """All commands of a transaction in one packet (RFC 2920)."""
    token = new_token()
    said = swaks(
        server, programs, *at(server, "smtp"), "--pipeline",
        "--header", f"Subject: {token}",
    )  # fmt: skip
    asked, answered = said.index("RCPT TO:"), said.index("250 2.1.0")
    assert asked < answered, "RCPT went before MAIL was answered"
    arrived(server, token)


def test_lmtp(server: Server, programs: Programs) -> None:
    """The delivery door."""
    token = new_token()
    said = swaks(
        server, programs, *at(server, "lmtp"), "--protocol", "LMTP",
        "--header", f"Subject: {token}",
    )  # fmt: skip
    assert f"<{LEE}> delivered" in said
    arrived(server, token)


def test_refusals_are_told(server: Server, programs: Programs) -> None:
    """24: no recipient was taken."""
    elsewhere = ("--to", "who@elsewhere.test")
    said = swaks(server, programs, *at(server, "smtp"), *elsewhere, codes=(24,))
    assert "550 5.7.1" in said
    nobody = ("--to", "nobody@example.test")
    said = swaks(server, programs, *at(server, "smtp"), *nobody, codes=(24,))
    assert "550 5.1.1" in said


def test_attachment(server: Server, programs: Programs) -> None:
    """What swaks makes of an attachment arrives."""
    token = new_token()
    file = programs.write("letter.bin", bytes(range(256)))
    swaks(
        server, programs, *at(server, "smtp"), "--header", f"Subject: {token}",
        "--attach", f"@{file}",
    )  # fmt: skip
    assert b"multipart/mixed" in arrived(server, token)
