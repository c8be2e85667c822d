"""neomutt: IMAP with CONDSTORE, QRESYNC and a header cache, and POP3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from tests.clients import mutts
from tests.clients.letters import imap, in_maildir, letter, new_token, put
from tests.clients.mutts import COPY_ALL, TLS

if TYPE_CHECKING:
    from tests.clients.conftest import Programs
    from tests.running import Server

OWN: Final = (
    "set imap_authenticators=plain pop_authenticators=plain",
    "set imap_condstore=yes imap_qresync=yes header_cache=~/cache",
)


@pytest.fixture(autouse=True)
def cache(programs: Programs) -> None:
    (programs.home / "cache").mkdir(exist_ok=True)


@TLS
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_read(
    server: Server, programs: Programs, reader: str, protocol: str, tls: str
) -> None:
    """All letters, octet for octet, below what is ours."""
    mutts.reads_all(server, programs, reader, "neomutt", (protocol, tls), *OWN)


@TLS
def test_file_flag_and_delete(
    server: Server, programs: Programs, reader: str, tls: str
) -> None:
    """A day's work by IMAP."""
    mutts.files_flags_and_deletes(server, programs, reader, "neomutt", tls, *OWN)


@TLS
def test_search(server: Server, programs: Programs, reader: str, tls: str) -> None:
    """SEARCH BODY and HEADER, in Korean too."""
    mutts.searches_on_the_server(server, programs, reader, "neomutt", tls, *OWN)


@TLS
def test_delete_by_pop3(
    server: Server, programs: Programs, reader: str, tls: str
) -> None:
    """DELE and QUIT."""
    mutts.deletes_by_pop3(server, programs, reader, "neomutt", tls, *OWN)


def test_resynchronizes(server: Server, programs: Programs, reader: str) -> None:
    """RFC 7162: what was kept is brought up to date, gone ones and flags too."""
    tokens = [new_token() for _ in range(4)]
    put(server, reader, *(letter("dots", token) for token in tokens[:3]))
    spool = f"set spool_file='{mutts.url(server, 'imap', 'implicit', reader, 'INBOX')}'"
    mutts.configure(server, programs, "neomutt", *OWN, spool, "push '<quit>'")
    programs.run_in_terminal("neomutt")
    assert any(programs.home.glob("cache/**/*"))
    with imap(server, reader) as client:
        client.select()
        client.store("1", "+FLAGS", r"(\Deleted)")
        client.expunge()
        client.store("1", "+FLAGS", r"(\Flagged)")
    put(server, reader, letter("utf-8", tokens[3]))
    mutts.configure(server, programs, "neomutt", *OWN, spool, COPY_ALL)
    programs.run_in_terminal("neomutt")
    kept = in_maildir(programs.home / "out", b"Content-Length", b"Lines")
    assert kept.keys() == set(tokens[1:])
    assert "F" in kept[tokens[1]][1]
    assert "F" not in kept[tokens[2]][1]
