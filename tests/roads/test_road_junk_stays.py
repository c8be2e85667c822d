"""Junk is not forwarded: the world would know us as its sender."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.roads.smtp_house import Client, House, play

from pyeonji import hooks
from pyeonji.base.clock import Clock
from pyeonji.mta.hooks.options import PythonOptions
from pyeonji.mta.hooks.python import PythonHook
from pyeonji.mta.policy.options import PolicyOptions
from pyeonji.mta.receive.judging import Judge


class Nose(hooks.Hook):
    """Everything smells."""

    async def message(self, event: hooks.Message) -> hooks.Quarantine:
        return hooks.Quarantine(reason="it smells")


def mistrusted(folder: Path, scene: Callable[[House], Awaitable[None]]) -> None:
    """Run a scene where everything is junk."""

    def make(clock: Clock) -> Judge:
        nose = PythonHook(PythonOptions(module="nose:Nose"), Nose())
        return Judge(PolicyOptions(), clock=clock, hooks=[nose])

    async def inside(house: House) -> None:
        await house.alias("lee@example.test", "lee@far.test")
        await house.alias("team@example.test", "kim@example.test", "lee@far.test")
        await scene(house)

    play(folder, inside, judge=make)


async def bring(house: House, *recipients: str, expected: str = "250 2.0.0") -> None:
    client = await Client.open(house.port)
    await client.say("EHLO there.example", "250")
    await client.say("MAIL FROM:<x@there.example>", "250")
    for recipient in recipients:
        await client.say(f"RCPT TO:<{recipient}>", "250")
    await client.say("DATA", "354")
    await client.say("Subject: x\r\n\r\nhello\r\n.", expected)
    await client.close()


async def facts_of(house: House) -> dict[str, str]:
    events = await house.store.office.trace("x@there.example")
    return next(e.facts for e in reversed(events) if "client" in e.facts)


def test_who_is_here_has_it_in_junk(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        await bring(house, "team@example.test")
        assert await house.inbox(house.kim) == []
        assert len(await house.inbox(house.kim, "Junk")) == 1
        assert await house.store.office.summaries() == []
        facts = await facts_of(house)
        assert facts["not_forwarded"] == "lee@far.test"
        assert facts["policy"].startswith("quarantine: it smells")

    mistrusted(tmp_path, scene)


def test_what_is_for_nobody_here_is_refused(tmp_path: Path) -> None:
    """Its sender hears of it; nothing bounces to who did not write it."""

    async def scene(house: House) -> None:
        await bring(house, "lee@example.test", expected="550 5.7.1 this looks like")
        assert await house.store.office.summaries() == []

    mistrusted(tmp_path, scene)


@pytest.mark.parametrize("has_postmaster", [True, False])
def test_beside_others_postmaster_has_it(tmp_path: Path, has_postmaster: bool) -> None:
    async def scene(house: House) -> None:
        boss = await house.add("boss@example.test")
        if has_postmaster:
            await house.alias("postmaster@example.test", "boss@example.test")
        else:
            await house.alias("postmaster@example.test", "boss@far.test")
        expected = "250" if has_postmaster else "550"
        both = ("kim@example.test", "lee@example.test")
        await bring(house, *both, expected=expected)
        taken = int(has_postmaster)
        assert len(await house.inbox(house.kim, "Junk")) == taken
        assert len(await house.inbox(boss, "Junk")) == taken
        assert await house.store.office.summaries() == []

    mistrusted(tmp_path, scene)


def test_a_bounce_that_smells_leads_back_to_nobody(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        made = house.forwarding._srs.forward(
            "x@there.example", "example.test", house.clock.time()
        )
        client = await Client.open(house.port)
        await client.say("EHLO there.example", "250")
        await client.letter("", made, expected="550 5.7.1")
        await client.close()

    mistrusted(tmp_path, scene)


def test_the_operator_may_want_it_forwarded(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        house.forwarding.forwards_junk = True
        await bring(house, "team@example.test")
        assert len(await house.inbox(house.kim, "Junk")) == 1
        (waiting,) = await house.store.office.summaries()
        assert "lee@far.test" in [one.address for one in waiting.recipients]
        assert "not_forwarded" not in await facts_of(house)

    mistrusted(tmp_path, scene)


def test_what_our_users_send_elsewhere_is_held(tmp_path: Path) -> None:
    """Of letters to somebody here, Junk is the place."""

    async def scene(house: House) -> None:
        client = await Client.open(house.submission)
        await client.say("EHLO there.example", "250")
        await client.login()
        await client.letter("kim@example.test", "kim@example.test")
        assert len(await house.inbox(house.kim, "Junk")) == 1
        await client.letter("kim@example.test", "lee@far.test")
        await client.close()
        (held,) = await house.store.office.summaries()
        assert held.held
        events = await house.store.office.trace(held.id)
        assert events[0].facts["held"] == "it smells"

    mistrusted(tmp_path, scene)
