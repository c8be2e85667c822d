"""A milter changes who a letter is from and who gets it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.roads.smtp_house import Client, House
from tests.roads.test_road_milter import Filter, bring, with_milter

from pyeonji.protocol.milter.packets import packet

RECIPIENTS = 0x8C  # ADD_RECIPIENTS, REMOVE_RECIPIENTS, ADD_RECIPIENTS_PARAMETERS
SENDER = 0x40


async def accepted(house: House) -> dict[str, str]:
    """What `pyeonji trace` knows of the last letter that was taken."""
    events = await house.store.office.trace("x@there.example")
    return next(e.facts for e in reversed(events) if "client" in e.facts)


def test_recipients_are_added_and_removed(tmp_path: Path) -> None:
    async def scene(house: House, told: Filter) -> None:
        lee = await house.add("lee@example.test")
        choi = await house.add("choi@example.test")
        told.answers[b"E"] = (
            packet(b"+", b"<lee@example.test>\0")
            + packet(b"2", b"choi@example.test\0NOTIFY=NEVER\0")
            + packet(b"-", b"<KIM@example.test>\0")
            + packet(b"-", b"<nobody@example.test>\0")
            + packet(b"c")
        )
        await (await bring(house)).close()
        assert await house.inbox(house.kim) == []
        assert len(await house.inbox(lee)) == 1
        assert len(await house.inbox(choi)) == 1
        facts = await accepted(house)
        rule = f"(milter unix:{tmp_path}/milter)"
        assert facts["added"] == f"lee@example.test choi@example.test {rule}"
        assert facts["removed"] == f"KIM@example.test {rule}"

    with_milter(tmp_path, scene, may_change_recipients=True)


def test_an_alias_is_expanded_and_nobody_has_it_twice(tmp_path: Path) -> None:
    """Two that lead to one mailbox: one removed, the other still wants it."""

    async def scene(house: House, told: Filter) -> None:
        lee = await house.add("lee@example.test")
        await house.alias("all@example.test", "kim@example.test", "lee@example.test")
        told.answers[b"E"] = (
            packet(b"+", b"<all@example.test>\0")
            + packet(b"-", b"<kim@example.test>\0")
            + packet(b"c")
        )
        await (await bring(house)).close()
        assert len(await house.inbox(house.kim)) == 1
        assert len(await house.inbox(lee)) == 1

    with_milter(tmp_path, scene, may_change_recipients=True)


@pytest.mark.parametrize(
    ("default", "expected", "taken"),
    [("tempfail", "451 4.3.0", 0), ("accept", "250 2.0.0", 1)],
)
@pytest.mark.parametrize("path", [b"<a@elsewhere.example>", b"<nobody@example.test>"])
def test_a_milter_makes_no_open_relay(
    tmp_path: Path, path: bytes, default: str, expected: str, taken: int
) -> None:
    """Nor does anything else of what it wanted happen then."""

    async def scene(house: House, told: Filter) -> None:
        told.answers[b"E"] = (
            packet(b"-", b"<kim@example.test>\0")
            + packet(b"+", path + b"\0")
            + packet(b"c")
        )
        await (await bring(house, expected)).close()
        assert len(await house.inbox(house.kim)) == taken
        assert await house.store.office.summaries() == []

    with_milter(tmp_path, scene, may_change_recipients=True, default=default)


def test_our_users_letters_may_go_elsewhere(tmp_path: Path) -> None:
    async def scene(house: House, told: Filter) -> None:
        told.answers[b"E"] = packet(b"+", b"<a@elsewhere.example>\0") + packet(b"c")
        client = await Client.open(house.submission)
        await client.say("EHLO there.example", "250")
        await client.login()
        await client.letter("kim@example.test", "kim@example.test")
        await client.close()
        assert len(await house.inbox(house.kim)) == 1
        (waiting,) = await house.store.office.summaries()
        assert [one.address for one in waiting.recipients] == [
            "kim@example.test",
            "a@elsewhere.example",
        ]

    with_milter(tmp_path, scene, may_change_recipients=True)


def test_a_letter_without_recipients_is_junk(tmp_path: Path) -> None:
    """What was answered 250 never disappears silently."""

    async def scene(house: House, told: Filter) -> None:
        told.answers[b"E"] = packet(b"-", b"<kim@example.test>\0") + packet(b"c")
        await (await bring(house)).close()
        assert await house.inbox(house.kim) == []
        assert len(await house.inbox(house.kim, "Junk")) == 1

    with_milter(tmp_path, scene, may_change_recipients=True)


def test_there_are_no_more_recipients_than_a_client_may_have(tmp_path: Path) -> None:
    async def scene(house: House, told: Filter) -> None:
        for number in range(6):
            await house.add(f"a{number}@example.test")
        told.answers[b"E"] = b"".join(
            packet(b"+", f"<a{number}@example.test>\0".encode()) for number in range(6)
        ) + packet(b"c")
        await (await bring(house, "451 4.3.0")).close()

    with_milter(tmp_path, scene, may_change_recipients=True, max_recipients=5)


@pytest.mark.parametrize("path", [b"<>", b"<bounces@example.test>"])
def test_the_sender_is_changed(tmp_path: Path, path: bytes) -> None:
    async def scene(house: House, told: Filter) -> None:
        told.answers[b"E"] = packet(b"e", path + b"\0") + packet(b"c")
        await (await bring(house)).close()
        (letter,) = await house.inbox(house.kim)
        assert letter.startswith(b"Return-Path: " + path + b"\r\n")
        events = await house.store.office.trace("kim@example.test")
        facts = next(e.facts for e in events if "client" in e.facts)
        assert facts["from"] == path.decode().strip("<>")
        assert facts["sender_was"].startswith("<x@there.example> (milter unix:")

    with_milter(tmp_path, scene, may_change_sender=True)


@pytest.mark.parametrize("command", [b"+", b"2", b"-", b"e"])
def test_it_must_be_allowed_to(tmp_path: Path, command: bytes) -> None:
    async def scene(house: House, told: Filter) -> None:
        told.answers[b"E"] = packet(command, b"<kim@example.test>\0") + packet(b"c")
        await (await bring(house, "451 4.3.0")).close()

    with_milter(tmp_path, scene)


def test_progress_does_not_hold_a_client_for_ever(tmp_path: Path) -> None:
    """Each PROGRESS starts `end_s` again, but not `total_s`."""

    async def scene(house: House, told: Filter) -> None:
        told.progress_s = 0.05
        await (await bring(house, "451 4.3.0")).close()

    with_milter(tmp_path, scene, end_s=5.0, total_s=0.4)
