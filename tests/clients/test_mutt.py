"""mutt: sends by its own SMTP, reads and files by IMAP and POP3, all with TLS.

Where SCRAM-…-PLUS is offered, mutt (GNU SASL) chooses it and only then finds
that it can bind to no channel: so it is not, unless a site wants it
(docs/decisions/0012).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.clients import mutts
from tests.clients.letters import KIM, LEE, arrived, new_token
from tests.clients.mutts import TLS

if TYPE_CHECKING:
    from tests.clients.conftest import Programs
    from tests.running import Server


@TLS
@pytest.mark.parametrize("authenticators", ["plain", "scram-sha-256", "cram-md5"])
def test_send(
    server: Server, programs: Programs, tls: str, authenticators: str
) -> None:
    """mutt composes a letter with a Korean text and an attachment, and submits it."""
    token = new_token()
    submission = mutts.url(server, "submission", tls, KIM)
    mutts.configure(
        server, programs, "mutt",
        f"set smtp_url='{submission}' from={KIM} use_8bitmime",
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
    """All letters, octet for octet, below what is ours."""
    mutts.reads_all(server, programs, reader, "mutt", (protocol, tls))


@TLS
def test_file_flag_and_delete(
    server: Server, programs: Programs, reader: str, tls: str
) -> None:
    """A day's work by IMAP."""
    mutts.files_flags_and_deletes(server, programs, reader, "mutt", tls)


@TLS
def test_search(server: Server, programs: Programs, reader: str, tls: str) -> None:
    """SEARCH BODY and HEADER, in Korean too."""
    mutts.searches_on_the_server(server, programs, reader, "mutt", tls)


@TLS
def test_delete_by_pop3(
    server: Server, programs: Programs, reader: str, tls: str
) -> None:
    """DELE and QUIT."""
    mutts.deletes_by_pop3(server, programs, reader, "mutt", tls)
