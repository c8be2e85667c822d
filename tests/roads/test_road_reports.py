"""Aliases and their delivery reports, from the SMTP door to the mailboxes."""

from __future__ import annotations

import asyncio
import email
import email.message
from pathlib import Path

import pytest
from tests.roads.smtp_house import Client, House, play
from tests.unit.mta.hop import Hop

from pyeonji.mta.options import Options, Route


def told(octets: bytes) -> tuple[str, list[dict[str, str]]]:
    """Whom a report goes to, and what it says of each recipient."""
    message = email.message_from_bytes(octets)
    (part,) = (
        each
        for each in message.walk()
        if each.get_content_type() == "message/delivery-status"
    )
    payload = part.get_payload()
    assert isinstance(payload, list)
    blocks = [
        {k: str(v) for k, v in block.items()}
        for block in payload[1:]
        if isinstance(block, email.message.Message)
    ]
    return str(message["To"]), blocks


def reports(inbox: list[bytes]) -> list[bytes]:
    return [octets for octets in inbox if b"message/delivery-status" in octets]


def test_success_of_an_alias_is_told_once(tmp_path: Path) -> None:
    """ "expanded" for the alias, no success of its members (RFC 3461 §5.2.7.3).

    Failure is still told of each of them, as of the alias (RFC 3464 §2.3.2).
    """

    async def scene(house: House) -> None:
        lee = await house.add("lee@example.test")
        targets = ("lee@example.test", "hidden@full.test", "late@slow.test")
        await house.alias("team@example.test", *targets)
        client = await Client.open(house.port)
        await client.say("EHLO a.test", "250-")
        await client.say("MAIL FROM:<kim@example.test> RET=HDRS ENVID=e1", "250")
        await client.say(
            "RCPT TO:<Team@example.test>"
            " NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;all@home.test",
            "250",
        )
        await client.say("DATA", "354")
        await client.say(b"Subject: x\r\n\r\n.", "250")
        assert len(await house.inbox(lee)) == 1
        expanded, failed = sorted(
            reports(await house.inbox(house.kim)), key=lambda one: b"5.1.1" in one
        )
        assert told(expanded) == (
            "kim@example.test",
            [
                {
                    "Original-Recipient": "rfc822; all@home.test",
                    "Final-Recipient": "rfc822; Team@example.test",
                    "Action": "expanded",
                    "Status": "2.1.5",
                    "Diagnostic-Code": told(expanded)[1][0]["Diagnostic-Code"],
                    "Last-Attempt-Date": told(expanded)[1][0]["Last-Attempt-Date"],
                }
            ],
        )
        (bounce,) = told(failed)[1]
        assert bounce["Final-Recipient"] == "rfc822; Team@example.test"
        assert bounce["Action"] == "failed"
        assert b"hidden" not in failed.lower()
        assert "<Team@example.test> is not here" in bounce["Diagnostic-Code"]
        heard = [line for hop in hops for line in hop.heard if line.startswith("RCPT")]
        assert heard == [
            "RCPT TO:<hidden@full.test> NOTIFY=FAILURE ORCPT=rfc822;all@home.test",
            "RCPT TO:<late@slow.test> NOTIFY=FAILURE ORCPT=rfc822;all@home.test",
        ]
        await client.close()

    hops = (
        Hop(script={"RCPT": ["550 5.1.1 <Hidden@full.test> is not here"]}),
        Hop(),
    )

    async def run() -> None:
        async with hops[0], hops[1]:
            routes = {
                name: Route(domain=name, hosts=(("127.0.0.1", hop.port),))
                for name, hop in zip(("full.test", "slow.test"), hops, strict=True)
            }
            options = Options(
                hostname="mx.example.test", sync_pause=0.05, routes=routes
            )
            async with House(tmp_path, options) as house:
                await scene(house)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("notify", "targets", "actions"),
    [
        ("SUCCESS", ("kim@example.test", "lee@example.test"), ["expanded"]),
        ("FAILURE", ("kim@example.test", "lee@example.test"), []),
        ("NEVER", ("kim@example.test", "lee@example.test"), []),
        ("SUCCESS", ("lee@example.test",), ["delivered"]),  # §5.2.7.2
    ],
)
def test_an_alias_is_expanded_only_where_it_stands_for_several(
    tmp_path: Path, notify: str, targets: tuple[str, ...], actions: list[str]
) -> None:
    """RFC 3461 §5.2.7.2, §5.2.7.3."""

    async def scene(house: House) -> None:
        await house.add("lee@example.test")
        await house.alias("team@example.test", *targets)
        client = await Client.open(house.port)
        await client.say("EHLO a.test", "250-")
        await client.say("MAIL FROM:<kim@example.test>", "250")
        await client.say(f"RCPT TO:<team@example.test> NOTIFY={notify}", "250")
        await client.say("DATA", "354")
        await client.say(b"Subject: x\r\n\r\n.", "250")
        said = [told(one) for one in reports(await house.inbox(house.kim))]
        assert [block["Action"] for _, blocks in said for block in blocks] == actions
        for _, blocks in said:
            assert blocks[0]["Final-Recipient"] == "rfc822; team@example.test"
        await client.close()

    play(tmp_path, scene)


def test_who_is_asked_for_himself_too_is_told_of(tmp_path: Path) -> None:
    """A member of an alias beside it: his own success is told (RFC 3461 §5.2.3)."""

    async def scene(house: House) -> None:
        await house.add("lee@example.test")
        await house.alias("team@example.test", "kim@example.test", "lee@example.test")
        client = await Client.open(house.port)
        await client.say("EHLO a.test", "250-")
        await client.say("MAIL FROM:<kim@example.test>", "250")
        await client.say("RCPT TO:<team@example.test> NOTIFY=SUCCESS", "250")
        await client.say("RCPT TO:<lee@example.test> NOTIFY=SUCCESS", "250")
        await client.say("DATA", "354")
        await client.say(b"Subject: x\r\n\r\n.", "250")
        blocks = [
            block
            for one in reports(await house.inbox(house.kim))
            for block in told(one)[1]
        ]
        assert {b["Final-Recipient"][8:]: b["Action"] for b in blocks} == {
            "team@example.test": "expanded",
            "lee@example.test": "delivered",
        }
        await client.close()

    play(tmp_path, scene)
