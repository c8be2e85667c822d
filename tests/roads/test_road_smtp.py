"""From the SMTP door to the mailbox, with the real engine over real sockets."""

from __future__ import annotations

import asyncio
import email
from pathlib import Path
from typing import Any

import pytest
from tests.roads.smtp_house import Client, House, play
from tests.unit.mta.hop import Hop

from pyeonji.mta.options import Options, Route
from pyeonji.storage.directory import Domain
from pyeonji.storage.queue import Held


def test_a_letter_comes_in_and_stands_in_the_mailbox(tmp_path: Path) -> None:
    """250 after it is stable; Received on top, then octet for octet."""
    octets = b"From: lee@remote.test\r\nSubject: \xea\xb0\x80\r\n\r\nhi \x00\xff\r\n"

    async def scene(house: House) -> None:
        client = await Client.open(house.port)
        await client.say("EHLO mail.remote.test", "250-")
        reply = await client.letter("lee@remote.test", "kim@example.test", octets)
        letter_id = reply.split()[2]
        found = await house.inbox(house.kim)
        assert len(found) == 1
        head, body = found[0][: -len(octets)].decode(), found[0][-len(octets) :]
        assert body == octets
        assert head.startswith("Return-Path: <lee@remote.test>\r\n")
        assert "Received: from mail.remote.test ([127.0.0.1])\r\n" in head
        assert f"by mx.example.test with ESMTP id {letter_id}\r\n" in head
        assert "for <kim@example.test>;" in head
        journey = [e.kind.value for e in await house.store.office.trace(letter_id)]
        assert journey[-1] == "delivered"
        assert "queued" in journey
        await client.close()

    play(tmp_path, scene)


def test_who_is_taken_at_rcpt(tmp_path: Path) -> None:
    """Known ones, postmaster, relay domains; nobody else without AUTH."""

    async def scene(house: House) -> None:
        await house.alias("team@example.test", "kim@example.test", "x@remote.test")
        client = await Client.open(house.port)
        await client.say("EHLO a.test", "250-")
        await client.say("MAIL FROM:<lee@remote.test>", "250")
        await client.say("RCPT TO:<kim@example.test>", "250")
        await client.say("RCPT TO:<KIM+work@Example.TEST>", "250")
        await client.say("RCPT TO:<team@example.test>", "250")
        await client.say("RCPT TO:<postmaster@example.test>", "250")
        await client.say("RCPT TO:<Postmaster>", "250")
        await client.say("RCPT TO:<who@routed.test>", "250")
        await client.say("RCPT TO:<nobody@example.test>", "550 5.1.1")
        await client.say("RCPT TO:<who@elsewhere.test>", "550 5.7.1")
        await client.say("RCPT TO:<who@*>", "5")
        await client.close()

    routes = {
        name: Route(domain=name, hosts=(("127.0.0.1", 1),))
        for name in ("routed.test", "*")
    }
    play(tmp_path, scene, routes=routes)


def test_a_full_mailbox_is_told_at_rcpt(tmp_path: Path) -> None:
    """What can't be delivered is not taken, and nobody gets a bounce for it.

    But postmaster's is (RFC 5321 §4.5.1), and a list's: others may have room.
    """

    async def scene(house: House) -> None:
        lee = await house.add("lee@example.test", quota_octets=2000)
        await house.add("one@example.test", quota_messages=0)
        await house.store.directory.update_domain(
            Domain(name="example.test", administrator=lee.id)
        )
        await house.alias("team@example.test", "kim@example.test", "lee@example.test")
        client = await Client.open(house.port)
        await client.say("EHLO a.test", "250-")
        await client.say("MAIL FROM:<x@remote.test> SIZE=2001", "250")
        await client.say("RCPT TO:<lee@example.test>", "452 4.2.2")
        await client.say("RCPT TO:<one@example.test>", "452 4.2.2")
        await client.say("RCPT TO:<kim@example.test>", "250")
        await client.say("RCPT TO:<team@example.test>", "250")
        await client.say("RCPT TO:<postmaster@example.test>", "250")
        await client.say("RSET", "250")
        await client.say("MAIL FROM:<x@remote.test> SIZE=1500", "250")
        await client.say("RCPT TO:<lee@example.test>", "250")
        await client.close()

    play(tmp_path, scene)


