"""A server among two hundred domains, some of which are slow, dead or put it off."""

from __future__ import annotations

import time
from collections import Counter

from tests.roads.fake_internet import LIVING, TROUBLED, Internet, fill, kind_of
from tests.running import Server

EACH = 3  # letters for a domain
LIMIT_S = 60.0


def test_every_letter_goes_once_and_the_dead_wait() -> None:
    """Who can be reached gets each letter once; letters to the others are kept."""
    with Internet(living=LIVING, **TROUBLED) as internet:
        server = Server(accounts=("kim",), extra=internet.settings("1s", "3s", "1m"))
        server.furnish()
        fill(server.data, internet.domains, EACH)
        with server:
            wanted = (LIVING + TROUBLED["slow"] + TROUBLED["grey"]) * EACH
            deadline = time.monotonic() + LIMIT_S
            while internet.arrived.total() < wanted:
                assert time.monotonic() < deadline, internet.arrived
                time.sleep(0.1)
            time.sleep(1)  # for what might come twice
            assert set(internet.recipients.values()) == {1}
            assert internet.arrived.total() == wanted
            left = server.run_json("queue", "list", "--limit", "1000")
            domains = Counter(
                kind_of(each["recipients"][0]["address"].rpartition("@")[2])
                for each in left
            )
            dead = {"refusing", "silent"}
            assert domains == {kind: TROUBLED[kind] * EACH for kind in dead}
