"""imap-tools, a library that puts folders, searches and flags into objects."""

from __future__ import annotations

import imaplib
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.clients.letters import (
    BODIES,
    KOREAN,
    deliver,
    letter,
    new_token,
    put,
)
from tests.running import HOST, PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.running import Server


@contextmanager
def logged_in(server: Server, user: str, tls: str = "implicit") -> Iterator[Any]:
    import imap_tools

    kind = {"implicit": imap_tools.MailBox, "starttls": imap_tools.MailBoxStartTls}
    client = kind[tls](
        HOST, server.port("imap", tls), timeout=20, ssl_context=server.tls_context()
    )
    with client.login_utf8(user, PASSWORD):
        yield client


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_every_letter_comes(server: Server, reader: str, tls: str) -> None:
    """One by one and in bulk, without making them seen."""
    sent = {token: letter(name, token) for name in BODIES if (token := new_token())}
    put(server, reader, *sent.values())
    with logged_in(server, reader, tls) as client:
        for bulk in (False, True):
            found = list(client.fetch(mark_seen=False, bulk=bulk))
            assert [one.subject for one in found] == list(sent)
            sizes = [one.size_rfc822 for one in found]
            assert sizes == [len(octets) for octets in sent.values()]
        [korean] = client.fetch(f'SUBJECT "{list(sent)[3]}"', mark_seen=False)
        assert korean.text == "안녕하세요. 편지입니다.\r\n"
        assert korean.from_ == "kim@example.test"
        assert client.numbers("UNSEEN") == [str(n + 1) for n in range(len(sent))]


def test_folders_with_korean_names(server: Server, reader: str) -> None:
    with logged_in(server, reader) as client:
        client.folder.create(KOREAN)
        put_here = letter("dots", new_token())
        client.append(put_here, KOREAN, flag_set=["$Work", r"\Flagged"])
        names = {one.name: one for one in client.folder.list()}
        assert {"INBOX", KOREAN} <= names.keys()
        assert names[KOREAN].delim == "/"
        client.folder.subscribe(KOREAN, True)
        subscribed = client.folder.list(subscribed_only=True)
        assert KOREAN in [one.name for one in subscribed]
        status = client.folder.status(KOREAN)
        assert (status["MESSAGES"], status["UNSEEN"], status["UIDNEXT"]) == (1, 1, 2)
        client.folder.rename(KOREAN, "보관함")
        client.folder.set("보관함")
        [one] = client.fetch()
        assert {"$Work", r"\Flagged"} <= set(one.flags)
        client.folder.unset()
        client.folder.delete("보관함")
        assert not client.folder.exists("보관함")


def test_search_flags_copies_and_moves(server: Server, reader: str) -> None:
    tokens = [new_token() for _ in range(4)]
    put(server, reader, *(letter("utf-8", token) for token in tokens))
    with logged_in(server, reader) as client:
        import imap_tools

        client.folder.create("업무")
        criteria = imap_tools.AND(body="편지입니다", seen=False)
        assert client.uids(criteria, charset="UTF-8") == ["1", "2", "3", "4"]
        either = imap_tools.OR(subject=[tokens[0], tokens[2]])
        assert client.uids(either) == ["1", "3"]
        client.flag(["1", "3"], [imap_tools.MailMessageFlags.ANSWERED, "$Work"], True)
        assert client.uids(imap_tools.AND(answered=True, keyword="$Work")) == ["1", "3"]
        client.flag("3", ["$Work"], False)
        assert client.uids(imap_tools.AND(keyword="$Work")) == ["1"]
        client.copy(["1", "2"], "업무")
        client.move(["3"], "업무")
        client.delete(["2"])
        assert client.uids() == ["1", "4"]
        client.folder.set("업무")
        assert [one.subject for one in client.fetch()] == tokens[:3]


def test_idle(server: Server, reader: str) -> None:
    """RFC 2177."""
    with logged_in(server, reader) as client:
        with client.idle as idle:
            news = threading.Thread(
                target=deliver, args=(server, reader, letter("plain", new_token()))
            )
            news.start()
            told = idle.poll(timeout=15)
            news.join()
        assert b"* 1 EXISTS" in told
        assert client.uids() == ["1"]


def test_wrong_password(server: Server, reader: str) -> None:
    """NO with its code, and the connection is still good."""
    import imap_tools

    port, context = server.port("imap", "implicit"), server.tls_context()
    client = imap_tools.MailBox(HOST, port, timeout=20, ssl_context=context)
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        client.login_utf8(reader, "wrong")
    with client.login_utf8(reader, PASSWORD):
        assert client.folder.exists("INBOX")
