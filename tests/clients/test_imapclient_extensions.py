"""IMAPClient with what test_imapclient.py does not ask: order, changes, rights."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import imapclient
import pytest
from tests.clients.letters import (
    BODIES,
    KOREAN,
    LEE,
    header,
    letter,
    new_token,
)
from tests.clients.test_imapclient import logged_in

if TYPE_CHECKING:
    from tests.running import Server

MOMENT = dt.datetime(2026, 1, 5, 9, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize("name", BODIES)
def test_append_and_fetch(server: Server, reader: str, name: str) -> None:
    """Octets, flags and date come back as they were given."""
    sent = letter(name, new_token())
    with logged_in(server, reader) as client:
        client.normalise_times = False
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
