"""Lists are asked for the author, HELO and the name that leads back."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest
from tests.roads.smtp_house import Client, House, play

from pyeonji.base.clock import Clock
from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.mta.policy.lists import DnsList, answer_range
from pyeonji.mta.policy.options import PolicyOptions
from pyeonji.mta.receive.checking import Checker
from pyeonji.mta.receive.judging import Judge
from pyeonji.mta.receive.receiver import DoorKind
from pyeonji.mta.trust.options import TrustOptions

PEER = "8.0.2.9"
ZONE: dict[tuple[str, str], tuple[str, ...]] = {
    ("9.2.0.8.in-addr.arpa", "PTR"): ("mail.there.example.",),
    ("mail.there.example", "A"): (PEER,),
    ("bad.example.dbl.example", "A"): ("127.0.1.2",),
    ("grey.example.dbl.example", "A"): ("127.0.1.102",),
    ("mail.there.example.dbl.example", "A"): ("127.0.1.2",),
    ("good.example.white.example", "A"): ("127.0.0.2",),
    ("good.example", "TXT"): (f"v=spf1 ip4:{PEER} -all",),
    ("_dmarc.good.example", "TXT"): ("v=DMARC1; p=none",),
    ("9.2.0.8.bl.example", "A"): ("127.0.0.2",),
}
CODES = (
    (*answer_range("127.0.1.2-127.0.1.99"), "reject"),
    (*answer_range("127.0.1.100-127.0.1.199"), "quarantine"),
)


async def ask(name: str, kind: str) -> DnsAnswer:
    records = ZONE.get((name.rstrip("."), kind), ())
    status = DnsStatus.FOUND if records else DnsStatus.NO_NAME
    return DnsAnswer(status=status, records=records)


def judging(*lists: DnsList) -> Callable[[Clock], Judge]:
    def make(clock: Clock) -> Judge:
        return Judge(PolicyOptions(lists=lists), clock=clock, ask=ask)

    return make


def checking(clock: Clock) -> Checker:
    options = TrustOptions(authserv_id="mx.example.test", private=True)
    return Checker(options, ask=ask, known=lambda *_: None, clock=clock)


def listing(*names: str) -> DnsList:
    return DnsList(zone="dbl.example", of="domain", names=names, codes=CODES)


async def bring(
    house: House,
    *,
    helo: str = "there.example",
    sender: str = "x@there.example",
    author: str = "x@there.example",
    rcpt: str = "250",
    data: str = "250",
) -> None:
    """One letter from PEER."""
    port = await house.listen(DoorKind(xclient=(ip_network("127.0.0.1"),)))
    client = await Client.open(port)
    await client.say("EHLO proxy.example", "250")
    await client.say(f"XCLIENT ADDR={PEER}", "220")
    await client.say(f"EHLO {helo}", "250")
    await client.say(f"MAIL FROM:<{sender}>", "250")
    await client.say("RCPT TO:<kim@example.test>", rcpt)
    if rcpt == "250":
        await client.say("DATA", "354")
        await client.say(f"From: {author}\r\nSubject: x\r\n\r\nhello\r\n.", data)
    await client.close()


def test_helo_is_looked_at(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        await bring(house, helo="bad.example", rcpt="550 5.7.1 bad.example is on the")
        await bring(house, helo="[192.0.2.1]")
        await bring(house, sender="x@bad.example", author="x@bad.example")
        assert len(await house.inbox(house.kim)) == 2

    play(tmp_path, scene, judge=judging(listing("helo")))


def test_the_name_that_leads_back(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        await bring(house, rcpt="550 5.7.1 mail.there.example is on the list")

    play(tmp_path, scene, judge=judging(listing("reverse")))


@pytest.mark.parametrize("checks", [True, False])
def test_the_author(tmp_path: Path, checks: bool) -> None:
    """Each code has its action; a From that could mean two is asked for both."""

    async def scene(house: House) -> None:
        refused = "550 5.7.1 bad.example is on the list"
        await bring(house, author="x@bad.example", data=refused)
        await bring(house, author="x@there.example, y@bad.example", data=refused)
        await bring(house, sender="x@bad.example")  # only From is asked for
        await bring(house, author="x@grey.example")
        assert len(await house.inbox(house.kim)) == 1
        assert len(await house.inbox(house.kim, "Junk")) == 1
        (event, *_) = await house.store.office.trace("x@there.example")
        assert event.facts["client"] == PEER
        policies = [
            e.facts.get("policy", "")
            for e in await house.store.office.trace("x@there.example")
        ]
        said = "quarantine: author grey.example is on dbl.example (127.0.1.102) (list)"
        assert said in policies

    play(
        tmp_path,
        scene,
        judge=judging(listing("author")),
        checker=checking if checks else None,
    )


def test_a_good_name_must_not_be_borrowed(tmp_path: Path) -> None:
    """A sender vouches where SPF passes; then other lists are silent."""
    lists = (
        DnsList(zone="white.example", of="domain", action="accept"),
        DnsList(zone="bl.example"),
    )

    async def scene(house: House) -> None:
        await bring(house, sender="x@good.example")
        spf = ZONE.pop(("good.example", "TXT"))
        try:
            await bring(house, sender="x@good.example", rcpt="550 5.7.1 8.0.2.9 is on")
        finally:
            ZONE["good.example", "TXT"] = spf

    play(tmp_path, scene, judge=judging(*lists))


@pytest.mark.parametrize("sender", ["x@good.example", "x@there.example"])
def test_a_good_author_must_be_proved(tmp_path: Path, sender: str) -> None:
    """By DMARC; what is said of another list's author is silent then."""
    lists = (
        DnsList(zone="white.example", of="domain", names=("author",), action="accept"),
        DnsList(zone="dbl.example", of="domain", names=("author",), codes=CODES),
    )

    async def scene(house: House) -> None:
        ZONE["good.example.dbl.example", "A"] = ("127.0.1.2",)
        try:
            expected = "250" if sender == "x@good.example" else "550"
            await bring(house, sender=sender, author="x@good.example", data=expected)
        finally:
            del ZONE["good.example.dbl.example", "A"]

    play(tmp_path, scene, judge=judging(*lists), checker=checking)
