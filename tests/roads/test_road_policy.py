"""What policy decides is what happens to clients and letters."""

import asyncio
import time
from ipaddress import ip_network
from pathlib import Path

import pytest
from tests.roads.smtp_house import Client, House, play

from pyeonji import hooks as public
from pyeonji.base.clock import Clock
from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.base.events import Happening
from pyeonji.base.rates import Rate
from pyeonji.mta.alarms import Alarms
from pyeonji.mta.hooks.options import PythonOptions
from pyeonji.mta.hooks.python import PythonHook
from pyeonji.mta.policy.habits import AccountOptions
from pyeonji.mta.policy.lists import DnsList
from pyeonji.mta.policy.options import PolicyOptions
from pyeonji.mta.receive.judging import Judge
from pyeonji.mta.receive.receiver import DoorKind
from pyeonji.storage.directory import Domain
from pyeonji.storage.entries import SpecialUse

ZONE: dict[tuple[str, str], tuple[str, ...]] = {
    ("bad.example.dbl.example", "A"): ("127.0.1.2",)
}


async def ask(name: str, kind: str) -> DnsAnswer:
    records = ZONE.get((name, kind), ())
    status = DnsStatus.FOUND if records else DnsStatus.NO_NAME
    return DnsAnswer(status=status, records=records)


def with_list(action: str) -> object:
    lists = (DnsList(zone="dbl.example", of="domain", action=action),)

    def make(clock: Clock) -> Judge:
        return Judge(PolicyOptions(lists=lists), clock=clock, ask=ask)

    return make


async def bring(house: House, sender: str, expected: str) -> None:
    client = await Client.open(house.port)
    await client.say("EHLO there.example", "250")
    await client.say(f"MAIL FROM:<{sender}>", "250")
    await client.say("RCPT TO:<kim@example.test>", expected)
    if expected == "250":
        await client.say("DATA", "354")
        await client.say(b"Subject: x\r\n\r\nhello\r\n.", "250")
    await client.close()


