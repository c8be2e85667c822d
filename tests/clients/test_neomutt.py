"""neomutt: IMAP with CONDSTORE, QRESYNC and a header cache; keys by `push`."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    put,
)
from tests.clients.test_mutt import TLS, url
from tests.running import PASSWORD

if TYPE_CHECKING:
    from tests.clients.conftest import Programs
    from tests.running import Server

COPY_ALL = "push '<tag-pattern>~A<enter><tag-prefix><copy-message>=out<enter><quit>'"


def configure(server: Server, programs: Programs, *lines: str) -> None:
    settings = [
        "set ssl_force_tls=yes ssl_starttls=yes ssl_verify_host=yes",
        f"set certificate_file='{server.certificate}'",
        f"set imap_pass='{PASSWORD}'",
        "set imap_authenticators=plain",
        "set imap_condstore=yes imap_qresync=yes header_cache=~/cache",
        "set quit=yes mark_old=no move=no delete=yes confirmcreate=no confirmappend=no",
        "set mbox_type=Maildir folder=~ record= wait_key=no",
        "set sort=mailbox-order copy=no mail_check=1 sleep_time=0",
        *lines,
        "",
    ]
    programs.write(".neomuttrc", "\n".join(settings))
    (programs.home / "cache").mkdir(exist_ok=True)


@TLS
def test_read(server: Server, programs: Programs, reader: str, tls: str) -> None:
    """All letters, copied to a Maildir at home, are as they came."""
    sent = {token: letter(name, token) for name in BODIES if (token := new_token())}
    deliver(server, reader, *sent.values())
    inbox = url(server, "imap", tls, reader, "INBOX")
    configure(server, programs, f"set spool_file='{inbox}'", COPY_ALL)
    programs.run_in_terminal("neomutt")
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
        server, programs, f"set spool_file='{inbox}'",
        f"push '1<enter><save-message>{work}<enter>2<enter><flag-message>"
        "3<enter><delete-message><sync-mailbox>"
        f"<change-folder>{work}<enter><display-message><exit><quit>'",
    )  # fmt: skip
    programs.run_in_terminal("neomutt")
    assert everything(server, reader) == {
        flagged: (letter("euc-kr", flagged), {r"\Flagged"})
    }
    assert everything(server, reader, KOREAN_UTF_7) == {
        moved: (letter("euc-kr", moved), {r"\Seen"})
    }


def test_resynchronizes(server: Server, programs: Programs, reader: str) -> None:
    """RFC 7162: what was kept is brought up to date, gone ones and flags too."""
    tokens = [new_token() for _ in range(4)]
    put(server, reader, *(letter("dots", token) for token in tokens[:3]))
    inbox = url(server, "imap", "implicit", reader, "INBOX")
    configure(server, programs, f"set spool_file='{inbox}'", "push '<quit>'")
    programs.run_in_terminal("neomutt")
    assert any(programs.home.glob("cache/**/*"))
    with imap(server, reader) as client:
        client.select()
        client.store("1", "+FLAGS", r"(\Deleted)")
        client.expunge()
        client.store("1", "+FLAGS", r"(\Flagged)")
    put(server, reader, letter("utf-8", tokens[3]))
    configure(server, programs, f"set spool_file='{inbox}'", COPY_ALL)
    programs.run_in_terminal("neomutt")
    kept = in_maildir(programs.home / "out", b"Content-Length", b"Lines")
    assert kept.keys() == set(tokens[1:])
    assert "F" in kept[tokens[1]][1]
    assert "F" not in kept[tokens[2]][1]
