"""What strangers bring is counted for DMARC reports, as it was dealt with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.roads.smtp_house import House, play
from tests.roads.test_road_checks import DNS, HELLO, bring, checker, signed

from pyeonji.base.clock import Clock
from pyeonji.mta.receive.checking import Checker
from pyeonji.storage.reports import Seen

WANTED = {
    **DNS,
    "_dmarc.one.test": {"TXT": ["v=DMARC1; p=reject; rua=mailto:d@one.test"]},
}
PASSED = Seen(
    domain="one.test",
    header_from="one.test",
    envelope_from="one.test",
    source="192.0.2.7",
    disposition="none",
    dkim="pass",
    spf="pass",
    dkim_results=(("one.test", "k1", "pass"),),
    spf_results=(("one.test", "mfrom", "pass"),),
)


def counting(
    seen: list[Seen], data: dict[str, dict[str, object]] = WANTED
) -> Callable[[Clock], Checker]:
    make = checker(data)

    def with_note(clock: Clock) -> Checker:
        made = make(clock)
        made.note = seen.append
        return made

    return with_note


def test_letters_are_counted_as_they_were_dealt_with(tmp_path: Path) -> None:
    """RFC 7489 §7.2: all that came, also what was refused."""
    seen: list[Seen] = []

    async def scene(house: House) -> None:
        await bring(house, signed(HELLO))
        await bring(house, HELLO)
        await bring(house, HELLO, "550", address="192.0.2.99")
        await bring(house, signed(HELLO), address="192.0.2.99", sender="x@two.test")

    play(tmp_path, scene, checker=counting(seen))
    assert seen == [
        PASSED,
        replace(PASSED, dkim="fail", dkim_results=()),
        replace(
            PASSED,
            source="192.0.2.99",
            disposition="reject",
            dkim="fail",
            spf="fail",
            dkim_results=(),
            spf_results=(("one.test", "mfrom", "fail"),),
        ),
        replace(
            PASSED,
            source="192.0.2.99",
            envelope_from="two.test",
            spf="fail",
            spf_results=(("two.test", "mfrom", "none"),),
        ),
    ]


def test_who_does_not_ask_is_not_counted(tmp_path: Path) -> None:
    seen: list[Seen] = []

    async def scene(house: House) -> None:
        await bring(house, signed(HELLO))

    play(tmp_path, scene, checker=counting(seen, DNS))
    assert seen == []
