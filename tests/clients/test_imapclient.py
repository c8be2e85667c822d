"""IMAPClient, the library: its whole job with its own methods."""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from typing import TYPE_CHECKING

import imapclient
import pytest
from imapclient.exceptions import IMAPClientError, LoginError
from tests.clients.letters import (
    BODIES,
    KOREAN,
    LEE,
    assert_below_our_headers,
    deliver,
    header,
    letter,
    new_token,
)
from tests.running import HOST, PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.running import Server

MOMENT = dt.datetime(2026, 1, 5, 9, 0, tzinfo=dt.UTC)


@contextmanager
def logged_in(
    server: Server, user: str, tls: str = "implicit"
) -> Iterator[imapclient.IMAPClient]:
    """A connection whose certificate was checked; PLAIN carries any password."""
    context = server.tls_context()
    implicit = tls == "implicit"
    client = imapclient.IMAPClient(
        HOST, server.port("imap", tls), ssl=implicit,
        ssl_context=context if implicit else None, timeout=20,
    )  # fmt: skip
    client.normalise_times = False
    try:
        if not implicit:
            client.starttls(context)
        client.plain_login(user, PASSWORD)
        yield client
    finally:
        client.logout()


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_logging_in(server: Server, reader: str, tls: str) -> None:
    """Both ways to TLS; what we are and have."""
    with logged_in(server, reader, tls) as client:
        for word in ("IMAP4REV1", "IDLE", "MOVE", "UIDPLUS", "CONDSTORE", "NAMESPACE"):
            assert client.has_capability(word), word
        assert client.namespace().personal == (("", "/"),)
        assert client.id_({"name": "test"})
        client.noop()


def test_a_wrong_password(server: Server, reader: str) -> None:
    """It hears of it by its own exception."""
    with imapclient.IMAPClient(
        HOST, server.port("imap", "implicit"), ssl_context=server.tls_context()
    ) as client:
        with pytest.raises(LoginError):
            client.login(reader, "wrong")
        with pytest.raises(LoginError):
            client.plain_login(reader, "wrong")


