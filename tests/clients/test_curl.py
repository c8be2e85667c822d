"""curl: every mail protocol that it speaks, in clear with STARTTLS and over TLS."""

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


def curl(server: Server, programs: Programs, *words: str, user: str = LEE) -> str:
    return programs.run(
        *("curl", "--silent", "--show-error", "--cacert", server.certificate),
        *("--ssl-reqd", "--user", f"{user}:{PASSWORD}", *words),
    )


def url(server: Server, protocol: str, tls: str, path: str = "") -> str:
    """smtps, imaps and pop3s are TLS from the start."""
    scheme = {"submission": "smtp"}.get(protocol, protocol)
    secure = "s" if tls == "implicit" else ""
    return f"{scheme}{secure}://{HOST}:{server.port(protocol, tls)}/{path}"


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("name", ["utf-8", "dots", "large", "empty body"])
def test_send_then_read_by_imap_and_pop3(
    server: Server, programs: Programs, name: str, tls: str
) -> None:
    """The whole road with one program."""
    token = new_token()
    sent = letter(name, token)
    file = programs.write("letter.eml", sent)
    to = url(server, "submission", tls, "client.example.test")
    curl(
        server, programs, to, "--mail-from", KIM, "--mail-rcpt", LEE,
        "--upload-file", str(file), user=KIM,
    )  # fmt: skip
    assert_below_our_headers(arrived(server, token), sent)

    inbox = url(server, "imap", tls, "INBOX")
    found = curl(server, programs, f"{inbox}?SUBJECT%20{token}")
    number = found.removeprefix("* SEARCH").strip()
    out = programs.home / "imap.eml"
    curl(server, programs, f"{inbox};MAILINDEX={number}", "--output", str(out))
    assert_below_our_headers(out.read_bytes(), sent)

    uids = curl(server, programs, url(server, "pop3", tls), "--request", "UIDL")
    last = uids.split("\n")[-2].split()[0]
    out = programs.home / "pop3.eml"
    curl(server, programs, url(server, "pop3", tls, last), "--output", str(out))
    assert_below_our_headers(out.read_bytes(), sent)


def test_append_list_and_store(server: Server, programs: Programs) -> None:
    """IMAP commands that curl sends as it is told."""
    token = new_token()
    sent = letter("euc-kr", token)
    file = programs.write("letter.eml", sent)
    base = url(server, "imap", "implicit")
    curl(server, programs, base, "--request", "CREATE curl")
    curl(server, programs, f"{base}curl", "--upload-file", str(file))
    assert "curl" in curl(server, programs, base, "--request", 'LIST "" "*"')
    curl(server, programs, f"{base}curl", "--request", r"STORE 1 +FLAGS (\Flagged)")
    flags = curl(server, programs, f"{base}curl", "--request", "FETCH 1 (FLAGS)")
    assert r"\Flagged" in flags
    out = programs.home / "curl.eml"
    curl(server, programs, f"{base}curl;MAILINDEX=1", "--output", str(out))
    assert out.read_bytes() == sent
    text = curl(
        server, programs, f"{base}curl;MAILINDEX=1;SECTION=HEADER.FIELDS%20(SUBJECT)"
    )
    assert text == f"Subject: {token}\r\n\r\n"


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_mechanisms(server: Server, programs: Programs, mechanism: str) -> None:
    """SASL as curl does it, for each protocol."""
    options = ("--login-options", f"AUTH={mechanism}")
    imap = url(server, "imap", "implicit", "INBOX")
    assert "EXISTS" in curl(
        server, programs, imap, "--request", "EXAMINE INBOX", *options
    )
    curl(server, programs, url(server, "pop3", "implicit"), *options)
    token = new_token()
    file = programs.write("letter.eml", letter("plain", token))
    to = url(server, "submission", "implicit")
    curl(
        server, programs, to, "--mail-from", KIM, "--mail-rcpt", LEE,
        "--upload-file", str(file), *options, user=KIM,
    )  # fmt: skip
    arrived(server, token)


def test_wrong_password(server: Server, programs: Programs) -> None:
    """67: the server did not let curl in."""
    for protocol in ("imap", "pop3", "submission"):
        programs.run(
            *("curl", "-s", "--cacert", server.certificate, "--ssl-reqd"),
            *("--user", f"{LEE}:wrong", url(server, protocol, "implicit")),
            codes=(67,),
        )


def test_vrfy_and_expn(server: Server, programs: Programs) -> None:
    """Our users are told the truth; a request that curl sends by its own verbs."""
    to = url(server, "submission", "implicit")
    told = curl(
        server, programs, to, "--mail-rcpt", "lee", "--request", "VRFY", user=KIM
    )
    assert LEE in told
    server.run("alias", "add", "team@example.test", KIM, LEE)
    told = curl(
        server, programs, to, "--mail-rcpt", "team", "--request", "EXPN", user=KIM
    )
    assert KIM in told
    assert LEE in told
