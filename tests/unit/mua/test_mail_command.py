"""`pyeonji mail` where no server is needed: letters printed and inspected."""

from __future__ import annotations

import email
import json
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from pyeonji.mua.cli import app
from pyeonji.mua.cli.exits import Exit

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

BASE = ["send", "--from", "a@example.test", "--to", "b@example.test", "--dry-run"]


@pytest.fixture(autouse=True)
def no_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYEONJI_MAIL_CONFIG", str(tmp_path / "mail.toml"))


def run(*arguments: str, given: str | bytes = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=given)


def test_a_dry_run_prints_the_letter_octet_for_octet() -> None:
    result = run(
        *BASE, "--subject", "안녕", "--date", "2026-11-24T13:00:00+09:00",
        "--text", "-", "--charset", "EUC-KR", "--header", "X-Mood: 좋음",
        given="가나다",
    )  # fmt: skip
    assert result.exit_code == 0
    lines = result.stdout_bytes.split(b"\r\n")
    assert lines[0] == b"Date: Tue, 24 Nov 2026 13:00:00 +0900"
    assert b"X-Mood: =?EUC-KR?B?" + b64encode("좋음".encode("euc-kr")) + b"?=" in lines
    assert lines[-2:] == [b"sKGzqrTZ", b""]


def test_a_text_may_come_in_any_charset() -> None:
    result = run(*BASE, "--text", "-", given="안녕하세요 여러분".encode("cp949"))
    message = email.message_from_bytes(result.stdout_bytes)
    payload = message.get_payload(decode=True)
    assert payload == "안녕하세요 여러분".encode()


def test_files_go_along(tmp_path: Path) -> None:
    page, picture = tmp_path / "a.html", tmp_path / "그림.png"
    page.write_text('<img src="cid:logo.png">')
    picture.write_bytes(b"\x89PNG\r\n")
    (tmp_path / "logo.png").write_bytes(b"\x89PNG")
    result = run(
        *BASE, "--html", str(page), "--attach", str(picture),
        "--inline", str(tmp_path / "logo.png"),
    )  # fmt: skip
    shown = run("inspect", "-", "--json", given=result.stdout_bytes)
    parts = json.loads(shown.stdout)["parts"]
    assert [(p["type"], p["filename"]) for p in parts] == [
        ("text/html", None),
        ("image/png", "logo.png"),
        ("image/png", "그림.png"),
    ]
    assert json.loads(shown.stdout)["defects"] == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--to", "nobody"], Exit.DATA),
        (["--subject", "a\r\nBcc: x@y.z"], Exit.DATA),
        (["--header", "X: a\r\nBcc: x@y.z"], Exit.DATA),
        (["--header", "From: x@y.z"], Exit.DATA),
        (["--header", "nothing"], Exit.DATA),
        (["--charset", "klingon"], Exit.DATA),
        (["--encoding", "yenc"], Exit.DATA),
        (["--date", "yesterday"], Exit.DATA),
        (["--attach", "/nowhere/at/all"], Exit.NO_INPUT),
        (["--profile", "nobody"], Exit.NOT_CONFIGURED),
        (["--text", "-", "--html", "-"], Exit.NOT_CONFIGURED),
        (["--no-such-option"], Exit.USAGE),
    ],
)
def test_exit_codes(arguments: list[str], code: Exit) -> None:
    result = run(*BASE, *arguments)
    assert result.exit_code == code
    assert result.stdout_bytes == b""


def test_a_charset_that_lacks_a_character_is_an_error() -> None:
    result = run(*BASE, "--text", "-", "--charset", "EUC-KR", given="😀")
    assert result.exit_code == Exit.DATA
    assert "EUC-KR" in result.stderr


def test_a_profile_gives_the_author(tmp_path: Path) -> None:
    file = tmp_path / "mail.toml"
    file.write_text('[profile.home]\naddress = "kim@example.test"\nname = "Kim"\n')
    result = run("send", "--to", "b@example.test", "--dry-run")
    assert b"From: Kim <kim@example.test>\r\n" in result.stdout_bytes
    file.write_text("[profile.home]\nport = 1\n")
    result = run("send", "--to", "b@example.test", "--dry-run")
    assert result.exit_code == Exit.NOT_CONFIGURED
    assert "profile.home.port" in result.stderr


def test_inspect_shows_no_control_characters() -> None:
    """A letter must not steer the terminal."""
    letter = b"Subject: =?utf-8?Q?=1B]0;x=07=C2=9B2J?=\r\n\r\nx"
    result = run("inspect", "-", given=letter)
    assert result.exit_code == 0
    assert b"\x1b" not in result.stdout_bytes
    assert "<U+001B>" in result.stdout


def test_without_a_server_sending_says_what_is_missing() -> None:
    result = run("send", "--from", "a@example.test", "--to", "b@example.test")
    assert result.exit_code == Exit.NOT_CONFIGURED
    assert "--smtp HOST:PORT" in result.stderr
