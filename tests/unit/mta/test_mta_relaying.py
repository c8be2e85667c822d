"""Letters to other hosts: a scripted next hop over a real socket."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.mta.hop import Hop
from tests.unit.mta.relaying import play, report, status_of
from tests.unit.mta.world import World, options

from pyeonji.base.events import Happening
from pyeonji.mta.options import DAY, HOUR, MINUTE, Route
from pyeonji.mta.receive.transaction import Transaction
from pyeonji.protocol.smtp.events import MailAsked, RecipientAsked
from pyeonji.storage.queue import Recipient


def test_a_letter_goes_to_the_next_hop_with_all_its_recipients() -> None:
    """One transaction for all of them (RFC 5321 §4.5.4.1)."""
    hop = Hop()

    async def scene(world: World) -> None:
        await world.send("a@a.test", "b@b.test")
        await world.settle()

    world = play(hop, scene)
    assert len(hop.taken) == 1
    assert hop.taken[0].mail.startswith("MAIL FROM:<kim@example.test>")
    assert len(hop.taken[0].rcpt) == 2
    assert hop.taken[0].octets.startswith(b"Received: from test\r\nSubject: x\r\n")
    assert not world.queue.letters
    assert world.queue.kinds("a@a.test") == [Happening.RELAYED]
    assert Happening.ATTEMPTED in world.queue.kinds()
    assert "taken" in world.queue.journey[-1].facts["reply"]


def test_one_connection_carries_many_letters() -> None:
    """Connections are reused while there are letters for the same next hop."""
    hop = Hop()

    async def scene(world: World) -> None:
        for _ in range(20):
            await world.send("a@a.test")
        await world.settle()

    play(hop, scene, max_relays_per_destination=2)
    assert len(hop.taken) == 20
    assert hop.connections <= 2


def test_an_idle_connection_does_not_keep_us_from_stopping() -> None:
    """It hears QUIT at once, however long it might have been kept."""
    hop = Hop()

    async def run() -> None:
        async with hop:
            route = Route(domain="*", hosts=(("127.0.0.1", hop.port),))
            its = replace(options(routes={"*": route}), idle_connection=60.0)
            async with World(its) as world:
                await world.send("a@a.test")
                await asyncio.sleep(0.5)
                assert hop.taken
                async with asyncio.timeout(60):
                    await world.runner.stop(20.0)

    asyncio.run(run())
    assert hop.heard[-1] == "QUIT"


def test_a_4xx_is_tried_again_by_the_schedule_then_succeeds() -> None:
    """RFC 5321 §4.5.4.1; the reply stays in the journey."""
    hop = Hop(script={"RCPT": ["450 4.2.1 greylisted", "450 4.2.1 greylisted"]})

    async def scene(world: World) -> None:
        await world.send("a@a.test")
        await world.settle()
        assert not hop.taken
        await world.later(MINUTE / 2)
        assert len([h for h in hop.heard if h.startswith("RCPT")]) == 1
        await world.later(MINUTE)
        await world.later(6 * MINUTE)

    world = play(hop, scene)
    assert len(hop.taken) == 1
    assert world.queue.kinds("a@a.test") == [
        Happening.DEFERRED,
        Happening.DEFERRED,
        Happening.RELAYED,
    ]
    assert "greylisted" in next(
        e.facts["reply"] for e in world.queue.journey if e.kind is Happening.DEFERRED
    )
    begun = [attempt[2] for attempt in world.queue.attempts_begun]
    assert len(begun) == 3  # each counted before it was made
    assert "kim@example.test" not in world.mail.mailboxes


def test_a_5xx_comes_back_as_a_report() -> None:
    """RFC 3464: who, what, why; with the letter; under the null reverse path."""
    hop = Hop(script={"RCPT": ["250 ok", "550 5.1.1 no such <lee> here"]})

    async def scene(world: World) -> None:
        await world.send("a@a.test", "lee@a.test", envid="E-1")
        await world.settle()

    world = play(hop, scene)
    assert len(hop.taken) == 1
    mails = world.mail.mailboxes["kim@example.test"]
    assert [mail.reverse_path for mail in mails] == [""]
    message = report(world)
    assert message.get_content_type() == "multipart/report"
    told = status_of(message)
    assert "Action: failed" in told
    assert "Status: 5.1.1" in told
    assert "lee@a.test" in told
    assert "a@a.test" not in told.replace("lee@a.test", "")
    assert "550 5.1.1 no such <lee> here" in told.replace("\n ", " ")
    assert "E-1" in told
    assert b"Subject: x" in mails[0].octets
    assert world.queue.kinds("lee@a.test") == [Happening.FAILED]
    assert Happening.NOTIFIED in world.queue.kinds()


def test_never_a_report_about_a_report() -> None:
    """RFC 5321 §6.1: the null reverse path is told nothing."""
    hop = Hop(script={"RCPT": ["550 5.1.1 no"]})

    async def scene(world: World) -> None:
        await world.send("lee@a.test", sender="")
        await world.settle()

    world = play(hop, scene)
    assert len(world.queue.accepted) == 1
    assert not world.queue.letters


def test_a_report_that_bounces_ends_there() -> None:
    """Both letter and report fail: two letters in all."""
    hop = Hop(script={"RCPT": ["550 5.1.1 no", "550 5.1.1 no"]})

    async def scene(world: World) -> None:
        await world.send("lee@a.test", sender="nobody@b.test")
        await world.settle()

    world = play(hop, scene)
    assert [new.reverse_path for new in world.queue.accepted] == ["nobody@b.test", ""]
    assert not world.queue.letters


def test_notify_never_is_obeyed() -> None:
    """RFC 3461 §5.2.6 (b)."""
    hop = Hop(script={"RCPT": ["550 5.1.1 no"]})

    async def scene(world: World) -> None:
        await world.send(Recipient(address="lee@a.test", notify="NEVER"))
        await world.settle()

    assert len(play(hop, scene).queue.accepted) == 1


def test_dsn_parameters_go_on_where_dsn_is_offered() -> None:
    """RFC 3461 §5.2.1: and success is then the next hop's to report."""
    hop = Hop()

    async def scene(world: World) -> None:
        await world.send(
            Recipient(address="lee@a.test", notify="SUCCESS", original="rfc822;l@a"),
            ret="HDRS",
            envid="x=1",
        )
        await world.settle()

    world = play(hop, scene)
    assert "RET=HDRS" in hop.taken[0].mail
    assert "ENVID=x+3D1" in hop.taken[0].mail
    assert "NOTIFY=SUCCESS" in hop.taken[0].rcpt[0]
    assert "ORCPT=rfc822;l@a" in hop.taken[0].rcpt[0]
    assert "kim@example.test" not in world.mail.mailboxes


