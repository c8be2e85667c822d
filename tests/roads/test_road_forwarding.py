"""An alias leads elsewhere: sender rewritten, sealed, untouched below; bounces."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.roads.smtp_house import Client, House, play
from tests.roads.test_road_signing import give_keys
from tests.unit.mta.hop import Hop, Taken
from tests.unit.mta_trust.dns_answers import answered

from pyeonji.base.clock import Clock
from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.mta.options import Route
from pyeonji.mta.receive.checking import Checker
from pyeonji.mta.trust.arc import ArcVerdict, ChainState
from pyeonji.mta.trust.dkim import Result
from pyeonji.mta.trust.dkim_sign import SigningKey, dkim_signature
from pyeonji.mta.trust.options import TrustOptions
from pyeonji.mta.trust.signed import SignedLetter

AUTHOR = SigningKey("author.test", "a", Ed25519PrivateKey.generate())


def written(text: str = "안녕하세요\r\n") -> bytes:
    """A letter that its author has signed."""
    header = (
        b"From: Lee <lee@author.test>\r\nTo: team@example.test\r\nSubject: hi\r\n"
        b"Date: Tue, 24 Nov 2026 04:00:00 +0000\r\nMessage-ID: <1@author.test>\r\n"
        b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    letter = SignedLetter(header, signing=True)
    letter.update(text.encode())
    signature = dkim_signature(letter.fields, letter.body_digest, AUTHOR, 1_700_000_000)
    return signature + header + text.encode()


class Texts(dict[str, str]):
    """A DNS of TXT records."""

    async def ask(self, name: str, kind: str) -> DnsAnswer:
        if kind != "TXT" or name not in self:
            return DnsAnswer(status=DnsStatus.NO_NAME)
        return DnsAnswer(status=DnsStatus.FOUND, records=(self[name],))

    def checker(self, clock: Clock) -> Checker:
        """Checks of letters from strangers by what it says."""
        options = TrustOptions(authserv_id="mx.example.test", private=True)
        return Checker(options, ask=self.ask, known=lambda *_: None, clock=clock)


def forwarded(
    folder: Path,
    hop: Hop,
    scene: Callable[[House, Client], Awaitable[None]],
    *,
    checks: bool = True,
) -> dict[str, str]:
    """Run a scene with an alias team@example.test for far@far.test; DNS after it."""
    texts = Texts({AUTHOR.name: AUTHOR.record})

    async def whole(house: House) -> None:
        for name, record in (await give_keys(house)).items():
            texts[name.rstrip(".")] = record
        await house.alias("team@example.test", "far@far.test")
        client = await Client.open(house.port)
        await client.say("EHLO mail.author.test", "250-")
        await scene(house, client)
        await house.inbox(house.kim)
        await house.runner.idle()
        await client.close()

    async def run() -> None:
        async with hop:
            hosts = (("127.0.0.1", hop.port),)
            routes = {
                name: Route(domain=name, hosts=hosts)
                for name in ("far.test", "author.test")
            }
            checker = texts.checker if checks else None
            await asyncio.to_thread(play, folder, whole, routes=routes, checker=checker)

    asyncio.run(run())
    return texts


def arrived(taken: Taken, texts: dict[str, str]) -> tuple[ArcVerdict, list[Result]]:
    """What the next hop finds."""
    header, _, body = taken.octets.partition(b"\r\n\r\n")
    letter = SignedLetter(header + b"\r\n\r\n")
    letter.update(body)
    dkim = answered(letter.check_dkim(1_700_000_000), texts)
    return answered(letter.check_arc(), texts), [one.result for one in dkim]


@pytest.mark.parametrize("size", [1, 60_000])
def test_a_forwarded_letter(tmp_path: Path, size: int) -> None:
    hop = Hop(offers=("PIPELINING", "8BITMIME", "DSN"))
    octets = written("안녕하세요\r\n" * size)

    async def scene(house: House, client: Client) -> None:
        await client.letter("lee@author.test", "team@example.test", octets)

    texts = forwarded(tmp_path, hop, scene)
    (taken,) = hop.taken
    assert re.match(
        r"MAIL FROM:<SRS0=[a-z2-7]{6}=[a-z2-7]{2}=author\.test=lee@example\.test>",
        taken.mail,
    )
    assert taken.octets.endswith(octets)
    arc, dkim = arrived(taken, texts)
    assert (arc.state, arc.reason) == (ChainState.PASS, "")
    assert dkim == [Result.PASS]
    assert arc.sets[0].seal.domain == "example.test"
    assert b"dkim=pass" in arc.sets[0].payload
    assert arc.sets[0].payload.startswith(b"mx.example.test;")


def test_a_next_hop_of_seven_bits(tmp_path: Path) -> None:
    """The author's signature breaks; the seal is made over what goes out."""
    hop = Hop(offers=("PIPELINING",))

    async def scene(house: House, client: Client) -> None:
        await client.letter("lee@author.test", "team@example.test", written())

    texts = forwarded(tmp_path, hop, scene)
    (taken,) = hop.taken
    assert taken.octets.isascii()
    arc, dkim = arrived(taken, texts)
    assert (arc.state, arc.reason) == (ChainState.PASS, "")
    assert dkim == [Result.FAIL]
    assert b"dkim=pass" in arc.sets[0].payload  # as it was when it came to us


def test_without_checks_nothing_is_sealed(tmp_path: Path) -> None:
    """We seal what we know."""
    hop = Hop()

    async def scene(house: House, client: Client) -> None:
        await client.letter("lee@author.test", "team@example.test", written())

    forwarded(tmp_path, hop, scene, checks=False)
    assert b"ARC-" not in hop.taken[0].octets
    assert "SRS0=" in hop.taken[0].mail


def test_the_bounce_finds_back(tmp_path: Path) -> None:
    """What comes to the rewritten address goes to the author; forged ones don't."""
    hop = Hop()

    async def scene(house: House, client: Client) -> None:
        await client.letter("lee@author.test", "team@example.test", written())
        await house.inbox(house.kim)
        await house.runner.idle()
        match = re.search(r"<(.*)>", hop.taken[0].mail)
        assert match is not None
        address = match[1]
        await client.letter("", address, b"Subject: bounce\r\n\r\nno\r\n")
        # it is no way to write to anybody through us
        await client.say("MAIL FROM:<spam@thief.test>", "250")
        await client.say(f"RCPT TO:<{address}>", "550 5.7.1")
        await client.say("RSET", "250")
        await client.say("MAIL FROM:<>", "250")
        forged = address.replace("=lee@", "=kim@")
        await client.say(f"RCPT TO:<{forged}>", "550 5.1.1")
        await client.say("RSET", "250")
        house.clock.advance(30 * 86400.0)
        await client.say("MAIL FROM:<>", "250")
        await client.say(f"RCPT TO:<{address}>", "550 5.1.1")

    forwarded(tmp_path, hop, scene)
    bounce = hop.taken[1]
    assert bounce.mail.startswith("MAIL FROM:<>")
    assert bounce.rcpt[0].startswith("RCPT TO:<lee@author.test>")


def test_our_own_senders_stay(tmp_path: Path) -> None:
    hop = Hop()

    async def scene(house: House, client: Client) -> None:
        await client.letter("kim@example.test", "team@example.test", written())

    forwarded(tmp_path, hop, scene)
    assert hop.taken[0].mail.startswith("MAIL FROM:<kim@example.test>")
