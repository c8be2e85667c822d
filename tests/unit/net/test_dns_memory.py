"""What the resolver keeps, and who waits for whom; no server is asked."""

from __future__ import annotations

import asyncio

from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.net import dns
from pyeonji.net.dns import Resolver


class Told(Resolver):
    """Answers by itself."""

    def __init__(self, text: str = "x", wait_s: float = 0) -> None:
        super().__init__(["127.0.0.1:1"])
        self.text = text
        self.wait_s = wait_s
        self.asked = 0

    async def _ask(self, name: str, kind: str) -> tuple[DnsAnswer, float]:
        self.asked += 1
        await asyncio.sleep(self.wait_s)
        return DnsAnswer(status=DnsStatus.FOUND, records=(self.text,)), 3600.0


def test_large_answers_push_each_other_out() -> None:
    """A wildcard of a stranger's with 64 KiB under each name fills no memory."""

    async def run() -> None:
        resolver = Told("x" * 65536)
        for number in range(400):
            await resolver.ask(f"{number}.evil.test", "TXT")
        kept = [resolver.known(f"{n}.evil.test", "TXT") for n in range(400)]
        most = dns.MAX_CACHED_OCTETS // 65536
        assert most - 1 <= sum(each is not None for each in kept) <= most
        assert kept[-1] is not None
        # small ones have room again when the large ones are gone
        resolver.text = "x"
        for number in range(400):
            await resolver.ask(f"{number}.evil.test", "TXT")
            await resolver.ask(f"{number}.evil.test", "MX")
        assert resolver.known("399.evil.test", "MX") is not None

    asyncio.run(run())


def test_who_gives_up_takes_no_answer_from_others() -> None:
    """Two letters ask for one key; the first one's client hangs up."""

    async def run() -> None:
        resolver = Told(wait_s=0.05)
        first = asyncio.ensure_future(resolver.ask("k._domainkey.a.test", "TXT"))
        second = asyncio.ensure_future(resolver.ask("K._domainkey.a.test.", "TXT"))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).status is DnsStatus.FOUND
        assert resolver.asked == 1

    asyncio.run(run())
