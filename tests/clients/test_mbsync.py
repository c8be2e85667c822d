"""mbsync (isync): mailboxes kept the same here and there, over TLS."""

from __future__ import annotations

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
    without,
)
from tests.running import PASSWORD

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.conftest import Programs
    from tests.running import Server

TLS = pytest.mark.parametrize("tls", ["starttls", "implicit"])
FLAGS = {"S": r"\Seen", "R": r"\Answered", "F": r"\Flagged", "D": r"\Draft"}
ARCHIVE = "&vPStANVo-"  # 보관함
TUID = b"X-TUID"  # mbsync marks so what it has carried


def configure(server: Server, programs: Programs, user: str, tls: str) -> None:
    kind = {"starttls": "STARTTLS", "implicit": "IMAPS"}[tls]
    programs.write(
        ".mbsyncrc",
        f"""
IMAPAccount ours
Host localhost
Port {server.port("imap", tls)}
User {user}
Pass "{PASSWORD}"
SSLType {kind}
SystemCertificates no
CertificateFile {server.certificate}

IMAPStore there
Account ours

MaildirStore here
Path ~/mail/
Inbox ~/mail/INBOX
SubFolders Verbatim

Channel all
Far :there:
Near :here:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
CopyArrivalDate yes
""",
    )
    (programs.home / "mail").mkdir()


def assert_same(server: Server, user: str, mailbox: str, folder: Path) -> set[str]:
    """The tokens that are both here and there, with the same octets and flags."""
    there = {
        token: (without((TUID,), octets), flags)
        for token, (octets, flags) in everything(server, user, mailbox).items()
    }
    here = {
        token: (octets, {FLAGS[flag] for flag in flags})
        for token, (octets, flags) in in_maildir(folder, TUID).items()
    }
    assert here == there
    return set(here)


def file_of(folder: Path, token: str) -> Path:
    [found] = [
        file
        for file in [*folder.glob("new/*"), *folder.glob("cur/*")]
        if token.encode() in file.read_bytes()
    ]
    return found


@TLS
def test_every_letter_comes(
    server: Server, programs: Programs, reader: str, tls: str
) -> None:
    """Octet for octet below the headers we add."""
    sent = {token: letter(name, token) for name in BODIES if (token := new_token())}
    deliver(server, reader, *sent.values())
    configure(server, programs, reader, tls)
    programs.run("mbsync", "-a")
    inbox = programs.home / "mail/INBOX"
    assert assert_same(server, reader, "INBOX", inbox) == sent.keys()
    for token, (octets, _) in in_maildir(inbox, TUID).items():
        assert_below_our_headers(octets, sent[token])


def test_every_letter_goes(server: Server, programs: Programs, reader: str) -> None:
    """APPEND of all octets, one after another without waiting."""
    configure(server, programs, reader, "implicit")
    for name in BODIES:
        octets = letter(name, new_token()).replace(b"\r\n", b"\n")
        programs.write(f"mail/INBOX/cur/{name.replace(' ', '')}:2,S", octets)
    for part in ("new", "tmp"):
        (programs.home / "mail/INBOX" / part).mkdir()
    programs.run("mbsync", "-a")
    kept = assert_same(server, reader, "INBOX", programs.home / "mail/INBOX")
    assert len(kept) == len(BODIES)


@TLS
def test_both_ways(server: Server, programs: Programs, reader: str, tls: str) -> None:
    """Letters, flags, removals and mailboxes with Korean names, in one run each way."""
    configure(server, programs, reader, tls)
    with imap(server, reader) as client:
        client.create(f'"{KOREAN_UTF_7}"')
        client.create('"old"')
    tokens = [new_token() for _ in range(6)]
    put(
        server, reader, *(letter("utf-8", token) for token in tokens),
        mailbox=KOREAN_UTF_7,
    )  # fmt: skip
    work = programs.home / "mail" / KOREAN_UTF_7  # so it is on disk too
    programs.run("mbsync", "-a")
    assert assert_same(server, reader, KOREAN_UTF_7, work) == set(tokens)

    # here: read and flagged, removed, a new one, a new mailbox
    read = file_of(work, tokens[0])
    read.rename(work / "cur" / f"{read.name.partition(':')[0]}:2,FRS")
    file_of(work, tokens[1]).unlink()
    ours = new_token()
    octets = letter("euc-kr", ours).replace(b"\r\n", b"\n")
    programs.write(f"mail/{KOREAN_UTF_7}/new/1.ours", octets)
    for part in ("new", "cur", "tmp"):
        (programs.home / "mail" / ARCHIVE / part).mkdir(parents=True)
    kept = new_token()
    programs.write(
        f"mail/{ARCHIVE}/new/1.kept", letter("dots", kept).replace(b"\r", b"")
    )
    # there: flagged, expunged, a new one, a mailbox less
    with imap(server, reader) as client:
        client.select(f'"{KOREAN_UTF_7}"')
        client.store("3", "+FLAGS", r"(\Draft \Seen)")
        client.store("4", "+FLAGS", r"(\Deleted)")
        client.expunge()
        client.delete('"old"')
    theirs = new_token()
    put(server, reader, letter("dots", theirs), mailbox=KOREAN_UTF_7, flags=r"\Flagged")

    programs.run("mbsync", "-a")
    now = {tokens[0], tokens[2], tokens[4], tokens[5], ours, theirs}
    assert assert_same(server, reader, KOREAN_UTF_7, work) == now
    flags = {token: flags for token, (_, flags) in in_maildir(work).items()}
    assert flags[tokens[0]] == set("FRS")
    assert flags[tokens[2]] == set("DS")
    assert flags[theirs] == set("F")
    archive = programs.home / "mail" / ARCHIVE
    assert assert_same(server, reader, ARCHIVE, archive) == {kept}
    assert not (programs.home / "mail/old").exists()

    # a third run finds nothing to do
    said = programs.run("mbsync", "-a", "-V")
    assert "far side: 6 messages" in said
    assert assert_same(server, reader, KOREAN_UTF_7, work) == now