@pytest.mark.parametrize("orcpt", ["", "rfc822;boss@b.test"])
def test_the_original_recipient_is_the_senders_own_word(orcpt: str) -> None:
    """Only what ORCPT said goes on and into reports (RFC 3461 §5.2.1, §6.3)."""
    asked = MailAsked(reverse_path="kim@example.test")
    transaction = Transaction(asked)
    transaction.add_remote(RecipientAsked(path="이@a.test", orcpt=orcpt))
    (recipient,) = transaction.recipients.values()
    hop = Hop(
        script={"RCPT": ["550 5.1.1 no"]},
        offers=("8BITMIME", "SMTPUTF8", "DSN"),
    )

    async def scene(world: World) -> None:
        await world.send(recipient, smtputf8=True)
        await world.settle()

    world = play(hop, scene)
    assert ("ORCPT=" in "".join(hop.heard)) is bool(orcpt)
    assert ("Original-Recipient" in status_of(report(world))) is bool(orcpt)


def test_a_smart_host_is_told_that_we_vouch_for_nobody() -> None:
    """AUTH=<> where we have authenticated (RFC 4954 §5), nothing elsewhere."""

    async def run(**login: Any) -> str:
        hop = Hop(script={"AUTH": ["235 2.7.0 ok"]}, offers=("AUTH PLAIN",))
        async with hop:
            hosts = (("127.0.0.1", hop.port),)
            route = Route(domain="*", hosts=hosts, plaintext_auth=True, **login)
            async with World(options(routes={"*": route}, relay_tls=False)) as world:
                await world.send("lee@a.test")
                await world.settle()
        return hop.taken[0].mail

    login = {"user": "kim", "password": "secret"}
    assert asyncio.run(run(**login)).endswith(" AUTH=<>")
    assert "AUTH" not in asyncio.run(run())


def test_without_dsn_we_report_relayed() -> None:
    """RFC 3461 §5.2.2 (b)."""
    hop = Hop(offers=("8BITMIME",))

    async def scene(world: World) -> None:
        await world.send(Recipient(address="lee@a.test", notify="SUCCESS"))
        await world.settle()

    world = play(hop, scene)
    assert "NOTIFY" not in hop.taken[0].rcpt[0]
    assert "Action: relayed" in status_of(report(world))


def test_success_here_is_reported_as_asked() -> None:
    """RFC 3461 §5.2.3 (a)."""

    async def scene(world: World) -> None:
        world.directory.add("lee@example.test")
        await world.send(Recipient(address="lee@example.test", notify="SUCCESS"))
        await world.settle()

    world = play(Hop(), scene)
    assert "Action: delivered" in status_of(report(world))


