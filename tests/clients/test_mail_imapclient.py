"""Mail::IMAPClient, the library that programs in Perl (imapsync too) read mail with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.clients.letters import KOREAN_UTF_7, letter, new_token
from tests.running import PASSWORD

if TYPE_CHECKING:
    from tests.clients.conftest import Programs
    from tests.running import Server

SCRIPT = Path(__file__).parent / "mail_imapclient.pl"


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_whole_job(server: Server, programs: Programs, reader: str, tls: str) -> None:
    token = new_token()
    octets = letter("every octet", token)
    said = programs.run(
        "perl",
        SCRIPT,
        timeout_s=60,
        PORT=str(server.port("imap", tls)),
        TLS=tls,
        CERT=str(server.certificate),
        LOGIN=reader,
        PASSWORD=PASSWORD,
        FOLDER=KOREAN_UTF_7,
        LETTER=str(programs.write("letter", octets)),
    )
    seen: dict[str, Any] = json.loads(said)
    assert KOREAN_UTF_7 in seen["folders"]
    assert KOREAN_UTF_7 in seen["subscribed"]
    assert [int(uid) for uid in seen["uids"]] == [1, 2, 3]
    assert (int(seen["count"]), int(seen["unseen"])) == (3, 3)
    assert seen["same"]
    assert int(seen["size"]) == len(octets)
    assert {"$Work", r"\Flagged"} <= set(seen["flags"])
    assert seen["subject"] == token
    assert seen["type"].upper() == "TEXT"
    assert "kim@example.test" in str(seen["from"])
    assert [int(uid) for uid in seen["found"]] == [2, 3]
    assert [int(uid) for uid in seen["read"]] == [2]
    assert [int(uid) for uid in seen["unread"]] == [1, 2, 3]
    assert [int(uid) for uid in seen["left"]] == [1, 3]
    assert [int(uid) for uid in seen["kept"]] == [3]
    assert [int(uid) for uid in seen["inbox"]] == [1, 2]
    assert seen["told"][0].strip() == "* 3 EXISTS"
    assert KOREAN_UTF_7 not in seen["renamed"]
    assert "old" in seen["renamed"]
    assert "old" not in seen["deleted"]
    assert "AUTHENTICATIONFAILED" in seen["refused"]
