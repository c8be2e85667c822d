"""`pyeonji account held` and `release`."""

import asyncio
import json
import time
from pathlib import Path

from typer.testing import CliRunner

from pyeonji.serve.cli import app
from pyeonji.storage.embedded import open_store
from pyeonji.storage.errors import NotHeld
from pyeonji.storage.habits import Habit


def test_a_hold_is_seen_and_ended(tmp_path: Path) -> None:
    config = tmp_path / "pyeonji.toml"
    config.write_text(f'hostname = "mx.example.test"\ndata = "{tmp_path}/data"\n')
    now = time.time()

    async def fill() -> None:
        store = await open_store(tmp_path / "data")
        await store.habits.change(
            "kim@example.test",
            lambda _: Habit(hour=now, held_until=now + 600, reason="900 recipients"),
        )
        await store.close()

    asyncio.run(fill())
    desk = CliRunner()
    words = ["--config", str(config), "account"]
    (seen,) = json.loads(desk.invoke(app, [*words, "held", "--json"]).stdout)
    assert seen["account"] == "kim@example.test"
    assert seen["reason"] == "900 recipients"
    assert "900 recipients" in desk.invoke(app, [*words, "held"]).stdout
    done = desk.invoke(app, [*words, "release", "kim@example.test"])
    assert done.stdout == "new letters of kim@example.test are not held\n"
    assert desk.invoke(app, [*words, "held"]).stdout == "no account is held\n"
    again = desk.invoke(app, [*words, "release", "kim@example.test"])
    assert isinstance(again.exception, NotHeld)