def test_two_ways_to_one_mailbox_bring_it_once(tmp_path: Path) -> None:
    """An alias and its member in one transaction."""

    async def scene(house: House) -> None:
        await house.alias("team@example.test", "kim@example.test")
        client = await Client.open(house.port)
        await client.say("HELO a.test", "250")
        await client.say("MAIL FROM:<lee@remote.test>", "250")
        await client.say("RCPT TO:<team@example.test>", "250")
        await client.say("RCPT TO:<kim@example.test>", "250")
        await client.say("DATA", "354")
        await client.say(b"Subject: x\r\n\r\n.", "250")
        assert len(await house.inbox(house.kim)) == 1
        await client.close()

    play(tmp_path, scene)


def test_loops_are_refused(tmp_path: Path) -> None:
    """RFC 5321 §6.3."""

    async def scene(house: House) -> None:
        client = await Client.open(house.port)
        await client.say("EHLO a.test", "250-")
        for header in (
            b"Received: from a by b; x\r\n" * 101,
            b"Delivered-To: kim@example.test\r\n",
        ):
            await client.letter(
                "lee@remote.test", "kim@example.test", header + b"\r\n", "554 5.4.6"
            )
        assert await house.inbox(house.kim) == []
        await client.close()

    play(tmp_path, scene)


def test_a_large_letter_flows_through(tmp_path: Path) -> None:
    """Pieces go to a file; what stands in the mailbox is the same."""
    octets = b"Subject: big\r\n\r\n" + b"0123456789" * 7 + b"\r\n"
    octets += (b"x" * 70 + b"\r\n") * 20_000

    async def scene(house: House) -> None:
        client = await Client.open(house.port)
        await client.say("EHLO a.test", "250-")
        await client.letter("lee@remote.test", "kim@example.test", octets)
        found = await house.inbox(house.kim)
        assert found[0][-len(octets) :] == octets, "not the same"
        await client.close()

    play(tmp_path, scene)


def test_a_header_without_end_is_refused(tmp_path: Path) -> None:
    """A large letter that is all header; the connection goes on."""

    async def scene(house: House) -> None:
        client = await Client.open(house.port)
        await client.say("EHLO a.test", "250-")
        octets = b"X: " + (b"y" * 70 + b"\r\n ") * 20_000 + b"\r\n"
        await client.letter("lee@remote.test", "kim@example.test", octets, "552")
        await client.letter("lee@remote.test", "kim@example.test")
        assert len(await house.inbox(house.kim)) == 1
        await client.close()

    play(tmp_path, scene)


