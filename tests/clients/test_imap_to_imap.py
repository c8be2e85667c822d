"""From one account to another: mbsync and offlineimap between two IMAP accounts.

imapsync, which people know for this, is in no registry that these tests may take
programs from: its test runs where IMAPSYNC names the program.
"""

from __future__ import annotations

import imaplib
import os
import uuid
from typing import TYPE_CHECKING, Final

import pytest
from tests.clients.letters import (
    BODIES,
    KOREAN_UTF_7,
    everything,
    imap,
    letter,
    new_token,
    put,
    token_of,
    whole,
    without,
)
from tests.running import PASSWORD

if TYPE_CHECKING:
    from tests.clients.conftest import Programs
    from tests.running import Server

TUID: Final = b"X-TUID"  # mbsync marks so what it has carried
DEEP: Final = "Deep/a/b"
BOXES: Final = ("INBOX", "Sent", KOREAN_UTF_7, "Archive/2026", DEEP)
FLAGS: Final = ("", r"\Seen", r"\Flagged \Answered", r"\Draft \Seen")
DAY_S: Final = 24 * 60 * 60

Kept = dict[str, dict[str, tuple[bytes, set[str]]]]


@pytest.fixture
def other(server: Server) -> str:
    """One more new account."""
    return server.add_account(f"other{uuid.uuid4().hex[:12]}")


def furnish(server: Server, user: str, *keywords: str) -> None:
    """Every letter in every mailbox, with flags and dates of its own."""
    with imap(server, user) as client:
        for box in BOXES:
            client.create(f'"{box}"')  # some are there already
            client.subscribe(f'"{box}"')
        for at, (box, name) in enumerate((b, n) for b in BOXES for n in BODIES):
            flags = " ".join((FLAGS[at % len(FLAGS)], *keywords)).strip()
            date = imaplib.Time2Internaldate(1_600_000_000 + at * DAY_S)
            octets = letter(name, new_token())
            status, said = client.append(f'"{box}"', flags, date, octets)
            assert status == "OK", said


def kept(server: Server, user: str) -> Kept:
    """Mailbox -> token -> octets and flags."""
    return {
        box: {
            token: (without((TUID,), octets), flags)
            for token, (octets, flags) in everything(server, user, box).items()
        }
        for box in BOXES
    }


def dates(server: Server, user: str) -> dict[str, object]:
    """Token -> internal date."""
    found: dict[str, object] = {}
    with imap(server, user) as client:
        for box in BOXES:
            client.select(f'"{box}"', readonly=True)
            for number in client.search(None, "ALL")[1][0].split():
                [told] = client.fetch(number.decode(), "(INTERNALDATE)")[1]
                assert isinstance(told, bytes)
                token = token_of(whole(client, number))
                found[token] = imaplib.Internaldate2tuple(told)
    return found


def names(server: Server, user: str) -> set[bytes]:
    """What LIST tells, without the first word of it."""
    with imap(server, user) as client:
        return {bytes(line).rpartition(b') "/" ')[2] for line in client.list()[1]}  # type: ignore[arg-type]


def change(server: Server, user: str, box: str) -> None:
    """A flag more, all flags less, one gone, one come."""
    with imap(server, user) as client:
        client.select(f'"{box}"')
        client.store("1", "+FLAGS", r"(\Flagged)")
        client.store("2", "FLAGS", "()")
        client.store("3", "+FLAGS", r"(\Deleted)")
        client.expunge()
    put(server, user, letter("dots", new_token()), mailbox=box, flags=r"\Seen")


# -- mbsync


def mbsync(server: Server, programs: Programs, one: str, two: str) -> None:
    account = f"""
Host localhost
Port {server.port("imap", "implicit")}
Pass "{PASSWORD}"
SSLType IMAPS
SystemCertificates no
CertificateFile {server.certificate}
"""
    programs.write(
        ".mbsyncrc",
        f"""
IMAPAccount one
User {one}{account}
IMAPAccount two
User {two}{account}
IMAPStore one
Account one

IMAPStore two
Account two

Channel all
Far :one:
Near :two:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState ~/state/
CopyArrivalDate yes
""",
    )
    (programs.home / "state").mkdir(exist_ok=True)
    programs.run("mbsync", "-a", timeout_s=60)


