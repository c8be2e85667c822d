"""getmail: takes mail into a Maildir by IMAP and POP3.

It has no STARTTLS, so TLS is there from the start.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.clients.letters import (
    BODIES,
    KOREAN,
    KOREAN_UTF_7,
    assert_below_our_headers,
    deliver,
    everything,
    imap,
    in_maildir,
    letter,
    new_token,
    password_of,
    put,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clients.conftest import Programs
    from tests.running import Server

ADDED = b"X-getmail-retrieved-from-mailbox"
PROTOCOLS = pytest.mark.parametrize("protocol", ["imap", "pop3"])


@pytest.fixture
def came() -> Iterator[Path]:
    """A Maildir. getmail doesn't deliver as root: then it belongs to nobody."""
    folder = Path(tempfile.mkdtemp(prefix="getmail-"))
    for each in (folder, *(folder / part for part in ("new", "cur", "tmp"))):
        each.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(each, "nobody")
    yield folder
    shutil.rmtree(folder)


def configure(
    server: Server,
    programs: Programs,
    protocol: str,
    user: str,
    came: Path,
    option: str,
) -> None:
    boxes = f'mailboxes = ("INBOX", "{KOREAN}")' if protocol == "imap" else ""
    as_nobody = "user = nobody" if os.geteuid() == 0 else ""
    programs.write(
        ".config/getmail/getmailrc",
        f"""
[retriever]
type = Simple{protocol.upper()}SSLRetriever
server = localhost
port = {server.port(protocol, "implicit")}
username = {user}
password = {password_of(user)}
ca_certs = {server.certificate}
timeout = 20
{boxes}

[destination]
type = Maildir
path = {came}/
{as_nobody}

[options]
delivered_to = false
received = false
{option}
""",
    )
    with imap(server, user) as client:
        client.create(f'"{KOREAN_UTF_7}"')


@PROTOCOLS
def test_every_letter_comes(
    server: Server, programs: Programs, ascii_reader: str, protocol: str, came: Path
) -> None:
    """All octets; nothing is deleted, and nothing comes twice."""
    sent = {token: letter(name, token) for name in BODIES if (token := new_token())}
    deliver(server, ascii_reader, *sent.values())
    configure(server, programs, protocol, ascii_reader, came, "read_all = false")
    programs.run("getmail")
    programs.run("getmail")
    kept = in_maildir(came, ADDED)
    assert kept.keys() == sent.keys()
    for token, (octets, _) in kept.items():
        assert_below_our_headers(octets, sent[token])
    assert everything(server, ascii_reader).keys() == sent.keys()


@PROTOCOLS
def test_what_came_is_deleted(
    server: Server, programs: Programs, ascii_reader: str, protocol: str, came: Path
) -> None:
    """Also from a mailbox with a Korean name, which only IMAP sees."""
    here, there = new_token(), new_token()
    configure(server, programs, protocol, ascii_reader, came, "delete = true")
    put(server, ascii_reader, letter("euc-kr", here))
    put(server, ascii_reader, letter("dots", there), mailbox=KOREAN_UTF_7)
    programs.run("getmail")
    kept = in_maildir(came, ADDED)
    # getmail itself puts Return-Path on top
    assert_below_our_headers(kept.pop(here)[0], letter("euc-kr", here))
    assert everything(server, ascii_reader) == {}
    if protocol == "imap":
        assert_below_our_headers(kept.pop(there)[0], letter("dots", there))
        assert everything(server, ascii_reader, KOREAN_UTF_7) == {}
    assert kept == {}
