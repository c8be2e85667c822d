"""`pyeonji mail` as its users run it: commands against a running server."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.running import HOST, PASSWORD, PROGRAM, Server

from pyeonji.mua.cli.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Iterator

KIM, LEE = "kim@example.test", "lee@example.test"
ROOT = Path(__file__).resolve().parents[2]


class Client:
    """The command with two profiles, kim and lee, whose secrets are in a keyring."""

    def __init__(self, server: Server, home: Path) -> None:
        self.home = home
        self.server = server
        self._environment = {
            **os.environ,
            "LC_ALL": "C.UTF-8",
            "HOME": str(home),
            "PYEONJI_MAIL_CONFIG": str(home / "mail.toml"),
            "KEYRING_FILE": str(home / "keyring.json"),
            "PYTHON_KEYRING_BACKEND": "tests.roads.keyring_file.FileKeyring",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            "SSL_CERT_FILE": str(server.certificate),
        }
        (home / "mail.toml").write_text(
            "".join(
                f'[profile.{name}]\nname = "{display}"\naddress = "{address}"\n'
                f'smtp = "{HOST}:{server.port("submission")}"\n'
                f'imap = "{HOST}:{server.port("imap")}"\n'
                for name, display, address in (
                    ("kim", "김민준", KIM),
                    ("lee", "이서연", LEE),
                )
            )
        )
        for name in ("kim", "lee"):
            self.run("login", "--profile", name, "--password-stdin", given=PASSWORD)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [PROGRAM, "mail", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment,
            cwd=self.home,
        )

    def run(self, *words: str, given: str = "", code: int = Exit.OK) -> str:
        process = self.start(*words)
        out, err = process.communicate(given.encode(), timeout=30)
        assert process.returncode == code, (words, out.decode(), err.decode())
        self.told = err.decode()
        return out.decode()

    def as_lee(self, command: str, *words: str, code: int = Exit.OK) -> Any:
        """Lee's command with --json."""
        said = self.run(command, *words, "--profile", "lee", "--json", code=code)
        return json.loads(said)

    def inbox(self, subject: str) -> dict[str, Any]:
        """Lee's letter of that subject, waited for."""
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            for one in self.as_lee("list"):
                if one["subject"] == subject:
                    assert isinstance(one, dict)
                    return one
            time.sleep(0.1)
        raise AssertionError(f"no letter {subject!r} came")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with Server() as server:
        yield Client(server, tmp_path_factory.mktemp("home"))


def _send(client: Client, subject: str, *words: str, text: str = "안녕") -> int:
    client.run(
        *("send", "--profile", "kim", "--to", LEE, "--subject", subject),
        *("--text", "-", *words),
        given=text,
    )
    return int(client.inbox(subject)["id"])