@pytest.mark.parametrize("name", BODIES)
def test_append_and_fetch(server: Server, reader: str, name: str) -> None:
    """Octets, flags and date come back as they were given."""
    sent = letter(name, new_token())
    with logged_in(server, reader) as client:
        client.append("INBOX", sent, (imapclient.SEEN, "$Work"), MOMENT)
        client.select_folder("INBOX", readonly=True)
        [uid] = client.search()
        [got] = client.fetch(
            [uid], ["BODY.PEEK[]", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"]
        ).values()
    assert got[b"BODY[]"] == sent
    assert set(got[b"FLAGS"]) - {b"\\Recent"} == {imapclient.SEEN, b"$Work"}
    assert got[b"INTERNALDATE"] == MOMENT
    assert got[b"RFC822.SIZE"] == len(sent)
    assert got[b"ENVELOPE"].to[0].mailbox == b"lee"


def test_many_at_once(server: Server, reader: str) -> None:
    """MULTIAPPEND by `multiappend`, in this order.

    Each has flags: without them IMAPClient writes two spaces between letters.
    """
    sent = [letter(name, new_token()) for name in ("plain", "dots", "euc-kr")]
    with logged_in(server, reader) as client:
        client.multiappend(
            "INBOX", [{"msg": each, "flags": [imapclient.SEEN]} for each in sent]
        )
        client.select_folder("INBOX")
        got = client.fetch(client.search("SEEN"), ["BODY.PEEK[]"])
    assert [got[uid][b"BODY[]"] for uid in sorted(got)] == sent


def test_folders(server: Server, reader: str) -> None:
    """A Korean name made, found, subscribed, renamed, removed."""
    moved = "보관함/업무"
    with logged_in(server, reader) as client:
        client.create_folder(KOREAN)
        assert client.folder_exists(KOREAN)
        assert KOREAN in [name for _, _, name in client.list_folders()]
        client.subscribe_folder(KOREAN)
        assert KOREAN in [name for _, _, name in client.list_sub_folders()]
        client.unsubscribe_folder(KOREAN)
        assert KOREAN not in [name for _, _, name in client.list_sub_folders()]
        client.append(KOREAN, letter("utf-8", new_token()))
        client.rename_folder(KOREAN, moved)
        assert client.folder_status(moved, ["MESSAGES", "UNSEEN"]) == {
            b"MESSAGES": 1, b"UNSEEN": 1,
        }  # fmt: skip
        assert client.select_folder(moved)[b"EXISTS"] == 1
        client.unselect_folder()
        client.delete_folder(moved)
        assert not client.folder_exists(moved)
        with pytest.raises(IMAPClientError):
            client.select_folder(moved)


def test_copy_move_delete(server: Server, reader: str) -> None:
    """Each letter is where it was put, and only there."""
    with logged_in(server, reader) as client:
        client.create_folder(KOREAN)
        for _ in range(4):
            client.append("INBOX", letter("plain", new_token()))
        client.select_folder("INBOX")
        copied, moved, deleted, kept = client.search()
        client.copy([copied], KOREAN)
        client.move([moved], KOREAN)
        client.delete_messages([deleted])
        client.add_flags([kept], [imapclient.DELETED])
        client.uid_expunge([deleted])
        assert client.search() == [copied, kept]
        client.remove_flags([kept], [imapclient.DELETED])
        client.expunge()
        assert client.search() == [copied, kept]
        assert client.folder_status(KOREAN)[b"MESSAGES"] == 2


def test_flags(server: Server, reader: str) -> None:
    """Added, set, removed; also a keyword."""
    with logged_in(server, reader) as client:
        client.append("INBOX", letter("plain", new_token()))
        client.select_folder("INBOX")
        [uid] = client.search()

        def flags() -> set[bytes]:
            return set(client.get_flags([uid])[uid]) - {b"\\Recent"}

        client.add_flags([uid], [imapclient.FLAGGED, "$Later"])
        assert flags() == {imapclient.FLAGGED, b"$Later"}
        client.set_flags([uid], [imapclient.SEEN])
        assert flags() == {imapclient.SEEN}
        client.remove_flags([uid], [imapclient.SEEN])
        assert flags() == set()


def test_search_sort_thread(server: Server, reader: str) -> None:
    """Korean words; order by subject; answers below what they answer."""
    first, second = new_token(), new_token()
    korean = b"Subject: " + "가나다 회의".encode() + b"\r\n\r\nx\r\n"
    answer = header(second, f"References: <{first}@example.test>") + b"yes\r\n"
    with logged_in(server, reader) as client:
        for each in (header(first) + b"what?\r\n", answer, korean):
            client.append("INBOX", each)
        client.select_folder("INBOX")
        one, two, three = client.search()
        assert client.search(["SUBJECT", "회의"], "UTF-8") == [three]
        assert client.search(["NOT", "SUBJECT", first]) == [two, three]
        by_subject = [
            uid for _, uid in sorted([(first, one), (second, two), ("가나다", three)])
        ]
        assert client.sort("SUBJECT") == by_subject
        assert client.sort(["REVERSE", "SUBJECT"]) == by_subject[::-1]
        threads = client.thread("REFERENCES")
        assert sorted(threads, key=str) == sorted([(one, two), (three,)], key=str)


def test_condstore(server: Server, reader: str) -> None:
    """ENABLE, and only what has changed since."""
    with logged_in(server, reader) as client:
        assert b"CONDSTORE" in client.enable("CONDSTORE")
        for _ in range(3):
            client.append("INBOX", letter("plain", new_token()))
        since = client.select_folder("INBOX")[b"HIGHESTMODSEQ"]
        uids = client.search()
        client.add_flags([uids[1]], [imapclient.FLAGGED])
        changed = client.fetch(uids, ["FLAGS"], [f"CHANGEDSINCE {since}"])
        assert list(changed) == [uids[1]]
        assert changed[uids[1]][b"MODSEQ"][0] > since
        assert client.search(["MODSEQ", str(since + 1)]) == [uids[1]]


def test_idle(server: Server, reader: str) -> None:
    """It hears of a letter while it waits, and reads it."""
    token = new_token()
    sent = letter("utf-8", token, to=reader)
    with logged_in(server, reader) as client:
        client.select_folder("INBOX")
        client.idle()
        deliver(server, reader, sent)
        assert (1, b"EXISTS") in client.idle_check(timeout=10)
        client.idle_done()
        [got] = client.fetch(client.search(), ["BODY.PEEK[]"]).values()
    assert_below_our_headers(got[b"BODY[]"], sent)


def test_quota_and_rights(server: Server) -> None:
    """GETQUOTA, GETQUOTAROOT, GETACL, SETACL."""
    user = server.add_account(f"quota{new_token()}", "--quota", "1 MB")
    with logged_in(server, user) as client:
        client.append("INBOX", letter("plain", new_token()))
        root, quotas = client.get_quota_root("INBOX")
        assert root.mailbox == "INBOX"
        [storage] = [each for each in quotas if each.resource == "STORAGE"]
        assert storage.usage >= 1
        assert storage.limit == 1024  # of 1024 octets
        client.create_folder(KOREAN)
        client.setacl(KOREAN, LEE, "lr")
        assert (LEE.encode(), b"lr") in [tuple(each) for each in client.getacl(KOREAN)]
        client.setacl(KOREAN, LEE, "-lr")
        assert LEE.encode() not in [who for who, _ in client.getacl(KOREAN)]
