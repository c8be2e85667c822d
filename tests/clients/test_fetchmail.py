"""fetchmail: takes mail away by IMAP and POP3 and gives it to a program."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.clients.letters import (
    BODIES,
    KOREAN_UTF_7,
    assert_below_our_headers,
    deliver,
    everything,
    imap,
    in_maildir,
    letter,
    new_token,
    put,
)
from tests.patience import wait_until
from tests.running import PASSWORD

if TYPE_CHECKING:
    from tests.clients.conftest import Programs
    from tests.running import Server

TLS = pytest.mark.parametrize("tls", ["starttls", "implicit"])
PROTOCOLS = pytest.mark.parametrize("protocol", ["imap", "pop3"])

AGENT = """#!/bin/sh
exec cat >"$HOME/came/new/$(date +%s.%N).$$"
"""


def configure(
    server: Server, programs: Programs, protocol: str, tls: str, user: str, more: str
) -> None:
    secure = "ssl" if tls == "implicit" else 'sslproto "tls1.2+"'
    agent = programs.write("agent", AGENT, mode=0o700)
    (programs.home / "came/new").mkdir(parents=True, exist_ok=True)
    programs.write(
        ".fetchmailrc",
        f"""
set invisible
poll localhost protocol {protocol} service {server.port(protocol, tls)}
  timeout 20 {"uidl" if protocol == "pop3" else ""}
  user "{user}" password "{PASSWORD}" {secure}
  sslcertck sslcertfile "{server.certificate}"
  mda "{agent}" no rewrite pass8bits {more}
""",
    )


@TLS
@PROTOCOLS
def test_every_letter_comes_and_leaves(
    server: Server, programs: Programs, reader: str, protocol: str, tls: str
) -> None:
    """All octets reach the agent; what it has taken is deleted."""
    sent = {token: letter(name, token) for name in BODIES if (token := new_token())}
    deliver(server, reader, *sent.values())
    configure(server, programs, protocol, tls, reader, "fetchall")
    programs.run("fetchmail", "--verbose")
    came = in_maildir(programs.home / "came")
    assert came.keys() == sent.keys()
    for token, (octets, _) in came.items():
        assert_below_our_headers(octets, sent[token])
    assert everything(server, reader) == {}
    programs.run("fetchmail", codes=(1,))  # no mail


@PROTOCOLS
def test_kept_letters_come_once(
    server: Server, programs: Programs, reader: str, protocol: str
) -> None:
    r"""IMAP knows by \Seen what has come already, POP3 by UIDL (RFC 1939 §7)."""
    first, second = new_token(), new_token()
    put(server, reader, letter("dots", first))
    configure(server, programs, protocol, "implicit", reader, "keep")
    programs.run("fetchmail")
    put(server, reader, letter("euc-kr", second))
    programs.run("fetchmail")
    programs.run("fetchmail", codes=(1,))
    assert in_maildir(programs.home / "came").keys() == {first, second}
    assert everything(server, reader).keys() == {first, second}


def test_waits_for_news(server: Server, programs: Programs, reader: str) -> None:
    """IDLE: one connection, and each letter comes as soon as it is there."""
    configure(server, programs, "imap", "starttls", reader, "idle fetchall")
    words = ("fetchmail", "--nodetach", "--daemon", "1", "--verbose")
    came = programs.home / "came"
    with ThreadPoolExecutor(1) as waiting:
        told = waiting.submit(programs.run, *words, codes=(0, 2, 3), timeout_s=60)
        tokens = []
        for name in ("dots", "euc-kr", "large"):
            tokens.append(new_token())
            deliver(server, reader, letter(name, tokens[-1]))
            wait_until(lambda: len(list(came.glob("new/*"))) == len(tokens))
            wait_until(lambda: not everything(server, reader), every_s=0.1)
        programs.run("fetchmail", "--quit")
    said = told.result()
    assert len(re.findall(r"IMAP> A\d+ (?:LOGIN|AUTHENTICATE)", said)) == 1
    assert len(re.findall(r"IMAP> A\d+ IDLE", said)) >= len(tokens)
    assert in_maildir(came).keys() == set(tokens)


def test_a_mailbox_with_a_korean_name(
    server: Server, programs: Programs, reader: str
) -> None:
    """Any mailbox can be polled; an agent that fails leaves the letter there."""
    token = new_token()
    with imap(server, reader) as client:
        client.create(f'"{KOREAN_UTF_7}"')
    put(server, reader, letter("large", token), mailbox=KOREAN_UTF_7)
    which = f'folder "{KOREAN_UTF_7}" fetchall'
    configure(server, programs, "imap", "starttls", reader, which)
    programs.write("agent", "#!/bin/sh\ncat >/dev/null\nexit 75\n", mode=0o700)
    programs.run("fetchmail", codes=(0, 1, 14))
    assert everything(server, reader, KOREAN_UTF_7).keys() == {token}
    programs.write("agent", AGENT, mode=0o700)
    programs.run("fetchmail")
    [(octets, _)] = in_maildir(programs.home / "came").values()
    assert octets == letter("large", token)
    assert everything(server, reader, KOREAN_UTF_7) == {}


def test_wrong_password(server: Server, programs: Programs, reader: str) -> None:
    """3: the server did not let it in."""
    configure(server, programs, "imap", "implicit", reader, "")
    rc = programs.home / ".fetchmailrc"
    rc.write_text(rc.read_text().replace(PASSWORD, "wrong"))
    said = programs.run("fetchmail", codes=(3,))
    assert "Authorization failure" in said
