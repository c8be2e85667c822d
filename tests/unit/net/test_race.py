"""Several addresses of a host: who answers first is spoken to (RFC 8305 §5)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from pyeonji.net.errors import Unreachable
from pyeonji.net.race import race


class Line:
    def __init__(self) -> None:
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


def run(times: dict[str, float], delay_s: float) -> tuple[str, list[str], float]:
    """Who won, whom we began to call, and how long it took; times < 0 fail."""
    begun: list[str] = []

    async def connect(one: str) -> Any:
        begun.append(one)
        await asyncio.sleep(abs(times[one]))
        if times[one] < 0:
            raise Unreachable(f"{one} refused")
        return Line()

    async def scene() -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        start = loop.time()
        winner, _ = await race(list(times), connect, delay_s)
        return winner, loop.time() - start

    winner, took = asyncio.run(scene())
    return winner, begun, took


def test_the_first_is_left_its_time() -> None:
    assert run({"a": 0.01, "b": 0.0}, 0.5)[:2] == ("a", ["a"])


def test_a_silent_one_costs_the_delay_only() -> None:
    winner, begun, took = run({"a": 30, "b": 0.01}, 0.05)
    assert (winner, begun) == ("b", ["a", "b"])
    assert took < 15


def test_after_a_failure_the_next_is_called_at_once() -> None:
    winner, _, took = run({"a": -0.01, "b": 0.01}, 30)
    assert winner == "b"
    assert took < 15


def test_a_slow_one_may_still_win() -> None:
    assert run({"a": 0.1, "b": -0.01, "c": 30}, 0.02)[0] == "a"


def test_when_nobody_answers_the_first_ones_words_count() -> None:
    with pytest.raises(Unreachable, match="a refused"):
        run({"a": -0.05, "b": -0.01}, 0.01)


def test_who_comes_too_late_is_closed() -> None:
    lines: dict[str, Line] = {}

    async def connect(one: str) -> Any:
        if one == "a":
            with suppress(asyncio.CancelledError):  # it stood already
                await asyncio.sleep(30)
        line = lines[one] = Line()
        return line

    async def scene() -> str:
        return (await race(["a", "b"], connect, 0.01))[0]

    assert asyncio.run(scene()) == "b"
    assert (lines["a"].aborted, lines["b"].aborted) == (True, False)