def test_a_listed_sender_is_refused_at_rcpt(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        await bring(house, "x@bad.example", "550 5.7.1 bad.example is on the list")
        await bring(house, "x@good.example", "250")
        assert len(await house.inbox(house.kim)) == 1

    play(tmp_path, scene, judge=with_list("reject"))  # type: ignore[arg-type]


def test_quarantine_is_the_mailbox_for_junk(tmp_path: Path) -> None:
    """It has the special use \\Junk, whatever its name (RFC 6154 §2)."""

    async def scene(house: House) -> None:
        await bring(house, "x@bad.example", "250")
        assert await house.inbox(house.kim) == []
        assert len(await house.inbox(house.kim, "Junk")) == 1
        events = await house.store.office.trace("x@bad.example")
        assert "bad.example is on dbl.example" in events[0].facts["policy"]
        opened = await house.store.mail.account(house.kim.id)
        await opened.create("편지 쓰레기", special_use=SpecialUse.JUNK)
        await bring(house, "x@bad.example", "250")
        assert len(await house.inbox(house.kim, "Junk")) == 1
        assert len(await house.inbox(house.kim, "편지 쓰레기")) == 1

    play(tmp_path, scene, judge=with_list("quarantine"))  # type: ignore[arg-type]


def test_postmaster_is_always_reached(tmp_path: Path) -> None:
    """RFC 5321 §4.5.1."""

    async def scene(house: House) -> None:
        client = await Client.open(house.port)
        await client.say("EHLO there.example", "250")
        await client.say("MAIL FROM:<x@bad.example>", "250")
        await client.say("RCPT TO:<Postmaster>", "250")
        await client.say("RCPT TO:<kim@example.test>", "550")
        await client.close()

    play(tmp_path, scene, judge=with_list("reject"))  # type: ignore[arg-type]


def test_a_network_has_its_share(tmp_path: Path) -> None:
    def make(clock: Clock) -> Judge:
        return Judge(PolicyOptions(letter_rate=Rate(2, 60.0)), clock=clock)

    async def scene(house: House) -> None:
        client = await Client.open(house.port)
        await client.say("EHLO there.example", "250")
        for expected in ("250", "250", "450 4.7.0"):
            await client.say("RSET", "250")
            await client.say("MAIL FROM:<x@a.example>", expected)
        house.clock.advance(31.0)
        await client.say("MAIL FROM:<x@a.example>", "250")
        await client.say("RSET", "250")
        await client.login()  # users have other limits
        for _ in range(5):
            await client.say("MAIL FROM:<kim@example.test>", "250")
            await client.say("RSET", "250")
        await client.close()

    play(tmp_path, scene, judge=make)


def test_xclient_begins_again_as_another(tmp_path: Path) -> None:
    """The trusted proxy's client is judged, and stands in Received."""

    async def scene(house: House) -> None:
        port = await house.listen(DoorKind(xclient=(ip_network("127.0.0.1"),)))
        client = await Client.open(port)
        assert "XCLIENT NAME ADDR PORT PROTO HELO" in await client.say("EHLO p", "250")
        await client.say("XCLIENT ADDR=192.0.2.7 NAME=mail.there.example", "220")
        await client.say("MAIL FROM:<x@good.example>", "503")
        await client.say("EHLO there.example", "250")
        await client.letter("x@good.example", "kim@example.test")
        await client.close()
        (letter,) = await house.inbox(house.kim)
        assert b"from there.example ([192.0.2.7])" in letter
        client = await Client.open(house.port)
        assert "XCLIENT" not in await client.say("EHLO p", "250")
        await client.close()

    play(tmp_path, scene, judge=with_list("reject"))  # type: ignore[arg-type]


def test_xclient_login_is_as_good_as_a_password(tmp_path: Path) -> None:
    """Where the operator says so; then what users may holds."""

    async def scene(house: House) -> None:
        proxy = (ip_network("127.0.0.1"),)
        kind = DoorKind(submission=True, xclient=proxy, xclient_login=True)
        port = await house.listen(kind)
        client = await Client.open(port)
        said = await client.say("EHLO p", "250")
        assert "XCLIENT NAME ADDR PORT PROTO HELO LOGIN" in said
        await client.say("XCLIENT LOGIN=nobody@example.test", "550 5.7.1 no such")
        await client.say("MAIL FROM:<kim@example.test>", "530")
        await client.say("XCLIENT ADDR=192.0.2.7 LOGIN=KIM@example.test", "220")
        await client.say("EHLO there.example", "250")
        await client.say("MAIL FROM:<lee@example.test>", "550 5.7.1 kim@example.test")
        await client.letter("kim@example.test", "kim@example.test")
        (letter,) = await house.inbox(house.kim)
        assert b"with ESMTPA" in letter
        await client.say("XCLIENT LOGIN=[UNAVAILABLE]", "220")  # somebody else's turn
        await client.say("EHLO there.example", "250")
        await client.say("MAIL FROM:<kim@example.test>", "530")
        await client.close()
        client = await Client.open(await house.listen(DoorKind(xclient=proxy)))
        await client.say("XCLIENT LOGIN=kim@example.test", "501")
        await client.close()

    play(tmp_path, scene)


def test_who_speaks_before_the_greeting_is_turned_away(tmp_path: Path) -> None:
    """A client waits for the greeting (RFC 5321 §4.3.1)."""

    def make(clock: Clock) -> Judge:
        return Judge(PolicyOptions(banner_delay_s=0.2), clock=clock)

    async def scene(house: House) -> None:
        port = await house.listen(DoorKind(), peer=("192.0.2.7", 4711))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"EHLO spam.example\r\nMAIL FROM:<x@spam.example>\r\n")
        early = Client(reader, writer)
        assert (await early.reply()).startswith("554 5.7.1 ")
        assert (await early.reply()).startswith("503 ")
        await early.close()
        client = await Client.open(port)  # it hears 220 first
        await client.say("EHLO there.example", "250")
        await client.letter("x@there.example", "kim@example.test")
        await client.close()
        gone = await asyncio.open_connection("127.0.0.1", port)
        gone[1].close()
        assert len(await house.inbox(house.kim)) == 1

    play(tmp_path, scene, judge=make)


