"""A mailing list's seal rescues what it has changed, if we trust that list."""

from __future__ import annotations

from pathlib import Path

import dkim
import pytest
from tests.roads.smtp_house import House, play
from tests.roads.test_road_checks import (
    DNS,
    HELLO,
    PRIVATE,
    PUBLIC,
    bring,
    checker,
    signed,
)

from pyeonji.base.clock import Clock
from pyeonji.mta.policy.options import PolicyOptions
from pyeonji.mta.receive.judging import Judge

ZONE = {**DNS, "k1._domainkey.lists.test": {"TXT": [f"v=DKIM1; k=rsa; p={PUBLIC}"]}}


def through_a_list(letter: bytes) -> bytes:
    """As a list sends it on: with a footer, and a seal of dkimpy's."""
    seen = b"Authentication-Results: lists.test; dkim=pass header.d=one.test\r\n"
    changed = seen + letter + b"-- \r\nthe list\r\n"
    seal = dkim.arc_sign(changed, b"k1", b"lists.test", PRIVATE, b"lists.test")
    return b"".join(seal) + changed


@pytest.mark.parametrize(
    ("trusted", "expected"),
    [(frozenset({"lists.test"}), "250"), (frozenset({"other.test"}), "550 5.7.1")],
)
def test_only_whom_we_trust_vouches(
    tmp_path: Path, trusted: frozenset[str], expected: str
) -> None:
    def make(clock: Clock) -> Judge:
        return Judge(PolicyOptions(trusted_sealers=trusted), clock=clock)

    async def scene(house: House) -> None:
        octets = through_a_list(signed(HELLO))
        await bring(
            house, octets, expected, address="192.0.2.99", sender="l@lists.test"
        )
        broken = octets.replace(b"-- \r\nthe list", b"-- \r\nthe thief")
        await bring(house, broken, "550", address="192.0.2.99", sender="l@lists.test")
        if expected == "250":
            (letter,) = await house.inbox(house.kim)
            assert letter.endswith(b"the list\r\n")
            events = await house.store.office.trace("l@lists.test")
            told = [each.facts.get("policy", "") for each in events]
            assert "accept: lists.test vouches for the letter of one.test (arc)" in told

    play(tmp_path, scene, judge=make, checker=checker(ZONE))
