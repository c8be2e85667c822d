"""`pyeonji queue` beside a running server: what is down is seen, and called at will."""

from __future__ import annotations

import smtplib
import socket
import time
from typing import Any

import pytest
from tests.roads.test_queue_chaos import Sink
from tests.running import HOST, Server


def wait_for(server: Server, *words: str, limit_s: float = 15) -> Any:
    """What a command prints as JSON, once that is not empty."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if found := server.run_json(*words):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{words}: nothing\n{server.log()}")


@pytest.mark.timeout(90)
def test_a_next_hop_that_was_down_is_called_when_the_operator_says_so() -> None:
    """Not before; and then all that rested for it goes."""
    with socket.create_server((HOST, 0)) as reserved:
        port = reserved.getsockname()[1]
    extra = f'[[route]]\ndomain = "far.test"\nnext_hop = "{HOST}:{port}"'
    with Server(accounts=("kim",), extra=extra) as server:
        for number in range(30):
            with smtplib.SMTP(HOST, server.port("smtp")) as client:
                client.sendmail(
                    "a@b.test", [f"r{number}@far.test"], b"Subject: x\r\n\r\nx\r\n"
                )
        (line,) = wait_for(server, "queue", "summary")
        assert line["letters"] == 30
        assert line["failures"] >= 1
        assert "far.test" in server.run("queue", "summary").decode()
        why = line["last_reply"].split()[0]
        found = wait_for(server, "queue", "list", "--reason", why)
        assert sum(r["attempts"] for one in found for r in one["recipients"]) <= 3
        sink = Sink(port)
        sink.start()
        time.sleep(1.5)
        assert not sink.taken  # nobody calls before it is time
        server.run("queue", "hold", "--to", "r7@far.test")
        told = server.run("queue", "retry", "--to-domain", "far.test").decode()
        assert told.startswith("30 letters")
        deadline = time.monotonic() + 20
        while len(sink.taken) < 29 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert sorted(sink.taken) == sorted(f"r{n}" for n in range(30) if n != 7)
        assert set(sink.taken.values()) == {1}
        (left,) = server.run_json("queue", "list")
        assert left["held"]
        server.run("queue", "release", "--all")
        server.wait_until_queue_is_empty()
        assert "r7" in sink.taken
        assert server.run_json("queue", "summary") == []
        sink.close()
