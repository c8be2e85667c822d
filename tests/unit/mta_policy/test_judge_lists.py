"""A judge asks lists, and notices those that have died."""

import asyncio

from pyeonji.base.clock import SetClock
from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.mta.policy.lists import DnsList
from pyeonji.mta.receive.asking import SOUND_S, Asking


class World:
    """Answers from a set of names that are listed; some answers never come."""

    def __init__(self, *listed: str) -> None:
        self.listed = set(listed)
        self.asked: list[str] = []

    async def ask(self, name: str, kind: str) -> DnsAnswer:
        assert kind == "A"
        self.asked.append(name)
        if "silent" in name:
            await asyncio.sleep(60)
        if name in self.listed:
            return DnsAnswer(status=DnsStatus.FOUND, records=("127.0.0.2",))
        return DnsAnswer(status=DnsStatus.NO_NAME)


def zones(*names: str) -> tuple[DnsList, ...]:
    return tuple(DnsList(zone=name) for name in names)


def test_a_list_that_lists_the_world_is_left_out_for_an_hour() -> None:
    """RFC 5782 §5."""
    world = World("9.2.0.8.good", "9.2.0.8.dead", "1.0.0.127.dead")
    clock = SetClock()

    async def run() -> None:
        asking = Asking(world.ask, clock, 5.0)
        lists = zones("dead", "good", "other")
        for _ in range(3):
            found = await asking.listings("8.0.2.9", lists)
            assert [each.zone for each in found] == ["good"]
        assert world.asked.count("1.0.0.127.dead") == 1
        assert "1.0.0.127.other" not in world.asked  # it said nothing of anybody
        world.listed.discard("1.0.0.127.dead")
        clock.advance(SOUND_S)
        found = await asking.listings("8.0.2.9", lists)
        assert [each.zone for each in found] == ["dead", "good"]

    asyncio.run(run())


def test_a_list_that_does_not_answer_lists_nobody() -> None:
    world = World("9.2.0.8.good")

    async def run() -> None:
        asking = Asking(world.ask, SetClock(), 0.05)
        found = await asking.listings("8.0.2.9", zones("silent", "good"))
        assert [each.zone for each in found] == ["good"]
        assert await asking.listings("10.0.0.1", zones("good")) == ()

    asyncio.run(run())


def test_a_name_must_lead_back() -> None:
    """What milters and Rspamd are told of a client is confirmed."""
    zone = {
        ("9.2.0.8.in-addr.arpa", "PTR"): ("mail.there.example.",),
        ("mail.there.example", "A"): ("8.0.2.9",),
        ("1.2.0.8.in-addr.arpa", "PTR"): ("mail.bank.example.",),
        ("mail.bank.example", "A"): ("8.8.8.8",),
    }

    async def ask(name: str, kind: str) -> DnsAnswer:
        records = zone.get((name.rstrip("."), kind), ())
        status = DnsStatus.FOUND if records else DnsStatus.NO_NAME
        return DnsAnswer(status=status, records=records)

    async def run() -> None:
        asking = Asking(ask, SetClock(), 5.0)
        assert await asking.name_of("8.0.2.9") == "mail.there.example"
        assert await asking.name_of("8.0.2.1") == ""
        assert await asking.name_of("127.0.0.1") == ""
        assert await asking.name_of("8.0.2.77") == ""

    asyncio.run(run())
