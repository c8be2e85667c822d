"""Letters that users of ours send away, and what becomes known of them."""

from __future__ import annotations

import smtplib
import time
from typing import TYPE_CHECKING, Any

from tests.clients.letters import SENDER, imap, password_of, whole
from tests.running import HOST

if TYPE_CHECKING:
    from tests.running import Server


def submit(
    server: Server,
    to: str,
    octets: bytes,
    *,
    options: tuple[str, ...] = ("BODY=8BITMIME",),
    for_each: tuple[str, ...] = (),
) -> None:
    """Send as a user of ours."""
    with smtplib.SMTP(HOST, server.port("submission"), timeout=20) as client:
        client.starttls(context=server.tls_context())
        client.login(SENDER, password_of(SENDER))
        client.sendmail(SENDER, [to], octets, options, for_each)


def reports(
    server: Server, user: str, word: str, kind: str = "multipart/report"
) -> list[bytes]:
    """The reports in the INBOX of a user that have this word, when there is one.

    OpenSMTPD's are of the kind "multipart/mixed".
    """
    deadline = time.monotonic() + 20
    with imap(server, user) as client:
        while True:
            client.select("INBOX", readonly=True)
            said = ("HEADER", "Content-Type", kind, "BODY", word)
            _, [numbers] = client.search(None, *said)
            if numbers:
                return [whole(client, number) for number in numbers.split()]
            assert time.monotonic() < deadline, "no report"
            time.sleep(0.1)


def events(server: Server, token: str) -> list[dict[str, Any]]:
    """What trace tells of the letter with this token."""
    found: list[dict[str, Any]] = server.run_json("trace", f"<{token}@example.test>")
    return found


def submit_utf8(server: Server, to: str, octets: bytes) -> None:
    """The same with an envelope in UTF-8."""
    with smtplib.SMTP(HOST, server.port("submission"), timeout=20) as client:
        client.starttls(context=server.tls_context())
        client.login(SENDER, password_of(SENDER))
        client.ehlo()
        client.command_encoding = "utf-8"
        assert client.mail(SENDER, ["SMTPUTF8", "BODY=8BITMIME"])[0] == 250
        assert client.rcpt(to)[0] == 250
        assert client.data(octets)[0] == 250
