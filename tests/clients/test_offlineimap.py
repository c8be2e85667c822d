"""offlineimap: mailboxes kept the same here and there, in several connections."""

from __future__ import annotations

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
    from pathlib import Path

    from tests.clients.conftest import Programs
    from tests.running import Server

TLS = pytest.mark.parametrize("tls", ["starttls", "implicit"])
ARCHIVE = "&vPStANVo-"  # 보관함
FLAGS = {"S": r"\Seen", "R": r"\Answered", "F": r"\Flagged", "D": r"\Draft"}
# Its library writes while another thread reads, and has no lock around TLS. The
# tickets that TLS 1.3 sends behind the handshake wake the reader just then: one
# STARTTLS in fifty never ends, whatever the server is. TLS 1.2 sends none there.
NO_TICKETS = """
openssl_conf = settings
[settings]
ssl_conf = tls
[tls]
system_default = ours
[ours]
MaxProtocol = TLSv1.2
"""


def configure(server: Server, programs: Programs, user: str, tls: str) -> Path:
    """Its Maildirs."""
    secure = "ssl = yes" if tls == "implicit" else "ssl = no\nstarttls = yes"
    programs.write(
        ".offlineimaprc",
        f"""
[general]
accounts = all
metadata = {programs.home}/state
ui = basic
socktimeout = 20

[Account all]
localrepository = here
remoterepository = there
utf8foldernames = yes

[Repository here]
type = Maildir
localfolders = {programs.home}/mail
sep = /

[Repository there]
type = IMAP
remotehost = localhost
remoteport = {server.port("imap", tls)}
remoteuser = {user}
remotepass = {password_of(user)}
{secure}
sslcacertfile = {server.certificate}
maxconnections = 3
""",
    )
    programs.write("openssl.cnf", NO_TICKETS if tls == "starttls" else "")
    return programs.home / "mail"


def sync(programs: Programs) -> None:
    programs.run(
        "offlineimap", "-o", OPENSSL_CONF=str(programs.home / "openssl.cnf")
    )  # fmt: skip


def assert_same(server: Server, user: str, mailbox: str, folder: Path) -> set[str]:
    """The tokens that are both here and there, with the same octets and flags."""
    there = everything(server, user, mailbox)
    here = {
        token: (octets, {FLAGS[flag] for flag in flags})
        for token, (octets, flags) in in_maildir(folder).items()
    }
    assert here == there
    return set(here)


@TLS
def test_every_letter_comes(
    server: Server, programs: Programs, reader: str, tls: str
) -> None:
    """Octet for octet below the headers we add."""
    sent = {token: letter(name, token) for name in BODIES if (token := new_token())}
    deliver(server, reader, *sent.values())
    mail = configure(server, programs, reader, tls)
    sync(programs)
    assert assert_same(server, reader, "INBOX", mail / "INBOX") == sent.keys()
    for token, (octets, _) in in_maildir(mail / "INBOX").items():
        assert_below_our_headers(octets, sent[token])


@TLS
def test_both_ways(server: Server, programs: Programs, reader: str, tls: str) -> None:
    """Letters, flags and removals, in a mailbox with a Korean name."""
    with imap(server, reader) as client:
        client.create(f'"{KOREAN_UTF_7}"')
    tokens = [new_token() for _ in range(5)]
    put(
        server, reader, *(letter("utf-8", token) for token in tokens),
        mailbox=KOREAN_UTF_7,
    )  # fmt: skip
    work = configure(server, programs, reader, tls) / KOREAN
    sync(programs)
    assert assert_same(server, reader, KOREAN_UTF_7, work) == set(tokens)

    # here: answered and flagged, removed, a new one, a new mailbox
    read = file_of(work, tokens[0])
    read.rename(work / "cur" / f"{read.name.partition(':')[0]}:2,FRS")
    file_of(work, tokens[1]).unlink()
    ours, kept = new_token(), new_token()
    for part in ("new", "cur", "tmp"):
        (programs.home / "mail/보관함" / part).mkdir(parents=True)
    for token, folder in (ours, work), (kept, programs.home / "mail/보관함"):
        octets = letter("euc-kr", token).replace(b"\r\n", b"\n")
        (folder / "new" / token).write_bytes(octets)
    # there: flags, an expunged one, a new one
    with imap(server, reader) as client:
        client.select(f'"{KOREAN_UTF_7}"')
        client.store("3", "+FLAGS", r"(\Draft \Seen)")
        client.store("4", "+FLAGS", r"(\Deleted)")
        client.expunge()
    theirs = new_token()
    put(server, reader, letter("dots", theirs), mailbox=KOREAN_UTF_7, flags=r"\Flagged")

    sync(programs)
    now = {tokens[0], tokens[2], tokens[4], ours, theirs}
    assert assert_same(server, reader, KOREAN_UTF_7, work) == now
    flags = {token: flags for token, (_, flags) in in_maildir(work).items()}
    assert flags[tokens[0]] == set("FRS")
    assert flags[tokens[2]] == set("DS")
    assert flags[theirs] == set("F")
    archive = programs.home / "mail/보관함"
    assert assert_same(server, reader, ARCHIVE, archive) == {kept}
    sync(programs)
    assert assert_same(server, reader, KOREAN_UTF_7, work) == now


def file_of(folder: Path, token: str) -> Path:
    [found] = [
        file
        for file in [*folder.glob("new/*"), *folder.glob("cur/*")]
        if token.encode() in file.read_bytes()
    ]
    return found
