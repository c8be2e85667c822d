"""Programs that only send: msmtp, and aiosmtplib as a library."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiosmtplib
import pytest
from tests.clients.letters import (
    BODIES,
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


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("auth", ["plain", "cram-md5", "scram-sha-256", "login"])
def test_msmtp(server: Server, programs: Programs, tls: str, auth: str) -> None:
    """msmtp as a user's sendmail."""
    programs.write(
        ".msmtprc",
        f"""
account default
host {HOST}
port {server.port("submission", tls)}
from {KIM}
tls on
tls_starttls {"on" if tls == "starttls" else "off"}
tls_trust_file {server.certificate}
auth {auth}
user {KIM}
password {PASSWORD}
""",
    )
    token = new_token()
    sent = letter("utf-8", token)
    programs.run("msmtp", LEE, stdin=sent.replace(b"\r\n", b"\n"))
    assert_below_our_headers(arrived(server, token), sent)


def test_msmtp_asks_what_we_are(server: Server, programs: Programs) -> None:
    """--serverinfo lists what EHLO offers."""
    said = programs.run(
        *("msmtp", "--serverinfo", f"--host={HOST}"),
        *(f"--port={server.port('submission')}", "--tls=on"),
        f"--tls-trust-file={server.certificate}",
    )
    for word in ("PIPELINING", "SIZE", "DSN", "STARTTLS", "AUTH"):
        assert word in said


@pytest.mark.parametrize("name", BODIES)
def test_aiosmtplib(server: Server, name: str) -> None:
    """Submission by aiosmtplib; every letter comes back octet for octet."""
    token = new_token()
    sent = letter(name, token)

    async def send() -> None:
        client = aiosmtplib.SMTP(
            hostname=HOST,
            port=server.port("submission"),
            start_tls=True,
            tls_context=server.tls_context(),
            username=KIM,
            password=PASSWORD,
        )
        async with client:
            await client.sendmail(KIM, [LEE], sent, mail_options=["BODY=8BITMIME"])

    asyncio.run(send())
    assert_below_our_headers(arrived(server, token), sent)


def test_aiosmtplib_many_connections(server: Server) -> None:
    """Fifty letters on ten connections at the same time."""
    tokens = [new_token() for _ in range(50)]

    async def send(some: list[str]) -> None:
        port = server.port("smtp")
        async with aiosmtplib.SMTP(hostname=HOST, port=port, start_tls=False) as client:
            for token in some:
                await client.sendmail(KIM, [LEE], letter("plain", token))

    async def everything() -> None:
        await asyncio.gather(*(send(tokens[n::10]) for n in range(10)))

    asyncio.run(everything())
    for token in tokens[:: len(tokens) // 5]:
        arrived(server, token)
