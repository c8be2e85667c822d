"""Accounts, aliases and domains at the command line: what is no address is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from pyeonji.serve.cli import app
from pyeonji.serve.commands.addresses import NoAddress, whole_address

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


@pytest.mark.parametrize(
    "text",
    ["", "kim", "kim@", "@example.org", "a b@example.org", "a\nb@example.org",
     "a@b@example.org", "a..b@example.org", f"{'x' * 70}@example.org", "|/bin/sh",
     "/etc/passwd", ":include:/etc/passwd", "kim@a.org,lee@b.org", "@a.org:kim@b.org",
     "kim@example..org", "kim@exa mple.org", "\udc80@example.org"],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    """Nobody could write to it."""
    with pytest.raises(NoAddress, match="is no address"):
        whole_address(text)


@pytest.mark.parametrize("text", ["kim@example.org", "a+b@x.test", "김@한국.kr"])
def test_what_is_one(text: str) -> None:
    """As it was typed."""
    assert whole_address(text) == text


def pyeonji(folder: Path, *words: str, given: str = "") -> Result:
    file = folder / "pyeonji.toml"
    file.write_text('hostname = "mail.example.test"\ndata = "data"\n')
    return CliRunner().invoke(app, ["--config", str(file), *words], input=given)


def test_commands_refuse_and_warn(tmp_path: Path) -> None:
    """Errors are sentences; an alias that reaches nobody is said to."""
    said = pyeonji(tmp_path, "account", "add", "kim@a.test", given="letter\n")
    assert str(said.exception) == "there is no domain a.test here"
    assert pyeonji(tmp_path, "domain", "add", "a.test").exit_code == 0
    said = pyeonji(tmp_path, "domain", "add", "a.test")
    assert str(said.exception) == "a.test is there already"
    assert not pyeonji(
        tmp_path, "account", "add", "kim@a.test", given="letter\n"
    ).exit_code
    said = pyeonji(tmp_path, "account", "add", "@a.test", given="letter\n")
    assert "'@a.test' is no address" in str(said.exception)
    said = pyeonji(tmp_path, "alias", "add", "x@a.test", "kim@a.test", "l@a.test")
    assert "nobody is reached at l@a.test now" in said.output
    assert "at kim@a.test" not in said.output
    said = pyeonji(tmp_path, "alias", "add", "l@a.test", "l@a.test")
    assert "nobody is reached at l@a.test now" in said.output
    said = pyeonji(tmp_path, "alias", "add", "y@a.test", "kim@a.test,lee@a.test")
    assert "is no address" in str(said.exception)
    said = pyeonji(tmp_path, "domain", "set", "a.test", "--catch-all", "all")
    assert "is no address" in str(said.exception)


@pytest.mark.parametrize("what", ["domain", "account", "alias"])
def test_nothing_is_said_to_be_nothing(tmp_path: Path, what: str) -> None:
    """Not a table without rows; for programs an empty list."""
    assert "there are no" in pyeonji(tmp_path, what, "list").output
    assert pyeonji(tmp_path, what, "list", "--json").output.split() == ["[]"]


def test_who_is_not_there_is_not_asked_about(tmp_path: Path) -> None:
    """No question before an error that is certain."""
    said = pyeonji(tmp_path, "account", "remove", "no@a.test", given="y\n")
    assert "Erase" not in said.output
    assert str(said.exception) == "there is no account no@a.test"