def test_a_letter_too_large_for_the_next_hop_comes_back() -> None:
    """RFC 1870 §6.1: it is not even tried."""
    hop = Hop(offers=("SIZE 100",))

    async def scene(world: World) -> None:
        await world.send("lee@a.test", octets=b"Subject: x\r\n\r\n" + b"y\r\n" * 100)
        await world.settle()

    world = play(hop, scene)
    assert not hop.taken
    assert "Status: 5.3.4" in status_of(report(world))


@pytest.mark.parametrize("where", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."])
def test_a_connection_that_drops_is_tried_again(where: str) -> None:
    """Also after the final dot: a duplicate is better than a loss (RFC 1047)."""
    hop = Hop(script={where: ["DROP"] if where != "CONNECT" else ["421 4.3.2 later"]})

    async def scene(world: World) -> None:
        await world.send("lee@a.test")
        await world.settle()
        assert not hop.taken
        assert len(world.queue.letters) == 1
        await world.later(2 * MINUTE)

    world = play(hop, scene)
    assert len(hop.taken) == 1
    assert not world.queue.letters


def test_only_the_deferred_recipient_is_tried_again() -> None:
    """Nobody gets a letter twice because another was not ready."""
    hop = Hop(script={"RCPT": ["250 ok", "451 4.3.0 later"]})

    async def scene(world: World) -> None:
        await world.send("a@a.test", "b@a.test")
        await world.settle()
        await world.later(2 * MINUTE)

    play(hop, scene)
    assert [len(taken.rcpt) for taken in hop.taken] == [1, 1]
    assert "b@a.test" in hop.taken[1].rcpt[0]


def test_delay_then_expiry_are_told() -> None:
    """A notice after four hours, and the end after five days."""
    hop = Hop(script={"RCPT": ["450 4.2.1 no"] * 100})

    async def scene(world: World) -> None:
        await world.send("lee@a.test")
        await world.settle()
        await world.later(5 * HOUR)
        await world.later(5 * HOUR)
        await world.later(5 * DAY)

    world = play(hop, scene)
    assert not world.queue.letters
    assert len(world.mail.mailboxes["kim@example.test"]) == 2
    assert "Action: delayed" in status_of(report(world, 0))
    assert "Will-Retry-Until:" in status_of(report(world, 0))
    assert "Action: failed" in status_of(report(world, 1))
    assert "Status: 4.4.7" in status_of(report(world, 1))
    assert world.queue.kinds("lee@a.test")[-1] is Happening.EXPIRED


def test_a_null_mx_comes_back_at_once() -> None:
    """RFC 7505 §4.1: 5.1.10."""

    async def run() -> World:
        world = World(options())
        world.zone["a.test", "MX"] = ["0 ."]
        async with world:
            await world.send("lee@a.test")
            await world.settle()
        return world

    assert "Status: 5.1.10" in status_of(report(asyncio.run(run())))


def test_mx_hosts_are_tried_in_turn() -> None:
    """The first does not answer, the second takes it (RFC 5321 §5.1)."""

    async def run() -> list[str]:
        async with Hop() as hop:
            world = World(options(relay_port=hop.port))
            world.zone = {
                ("a.test", "MX"): ["10 m1.a.test.", "20 m2.a.test."],
                ("m1.a.test", "A"): ["127.0.0.9"],
                ("m2.a.test", "A"): ["127.0.0.1"],
            }
            async with world:
                await world.send("lee@a.test")
                await world.settle()
            return [taken.rcpt[0] for taken in hop.taken]

    assert asyncio.run(run()) == ["RCPT TO:<lee@a.test> ORCPT=rfc822;lee@a.test"]


def test_mail_that_would_come_to_us_again_is_a_loop() -> None:
    """RFC 5321 §5.1: an exchanger that is ourselves."""

    async def run() -> World:
        world = World(
            options(relay_port=2525, own_endpoints=frozenset({("127.0.0.1", 2525)}))
        )
        world.zone = {
            ("a.test", "MX"): ["10 m1.a.test."],
            ("m1.a.test", "A"): ["127.0.0.1"],
        }
        async with world:
            await world.send("lee@a.test")
            await world.settle()
        return world

    assert "Status: 5.4.6" in status_of(report(asyncio.run(run())))


def test_roles_turn_and_waiting_letters_go_down_the_other_way() -> None:
    """RFC 2645 §5.2: the queue for a domain over the client's connection."""

    async def run() -> int:
        async with Hop() as hop:
            world = World(options())
            world.zone["a.test", "MX"] = ["10 m.a.test."]
            world.zone["m.a.test", "A"] = ["127.0.0.9"]
            async with world:
                await world.send("lee@a.test")
                await world.settle()
                assert len(world.queue.letters) == 1
                from pyeonji.net.dial import connect

                stream = await connect("127.0.0.1", hop.port)
                sent = await world.runner.turn(["A.test"], stream)
                await world.settle()
                assert not world.queue.letters
            assert len(hop.taken) == 1
            return sent

    assert asyncio.run(run()) == 1
