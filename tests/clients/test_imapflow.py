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
TEXT = "안녕하세요. 편지입니다.\r\n"
INSTALL_WAIT_S = 100.0


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of tests/clients/imapflow with what its lock says installed."""
    copy = tmp_path_factory.mktemp("imapflow")
    for name in ("package.json", "package-lock.json", "whole_job.cjs"):
        shutil.copy(HERE / name, copy)
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
        timeout_s=60,
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
