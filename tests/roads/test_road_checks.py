"""What strangers bring is checked: the field on top, `trace`, and policy."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.patience import until
from tests.roads.smtp_house import Client, House, play
from tests.unit.mta_trust.zones import Zone

from pyeonji.base.clock import Clock
from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.mta.receive.checking import MAX_QUESTIONS, Checker
from pyeonji.mta.receive.receiver import DoorKind
from pyeonji.mta.trust.options import TrustOptions

OURS = b"Authentication-Results: mx.example.test;"
HELLO = (
    b"From: Lee <lee@one.test>\r\nTo: kim@example.test\r\nSubject: hello\r\n\r\nHi\r\n"
)

_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
PRIVATE = _KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.NoEncryption(),
)
PUBLIC = base64.b64encode(
    _KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
).decode()

DNS: dict[str, dict[str, Any]] = {
    "one.test": {"TXT": ["v=spf1 ip4:192.0.2.7 -all"]},
    "_dmarc.one.test": {"TXT": ["v=DMARC1; p=reject"]},
    "k1._domainkey.one.test": {"TXT": [f"v=DKIM1; k=rsa; p={PUBLIC}"]},
    "7.2.0.192.in-addr.arpa": {"PTR": ["mail.one.test."]},
    "mail.one.test": {"A": ["192.0.2.7"]},
}


def signed(letter: bytes) -> bytes:
    names = [b"from", b"to", b"subject"]
    field: bytes = dkim.sign(letter, b"k1", b"one.test", PRIVATE, include_headers=names)
    return field + letter


def checker(
    data: dict[str, dict[str, Any]] = DNS, *, slow: bool = False, **more: Any
) -> Callable[[Clock], Checker]:
    zone = Zone(data)

    async def ask(name: str, kind: str) -> DnsAnswer:
        await asyncio.sleep(60 if slow else 0)
        return zone.answer(name, kind)

    def make(clock: Clock) -> Checker:
        options = TrustOptions(
            **{"authserv_id": "mx.example.test", **more},
        )
        return Checker(options, ask=ask, known=lambda *_: None, clock=clock)

    return make


async def bring(
    house: House,
    octets: bytes,
    expected: str = "250",
    *,
    address: str = "192.0.2.7",
    sender: str = "lee@one.test",
) -> str:
    house.clock.advance(max(time.time() - house.clock.time(), 0))  # signed today
    port = await house.listen(DoorKind(xclient=(ip_network("127.0.0.1"),)))
    client = await Client.open(port)
    await client.say("EHLO p", "250")
    await client.say(f"XCLIENT ADDR={address}", "220")
    await client.say("EHLO mail.one.test", "250")
    reply = await client.letter(sender, "kim@example.test", octets, expected)
    await client.close()
    return reply


def results(letter: bytes) -> str:
    """Our field, on one line."""
    assert letter.split(b"\r\n")[2] == OURS  # behind Return-Path, Delivered-To
    assert letter.count(OURS) == 1
    field = letter[letter.index(OURS) :].partition(b"\r\nReceived:")[0]
    return field.decode().replace("\r\n\t", " ")


def test_the_field_stands_on_top(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        await bring(house, signed(HELLO))
        (letter,) = await house.inbox(house.kim)
        said = results(letter)
        assert "iprev=pass (mail.one.test) policy.iprev=192.0.2.7;" in said
        assert "spf=pass (one.test: 192.0.2.7 matches ip4:192.0.2.7)" in said
        assert "smtp.mailfrom=lee@one.test;" in said
        assert "dkim=pass header.d=one.test header.s=k1 header.a=rsa-sha256" in said
        assert "dmarc=pass (p=reject) header.from=one.test" in said
        events = await house.store.office.trace("lee@one.test")
        facts = events[0].facts
        assert facts["spf"] == "pass one.test"
        assert facts["dkim"] == "pass one.test"
        assert facts["dmarc"] == "pass one.test"
        assert facts["iprev"] == "pass mail.one.test"

    play(tmp_path, scene, checker=checker())


@pytest.mark.parametrize(
    ("address", "told"), [("192.0.2.7", True), ("192.0.2.99", False)]
)
def test_who_forges_the_sender_has_no_reports_written(
    tmp_path: Path, address: str, *, told: bool
) -> None:
    """Where SPF fails, success is not told: the sender has not asked for it."""

    async def scene(house: House) -> None:
        house.clock.advance(max(time.time() - house.clock.time(), 0))
        port = await house.listen(DoorKind(xclient=(ip_network("127.0.0.1"),)))
        client = await Client.open(port)
        await client.say("EHLO p", "250")
        await client.say(f"XCLIENT ADDR={address}", "220")
        await client.say("EHLO mail.one.test", "250")
        await client.say("MAIL FROM:<lee@one.test>", "250")
        await client.say("RCPT TO:<kim@example.test> NOTIFY=SUCCESS,FAILURE", "250")
        await client.say("DATA", "354")
        client.writer.write(signed(HELLO) + b".\r\n")
        letter_id = (await client.reply()).split()[2]
        await client.close()
        assert len(await house.inbox(house.kim)) == 1
        kinds = [e.kind.value for e in await house.store.office.trace(letter_id)]
        assert "delivered" in kinds
        assert ("notified" in kinds) is told

    play(tmp_path, scene, checker=checker())


def test_what_fails_is_refused_as_its_domain_asks(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        reply = await bring(house, HELLO, "550", address="192.0.2.99")
        assert "one.test does not vouch for this letter" in reply
        # its signature is enough, whoever brings it
        await bring(house, signed(HELLO), address="192.0.2.99", sender="x@two.test")
        altered = signed(HELLO).replace(b"\r\n\r\nHi", b"\r\n\r\nHo")
        await bring(house, altered, "550", address="192.0.2.99")
        twice = b"From: a@bank.test\r\n" + HELLO
        await bring(house, twice, "550")
        (letter,) = await house.inbox(house.kim)
        assert "spf=none" in results(letter)
        assert "smtp.mailfrom=x@two.test" in results(letter)
        assert "dmarc=pass" in results(letter)

    play(tmp_path, scene, checker=checker())


def test_a_large_letter_is_hashed_as_it_comes(tmp_path: Path) -> None:
    body = b"a line of a long letter\r\n" * 40_000

    async def scene(house: House) -> None:
        await bring(house, signed(HELLO + body), address="192.0.2.99", sender="")
        (letter,) = await house.inbox(house.kim)
        said = results(letter)
        assert "dkim=pass header.d=one.test" in said
        assert "smtp.helo=mail.one.test" in said
        assert letter.endswith(body)

    play(tmp_path, scene, checker=checker())


@pytest.mark.parametrize("address", ["192.0.2.7", "127.0.0.1"])
def test_forged_fields_go(tmp_path: Path, address: str) -> None:
    """RFC 8601 §5: from whomever, checked or not; a signature over one holds."""
    forged = (
        b"Authentication-Results: mx.example.test; dkim=pass header.d=bank.test\r\n"
    )
    other = b"Authentication-Results: other.test; dkim=pass header.d=x.test\r\n"

    async def scene(house: House) -> None:
        await bring(house, signed(forged + other + HELLO), address=address)
        (letter,) = await house.inbox(house.kim)
        assert b"header.d=bank.test" not in letter
        assert other in letter
        assert letter.endswith(HELLO)
        if address == "127.0.0.1":
            assert OURS not in letter
        else:
            assert "dkim=pass header.d=one.test" in results(letter)

    play(tmp_path, scene, checker=checker())


def test_who_is_not_checked(tmp_path: Path) -> None:
    """Peers that are trusted keep their fields; users may not say such things."""
    ours = b"Authentication-Results: mx.example.test; spf=pass\r\n"

    async def scene(house: House) -> None:
        await bring(house, ours + HELLO)
        (letter,) = await house.inbox(house.kim)
        assert letter.endswith(ours + HELLO)
        client = await Client.open(house.submission)
        await client.say("EHLO p", "250")
        await client.login()
        octets = ours + HELLO.replace(b"lee@one.test", b"kim@example.test")
        await client.letter("kim@example.test", "kim@example.test", octets)
        await client.close()
        _, letter = await house.inbox(house.kim)
        assert b"Authentication-Results" not in letter

    play(tmp_path, scene, checker=checker(trusted=(ip_network("192.0.2.0/24"),)))


def test_a_silent_dns_delays_no_longer_than_said(tmp_path: Path) -> None:
    """All questions wait together; what was not heard is a temporary error."""

    async def scene(house: House) -> None:
        began = time.monotonic()
        await bring(house, signed(HELLO))
        assert time.monotonic() - began < 30
        (letter,) = await house.inbox(house.kim)
        said = results(letter)
        for method in ("spf", "iprev", "dkim", "dmarc"):
            assert f"{method}=temperror" in said

    play(tmp_path, scene, checker=checker(slow=True, time_s=0.3))


@pytest.mark.parametrize("lines", [1, 40_000])
def test_a_connection_lost_meanwhile_brings_nothing(tmp_path: Path, lines: int) -> None:
    """No 250 was said: he will bring it again, and it is to be there once."""

    async def scene(house: House) -> None:
        port = await house.listen(DoorKind(xclient=(ip_network("127.0.0.1"),)))
        client = await Client.open(port)
        await client.say("EHLO p", "250")
        await client.say("XCLIENT ADDR=192.0.2.7", "220")
        await client.say("EHLO mail.one.test", "250")
        await client.say("MAIL FROM:<lee@one.test>", "250")
        await client.say("RCPT TO:<kim@example.test>", "250")
        await client.say("DATA", "354")
        client.writer.write(HELLO + b"a line of a long letter\r\n" * lines + b".\r\n")
        await client.writer.drain()
        await asyncio.sleep(0.5)
        for connection in list(house.connections):
            connection.abort()
        client.writer.transport.abort()
        await asyncio.sleep(1.5)
        spools = tmp_path / "data" / "queue"
        await until(lambda: not any(each.is_file() for each in spools.rglob("*/*")))
        assert await house.inbox(house.kim) == []
        assert await house.store.office.summaries() == []

    play(tmp_path, scene, checker=checker(slow=True, time_s=1.5))


def test_both_names_are_checked(tmp_path: Path) -> None:
    """RFC 7208 §2.3: what the client called itself, beside the sender."""

    async def scene(house: House) -> None:
        await bring(house, HELLO)
        await bring(house, HELLO, sender="")
        first, second = await house.inbox(house.kim)
        assert "smtp.mailfrom=lee@one.test; spf=fail" in results(first)
        assert "smtp.helo=mail.one.test" in results(first)
        assert results(second).count("spf=") == 1
        assert "spf=fail" in results(second)
        assert "dmarc=fail" in results(second)

    helo = {"mail.one.test": {"TXT": ["v=spf1 -all"], "A": ["192.0.2.7"]}}
    watching = {"_dmarc.one.test": {"TXT": ["v=DMARC1; p=none"]}}
    play(tmp_path, scene, checker=checker({**DNS, **helo, **watching}))


def test_received_spf_where_it_is_wanted(tmp_path: Path) -> None:
    """RFC 7208 §9.1."""

    async def scene(house: House) -> None:
        await bring(house, HELLO, sender='"a(b"@one.test')
        (letter,) = await house.inbox(house.kim)
        assert (
            b"\r\nReceived-SPF: pass (mx.example.test: one.test: 192.0.2.7 matches"
            b" ip4:192.0.2.7)\r\n\treceiver=mx.example.test;\r\n\tclient-ip=192.0.2.7;"
            b'\r\n\tenvelope-from="\\"a(b\\"@one.test";\r\n\thelo=mail.one.test;'
            b'\r\n\tidentity=mailfrom;\r\n\tmechanism="ip4:192.0.2.7"\r\nReceived: '
        ) in letter

    play(tmp_path, scene, checker=checker(received_spf=True))


def test_one_letter_asks_dns_only_so_much(tmp_path: Path) -> None:
    """Ten signatures, MX after MX: whoever writes them spends our questions."""
    asked: list[str] = []
    zone = Zone({})

    async def ask(name: str, kind: str) -> DnsAnswer:
        asked.append(name)
        if kind == "TXT" and name.endswith("evil.test"):
            terms = " ".join(f"mx:m{n}.{len(asked)}.evil.test" for n in range(10))
            return DnsAnswer(status=DnsStatus.FOUND, records=(f"v=spf1 {terms} -all",))
        if kind == "MX":
            hosts = tuple(f"{n} h{n}.{name}" for n in range(10))
            return DnsAnswer(status=DnsStatus.FOUND, records=hosts)
        if name.startswith("h"):
            return DnsAnswer(status=DnsStatus.FOUND, records=("198.51.100.9",))
        return zone.answer(name, kind)

    def make(clock: Clock) -> Checker:
        options = TrustOptions(authserv_id="mx.example.test")
        return Checker(options, ask=ask, known=lambda *_: None, clock=clock)

    async def scene(house: House) -> None:
        await bring(house, HELLO, "", sender="x@a.evil.test")
        assert 0 < len(asked) <= MAX_QUESTIONS

    play(tmp_path, scene, checker=make)


def test_a_binary_letter_hides_no_field(tmp_path: Path) -> None:
    """Of BINARYMIME only the body is free: a bare CR ends a line for some readers."""
    claim = b"Authentication-Results: mx.example.test; dmarc=pass"

    async def scene(house: House) -> None:
        client = await Client.open(house.port)
        await client.say("EHLO a.test", "250")
        for end, expected in ((b"\r", "550 5.6.0"), (b"\n", "550 5.6.0"), (b"", "250")):
            letter = b"Subject: x" + end + claim + b"\r\n\r\na\rb\nc\0\r\n"
            await client.say("MAIL FROM:<x@a.test> BODY=BINARYMIME", "250")
            await client.say("RCPT TO:<kim@example.test>", "250")
            client.writer.write(b"BDAT %d LAST\r\n" % len(letter) + letter)
            assert (await client.reply()).startswith(expected)
        await client.close()

    play(tmp_path, scene, checker=checker())