def test_mbsync(server: Server, programs: Programs, reader: str, other: str) -> None:
    """All mailboxes, octets, flags and dates; then changes of both sides."""
    furnish(server, reader)
    with imap(server, reader) as client:
        client.create('"Gone"')  # it removes only what is empty
    mbsync(server, programs, reader, other)
    assert kept(server, reader) == kept(server, other)
    assert dates(server, reader) == dates(server, other)
    assert names(server, reader) == names(server, other)

    change(server, reader, KOREAN_UTF_7)
    change(server, other, DEEP)
    with imap(server, other) as client:
        assert client.delete('"Gone"')[0] == "OK"
        client.create('"New"')
    put(server, other, letter("euc-kr", new_token()), mailbox="New")
    mbsync(server, programs, reader, other)
    ours = kept(server, reader)
    assert ours == kept(server, other)
    assert len(ours[DEEP]) == len(ours[KOREAN_UTF_7]) == len(BODIES)
    assert len(everything(server, reader, "New")) == 1
    assert names(server, reader) == names(server, other)
    assert not any(b"Gone" in name for name in names(server, reader))


# -- offlineimap


def offlineimap(server: Server, programs: Programs, one: str, two: str) -> None:
    account = f"""
type = IMAP
remotehost = localhost
remoteport = {server.port("imap", "implicit")}
remotepass = {PASSWORD}
ssl = yes
sslcacertfile = {server.certificate}
maxconnections = 2
"""
    programs.write(
        ".offlineimaprc",
        f"""
[general]
accounts = all
metadata = {programs.home}/offline
ui = basic
socktimeout = 20

[Account all]
localrepository = two
remoterepository = one

[Repository one]
remoteuser = {one}{account}
[Repository two]
remoteuser = {two}{account}
""",
    )
    programs.run("offlineimap", "-o", timeout_s=90)


def test_offlineimap(
    server: Server, programs: Programs, reader: str, other: str
) -> None:
    """The same with several connections to each side at once."""
    furnish(server, reader)
    offlineimap(server, programs, reader, other)
    assert kept(server, reader) == kept(server, other)
    assert names(server, reader) == names(server, other)
    change(server, reader, KOREAN_UTF_7)
    change(server, other, DEEP)
    offlineimap(server, programs, reader, other)
    ours = kept(server, reader)
    assert ours == kept(server, other)
    assert len(ours[DEEP]) == len(ours[KOREAN_UTF_7]) == len(BODIES)


# -- imapsync


@pytest.mark.skipif(not os.environ.get("IMAPSYNC"), reason="IMAPSYNC names no program")
def test_imapsync(server: Server, programs: Programs, reader: str, other: str) -> None:
    """Keywords too; a second run finds nothing, a third what changed."""
    furnish(server, reader, "$Forwarded", "work")
    password = str(programs.write("password", f"{PASSWORD}\n"))

    def sync(*more: str) -> str:
        words = ["perl", os.environ["IMAPSYNC"], "--nolog", "--noreleasecheck"]
        for side, user in ("1", reader), ("2", other):
            words += [f"--host{side}", "localhost", f"--ssl{side}"]
            words += [f"--port{side}", str(server.port("imap", "implicit"))]
            words += [f"--user{side}", user, f"--passfile{side}", password]
            words += [f"--sslargs{side}", "SSL_verify_mode=1"]
            words += [f"--sslargs{side}", f"SSL_ca_file={server.certificate}"]
        tmp = ("--tmpdir", str(programs.home))
        said = programs.run(*words, *tmp, *more, timeout_s=120)
        assert "Detected 0 errors" in said
        return said

    assert "The sync is strict" in sync()
    assert kept(server, reader) == kept(server, other)
    assert dates(server, reader) == dates(server, other)
    assert "Messages transferred                    : 0 " in sync()
    change(server, reader, KOREAN_UTF_7)
    sync("--delete2", "--usecache")
    assert kept(server, reader) == kept(server, other)
    sync("--delete1", "--expunge1", "--folder", DEEP)
    assert not everything(server, reader, DEEP)
    assert len(everything(server, other, DEEP)) == len(BODIES)