def test_a_letter_with_files_is_sent_read_and_saved(client: Client) -> None:
    """Text, HTML, a picture in it and an attachment with a Korean name."""
    home = client.home
    (home / "회의록.pdf").write_bytes(b"%PDF-1.4 " + bytes(range(256)))
    (home / "page.html").write_text('<p>반갑습니다 <img src="cid:logo.png"></p>')
    (home / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    uid = _send(
        client, "회의 자료", "--html", "page.html", "--attach", "회의록.pdf",
        "--inline", "logo.png", "--header", "X-Project: 편지",
    )  # fmt: skip
    text = client.run("read", str(uid), "--profile", "lee")
    assert "김민준 <kim@example.test>" in text
    assert "안녕" in text
    headers = client.run("read", str(uid), "--headers", "--profile", "lee")
    assert "X-Project: 편지" in headers
    structure = client.run("read", str(uid), "--structure", "--profile", "lee")
    for word in ("text/plain", "text/html", "image/png", "회의록.pdf"):
        assert word in structure
    saved = home / "saved"
    saved.mkdir()
    client.run("save", str(uid), "--to", "saved", "--profile", "lee")
    assert (saved / "회의록.pdf").read_bytes() == (home / "회의록.pdf").read_bytes()
    raw = client.run("read", str(uid), "--raw", "--profile", "lee")
    assert raw.startswith("Return-Path: <kim@example.test>")


def test_a_copy_of_what_is_sent_is_kept(client: Client) -> None:
    """In the folder that the server names for it (RFC 6154)."""
    _send(client, "a copy")
    sent = client.run("list", "--folder", "Sent", "--profile", "kim", "--json")
    assert "a copy" in [one["subject"] for one in json.loads(sent)]


def test_tls_may_be_required(client: Client) -> None:
    """RFC 8689 §4.3; the server tags the letter."""
    words = ("--profile", "kim", "--to", LEE, "--subject", "비밀", "--text", "-")
    client.run("send", *words, "--require-tls", given="only for you")
    client.inbox("비밀")
    told = client.server.run("trace", LEE).decode()
    assert "; TLS required" in told


def test_letters_are_answered_forwarded_and_redirected(client: Client) -> None:
    """In-Reply-To leads back; a redirected letter keeps its author."""
    uid = _send(client, "주간 보고", text="오늘의 보고입니다.")
    client.run(
        "reply", str(uid), "--text", "-", "--profile", "lee", given="잘 받았습니다."
    )
    client.run("forward", str(uid), "--to", LEE, "--profile", "lee")
    client.run("redirect", str(uid), "--to", KIM, "--profile", "lee")
    client.server.wait_until_queue_is_empty()
    letters = json.loads(client.run("list", "--profile", "kim", "--json"))
    (answer,) = [one for one in letters if one["subject"] == "Re: 주간 보고"]
    raw = client.run("read", str(answer["id"]), "--raw", "--profile", "kim")
    assert "\nIn-Reply-To: <" in raw.replace("\r", "")
    text = client.run("read", str(answer["id"]), "--profile", "kim")
    assert "잘 받았습니다." in text
    assert "> 오늘의 보고입니다." in text
    (again,) = [one for one in letters if one["subject"] == "주간 보고"]
    headers = client.run("read", str(again["id"]), "--headers", "--profile", "kim")
    assert "Resent-From: 이서연 <lee@example.test>" in headers
    assert "\nFrom: 김민준 <kim@example.test>" in headers
    assert client.inbox("Fwd: 주간 보고")


def test_letters_are_flagged_searched_moved_and_deleted(client: Client) -> None:
    """Into a Korean folder, made on the way, also when typed in decomposed form."""
    uid = _send(client, "보관할 편지", text="찾을 수 있는 글: invoice 2026")
    client.as_lee("flag", str(uid), "--add", "flagged", "--add", "$Later")
    found = client.as_lee("search", "voic", "--flagged", "--from", "민준")
    assert [one["id"] for one in found] == [uid]
    client.run(
        "move", str(uid), "--to", "보관함/올해", "--profile", "lee", code=Exit.NO_INPUT
    )
    moved = client.as_lee("move", str(uid), "--to", "보관함/올해", "--create")
    assert moved == {"moved": [uid], "missing": []}
    names = [one["name"] for one in client.as_lee("folders", "--counts")]
    assert "보관함/올해" in names
    decomposed = "보관함/올해"
    (kept,) = client.as_lee("list", "--folder", decomposed)
    assert kept["subject"] == "보관할 편지"
    deleted = client.as_lee("delete", str(kept["id"]), "--folder", "보관함/올해")
    assert deleted == {"deleted": [kept["id"]], "missing": []}
    assert client.as_lee("list", "--folder", "보관함/올해") == []
    client.run("search", "voic", "--profile", "lee", code=Exit.NOTHING)


def test_news_are_told_as_they_come(client: Client) -> None:
    """`watch` hears of a letter while it waits (RFC 2177)."""
    before = len(client.as_lee("list"))
    with client.start(
        "watch", "--count", "1", "--profile", "lee", "--json"
    ) as watching:
        try:
            assert watching.stderr is not None
            assert watching.stderr.readline() == b"watching INBOX\n"
            _send(client, "소식")
            out, err = watching.communicate(timeout=30)
        finally:
            watching.kill()
    assert watching.returncode == 0, err.decode()
    assert json.loads(out)["number"] > before


def test_what_is_wrong_has_a_code(client: Client) -> None:
    """Wrong secret 77, no letter 66, no server 69; and words that say which."""
    imap = f"{HOST}:{client.server.port('imap')}"
    wrong = ("--imap", imap, "--user", KIM, "--password-stdin")
    client.run("list", *wrong, given="wrong", code=Exit.REFUSED)
    assert client.told.startswith("pyeonji mail: not logged in: ")
    client.run("read", "99999", "--profile", "lee", code=Exit.NO_INPUT)
    closed = ("--imap", f"{HOST}:1", "--user", KIM, "--password-stdin")
    client.run("list", *closed, given=PASSWORD, code=Exit.UNAVAILABLE)
    assert client.told == f"pyeonji mail: {HOST}:1: Connection refused\n"


def test_a_secret_that_was_forgotten_is_asked_for(client: Client) -> None:
    """`logout` takes it out of the keyring: without a terminal that is code 78."""
    client.run("logout", "--profile", "kim")
    client.run("list", "--profile", "kim", code=Exit.NOT_CONFIGURED)
    client.run("login", "--profile", "kim", "--password-stdin", given=PASSWORD)
    client.run("list", "--profile", "kim")


def test_pop3_serves_as_well(client: Client) -> None:
    """List, read and delete over POP3."""
    _send(client, "by POP3")
    pop3 = (
        *("--pop3", f"{HOST}:{client.server.port('pop3', 'implicit')}"),
        *("--tls", "implicit", "--profile", "lee"),
    )
    letters = json.loads(client.run("list", *pop3, "--json"))
    (one,) = [one for one in letters if one["subject"] == "by POP3"]
    assert "안녕" in client.run("read", str(one["id"]), *pop3)
    client.run("delete", str(one["id"]), *pop3)
    left = json.loads(client.run("list", *pop3, "--json"))
    assert "by POP3" not in [one["subject"] for one in left]
