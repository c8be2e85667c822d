"""imapflow, the library that programs for Node.js read mail with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.clients.conftest import Programs
from tests.clients.letters import KOREAN, UTF_8, header, new_token
from tests.running import PASSWORD

if TYPE_CHECKING:
    from tests.running import Server

HERE = Path(__file__).parent / "imapflow"
SCRIPT_WAIT_S = 60.0
MIXED = ("Content-Type: multipart/mixed; boundary=b",)
PARTS = (
    "--b\r\nContent-Type: text/plain; charset=UTF-8\r\n"
    "Content-Transfer-Encoding: 8bit\r\n\r\n안녕\r\n"
    "--b\r\nContent-Type: application/octet-stream\r\n"
    "Content-Disposition: attachment; filename=every.bin\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\nAAECAwQFBgcICQ==\r\n--b--\r\n"
)
TEXT = "안녕하세요. 편지입니다.\r\n"
INSTALL_WAIT_S = 100.0


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of tests/clients/imapflow with what its lock says installed."""
    copy = tmp_path_factory.mktemp("imapflow")
    for file in HERE.iterdir():
        shutil.copy(file, copy)
    npm = Programs(copy)
    npm.run("npm", "ci", "--no-audit", "--no-fund", timeout_s=INSTALL_WAIT_S)
    return copy


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_whole_job(
    server: Server, programs: Programs, folder: Path, reader: str, tls: str
) -> None:
    """One conversation, compressed (RFC 4978), with everything a program needs."""
    token = new_token()
    octets = header(token, *UTF_8) + TEXT.encode()
    said = programs.run(
        "node",
        folder / "whole_job.cjs",
        timeout_s=SCRIPT_WAIT_S,
        PORT=str(server.port("imap", tls)),
        TLS=tls,
        CERT=str(server.certificate),
        LOGIN=reader,
        PASSWORD=PASSWORD,
        FOLDER=KOREAN,
        LETTER=str(programs.write("letter", octets)),
    )
    seen: dict[str, Any] = json.loads(said)
    assert seen["secure"]
    assert seen["compressed"]
    assert seen["refused"] == "AUTHENTICATIONFAILED"

    # folders
    assert seen["created"]["path"] == KOREAN
    assert seen["created"]["created"]
    assert [KOREAN, ""] in seen["folders"]
    assert {"\\Inbox", "\\Sent", "\\Trash"} <= {use for _, use in seen["folders"]}
    status = seen["status"]
    assert (status["messages"], status["unseen"], status["uidNext"]) == (3, 3, 4)
    assert seen["quota"]
    assert KOREAN not in seen["renamed"]
    assert "보관함" in seen["renamed"]
    assert "보관함" not in seen["deleted"]

    # letters
    assert seen["stored"] == 1
    assert seen["same"]
    assert seen["size"] == len(octets)
    assert {"$Work", r"\Flagged"} <= set(seen["flags"])
    assert seen["subject"] == token
    assert seen["type"] == "text/plain"
    assert seen["text"].replace("\r\n", "\n") == TEXT.replace("\r\n", "\n")
    assert seen["flagged"]
    [[number, flags, later]] = seen["changed"]
    assert number == 2
    assert r"\Answered" in flags
    assert later
    assert seen["answered"] == [2]
    assert seen["text_found"] == [1, 2, 3]
    assert seen["nothing_found"] == []
    assert seen["moved"] == [[3, 1]]
    assert seen["removed"]
    assert seen["left"] == [1]

    # news while it waited
    assert seen["exists"] == 2
    assert r"\Seen" in seen["told_flags"]
    assert seen["expunged"] == 1


def test_keeps_a_copy(server: Server, programs: Programs, folder: Path) -> None:
    """IMAP4rev2 with QRESYNC: what happened elsewhere, exactly (RFC 7162).

    And pages of results (RFC 9394), ids that stay (RFC 8474), decoded parts
    (RFC 3516), quota (RFC 9208), LIST with STATUS (RFC 5819).
    """
    token = new_token()
    octets = header(token, *MIXED) + PARTS.encode()
    user = server.add_account(
        f"flow{token}", "--quota", "1 MB", "--quota-messages", "100"
    )
    said = programs.run(
        "node",
        folder / "copy_kept.cjs",
        timeout_s=SCRIPT_WAIT_S,
        PORT=str(server.port("imap", "implicit")),
        CERT=str(server.certificate),
        LOGIN=user,
        PASSWORD=PASSWORD,
        FOLDER=KOREAN,
        LETTER=str(programs.write("letter", octets)),
    )
    seen: dict[str, Any] = json.loads(said)
    assert {"CONDSTORE", "QRESYNC", "IMAP4REV2"} <= set(seen["enabled"])

    # two gone, three changed, one come
    assert seen["resynced"]
    assert (seen["exists"], seen["later"]) == (5, True)
    assert seen["early"] == seen["told_again"] == [[1, True, True], [5, True, True]]
    assert seen["caught_up"] == [
        [2, ["$Work", r"\Answered", r"\Seen"]],
        [4, []],
        [6, [r"\Flagged"]],
        [7, [r"\Draft"]],
    ]
    assert seen["changed"] == [2, 4, 6, 7]
    assert seen["vanished"] == [[4, True, False]]
    assert seen["left"] == 4

    assert seen["esearch"] == {"min": 2, "max": 7, "count": 4, "all": "2:3,6:7"}
    assert seen["page"] == {"partial": {"range": "-1:-2", "messages": "6:7"}}
    assert (seen["either"], seen["keyword"]) == ([6, 7], [2])
    assert seen["big"] == [2, 3, 6, 7]

    assert seen["copied"] == [[2, 1], [3, 2]]
    assert seen["same_ids"]
    assert (seen["by_id"], seen["by_thread"]) == ([2], 4)

    assert bytes.fromhex(seen["attached"]) == bytes(range(10))
    assert seen["filename"] == "every.bin"
    assert seen["text"] == "안녕"
    assert seen["piece"]
    assert seen["header"] == f"Subject: {token}\r\n\r\n"

    assert seen["status"] == [4, 3, True, "/"]
    assert seen["unsubscribed"]
    assert seen["quota"]["storage"]["limit"] == 1024 * 1024
    assert 0 < seen["quota"]["storage"]["usage"] <= 4 * 1024
    assert (seen["quota"]["message"]["usage"], seen["quota"]["message"]["limit"]) == (
        4,
        100,
    )
    assert seen["namespace"] == {"prefix": "", "delimiter": "/"}
