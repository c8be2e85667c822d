"""Work that nobody waits for gives way to a busy loop, and ends with the store."""

from __future__ import annotations

import threading
import time

import pytest

from pyeonji.storage.embedded import pace
from pyeonji.storage.embedded.pace import Pace


class Loop:
    """CPU time of a loop that takes a share of the time that passes."""

    def __init__(self) -> None:
        self.share = 0.0
        self._spent = 0.0
        self._at = time.monotonic()

    def __call__(self) -> float:
        now = time.monotonic()
        self._spent += self.share * (now - self._at)
        self._at = now
        return self._spent


@pytest.fixture
def loop() -> Loop:
    return Loop()


def waited(watching: Pace) -> float:
    began = time.monotonic()
    watching.give_way()
    return time.monotonic() - began


def test_a_quiet_loop_is_not_waited_for(loop: Loop) -> None:
    watching = Pace(loop)
    time.sleep(1.0)  # the work
    assert waited(watching) < 1.0 * pace.WAITS / 2


def test_a_busy_loop_is_waited_for_a_multiple_of_the_work(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "WAITS", 3)
    watching = Pace(loop)
    loop.share = 0.9
    time.sleep(0.2)
    assert waited(watching) >= 0.6


def test_nothing_waits_for_ever(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "LONGEST_S", 0.3)
    watching = Pace(loop)
    loop.share = 0.9
    time.sleep(1.0)
    assert 0.3 <= waited(watching) < 1.0 * pace.WAITS / 2


def test_the_end_of_the_store_is_not_waited_for(loop: Loop) -> None:
    watching = Pace(loop)
    loop.share = 0.9
    time.sleep(1.0)
    timer = threading.Timer(0.3, watching.end)
    timer.start()
    assert waited(watching) < 1.0 * pace.WAITS / 2
    timer.join()


def test_the_clock_is_that_of_the_thread_that_made_it() -> None:
    clock = pace.clock_of_this_thread()
    before = clock()
    until = time.thread_time() + 0.05
    while time.thread_time() < until:  # this thread is the loop
        sum(range(1000))
    found: list[float] = []
    asking = threading.Thread(target=lambda: found.append(clock()))
    asking.start()
    asking.join()
    assert found[0] - before >= 0.05
