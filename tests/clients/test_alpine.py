"""alpine: reads and files by IMAP and POP3, sends by SMTP, all over TLS.

The keys are those that a person presses when the screen asks.
"""

from __future__ import annotations

import email
import email.policy
from typing import TYPE_CHECKING

import pytest
from tests.clients.letters import (
    BODIES,
    KOREAN_UTF_7,
    LEE,
    arrived,
    assert_below_our_headers,
    deliver,
    everything,
    letter,
    new_token,
    password_of,
    put,
)

if TYPE_CHECKING:
    from tests.clients.conftest import Programs
    from tests.running import Server

TLS = pytest.mark.parametrize("tls", ["starttls", "implicit"])


def place(server: Server, protocol: str, tls: str, user: str) -> str:
    how = {"starttls": "tls", "implicit": "ssl"}[tls]
    kind = {"pop3": "pop3/", "imap": "imap/"}.get(protocol, "")
    return f"localhost:{server.port(protocol, tls)}/{kind}{how}/user={user}"


def configure(
    server: Server, programs: Programs, user: str, tls: str, protocol: str = "imap"
) -> None:
    programs.write(
        ".pinerc",
        f"""
personal-name=A Reader
user-domain=example.test
customized-hdrs=From: {user}
inbox-path={{{place(server, protocol, tls, user)}}}INBOX
folder-collections={{{place(server, "imap", tls, user)}}}[]
smtp-server={place(server, "submission", tls, user)}
feature-list=disable-password-file-saving,quit-without-confirm,allow-changing-from,
 expunge-without-confirm,enable-aggregate-command-set,save-will-not-delete,
 enable-flag-cmd,enable-jump-cmd
last-time-prune-questioned=999.12
last-version-used=6.26
""",
    )
    programs.write(".addressbook", "")


def alpine(
    server: Server,
    programs: Programs,
    user: str,
    *answers: tuple[str, str],
    words: tuple[str, ...] = ("-i",),
) -> None:
    """Run it; a password is asked once for each of our doors."""
    programs.run_in_terminal(
        "alpine",
        *words,
        answers=[
            (shown, f"{password_of(user)}\r" if keys == "PASSWORD" else keys)
            for shown, keys in answers
        ],
        SSL_CERT_FILE=str(server.certificate),
    )


LOGIN = ("PASSWORD:", "PASSWORD")


@TLS
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_save_every_letter(
    server: Server, programs: Programs, ascii_reader: str, protocol: str, tls: str
) -> None:
    """From INBOX to a new mailbox: COPY, or RETR and APPEND; no octet is changed.

    In the C locale alpine passes names on as they are typed.
    """
    sent = {token: letter(name, token) for name in BODIES if (token := new_token())}
    deliver(server, ascii_reader, *sent.values())
    configure(server, programs, ascii_reader, tls, protocol)
    again = [LOGIN] if protocol == "pop3" else []
    alpine(
        server, programs, ascii_reader,
        LOGIN,
        (f"opened with {len(sent)}", ";"),
        ("SELECT criteria", "a"),
        ("messages selected", "a"),
        ("APPLY command", "s"),
        ("to folder", f"{KOREAN_UTF_7}\r"),
        *again,
        ("Create[?]", "y"),
        ("messages saved|Saving +DONE", "q"),
    )  # fmt: skip
    inbox = everything(server, ascii_reader)
    saved = everything(server, ascii_reader, KOREAN_UTF_7)
    assert saved.keys() == inbox.keys() == sent.keys()
    for token, (octets, _) in saved.items():
        assert octets == inbox[token][0]
        assert_below_our_headers(octets, sent[token])


@TLS
def test_flag_delete_and_expunge(
    server: Server, programs: Programs, ascii_reader: str, tls: str
) -> None:
    """Important is Flagged; what is read is Seen."""
    flagged, deleted, read = tokens = [new_token() for _ in range(3)]
    put(server, ascii_reader, *(letter("plain", token) for token in tokens))
    configure(server, programs, ascii_reader, tls)
    alpine(
        server, programs, ascii_reader,
        LOGIN,
        ("opened with 3", "1\r*"),
        ("Flag New", "*"),
        ("Flagged message 1", "2\rd"),
        ("marked for deletion", "x"),
        ("1 message expunged", "2\r\r"),
        ("hello", "<q"),
    )  # fmt: skip
    kept = everything(server, ascii_reader)
    assert kept == {
        flagged: (letter("plain", flagged), {r"\Flagged"}),
        read: (letter("plain", read), {r"\Seen"}),
    }, deleted


@TLS
def test_send(server: Server, programs: Programs, ascii_reader: str, tls: str) -> None:
    """A letter with an attachment; alpine files a copy in a mailbox of ours."""
    token = new_token()
    file = programs.write("every.bin", bytes(range(256)))
    configure(server, programs, ascii_reader, tls)
    alpine(
        server, programs, ascii_reader,
        ("To      :", f"\r\r\r{token}\r"),
        ("Message Text", ".\r..\rFrom here\x18"),
        ("Send message[?]", "y"),
        LOGIN,
        ("Create[?]", "y"),
        LOGIN,
        words=("-attach", str(file), LEE),
    )  # fmt: skip
    [(copy, _)] = everything(server, ascii_reader, "sent-mail").values()
    for octets in arrived(server, token), copy:
        sent = email.message_from_bytes(octets, policy=email.policy.default)
        text, attached = sent.iter_parts()
        assert text.get_content().splitlines() == [".", "..", "From here"]
        assert attached.get_content() == bytes(range(256))
