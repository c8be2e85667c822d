"""From the SMTP door onward: roles turn, letters go to other servers."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

from tests.roads.smtp_house import Client, House, play

from pyeonji.mta.options import Options, Route
from pyeonji.storage.directory import Domain


def test_roles_turn_at_the_door(tmp_path: Path) -> None:
    """RFC 2645 §5.2: 250, then we are the client on the same connection."""

    async def scene(house: House) -> None:
        await house.add("site@example.test", turn_domains=("site.test",))
        client = await Client.open(house.port)
        await client.say("EHLO a.test", "250-")
        await client.login()
        await client.letter("kim@example.test", "lee@site.test")
        await client.close()
        await asyncio.sleep(0.1)  # its next hop is not there
        async with asyncio.timeout(60):
            await house.runner.idle()
        site = await Client.open(house.port)
        await site.say("EHLO site.test", "250-")
        await site.login("site@example.test")
        await site.say("ATRN site.test", "250")
        site.writer.write(b"220 site.test hello\r\n")
        heard = []
        while (line := (await site.reader.readline()).rstrip()) != b"QUIT":
            heard.append(line)
            verb = line.split(b" ")[0]
            if verb in {b"EHLO", b"MAIL", b"RCPT", b"."}:
                site.writer.write(b"250 ok\r\n")
            elif verb == b"DATA":
                site.writer.write(b"354 go\r\n")
        site.writer.write(b"221 bye\r\n")
        assert b"RCPT TO:<lee@site.test>" in heard
        assert b"Subject: x" in heard
        async with asyncio.timeout(60):
            await house.runner.idle()
        assert await house.store.office.summaries() == []
        await site.close()

    routes = {"site.test": Route(domain="site.test", hosts=(("127.0.0.1", 1),))}
    play(tmp_path, scene, routes=routes)


def test_two_houses_relay_to_each_other(tmp_path: Path) -> None:
    """Our client and our server: a letter, and the report about another."""

    async def run() -> None:
        (tmp_path / "far").mkdir()
        (tmp_path / "near").mkdir()
        far_options = Options(hostname="mx.far.test", sync_pause=0.05)
        async with House(tmp_path / "far", far_options, tls=True) as far:
            lee = await far.add("lee@example.test")
            route = Route(domain="*", hosts=(("127.0.0.1", far.port),))
            options = Options(
                hostname="mx.near.test",
                idle_connection=0.05,
                sync_pause=0.05,
                routes={"*": route},
            )
            async with House(tmp_path / "near", options) as near:
                await near.store.directory.add_domain(Domain(name="near.test"))
                pat = await near.add("pat@near.test")
                await near.store.directory.remove_account(near.kim.id)
                await near.store.directory.remove_domain("example.test")
                client = await Client.open(near.submission)
                await client.say("EHLO laptop", "250-")
                await client.login("pat@near.test")
                await client.say("MAIL FROM:<pat@near.test>", "250")
                await client.say("RCPT TO:<lee@example.test>", "250")
                await client.say("RCPT TO:<gone@example.test>", "250")
                await client.say("DATA", "354")
                await client.say(b"Subject: x\r\n\r\nhello\r\n.", "250")
                reports = await near.inbox(pat)
                assert len(reports) == 1
                assert b"Action: failed" in reports[0]
                assert b"gone@example.test" in reports[0]
                found = await far.inbox(lee)
                assert len(found) == 1
                assert found[0].count(b"Received: ") == 2
                assert b"with ESMTPS id" in found[0]
                await client.close()

    asyncio.run(run())


def test_aiosmtpd_takes_what_we_relay(tmp_path: Path) -> None:
    """Somebody else's server."""
    from aiosmtpd.controller import Controller

    taken: list[Any] = []

    class Handler:
        async def handle_DATA(  # noqa: N802 - the library's name
            self, server: Any, session: Any, envelope: Any
        ) -> str:
            taken.append(envelope)
            return "250 taken"

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()

    async def scene(house: House) -> None:
        client = await Client.open(house.submission)
        await client.say("EHLO laptop", "250-")
        await client.login()
        octets = b"Subject: x\r\n\r\n..dot\r\n\xea\xb0\x80\r\n"
        await client.letter("kim@example.test", "lee@far.test", octets)
        assert await house.inbox(house.kim) == []
        await client.close()

    try:
        routes = {"*": Route(domain="*", hosts=(("127.0.0.1", port),))}
        play(tmp_path, scene, routes=routes)
    finally:
        controller.stop()
    assert taken[0].rcpt_tos == ["lee@far.test"]
    assert taken[0].content.endswith(b"\r\n\r\n.dot\r\n\xea\xb0\x80\r\n")
