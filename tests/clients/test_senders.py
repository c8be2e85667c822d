"""Programs that only send: msmtp, and aiosmtplib as a library."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

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
    from collections.abc import AsyncIterator

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


@asynccontextmanager
async def connected(port: int, **options: Any) -> AsyncIterator[aiosmtplib.SMTP]:
    """A connection of aiosmtplib that is really over at the end.

    aiosmtplib closes without waiting. Where TLS says goodbye in a packet of its
    own, behind the 221, the event loop would end before it comes, and the open
    transport would be found in some later test.
    """
    async with aiosmtplib.SMTP(hostname=HOST, port=port, **options) as client:
        connection = client.get_transport_info("socket")
        yield client
    async with asyncio.timeout(5):
        while connection.fileno() != -1:  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("name", BODIES)
def test_aiosmtplib(server: Server, name: str) -> None:
    """Submission by aiosmtplib; every letter comes back octet for octet."""
    token = new_token()
    sent = letter(name, token)

    async def send() -> None:
        async with connected(
            server.port("submission"),
            start_tls=True,
            tls_context=server.tls_context(),
            username=KIM,
            password=PASSWORD,
        ) as client:
            await client.sendmail(KIM, [LEE], sent, mail_options=["BODY=8BITMIME"])

    asyncio.run(send())
    assert_below_our_headers(arrived(server, token), sent)


def test_aiosmtplib_many_connections(server: Server) -> None:
    """Fifty letters on ten connections at the same time."""
    tokens = [new_token() for _ in range(50)]

    async def send(some: list[str]) -> None:
        async with connected(server.port("smtp"), start_tls=False) as client:
            for token in some:
                await client.sendmail(KIM, [LEE], letter("plain", token))

    async def everything() -> None:
        await asyncio.gather(*(send(tokens[n::10]) for n in range(10)))

    asyncio.run(everything())
    for token in tokens[:: len(tokens) // 5]:
        arrived(server, token)
