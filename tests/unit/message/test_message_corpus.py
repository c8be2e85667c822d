"""Whole messages by provenance, and how we read them (tests/corpus)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyeonji.message.inspect import inspect
from pyeonji.message.scan import scan

CORPUS = Path(__file__).parents[2] / "corpus"
FOLDERS = ("attack", "malformed", "rfc", "wild")
MESSAGES = sorted(each for name in FOLDERS for each in (CORPUS / name).glob("*.eml"))


def test_there_is_a_corpus() -> None:
    assert {path.parent.name for path in MESSAGES} == set(FOLDERS)


@pytest.mark.parametrize("path", MESSAGES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_message_is_read_as_expected(path: Path) -> None:
    """Headers, ENVELOPE, BODYSTRUCTURE, texts and defects."""
    octets = path.read_bytes()
    seen = inspect(octets)
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert [[h["name"], h["decoded"]] for h in seen["headers"]] == expected["headers"]
    for key in ("envelope", "bodystructure", "defects"):
        assert seen[key] == expected[key]
    parts = [
        {key: value for key, value in part.items() if value not in (None, {})}
        for part in seen["parts"]
    ]
    assert parts == expected["parts"]


@pytest.mark.parametrize("path", MESSAGES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_offsets_point_at_what_they_name(path: Path) -> None:
    """Each field value stands at its offset, each body within the message."""
    octets = path.read_bytes()
    for part in scan(octets).walk():
        assert 0 <= part.body_start <= part.body_end <= len(octets)
        for field in part.header.fields:
            assert octets[field.value_start : field.value_end] == field.value
            assert octets[field.start :].startswith(field.name.encode())