def test_greylisting_of_triplets(tmp_path: Path) -> None:
    """RFC 6647 §2.4: the same network, sender and recipient come again later."""

    def make(clock: Clock) -> Judge:
        options = PolicyOptions(greylist=True, remember_senders=True)
        return Judge(options, clock=clock, ask=ask)

    async def scene(house: House) -> None:
        judge = house.receiver.judge
        judge.strangers = house.store.strangers
        ports = [
            await house.listen(DoorKind(), peer=(address, 25))
            for address in ("192.0.2.7", "192.0.2.200", "198.51.100.1")
        ]

        async def rcpt(port: int, expected: str, sender: str = "x@a.example") -> None:
            client = await Client.open(port)
            await client.say("EHLO there.example", "250")
            await client.say(f"MAIL FROM:<{sender}>", "250")
            await client.say("RCPT TO:<nobody@example.test>", "550 5.1.1")
            await client.say("RCPT TO:<Kim@example.test>", expected)
            if expected == "250":
                await client.say("DATA", "354")
                await client.say(b"Subject: x\r\n\r\nhi\r\n.", "250")
            await client.close()

        await rcpt(ports[0], "450 4.7.1")
        house.clock.advance(59)
        await rcpt(ports[0], "450 4.7.1")
        house.clock.advance(1)
        await rcpt(ports[1], "250")  # another host of the same /24
        await rcpt(ports[2], "450 4.7.1")
        await rcpt(ports[0], "250", "y@a.example")  # known from now on
        await rcpt(ports[0], "250")
        # SPF vouches for the domain: its hosts stand for one another
        ZONE["spf.example", "TXT"] = (
            "v=spf1 ip4:192.0.2.0/24 ip4:198.51.100.0/24 -all",
        )
        await rcpt(ports[0], "450 4.7.1", "z@spf.example")
        house.clock.advance(60)
        await rcpt(ports[2], "250", "z@spf.example")
        events = await house.store.office.trace("x@a.example")
        seen = [e.facts.get("first_seen", "") for e in events if "client" in e.facts]
        assert seen == ["yes", ""]

    play(tmp_path, scene, judge=make)


def with_accounts(clock: Clock) -> Judge:
    accounts = AccountOptions(
        letter_rate=Rate(4, 3600.0), hold=True, usual_recipients=3, failures=2
    )
    return Judge(PolicyOptions(accounts=accounts), clock=clock)


def listen_for_alarms(house: House) -> None:
    house.receiver.judge.alarms = Alarms(
        queue=house.store.queue,
        take=house.runner.take,
        clock=house.clock,
        hostname="mx.example.test",
    )


async def write(house: House, count: int, expected: str = "250") -> None:
    client = await Client.open(house.submission)
    await client.say("EHLO there.example", "250")
    await client.login()
    await client.say("MAIL FROM:<kim@example.test>", expected)
    if expected == "250":
        for number in range(count):
            await client.say(f"RCPT TO:<kim+{number}@example.test>", "250")
        await client.say("DATA", "354")
        await client.say(b"From: kim@example.test\r\n\r\nhi\r\n.", "250")
    await client.close()


