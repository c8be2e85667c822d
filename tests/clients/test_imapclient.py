"""IMAPClient, the library that most Python programs read mail with."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import imapclient
import pytest
from imapclient.exceptions import IMAPClientError, LoginError
from tests.clients.letters import (
    BODIES,
    KOREAN,
    assert_below_our_headers,
    deliver,
    letter,
    new_token,
    put,
    token_of,
)
from tests.running import HOST, PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.running import Server


@contextmanager
def logged_in(server: Server, user: str, tls: str = "implicit") -> Iterator[Any]:
    context = server.tls_context()
    client = imapclient.IMAPClient(
        HOST, server.port("imap", tls), ssl=tls == "implicit", ssl_context=context,
        timeout=20,
    )  # fmt: skip
    with client:
        if tls == "starttls":
            client.starttls(context)
        client.plain_login(user, PASSWORD)
        yield client


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_every_letter_comes_back(server: Server, reader: str, tls: str) -> None:
    """Octets, sizes and parts of all letters in one FETCH."""
    sent = {token: letter(name, token) for name in BODIES if (token := new_token())}
    deliver(server, reader, *sent.values())
    with logged_in(server, reader, tls) as client:
        assert client.select_folder("INBOX", readonly=True)[b"EXISTS"] == len(sent)
        uids = client.search("ALL")
        fetched = client.fetch(uids, ["BODY.PEEK[]", "RFC822.SIZE", "BODY.PEEK[TEXT]"])
        assert len(fetched) == len(sent)
        for data in fetched.values():
            octets = data[b"BODY[]"]
            assert_below_our_headers(octets, sent[token_of(octets)])
            assert data[b"RFC822.SIZE"] == len(octets)
            assert octets.endswith(b"\r\n\r\n" + data[b"BODY[TEXT]"])
        # nothing of this made anything \Seen
        assert client.search("UNSEEN") == uids


def test_envelope_and_structure(server: Server, reader: str) -> None:
    """IMAPClient reads ENVELOPE and BODYSTRUCTURE into objects of its own."""
    token = new_token()
    put(server, reader, letter("euc-kr", token))
    with logged_in(server, reader) as client:
        client.select_folder("INBOX")
        [data] = client.fetch([1], ["ENVELOPE", "BODYSTRUCTURE"]).values()
        envelope = data[b"ENVELOPE"]
        assert envelope.subject == token.encode()
        assert envelope.message_id == f"<{token}@example.test>".encode()
        assert str(envelope.from_[0]) == "kim@example.test"
        assert envelope.date.year == 2026
        structure = data[b"BODYSTRUCTURE"]
        assert structure[:3] == (b"text", b"plain", (b"charset", b"EUC-KR"))
        assert structure[5].lower() == b"8bit"


def test_folders_with_korean_names(server: Server, reader: str) -> None:
    """Made, listed, renamed, subscribed, deleted; with STATUS."""
    with logged_in(server, reader) as client:
        client.create_folder(KOREAN)
        client.append(KOREAN, letter("dots", new_token()), [rb"\Flagged", b"$Work"])
        names = {name for _, _, name in client.list_folders()}
        assert {"INBOX", "받은편지", KOREAN} <= names
        client.subscribe_folder(KOREAN)
        assert KOREAN in {name for _, _, name in client.list_sub_folders()}
        status = client.folder_status(KOREAN, ["MESSAGES", "UIDNEXT", "UNSEEN"])
        assert status == {b"MESSAGES": 1, b"UIDNEXT": 2, b"UNSEEN": 1}
        client.rename_folder(KOREAN, "보관함/올해")
        assert client.folder_exists("보관함/올해")
        assert not client.folder_exists(KOREAN)
        client.select_folder("보관함/올해")
        assert set(client.get_flags([1])[1]) >= {rb"\Flagged", b"$Work"}
        client.unselect_folder()
        client.delete_folder("보관함/올해")
        assert not client.folder_exists("보관함/올해")
        with pytest.raises(IMAPClientError, match="NONEXISTENT"):
            client.select_folder("보관함/올해")
        namespace = client.namespace()
        assert namespace.personal == (("", "/"),)


def test_search_and_sort(server: Server, reader: str) -> None:
    """Criteria as lists, text in UTF-8; SORT and THREAD when they are offered."""
    tokens = [new_token() for _ in range(3)]
    put(server, reader, *(letter("utf-8", token) for token in tokens))
    with logged_in(server, reader) as client:
        client.select_folder("INBOX")
        assert client.search(["SUBJECT", tokens[1]]) == [2]
        assert client.search(["NOT", "SUBJECT", tokens[1], "LARGER", 10]) == [1, 3]
        assert client.search(["BODY", "편지입니다"], charset="UTF-8") == [1, 2, 3]
        assert client.search(["BODY", "없는말"], charset="UTF-8") == []
        client.add_flags([1, 3], [rb"\Answered"])
        assert client.search(["ANSWERED", "UID", "2:*"]) == [3]
        if client.has_capability("SORT"):
            wanted = sorted((1, 2, 3), key=lambda uid: tokens[uid - 1])
            assert client.sort("SUBJECT") == wanted
            assert client.sort(["REVERSE", "SUBJECT"]) == wanted[::-1]
        if client.has_capability("THREAD=REFERENCES"):
            assert client.thread("REFERENCES") == ((1,), (2,), (3,))


def test_flags_copies_and_moves(server: Server, reader: str) -> None:
    """STORE in its three ways, COPY and MOVE with their uids, UID EXPUNGE."""
    tokens = [new_token() for _ in range(4)]
    put(server, reader, *(letter("plain", token) for token in tokens))
    with logged_in(server, reader) as client:
        client.create_folder("업무")
        client.select_folder("INBOX")
        assert set(client.add_flags([1], [rb"\Seen", b"$Forwarded"])[1]) >= {rb"\Seen"}
        client.remove_flags([1], [rb"\Seen"])
        client.set_flags([2], [rb"\Draft"])
        flags = client.get_flags([1, 2])
        assert rb"\Seen" not in flags[1]
        assert rb"\Draft" in flags[2]
        client.copy([1, 2], "업무")
        client.move([3], "업무")
        assert client.search() == [1, 2, 4]
        client.delete_messages([1, 4])
        client.uid_expunge([4])
        assert client.search() == [1, 2]
        client.expunge()
        assert client.search() == [2]
        client.select_folder("업무")
        there = client.fetch([1, 2, 3], ["BODY.PEEK[]"])
        assert [token_of(there[uid][b"BODY[]"]) for uid in (1, 2, 3)] == tokens[:3]


def test_idle(server: Server, reader: str) -> None:
    """RFC 2177: new mail and a change of flags are told while the client waits."""
    put(server, reader, letter("plain", new_token()))
    with logged_in(server, reader) as client:
        client.select_folder("INBOX")
        client.idle()
        news = threading.Thread(
            target=deliver, args=(server, reader, letter("dots", new_token()))
        )
        news.start()
        told = _until(client, lambda told: (2, b"EXISTS") in told)
        news.join()
        with logged_in(server, reader) as other:
            other.select_folder("INBOX")
            other.add_flags([1], [rb"\Seen"])
            told = _until(client, lambda told: any(b"FETCH" in each for each in told))
        assert any(rb"\Seen" in str(each).encode() for each in told)
        text, _ = client.idle_done()
        assert text


def _until(client: Any, enough: Any) -> list[Any]:
    told: list[Any] = []
    for _ in range(10):
        told += client.idle_check(timeout=2)
        if enough(told):
            return told
    raise AssertionError(told)


def test_extensions(server: Server, reader: str) -> None:
    """ID, ENABLE, special uses; quota and rights as soon as they are offered."""
    with logged_in(server, reader) as client:
        assert client.id_({"name": "tests"})
        assert client.find_special_folder(rb"\Trash")
        if client.has_capability("CONDSTORE"):
            assert client.enable("CONDSTORE") == [b"CONDSTORE"]
            put(server, reader, letter("plain", new_token()))
            told = client.select_folder("INBOX")
            modseq = told[b"HIGHESTMODSEQ"]
            client.add_flags([1], [rb"\Seen"])
            changed = client.fetch([1], ["FLAGS"], [f"CHANGEDSINCE {modseq}"])
            assert rb"\Seen" in changed[1][b"FLAGS"]
            assert changed[1][b"MODSEQ"][0] > modseq
        if client.has_capability("QUOTA"):
            roots, _ = client.get_quota_root("INBOX")
            assert roots.mailbox == "INBOX"
        if client.has_capability("ACL"):
            assert client.getacl("INBOX")
        if client.has_capability("MULTIAPPEND"):
            # without flags it writes two spaces before the second literal
            many = [
                {"msg": letter(n, new_token()), "flags": [rb"\Draft"]} for n in BODIES
            ]
            client.multiappend("INBOX", many)
            client.select_folder("INBOX")
            assert len(client.search("DRAFT")) == len(BODIES)


def test_wrong_password(server: Server, reader: str) -> None:
    """NO, and the connection is still good."""
    client = imapclient.IMAPClient(
        HOST, server.port("imap", "implicit"), ssl_context=server.tls_context(),
        timeout=20,
    )  # fmt: skip
    with client:
        with pytest.raises(LoginError, match="AUTHENTICATIONFAILED"):
            client.login(reader, "wrong")
        client.plain_login(reader, PASSWORD)
