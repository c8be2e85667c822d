"""mutt: sends by its own SMTP, reads and files by IMAP and POP3, all with TLS.

mutt wants a screen; the keys that a person would press stand in the
configuration (`push`).

Where SCRAM-…-PLUS is offered, mutt (GNU SASL) chooses it and only then finds
that it can bind to no channel: so it is not, unless a site wants it
(docs/decisions/0012).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from tests.clients.letters import (
    BODIES,
    KIM,
    KOREAN,
    KOREAN_UTF_7,
    LEE,
    arrived,
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


def url(server: Server, protocol: str, tls: str, user: str, path: str = "") -> str:
    scheme = {"submission": "smtp", "pop3": "pop"}.get(protocol, protocol)
    secure = "s" if tls == "implicit" else ""
    port = server.port(protocol, tls)
    return f"{scheme}{secure}://{quote(user)}@{HOST}:{port}/{path}"


def configure(server: Server, programs: Programs, *lines: str) -> None:
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
    programs.write(".muttrc", "\n".join(settings))


@TLS
@pytest.mark.parametrize("authenticators", ["plain", "scram-sha-256", "cram-md5"])
def test_send(
    server: Server, programs: Programs, tls: str, authenticators: str
) -> None:
    """mutt composes a letter with a Korean text and an attachment, and submits it."""
    token = new_token()
    configure(
        server, programs,
        f"set smtp_url='{url(server, 'submission', tls, KIM)}' from={KIM} use_8bitmime",
        f"set smtp_authenticators='{authenticators}' send_charset=utf-8",
    )  # fmt: skip
    file = programs.write("every.bin", bytes(range(256)))
    text = "안녕하세요.\n.\n..두 점\nFrom here\n"
    programs.run(
        "mutt", "-s", token, "-a", str(file), "--", LEE, stdin=text.encode()
    )  # fmt: skip
    assert text.replace("\n", "\r\n").encode() in arrived(server, token)


@TLS
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_read(
    server: Server, programs: Programs, reader: str, protocol: str, tls: str
) -> None:
    """All letters, copied to a Maildir at home, are as they came.

    Content-Length and Lines are what mutt itself puts below the header.
    """
    sent = {token: letter(name, token) for name in BODIES if (token := new_token())}
    deliver(server, reader, *sent.values())
    path = "INBOX" if protocol == "imap" else ""
    configure(
        server, programs,
        f"set spoolfile='{url(server, protocol, tls, reader, path)}'",
        "push '<tag-pattern>~A<enter><tag-prefix><copy-message>=out<enter><quit>'",
    )  # fmt: skip
    programs.run_in_terminal("mutt")
    kept = in_maildir(programs.home / "out", b"Content-Length", b"Lines")
    assert kept.keys() == sent.keys()
    for token, (octets, _) in kept.items():
        assert_below_our_headers(octets, sent[token])


@TLS
def test_file_flag_and_delete(
    server: Server, programs: Programs, reader: str, tls: str
) -> None:
    """A day's work in IMAP mailboxes: make one, save to it, flag, delete, read."""
    moved, flagged, _deleted = tokens = [new_token() for _ in range(3)]
    put(server, reader, *(letter("euc-kr", token) for token in tokens))
    inbox = url(server, "imap", tls, reader, "INBOX")
    work = url(server, "imap", tls, reader, KOREAN)
    configure(
        server, programs, f"set spoolfile='{inbox}'",
        f"push '1<enter><save-message>{work}<enter>2<enter><flag-message>"
        "3<enter><delete-message><sync-mailbox>"
        f"<change-folder>{work}<enter><display-message><exit><quit>'",
    )  # fmt: skip
    programs.run_in_terminal("mutt")
    assert everything(server, reader) == {
        flagged: (letter("euc-kr", flagged), {r"\Flagged"})
    }
    assert everything(server, reader, KOREAN_UTF_7) == {
        moved: (letter("euc-kr", moved), {r"\Seen"})
    }


@TLS
def test_delete_by_pop3(
    server: Server, programs: Programs, reader: str, tls: str
) -> None:
    """DELE, and QUIT that makes it true."""
    first, second, third = tokens = [new_token() for _ in range(3)]
    put(server, reader, *(letter("dots", token) for token in tokens))
    configure(
        server, programs, f"set spoolfile='{url(server, 'pop3', tls, reader)}'",
        "push '2<enter><delete-message><sync-mailbox><quit>'",
    )  # fmt: skip
    programs.run_in_terminal("mutt")
    assert everything(server, reader).keys() == {first, third}, second