def test_submission_completes_the_letter(tmp_path: Path) -> None:
    """Date, From, Message-ID, Apparently-To; no Bcc, no Return-Path."""

    async def scene(house: House) -> None:
        lee = await house.add("lee@example.test")
        client = await Client.open(house.submission)
        await client.say("EHLO laptop.test", "250-")
        await client.say("MAIL FROM:<kim@example.test>", "530")
        await client.login()
        await client.letter(
            "kim@example.test",
            "lee@example.test",
            b"Subject: x\r\nReturn-Path: <a@b.test>\r\n\r\nhello\r\n",
        )
        text = (await house.inbox(lee))[0].decode()
        assert "\r\nFrom: Kim <kim@example.test>\r\n" in text
        assert "\r\nDate: " in text
        assert "\r\nMessage-ID: <" in text
        assert "\r\nApparently-To: <lee@example.test>\r\n" in text
        assert "a@b.test" not in text
        assert "with ESMTPA id" in text
        assert text.endswith("\r\n\r\nhello\r\n")
        await client.close()

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("sender", "header", "expected"),
    [
        ("lee@example.test", b"", "550 5.7.1"),
        ("kim@remote.test", b"", "550 5.7.1"),
        ("kim@example.test", b"From: lee@example.test\r\n", "550 5.7.1"),
        ("kim@example.test", b"Sender: lee@example.test\r\n", "550 5.7.1"),
        ("kim@example.test", b"From: kim@example.test, l@x.test\r\n", "550 5.7.1"),
        ("kim@example.test", b"From: kim@example.test\r\n" * 2, "550 5.6.0"),
        ("kim@example.test", b"From: nobody in particular\r\n", "550 5.6.0"),
        ("kim@example.test", b"From: kim+x@example.test\r\n", "250"),
        ("kim+x@example.test", b"", "250"),
        ("boss@example.test", b"From: boss@example.test\r\n", "250"),
        ("", b"", "250"),
    ],
)
def test_who_may_send_as_whom(
    tmp_path: Path, sender: str, header: bytes, expected: str
) -> None:
    """Own address, sub-addresses and aliases; in the envelope and the header."""

    async def scene(house: House) -> None:
        await house.add("lee@example.test")
        await house.alias("boss@example.test", "kim@example.test")
        client = await Client.open(house.submission)
        await client.say("EHLO laptop.test", "250-")
        await client.login()
        mail = f"MAIL FROM:<{sender}>"
        if expected != "250" and not header:  # the envelope alone is refused at once
            await client.say(mail, expected)
        else:
            octets = header + b"Subject: x\r\n\r\n"
            await client.letter(sender, "lee@example.test", octets, expected)
        await client.close()

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b'To: lee@example.test, "a, b" <x@server>\r\n', "554 5.1.2"),
        (b"Cc: Team: lee@example.test, root@localhost;\r\n", "554 5.1.2"),
        (b"Reply-To: kim@laptop\r\n", "554 5.1.2"),
        (b"To: root, lee@[192.0.2.1], undisclosed:;\r\n", "250"),
        (b"To: lee@example.test\r\nCc: @, <>, x@\r\n", "250"),
    ],
)
def test_domains_in_the_header_are_whole(
    tmp_path: Path, header: bytes, expected: str
) -> None:
    """RFC 6409 §4.2; a name alone is nobody's domain."""

    async def scene(house: House) -> None:
        await house.add("lee@example.test")
        client = await Client.open(house.submission)
        await client.say("EHLO laptop.test", "250-")
        await client.login()
        octets = header + b"Subject: x\r\n\r\nx\r\n"
        await client.letter("kim@example.test", "lee@example.test", octets, expected)
        await client.close()

    play(tmp_path, scene)


def test_vrfy_and_expn_tell_users_only(tmp_path: Path) -> None:
    """RFC 5321 §3.5.3, §7.3."""

    async def scene(house: House) -> None:
        await house.alias("team@example.test", "kim@example.test", "x@remote.test")
        client = await Client.open(house.port)
        await client.say("EHLO a.test", "250-")
        await client.say("VRFY kim@example.test", "252")
        await client.say("VRFY nobody@example.test", "252")
        await client.say("EXPN team@example.test", "550")
        await client.login()
        assert "Kim <kim@example.test>" in await client.say("VRFY kim", "250")
        await client.say("VRFY nobody@example.test", "550 5.1.1")
        assert await client.say("EXPN team", "250") == (
            "250-2.1.5 <kim@example.test>\n250 2.1.5 <x@remote.test>"
        )
        await client.say("EXPN nobody", "550 5.1.1")
        await client.close()

    play(tmp_path, scene)


def test_a_large_letter_that_lies_about_its_bits_is_made_seven(tmp_path: Path) -> None:
    """No octet over 127 goes to a next hop without 8BITMIME (RFC 6152 §3).

    The first 300 000 octets are ASCII, and nothing says that there are others.
    """
    hop = Hop(offers=("PIPELINING",))
    text = b"0123456789\r\n" * 25_000 + "편지\r\n".encode()

    async def scene(house: House) -> None:
        client = await Client.open(house.port)
        await client.say("EHLO a.test", "250-")
        await client.letter("lee@remote.test", "who@old.test", HEADER + text)
        await house.inbox(house.kim)
        await client.close()

    async def run() -> None:
        async with hop:
            route = Route(domain="old.test", hosts=(("127.0.0.1", hop.port),))
            options = Options(hostname="mx.example.test", routes={"old.test": route})
            async with House(tmp_path, options) as house:
                await scene(house)

    asyncio.run(run())
    (taken,) = hop.taken
    assert taken.octets.isascii()
    payload = email.message_from_bytes(taken.octets).get_payload(decode=True)
    assert payload == text