def test_an_account_unlike_itself_is_held_and_told_of(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        listen_for_alarms(house)
        lee = await house.add("lee@example.test", administrator=True)
        domain = Domain(name="example.test", administrator=lee.id)
        await house.store.directory.update_domain(domain)
        await write(house, 2)
        await write(house, 2)  # the fourth recipient of an hour
        await write(house, 1)
        assert len(await house.inbox(house.kim)) == 2
        held = await house.store.office.summaries()
        assert [each.held for each in held] == [True, True]
        (told,) = await house.inbox(lee)  # once an hour
        assert b"Subject: kim@example.test: look at this account" in told
        assert b"4 recipients within an hour, where 0 were the most before" in told
        assert b"Auto-Submitted: auto-generated" in told
        await house.store.office.release([each.id for each in held])
        house.runner.wake()
        for _ in range(1000):
            if len(await house.inbox(house.kim)) == 5:
                break
            await asyncio.sleep(0.05)
        assert len(await house.inbox(house.kim)) == 5

    play(tmp_path, scene, judge=with_accounts)


def test_an_account_has_its_share(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        listen_for_alarms(house)
        for _ in range(4):
            await write(house, 1)
        await write(house, 1, "450 4.7.0 too many letters from your account")
        house.clock.advance(901)
        await write(house, 1)

    play(tmp_path, scene, judge=with_accounts)


class Refusing(public.Hook):
    """Takes nothing."""

    def message(self, event: public.Message) -> public.Decision:
        return public.Reject(text="not today", reason="the office is closed")


def test_what_was_refused_is_traced(tmp_path: Path) -> None:
    """Where did my letter go? It never came in, and why."""

    def make(clock: Clock) -> Judge:
        hook = PythonHook(PythonOptions(module="office:Office"), Refusing())
        return Judge(PolicyOptions(), clock=clock, hooks=[hook])

    async def scene(house: House) -> None:
        client = await Client.open(house.port)
        await client.say("EHLO there.example", "250")
        octets = b"Message-ID: <m1@there.example>\r\n\r\n"
        await client.letter(
            "x@there.example", "kim@example.test", octets, "550 5.7.1 not today"
        )
        await client.close()
        for what in ("<m1@there.example>", "kim@example.test", "x@there.example"):
            async with asyncio.timeout(60):  # it is kept in the background
                while not (events := await house.store.office.trace(what)):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            (event,) = events
            assert event.kind is Happening.REFUSED
            told = "reject: the office is closed (hook office:Office)"
            assert event.facts["policy"] == told
            assert event.facts["helo"] == "there.example"
        assert await house.store.office.summaries() == []

    play(tmp_path, scene, judge=make)


@pytest.mark.parametrize("tarpit_s", [0.1, 3600.0])
def test_harvesters_wait(tmp_path: Path, tarpit_s: float) -> None:
    """From the third on; the first two not a moment."""

    def make(clock: Clock) -> Judge:
        options = PolicyOptions(max_unknown_recipients=2, tarpit_s=tarpit_s)
        return Judge(options, clock=clock)

    async def scene(house: House) -> None:
        client = await Client.open(house.port)
        await client.say("EHLO there.example", "250")
        await client.say("MAIL FROM:<x@there.example>", "250")
        for name in "ab":
            await client.say(f"RCPT TO:<{name}@example.test>", "550 5.1.1")
        if tarpit_s > 1:
            client.writer.write(b"RCPT TO:<c@example.test>\r\n")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.reply(), 0.2)
        else:
            began = time.monotonic()
            for name in "cde":
                await client.say(f"RCPT TO:<{name}@example.test>", "550 5.1.1")
            assert time.monotonic() - began >= 0.3
        await client.close()

    play(tmp_path, scene, judge=make)


def test_a_silent_dns_holds_no_recipient_long(tmp_path: Path) -> None:
    """Greylisting asks for SPF; a stranger's own servers may never answer."""

    async def silent(name: str, kind: str) -> DnsAnswer:
        await asyncio.sleep(3600)
        return await ask(name, kind)

    def make(clock: Clock) -> Judge:
        options = PolicyOptions(greylist=True, list_time_s=0.1)
        return Judge(options, clock=clock, ask=silent)

    async def scene(house: House) -> None:
        house.receiver.judge.strangers = house.store.strangers
        port = await house.listen(DoorKind(), peer=("192.0.2.7", 25))
        client = await Client.open(port)
        await client.say("EHLO there.example", "250")
        await client.say("MAIL FROM:<x@silent.example>", "250")
        asked = client.say("RCPT TO:<kim@example.test>", "450 4.7.1")
        await asyncio.wait_for(asked, 60)
        await client.close()

    play(tmp_path, scene, judge=make)
