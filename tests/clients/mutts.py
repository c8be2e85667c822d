"""What mutt and neomutt have in common: settings, keys, and a day's work.

They want a screen; the keys that a person would press stand in the
configuration (`push`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import pytest
from tests.clients.letters import (
    BODIES,
    KOREAN,
    KOREAN_UTF_7,
    assert_below_our_headers,
    deliver,
    everything,
    in_maildir,
    letter,
    new_token,
    put,
)
from tests.running import HOST, PASSWORD

if TYPE_CHECKING:
    from tests.clients.conftest import Programs
    from tests.running import Server

TLS = pytest.mark.parametrize("tls", ["starttls", "implicit"])

COPY_ALL: Final = (
    "push '<tag-pattern>~A<enter><tag-prefix><copy-message>=out<enter><quit>'"
)
SPOOL: Final = {"mutt": "spoolfile", "neomutt": "spool_file"}


def url(server: Server, protocol: str, tls: str, user: str, path: str = "") -> str:
    scheme = {"submission": "smtp", "pop3": "pop"}.get(protocol, protocol)
    secure = "s" if tls == "implicit" else ""
    port = server.port(protocol, tls)
    return f"{scheme}{secure}://{quote(user)}@{HOST}:{port}/{path}"


def configure(server: Server, programs: Programs, program: str, *lines: str) -> None:
    """Settings of both, then those of a test."""
    settings = [
        "set ssl_force_tls=yes ssl_starttls=yes ssl_verify_host=yes",
        f"set certificate_file='{server.certificate}'",
        f"set imap_pass='{PASSWORD}' pop_pass='{PASSWORD}' smtp_pass='{PASSWORD}'",
        "set quit=yes mark_old=no move=no delete=yes confirmcreate=no confirmappend=no",
        "set mbox_type=Maildir folder=~ record= pop_checkinterval=0 wait_key=no",
        "set sort=mailbox-order copy=no pop_delete=no mail_check=1 sleep_time=0",
        *lines,
        "",
    ]
    programs.write(f".{program}rc", "\n".join(settings))


def reads_all(
    server: Server,
    programs: Programs,
    reader: str,
    program: str,
    where: tuple[str, str],
    *lines: str,
) -> None:
    """All letters, copied to a Maildir at home, are as they came.

    Content-Length and Lines are what mutt itself puts below the header.

    Args:
        server: ours.
        programs: where it runs.
        reader: whose letters.
        program: mutt or neomutt.
        where: protocol, and how TLS begins.
        lines: more settings.
    """
    protocol, tls = where
    sent = {token: letter(name, token) for name in BODIES if (token := new_token())}
    deliver(server, reader, *sent.values())
    spool = url(server, protocol, tls, reader, "INBOX" if protocol == "imap" else "")
    configure(
        server, programs, program, f"set {SPOOL[program]}='{spool}'", *lines, COPY_ALL
    )
    programs.run_in_terminal(program)
    kept = in_maildir(programs.home / "out", b"Content-Length", b"Lines")
    assert kept.keys() == sent.keys()
    for token, (octets, _) in kept.items():
        assert_below_our_headers(octets, sent[token])


def files_flags_and_deletes(
    server: Server, programs: Programs, reader: str, program: str, tls: str, *lines: str
) -> None:
    """A day's work in IMAP mailboxes: make one, save to it, flag, delete, read."""
    moved, flagged, _deleted = tokens = [new_token() for _ in range(3)]
    put(server, reader, *(letter("euc-kr", token) for token in tokens))
    inbox = url(server, "imap", tls, reader, "INBOX")
    work = url(server, "imap", tls, reader, KOREAN)
    configure(
        server, programs, program, f"set {SPOOL[program]}='{inbox}'", *lines,
        f"push '1<enter><save-message>{work}<enter>2<enter><flag-message>"
        "3<enter><delete-message><sync-mailbox>"
        f"<change-folder>{work}<enter><display-message><exit><quit>'",
    )  # fmt: skip
    programs.run_in_terminal(program)
    assert everything(server, reader) == {
        flagged: (letter("euc-kr", flagged), {r"\Flagged"})
    }
    assert everything(server, reader, KOREAN_UTF_7) == {
        moved: (letter("euc-kr", moved), {r"\Seen"})
    }


def searches_on_the_server(
    server: Server, programs: Programs, reader: str, program: str, tls: str, *lines: str
) -> None:
    """Patterns with "=" are SEARCH: bodies and headers that were never fetched."""
    korean, legacy, plain = tokens = [new_token() for _ in range(3)]
    bodies = ("utf-8", "euc-kr", "plain")
    put(server, reader, *map(letter, bodies, tokens))
    inbox = url(server, "imap", tls, reader, "INBOX")
    keys = (
        "push '<tag-pattern>=b 편지<enter><tag-prefix><copy-message>=body<enter>"
        f'<untag-pattern>~A<enter><tag-pattern>=h "Subject: {plain}"<enter>'
        "<tag-prefix><copy-message>=subject<enter><quit>'"
    )
    configure(
        server, programs, program, f"set {SPOOL[program]}='{inbox}'", *lines, keys
    )
    programs.run_in_terminal(program)
    own = (b"Content-Length", b"Lines")
    assert in_maildir(programs.home / "body", *own).keys() == {korean, legacy}
    assert in_maildir(programs.home / "subject", *own).keys() == {plain}
    assert all(not flags for _, flags in everything(server, reader).values())


def deletes_by_pop3(
    server: Server, programs: Programs, reader: str, program: str, tls: str, *lines: str
) -> None:
    """DELE, and QUIT that makes it true."""
    first, second, third = tokens = [new_token() for _ in range(3)]
    put(server, reader, *(letter("dots", token) for token in tokens))
    spool = url(server, "pop3", tls, reader)
    configure(
        server, programs, program, f"set {SPOOL[program]}='{spool}'", *lines,
        "push '2<enter><delete-message><sync-mailbox><quit>'",
    )  # fmt: skip
    programs.run_in_terminal(program)
    assert everything(server, reader).keys() == {first, third}, second
