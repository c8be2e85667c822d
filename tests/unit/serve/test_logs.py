"""Log lines: one event a line, whatever strangers put into the fields."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from pyeonji.serve.configuration import LogSettings
from pyeonji.serve.logs import Forwarded, as_text, configure


def line(**fields: object) -> str:
    event = {"timestamp": "T", "level": "info", "event": "smtp.letter", **fields}
    return as_text(None, "info", event)


def test_plain_values_stand_as_they_are() -> None:
    assert line(letter="01AB", to="kim@example.test") == (
        "T info     smtp.letter            letter=01AB to=kim@example.test"
    )


def test_no_value_can_forge_a_line() -> None:
    forged = line(helo="x\n2026 info forged", name="a b")
    assert "\n" not in forged
    assert forged.endswith(r"helo='x\n2026 info forged' name='a b'")


@pytest.fixture
def restored() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, Forwarded)]:
        root.removeHandler(handler)


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("form", ["text", "json"])
def test_libraries_log_events_too(
    capsys: pytest.CaptureFixture[str], form: str
) -> None:
    """One line each, once, with time and level; bad HTTP is no warning."""
    for _ in range(2):  # as after SIGHUP
        configure(LogSettings(form=form))
    logging.getLogger("uvicorn.error").warning("bad\nrequest")
    logging.getLogger("asyncio").error("of some %s", "task")
    first, second = capsys.readouterr().err.splitlines()
    if form == "text":
        head, _, rest = first.partition(" ")
        assert head.endswith("Z")
        assert rest.split() == [
            "info", "library.says", "library=uvicorn.error", r"text='bad\nrequest'",
        ]  # fmt: skip
    else:
        assert '"level":"info"' in first
    assert "error" in second
    assert "of some task" in second
