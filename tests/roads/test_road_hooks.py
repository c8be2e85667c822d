"""The operator's own Python in the way of letters."""

import asyncio
import re
import time
from pathlib import Path

import pytest
from tests.roads.smtp_house import Client, House, play

from pyeonji import hooks as public
from pyeonji.base.clock import Clock
from pyeonji.mta.hooks.options import PythonOptions
from pyeonji.mta.hooks.python import (
    Delivering,
    DeliveryDeferred,
    DeliveryRefused,
    HookRefused,
    PythonHook,
    load,
)
from pyeonji.mta.policy.options import PolicyOptions
from pyeonji.mta.receive.judging import Judge

PAGE = Path(__file__).parents[2] / "docs" / "operating" / "hooks.md"


def judge_with(hook: public.Hook, **options: object) -> object:
    wanted = PythonOptions(module="x:X", **options)  # type: ignore[arg-type]

    def make(clock: Clock) -> Judge:
        return Judge(PolicyOptions(), clock=clock, hooks=[PythonHook(wanted, hook)])

    return make


async def bring(
    house: House,
    expected: str = "250 2.0.0",
    octets: bytes = b"Subject: x\r\n\r\nhi\r\n",
) -> None:
    client = await Client.open(house.port)
    await client.say("EHLO there.example", "250")
    await client.letter("x@there.example", "kim@example.test", octets, expected)
    await client.close()


def test_the_example_of_the_page(tmp_path: Path) -> None:
    """docs/operating/hooks.md is true."""
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "office_example.py").write_text(code)
    options = PythonOptions(module="office_example:Office", folder=tmp_path)
    hook = load(options)

    def make(clock: Clock) -> Judge:
        return Judge(PolicyOptions(), clock=clock, hooks=[PythonHook(options, hook)])

    async def scene(house: House) -> None:
        await house.add("info@example.test")
        client = await Client.open(house.port)
        await client.say("EHLO there.example", "250")
        await client.say("MAIL FROM:<x@there.example>", "250")
        await client.say(
            "RCPT TO:<info@example.test>",
            "550 5.7.1 this address takes no mail from outside",
        )
        await client.say("RSET", "250")
        await client.login()
        await client.letter(
            "kim@example.test", "info@example.test", b"From: kim@example.test\r\n\r\n"
        )
        await client.close()
        await bring(house, octets=b"Subject: x\r\nX-Tracking: 1\r\n\r\nhi\r\n")
        (letter,) = await house.inbox(house.kim)
        assert b"\r\nX-Office: letter 2\r\n" in letter
        assert b"X-Tracking" not in letter
        await bring(house, octets=b"Subject: x\r\n\r\nWin the Lottery\r\n")
        assert len(await house.inbox(house.kim, "Junk")) == 1
        await bring(house, "451 4.7.1", b"Subject: x\r\nX-Maintenance: y\r\n\r\n")

    play(tmp_path, scene, judge=make)


class Broken(public.Hook):
    """Fails in every way."""

    def __init__(self) -> None:
        self.way = "raise"

    async def message(self, event: public.Message) -> public.Decision | None:
        if self.way == "raise":
            raise RuntimeError("oh")
        if self.way == "late":
            await asyncio.sleep(60)
        return "yes"  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("default", "expected"),
    [("tempfail", "451 4.3.0"), ("reject", "550 5.7.1"), ("accept", "250")],
)
def test_what_fails_has_a_default(tmp_path: Path, default: str, expected: str) -> None:
    hook = Broken()

    async def scene(house: House) -> None:
        for hook.way in ("raise", "late", "answer"):
            await bring(house, expected)

    play(tmp_path, scene, judge=judge_with(hook, default=default, time_s=0.2))  # type: ignore[arg-type]


class Stages(public.Hook):
    """Writes down what it is told; a plain function may block."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def connect(self, event: public.Connect) -> None:
        time.sleep(0.01)
        self.told.append(event)

    def mail(self, event: public.Mail) -> None:
        self.told.append(event)

    async def rcpt(self, event: public.Rcpt) -> public.Decision:
        self.told.append(event)
        return public.Quarantine(reason="this recipient wants it so")

    def message(self, event: public.Message) -> None:
        self.told.append((event.recipients, event.body(), event.size_octets))


def test_each_stage_is_told_once(tmp_path: Path) -> None:
    hook = Stages()
    large = b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 40_000

    async def scene(house: House) -> None:
        await bring(house)
        await bring(house, octets=large)
        assert await house.inbox(house.kim) == []
        assert len(await house.inbox(house.kim, "Junk")) == 2

    play(tmp_path, scene, judge=judge_with(hook))  # type: ignore[arg-type]
    kinds = [type(each).__name__ for each in hook.told]
    assert kinds == ["Connect", "Mail", "Rcpt", "tuple"] * 2
    assert hook.told[-1] == (("kim@example.test",), large[14:], len(large))


class Doorman(public.Hook):
    """Has a say at delivery."""

    answer: public.Decision | None = None

    def deliver(self, event: public.Deliver) -> public.Decision | None:
        assert event.header.endswith(b"\r\n\r\n")
        return self.answer


def test_at_delivery(tmp_path: Path) -> None:
    hook = Doorman()
    python = PythonHook(PythonOptions(module="x:X"), hook)
    asked: list[bool] = []

    async def deliver(**told: object) -> object:
        asked.append(bool(told["junk"]))
        return None

    async def run() -> None:
        delivering = Delivering(deliver, [python])  # type: ignore[arg-type]

        class Prepared:
            size_octets = 1

        async def one() -> None:
            await delivering(
                delivery_id="d",
                recipient="kim@example.test",
                reverse_path="",
                content=b"A: b\r\n\r\n",
                prefix=b"",
                prepared=Prepared(),  # type: ignore[arg-type]
                received_at=0.0,
            )

        await one()
        hook.answer = public.Quarantine(reason="x")
        await one()
        assert asked == [False, True]
        hook.answer = public.Reject(text="no")
        with pytest.raises(DeliveryRefused):
            await one()
        hook.answer = public.Defer(text="later")
        with pytest.raises(DeliveryDeferred):
            await one()

    asyncio.run(run())


@pytest.mark.parametrize("module", ["no", "no_such_module:X", "json:loads", "a b:C"])
def test_what_is_no_hook(module: str) -> None:
    with pytest.raises(HookRefused):
        load(PythonOptions(module=module))