HEADER = b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n"


def test_etrn_and_turn_ask_for_ones_own_domains(tmp_path: Path) -> None:
    """RFC 1985 §5.1, RFC 2645 §4."""

    async def scene(house: House) -> None:
        await house.add("site@example.test", turn_domains=("site.test",))
        client = await Client.open(house.port)
        await client.say("EHLO a.test", "250-")
        await client.say("ETRN site.test", "4")
        await client.say("TURN", "5")
        await client.login("site@example.test")
        await client.say("ETRN other.test", "459")
        await client.say("ETRN site.test", "251")
        await client.say("ATRN other.test", "450")
        await client.say("ATRN site.test", "453")
        await client.close()
        other = await Client.open(house.port)
        await other.say("EHLO a.test", "250-")
        await other.login()
        await other.say("ATRN site.test", "450")
        await other.close()

    play(tmp_path, scene)


def test_a_domain_is_said_whole(tmp_path: Path) -> None:
    """RFC 6409 §4.2: no single labels, unless a route knows them."""

    async def scene(house: House) -> None:
        client = await Client.open(house.submission)
        await client.say("EHLO a.test", "250-")
        await client.login()
        await client.say("MAIL FROM:<kim@example.test>", "250")
        await client.say("RCPT TO:<lee@sales>", "554 5.1.2")
        await client.say("RCPT TO:<lee@printers>", "250")
        await client.say("RCPT TO:<lee@[192.0.2.1]>", "250")
        await client.say("RSET", "250")
        await client.close()

    routes = {"printers": Route(domain="printers", hosts=(("127.0.0.1", 1),))}
    play(tmp_path, scene, routes=routes)


def test_submission_starts_no_queues_and_turns_no_roles(tmp_path: Path) -> None:
    """ETRN and ATRN are not for submission (RFC 6409 §7)."""

    async def scene(house: House) -> None:
        client = await Client.open(house.submission)
        offered = await client.say("EHLO a.test", "250-")
        assert "PIPELINING" in offered
        assert "TRN" not in offered
        await client.login()
        await client.say("ETRN site.test", "502")
        await client.say("ATRN", "502")
        await client.close()

    play(tmp_path, scene)


def test_progress_is_told_after_verb(tmp_path: Path) -> None:
    """VERB: 050 lines before the answer to the letter."""

    async def scene(house: House) -> None:
        client = await Client.open(house.port)
        await client.say("EHLO a.test", "250-")
        await client.say("VERB", "250")
        await client.say("MAIL FROM:<lee@remote.test>", "250")
        await client.say("RCPT TO:<kim@example.test>", "250")
        await client.say("DATA", "354")
        reply = await client.say(b"Subject: x\r\n\r\n.", "050")
        while reply.startswith("050"):
            reply = await client.reply()
        assert reply.startswith("250 2.0.0")
        await client.close()

    play(tmp_path, scene)


def test_wrong_passwords_are_refused_and_right_ones_relay(tmp_path: Path) -> None:
    """535, then after 235 mail for anybody is taken."""

    async def scene(house: House) -> None:
        client = await Client.open(house.port)
        await client.say("EHLO a.test", "250-")
        await client.say("AUTH PLAIN AGtpbUBleGFtcGxlLnRlc3QAd3Jvbmc=", "535")
        await client.login()
        await client.say("MAIL FROM:<kim@example.test>", "250")
        await client.say("RCPT TO:<who@elsewhere.test>", "250")
        await client.say("RSET", "250")
        await client.close()

    play(tmp_path, scene)


