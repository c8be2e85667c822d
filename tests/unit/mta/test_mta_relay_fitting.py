"""Letters made to fit a next hop: 8BITMIME, SMTPUTF8."""

from __future__ import annotations

import email

import pytest
from tests.unit.mta.hop import Hop
from tests.unit.mta.relaying import play, report, status_of
from tests.unit.mta.world import World

from pyeonji.storage.queue import BodyType


def test_eight_bits_become_seven_for_an_old_next_hop() -> None:
    """RFC 6152 §3: converted part by part, and it reads the same."""
    hop = Hop(offers=())
    text = "안녕하세요, 편지입니다.\r\n" * 5
    octets = (
        b"From: kim@example.test\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: 8bit\r\n\r\n" + text.encode()
    )

    async def scene(world: World) -> None:
        await world.send("lee@a.test", octets=octets, body_type=BodyType.EIGHT_BIT)
        await world.settle()

    play(hop, scene)
    assert hop.taken[0].octets.isascii()
    assert "BODY=" not in hop.taken[0].mail
    message = email.message_from_bytes(hop.taken[0].octets)
    payload = message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload.decode() == text


def test_eight_bits_that_were_only_declared() -> None:
    """An old next hop takes a letter of ASCII, whatever BODY= said of it."""
    hop = Hop(offers=())

    async def scene(world: World) -> None:
        octets = b"Subject: x\r\n\r\nhi\r\n"
        await world.send("lee@a.test", octets=octets, body_type=BodyType.EIGHT_BIT)
        await world.settle()

    play(hop, scene)
    assert "BODY=" not in hop.taken[0].mail


SIGNED = (
    b"Subject: x\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n\r\n\xea\xb0\x80\r\n--b\r\n"
    b"Content-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n"
)


@pytest.mark.parametrize("declared", [BodyType.SEVEN_BIT, BodyType.EIGHT_BIT])
@pytest.mark.parametrize("octets", [b"Subject: \xb0\xa1\r\n\r\nhi\r\n", SIGNED])
def test_no_octet_over_127_goes_to_an_old_next_hop(
    octets: bytes, declared: BodyType
) -> None:
    """What cannot be converted comes back, declared or not (RFC 6152 §3)."""
    hop = Hop(offers=("PIPELINING",))

    async def scene(world: World) -> None:
        await world.send("lee@a.test", octets=octets, body_type=declared)
        await world.settle()

    world = play(hop, scene)
    assert not hop.taken
    assert not any(line.startswith("MAIL") for line in hop.heard)
    assert "Status: 5.6.3" in status_of(report(world))


@pytest.mark.parametrize(
    ("octets", "declared"),
    [
        (b"Subject: x\r\n\r\nhi\r\n", False),
        (b"Subject: x\r\n\r\n\xea\xb0\x80\r\n", True),
        (SIGNED, True),
    ],
)
def test_eight_bits_are_declared_even_where_the_sender_did_not(
    octets: bytes, *, declared: bool
) -> None:
    """BODY=8BITMIME goes with every letter that has them (RFC 6152 §3)."""
    hop = Hop()

    async def scene(world: World) -> None:
        await world.send("lee@a.test", octets=octets)
        await world.settle()

    play(hop, scene)
    assert ("BODY=8BITMIME" in hop.taken[0].mail) is declared
    assert hop.taken[0].octets.endswith(octets)


@pytest.mark.parametrize("offers", [(), ("8BITMIME",)])
def test_no_nul_goes_where_binary_is_not_taken(offers: tuple[str, ...]) -> None:
    """It is neither 7bit nor 8bit; who drops it could find a dot on its own line.

    RFC 2045 §2.8.
    """
    hop = Hop(offers=offers)
    text = b"a\r\n\0.\r\nMAIL FROM:<>\r\n"

    async def scene(world: World) -> None:
        await world.send("lee@a.test", octets=b"Subject: x\r\n\r\n" + text)
        await world.settle()

    play(hop, scene)
    assert b"\0" not in hop.taken[0].octets
    message = email.message_from_bytes(hop.taken[0].octets)
    assert message.get_payload(decode=True) == text


INNER = (
    b"Subject: x\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n%b\r\n\xea\xb0\x80\r\n--b--\r\n"
)
NAMED = INNER % b'Content-Disposition: inline; filename="\xea\xb0\x80"\r\n'
ENCLOSED = (
    INNER % b"" + b"--b\r\nContent-Type: message/global\r\n\r\n"
    b"From: <\xea\xb0\x80@a.test>\r\n\r\nhi\r\n--b--\r\n"
).replace(b"--b--\r\n--b\r\n", b"--b\r\n")


@pytest.mark.parametrize(
    ("octets", "needed"),
    [(INNER % b"", False), (NAMED, True), (ENCLOSED, True)],
)
def test_smtputf8_goes_with_header_fields_of_parts(
    octets: bytes, *, needed: bool
) -> None:
    """UTF-8 in the text needs none, in the header of a part it does (§3.4)."""

    def send(hop: Hop) -> World:
        async def scene(world: World) -> None:
            await world.send(
                "lee@a.test", octets=octets, smtputf8=True, body_type=BodyType.EIGHT_BIT
            )
            await world.settle()

        return play(hop, scene)

    able = Hop(offers=("8BITMIME", "SMTPUTF8"))
    send(able)
    assert able.taken[0].mail.endswith(" SMTPUTF8") is needed
    unable = Hop(offers=("8BITMIME",))
    world = send(unable)
    assert bool(unable.taken) is not needed
    if needed:
        assert "Status: 5.6.7" in status_of(report(world))


def test_smtputf8_that_the_next_hop_lacks_comes_back() -> None:
    """RFC 6531 §3.5."""
    hop = Hop()

    async def scene(world: World) -> None:
        await world.send("이@a.test", smtputf8=True)
        await world.settle()

    world = play(hop, scene)
    assert not hop.taken
    assert "Status: 5.6.7" in status_of(report(world))
