"""mpop: takes mail away by POP3, several commands at once (PIPELINING)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.clients.letters import (
    BODIES,
    assert_below_our_headers,
    deliver,
    everything,
    in_maildir,
    letter,
    new_token,
    password_of,
)

if TYPE_CHECKING:
    from tests.clients.conftest import Programs
    from tests.running import Server

MECHANISMS = ["plain", "scram-sha-256", "cram-md5", "apop", "user"]


def configure(
    server: Server, programs: Programs, user: str, tls: str, option: str = ""
) -> None:
    for part in ("new", "cur", "tmp"):
        (programs.home / "came" / part).mkdir(parents=True, exist_ok=True)
    programs.write(
        ".mpoprc",
        f"""
account default
host localhost
port {server.port("pop3", tls)}
user {user}
password "{password_of(user)}"
tls on
tls_starttls {"on" if tls == "starttls" else "off"}
tls_trust_file {server.certificate}
received_header off
timeout 20
delivery maildir {programs.home}/came
{option}
""",
    )


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_every_letter_is_taken(
    server: Server, programs: Programs, reader: str, tls: str
) -> None:
    """Octet for octet, pipelined; afterwards INBOX is empty."""
    sent = {token: letter(name, token) for name in BODIES if (token := new_token())}
    deliver(server, reader, *sent.values())
    configure(server, programs, reader, tls, "keep off\npipelining on")
    programs.run("mpop", "--half-quiet")
    came = in_maildir(programs.home / "came")
    assert came.keys() == sent.keys()
    for token, (octets, _) in came.items():
        assert_below_our_headers(octets, sent[token])
    assert not everything(server, reader)


def test_what_is_kept_comes_once(
    server: Server, programs: Programs, reader: str
) -> None:
    """UIDL: the second run takes only what is new."""
    tokens = [new_token() for _ in range(3)]
    deliver(server, reader, *(letter("dots", token) for token in tokens[:2]))
    configure(server, programs, reader, "implicit", "keep on")
    programs.run("mpop", "--half-quiet")
    assert in_maildir(programs.home / "came").keys() == set(tokens[:2])
    deliver(server, reader, letter("utf-8", tokens[2]))
    programs.run("mpop", "--half-quiet")
    assert in_maildir(programs.home / "came").keys() == set(tokens)
    assert everything(server, reader).keys() == set(tokens)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_mechanisms(
    server: Server, programs: Programs, ascii_reader: str, mechanism: str
) -> None:
    token = new_token()
    deliver(server, ascii_reader, letter("plain", token))
    configure(server, programs, ascii_reader, "implicit", f"auth {mechanism}")
    programs.run("mpop", "--half-quiet")
    assert in_maildir(programs.home / "came").keys() == {token}


def test_wrong_password(server: Server, programs: Programs, ascii_reader: str) -> None:
    """Nothing comes, and mpop says that it was refused (EX_NOPERM)."""
    configure(server, programs, ascii_reader, "implicit")
    rc = programs.home / ".mpoprc"
    programs.write(
        ".mpoprc", rc.read_text().replace(password_of(ascii_reader), "wrong")
    )
    said = programs.run("mpop", codes=(77,))
    assert "authentication failed" in said
