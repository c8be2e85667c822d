"""Log lines: one event a line, whatever strangers put into the fields."""

from __future__ import annotations

from pyeonji.serve.logs import as_text


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