def test_python_smtplib_with_starttls(tmp_path: Path) -> None:
    """A program of everyday use: STARTTLS, AUTH, a letter."""
    import smtplib
    import ssl

    def send(port: int) -> Any:
        context = ssl._create_unverified_context()
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.starttls(context=context)
            client.login("kim@example.test", "correct horse")
            return client.sendmail(
                "kim@example.test", ["kim@example.test"], "Subject: x\n\nhello\n"
            )

    async def scene(house: House) -> None:
        assert await asyncio.to_thread(send, house.submission) == {}
        found = await house.inbox(house.kim)
        assert b"with ESMTPSA id" in found[0]
        assert b"(using TLSv1" in found[0]

    play(tmp_path, scene, tls=True)


def test_wishes_of_the_way_are_kept(tmp_path: Path) -> None:
    """At submission all three; strangers are not urgent and wait for nothing."""

    async def scene(house: House) -> None:
        stranger = await Client.open(house.port)
        said = await stranger.say("EHLO a.test", "250-")
        assert "FUTURERELEASE" not in said
        assert "MT-PRIORITY" in said
        await stranger.say("MAIL FROM:<x@y.test> MT-PRIORITY=5", "250 2.3.6 0 ")
        await stranger.say("RSET", "250")
        await stranger.say("MAIL FROM:<x@y.test> HOLDFOR=5", "555 5.5.4")
        await stranger.close()
        client = await Client.open(house.submission)
        said = await client.say("EHLO a.test", "250-")
        assert "FUTURERELEASE 2592000 " in said
        await client.login()
        words = "HOLDFOR=60 BY=120;N MT-PRIORITY=5"
        await client.say(f"MAIL FROM:<kim@example.test> {words}", "250 2.1.0")
        await client.say("RCPT TO:<kim@example.test>", "250")
        await client.say("DATA", "354")
        await client.say(b"From: kim@example.test\r\n\r\nx\r\n.", "250")
        assert await house.inbox(house.kim) == []
        (queued,) = await house.store.office.summaries()
        events = await house.store.office.trace(queued.id)
        assert events[0].facts["priority"] == "5"
        house.clock.advance(61)
        house.runner.wake()
        (octets,) = await house.inbox(house.kim)
        assert b"\r\n\tpriority 5;" in octets
        await client.close()

    play(tmp_path, scene)


def test_only_so_much_is_held_for_an_account(tmp_path: Path) -> None:
    """MAIL is refused with 552 5.7.16, until some has been released (RFC 4865 §6)."""

    async def hand_in(client: Client, seconds: int, octets: int = 10) -> None:
        await client.say(f"MAIL FROM:<kim@example.test> HOLDFOR={seconds}", "250")
        await client.say("RCPT TO:<kim@example.test>", "250")
        await client.say("DATA", "354")
        body = b"x" * 70 + b"\r\n"
        lines = body * (octets // len(body) + 1)
        await client.say(b"From: kim@example.test\r\n\r\n" + lines + b".", "250")

    async def scene(house: House) -> None:
        client = await Client.open(house.submission)
        await client.say("EHLO a.test", "250-")
        await client.login()
        await hand_in(client, 60)
        await hand_in(client, 120)
        await client.say("MAIL FROM:<kim@example.test> HOLDFOR=60", "552 5.7.16")
        await client.say("MAIL FROM:<kim@example.test>", "250")  # others go
        await client.say("RSET", "250")
        house.clock.advance(61)
        house.runner.wake()
        assert len(await house.inbox(house.kim)) == 1
        held = "MAIL FROM:<kim@example.test> HOLDFOR=60"
        await client.say(f"{held} SIZE=5000", "552 5.7.16")
        await client.say(f"{held} SIZE=500", "250")
        await client.say("RCPT TO:<kim@example.test>", "250")
        await client.say("DATA", "354")
        large = b"\r\n".join([b"x" * 70] * 70)
        await client.say(b"From: kim@example.test\r\n\r\n" + large + b"\r\n.", "552")
        (queued,) = await house.store.office.summaries()
        await house.store.office.remove([queued.id])  # what is gone does not count
        now = house.clock.time()
        nothing = Held(letters=0, octets=0)
        assert await house.store.office.future("kim@example.test", now) == nothing
        await hand_in(client, 60)
        assert len(await house.store.office.summaries()) == 1
        await client.close()

    play(tmp_path, scene, max_held_letters=2, max_held_octets=4000)
