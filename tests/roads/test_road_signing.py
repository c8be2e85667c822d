"""What leaves is signed so that the next hop can verify it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import dkim
import pytest
from tests.roads.smtp_house import Client, House, play
from tests.unit.mta.hop import Hop, Taken

from pyeonji.mta.options import Route
from pyeonji.mta.signing.keys import KEY_TYPES, make_keys
from pyeonji.storage.directory import Domain, KeyState

LETTER = (
    "From: Kim <kim@example.test>\r\nTo: who@far.test\r\nSubject: {}\r\n"
    "Date: Tue, 24 Nov 2026 04:00:00 +0000\r\nMessage-ID: <1@example.test>\r\n"
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{}"
)


async def give_keys(house: House, domain: str = "example.test") -> dict[str, str]:
    """Keys for a domain of ours; what DNS then says."""
    keys = await asyncio.to_thread(
        lambda: make_keys(
            domain,
            types=KEY_TYPES,
            state=KeyState.ACTIVE,
            taken=(),
            now=house.clock.time(),
            sealing=house.sealing,
        )
    )
    await house.store.directory.add_dkim_keys(keys)
    return {f"{k.selector}._domainkey.{domain}.": k.record for k in keys}


def verifies(letter: bytes, records: dict[str, str]) -> bool:
    """Whether dkimpy likes the RSA signature (it lacks a library for the other)."""
    checker = dkim.DKIM(letter)
    return bool(
        checker.verify(
            idx=0, dnsfunc=lambda name, timeout=5: records[name.decode()].encode()
        )
    )


def relayed(folder: Path, hop: Hop, scene: Callable[[House], Awaitable[None]]) -> Taken:
    """Play a scene; the one letter that the host of far.test got."""

    async def run() -> None:
        async with hop:
            route = Route(domain="far.test", hosts=(("127.0.0.1", hop.port),))
            await asyncio.to_thread(play, folder, scene, routes={"far.test": route})

    asyncio.run(run())
    (taken,) = hop.taken
    return taken


def through(
    folder: Path, hop: Hop, octets: bytes, *, sender: str = "kim@example.test"
) -> tuple[bytes, dict[str, str]]:
    """Hand a letter in; what the hop got, and DNS."""
    records: dict[str, str] = {}

    async def scene(house: House) -> None:
        records.update(await give_keys(house))
        client = await Client.open(house.submission)
        await client.say("EHLO a.test", "250-")
        await client.login()
        reply = await client.letter(sender, "who@far.test", octets)
        await house.inbox(house.kim)
        journey = await house.store.office.trace(reply.split()[2])
        assert journey[0].facts["signed"] == "example.test"
        await client.close()

    taken = relayed(folder, hop, scene)
    return taken.octets, records


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("hi", "hello\r\n"),
        ("hi", "hello  \r\n\r\n.. dots\r\n\r\n"),
        ("=?utf-8?b?7Y647KeA?=", "편지입니다\r\n"),
        ("hi", "0123456789 \r\n" * 60_000),  # in pieces
        ("hi", "편지\r\n" * 60_000),
    ],
)
@pytest.mark.parametrize("eight_bit", [True, False])
def test_a_submitted_letter(
    tmp_path: Path, subject: str, text: str, *, eight_bit: bool
) -> None:
    """Also where the next hop takes 7 bits only: signed again (RFC 6376 §5.3)."""
    offers = ("PIPELINING", "8BITMIME") if eight_bit else ("PIPELINING",)
    stuffed = LETTER.format(subject, text).replace("\r\n.", "\r\n..")
    octets, records = through(tmp_path, Hop(offers=offers), stuffed.encode())
    assert octets.count(b"DKIM-Signature: ") == 2
    assert octets.startswith(b"DKIM-Signature: v=1; a=rsa-sha256;")
    assert octets.isascii() == (text.isascii() or not eight_bit)
    assert verifies(octets, records)
    with pytest.raises(AssertionError):
        assert verifies(octets.replace(b"Subject:", b"Subject: x"), records)


def test_a_domain_without_keys(tmp_path: Path) -> None:
    """From names nobody of ours: the account's domain signs."""
    hop = Hop()
    octets = LETTER.format("x", "y\r\n").replace("Kim <kim@", "K <kim@").encode()
    taken, _ = through(tmp_path, hop, octets)
    assert b"d=example.test;" in taken


def test_nobody_signs_for_another_domain_of_ours(tmp_path: Path) -> None:
    """A redirected letter has a From of anybody's; kim is no boss at boss.test."""
    hop = Hop()
    forged = LETTER.format("x", "y\r\n").replace(
        "Kim <kim@example.test>", "b@boss.test"
    )

    async def scene(house: House) -> None:
        await house.store.directory.add_domain(Domain(name="boss.test"))
        await house.add("b@boss.test")
        await give_keys(house)
        await give_keys(house, "boss.test")
        client = await Client.open(house.submission)
        await client.say("EHLO a.test", "250-")
        await client.login()
        to = "who@far.test"
        await client.letter("kim@example.test", to, forged.encode(), "550 5.7.1")
        resent = f"Resent-From: kim@example.test\r\n{forged}"
        await client.letter("kim@example.test", to, resent.encode())
        await house.inbox(house.kim)
        await client.close()

    taken = relayed(tmp_path, hop, scene)
    assert b"d=boss.test" not in taken.octets
    assert taken.octets.count(b"d=example.test;") == 2


def test_local_letters_are_not_signed(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        await give_keys(house)
        client = await Client.open(house.submission)
        await client.say("EHLO a.test", "250-")
        await client.login()
        await client.letter("kim@example.test", "kim@example.test")
        (found,) = await house.inbox(house.kim)
        assert b"DKIM-Signature" not in found
        await client.close()

    play(tmp_path, scene)


def test_reports_are_signed(tmp_path: Path) -> None:
    """A bounce from mx.example.test is signed by example.test."""
    hop = Hop(script={"RCPT": ["550 5.1.1 nobody", "250 2.1.5 ok"]})
    records: dict[str, str] = {}

    async def scene(house: House) -> None:
        records.update(await give_keys(house))
        client = await Client.open(house.port)
        await client.say("EHLO a.test", "250-")
        await client.letter("lee@far.test", "who@far.test")
        await house.inbox(house.kim)
        await house.runner.idle()
        await client.close()

    report = relayed(tmp_path, hop, scene)
    assert report.mail.startswith("MAIL FROM:<>")
    assert verifies(report.octets, records)


def test_letters_of_strangers_are_not_signed(tmp_path: Path) -> None:
    """Only who has logged in is one of ours."""
    hop = Hop()

    async def scene(house: House) -> None:
        await give_keys(house)
        client = await Client.open(house.port)
        await client.say("EHLO a.test", "250-")
        octets = LETTER.format("x", "y\r\n").encode()
        await client.letter("kim@example.test", "who@far.test", octets)
        await house.inbox(house.kim)
        await client.close()

    taken = relayed(tmp_path, hop, scene)
    assert b"DKIM-Signature" not in taken.octets
