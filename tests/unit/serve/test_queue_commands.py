"""`pyeonji queue`: what a person sees and changes, with the server down."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pyeonji.serve.cli import app
from pyeonji.serve.commands.queue import next_time
from pyeonji.serve.commands.trace import moment
from pyeonji.storage.embedded import open_store
from pyeonji.storage.errors import NoSuchLetter
from pyeonji.storage.queue import Lane, NewLetter, Recipient


class Desk:
    """The command line over a queue of five letters."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.config = folder / "pyeonji.toml"
        self.config.write_text(f'hostname = "mx.example.test"\ndata = "{self.data}"\n')
        asyncio.run(self._fill())

    async def _fill(self) -> None:
        store = await open_store(self.data, worker=0)
        ids = []
        for number, address in enumerate(
            ("a@far.test", "b@far.test", "c@near.test", "d@near.test", "e@near.test")
        ):
            letter = NewLetter(
                reverse_path="" if number == 4 else f"kim{number}@example.test",
                recipients=(Recipient(address=address),),
                content=b"Subject: x\r\n\r\n",
                prefix=b"",
                accepted_at=1000.0 if number < 3 else 4e9,
            )
            ids.append((await store.queue.accept(letter)).id)
        await store.queue.set_aside("far.test", [(name, 9e9) for name in ids[:2]])
        await store.queue.keep_lane(
            Lane(name="far.test", failures=2, until=8e9, error="\x1b[1;31mno route")
        )
        await store.close()

    def say(self, *words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["--config", str(self.config), *words])
        assert result.exit_code == code, result.output
        return result.output

    def json(self, *words: str) -> Any:
        return json.loads(self.say("queue", *words, "--json"))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_summary_tells_how_it_is_with_each_domain(desk: Desk) -> None:
    text = desk.say("queue", "summary")
    near, far = text.splitlines()[1:]
    assert near.split()[:3] == ["near.test", "3", "0"]
    assert far.split()[:3] == ["far.test", "2", "0"]
    assert "down (2 calls)" in far
    assert "no route" in far
    assert "\x1b" not in text
    assert desk.json("summary", "--limit", "1")[0]["domain"] == "near.test"


def test_lists_are_limited_and_say_so(desk: Desk) -> None:
    assert "more than these 2" in desk.say("queue", "list", "--limit", "2")
    assert len(desk.json("list", "--limit", "0")) == 5
    assert len(desk.json("list", "--to-domain", "far.test")) == 2
    assert len(desk.json("list", "--reason", "NO ROUTE")) == 2
    assert len(desk.json("list", "--from", "<>")) == 1
    assert len(desk.json("list", "--older", "1h")) == 3
    assert "no such letters" in desk.say("queue", "list", "--to", "x@far.test")
    assert "in its turn" in desk.say("queue", "list", "--to-domain", "far.test")


def test_what_is_meant_is_changed_and_nothing_else(desk: Desk) -> None:
    assert desk.json("hold", "--to-domain", "near.test", "--older", "1h") == {
        "letters": 1
    }
    assert len(desk.json("list", "--held")) == 1
    assert "1 letter released" in desk.say("queue", "release", "--all")
    assert desk.json("retry", "--next-hop", "far.test") == {"letters": 2}
    assert {one["lane"] for one in desk.json("list")} == {""}
    assert desk.json("remove", "--from", "@example.test") == {"letters": 4}
    assert [one["from"] for one in desk.json("list")] == [""]


@pytest.mark.parametrize("words", [(), ("--all", "--to", "a@b"), ("01J", "--all")])
def test_nothing_is_changed_by_mistake(desk: Desk, words: tuple[str, ...]) -> None:
    """Neither everything by saying nothing, nor more than was meant."""
    os.environ.setdefault("COLUMNS", "200")
    desk.say("queue", "remove", *words, code=2)
    assert len(desk.json("list")) == 5


def test_a_time_that_is_none_is_refused(desk: Desk) -> None:
    assert "90s" in desk.say("queue", "hold", "--older", "soon", code=2)


def test_a_trace_answers_first(desk: Desk) -> None:
    """Then come the events; what was said elsewhere does nothing to a terminal."""
    text = desk.say("trace", "a@far.test")
    first, whom, korean, english, *journey = text.splitlines()
    assert first.startswith("letter ")
    assert whom == "  a@far.test"
    assert "기다립니다" in korean
    assert english.startswith("    waits, because its next hop cannot be reached: ")
    assert "\x1b" not in text
    assert "queued" in journey[0]
    assert json.loads(desk.say("trace", "a@far.test", "--json"))[0]["event"] == "queued"


def test_a_trace_by_sender_recipient_and_time(desk: Desk) -> None:
    """All that is said must be so; one that says nothing is refused."""

    def traced(*words: str) -> list[str]:
        events = json.loads(desk.say("trace", *words, "--json"))
        return [event["to"] for event in events]

    assert traced("--to", "far.test") == ["a@far.test", "b@far.test"]
    assert traced("--from", "kim1@example.test", "--to", "far.test") == ["b@far.test"]
    assert len(traced("--since", "1h")) == 5
    assert traced("near.test", "--limit", "1") == ["e@near.test"]
    assert "--limit" in desk.say("trace", "near.test", "--limit", "1")
    with pytest.raises(NoSuchLetter, match="after 30 days"):
        CliRunner().invoke(
            app,
            ["--config", str(desk.config), "trace", "--until", "1h"],
            catch_exceptions=False,
        )
    assert "say which letter" in desk.say("trace", code=2)
    assert "no time" in desk.say("trace", "--since", "soon", code=2)


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("", None),
        ("90s", 1_795_000_000.0 - 90),
        ("2 h", 1_795_000_000.0 - 7200),
        ("2026-11-18T11:06:40+00:00", 1_795_000_000.0),
        ("2026-11-18 20:06:40+09:00", 1_795_000_000.0),
    ],
)
def test_times_as_people_write_them(said: str, means: float | None) -> None:
    assert moment(said, 1_795_000_000.0) == means


def test_a_time_of_day_is_today() -> None:
    now = datetime(2026, 11, 18, 12, 30).astimezone()
    day = datetime(2026, 11, 18).astimezone()
    for said in ("2026-11-18", "00:00", "00:00:00"):
        assert moment(said, now.timestamp()) == day.timestamp()


def test_what_was_never_tried_is_due_now() -> None:
    """Not at the beginning of Unix time."""
    assert next_time(0.0) == "now"
    assert next_time(1_795_580_533.0)[:3] == "11-"
