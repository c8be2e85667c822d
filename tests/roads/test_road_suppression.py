"""An address that does not exist elsewhere is not asked for again and again."""

from __future__ import annotations

from pathlib import Path

from tests.roads.smtp_house import Client, House, play
from tests.unit.mta.hop import Hop

from pyeonji.mta.options import DAY, Route
from pyeonji.mta.queue.plan import Fate, Outcome
from pyeonji.mta.suppressing import suppressed_by
from pyeonji.storage.queue import NewLetter, QueuedLetter, Recipient
from pyeonji.storage.suppressions import Suppression

LETTER = b"From: kim@example.test\r\nSubject: x\r\n\r\nx\r\n"


async def ask(house: House, sender: str, recipient: str, expected: str) -> str:
    client = await Client.open(house.submission)
    await client.say("EHLO a.test", "250-")
    await client.login()
    await client.say(f"MAIL FROM:<{sender}>", "250")
    reply = await client.say(f"RCPT TO:<{recipient}>", expected)
    await client.close()
    return reply


def test_a_hard_bounce_is_remembered_for_a_while(tmp_path: Path) -> None:
    """Refused at RCPT with the reason; other addresses and strangers go on."""
    hop = Hop(script={"RCPT": ["550 5.1.1 no \u2603 such user", "550 5.7.1 spam"]})

    async def scene(house: House) -> None:
        async with hop:
            hosts = (("127.0.0.1", hop.port),)
            house.options.routes["a.test"] = Route(domain="a.test", hosts=hosts)  # type: ignore[index]
            client = await Client.open(house.submission)
            await client.say("EHLO a.test", "250-")
            await client.login()
            await client.letter("kim@example.test", "lee@a.test", LETTER)
            await client.letter("kim@example.test", "other@a.test", LETTER)
            await house.inbox(house.kim)
            await client.close()
            said = await ask(house, "kim@example.test", "LEE@a.test", "550 5.1.1")
            assert "127.0.0.1" in said
            assert "no \\x{" in said
            assert said.isascii()
            await ask(house, "kim@example.test", "other@a.test", "250")
            await ask(house, "", "postmaster@a.test", "250")
            stranger = await Client.open(house.port)
            await stranger.say("EHLO a.test", "250-")
            await stranger.say("MAIL FROM:<x@y.test>", "250")
            await stranger.say("RCPT TO:<lee@a.test>", "250")
            await stranger.say("RCPT TO:<postmaster@else.test>", "550 5.7.1")
            await stranger.close()
            (known,) = await house.store.suppressions.listed(house.clock.time())
            assert (known.address, known.until - known.added_at) == (
                "lee@a.test",
                7 * DAY,
            )
            house.clock.advance(7 * DAY + 1)
            await ask(house, "kim@example.test", "lee@a.test", "250")

    play(tmp_path, scene, routes={})


def test_the_list_is_the_operators(tmp_path: Path) -> None:
    """Added, replaced, listed by domain, removed, forgotten in time."""

    async def scene(house: House) -> None:
        held = house.store.suppressions
        now = house.clock.time()
        for address, seconds in (("a@x.test", 50), ("B@X.test", 90), ("c@y.test", 90)):
            await held.add(
                Suppression(
                    address=address, reason="r", added_at=now, until=now + seconds
                )
            )
        assert len(await held.listed(now)) == 3
        assert [one.address for one in await held.listed(now, domain="x.test")] == [
            "a@x.test",
            "B@X.test",
        ]
        assert await held.remove("b@x.TEST")
        assert not await held.remove("b@x.test")
        assert await held.find("a@x.test", now + 49) is not None
        assert await held.find("a@x.test", now + 50) is None
        assert len(await held.listed(now + 51)) == 1

    play(tmp_path, scene)


def test_only_what_the_next_hop_said_of_our_users_letter() -> None:
    """Not our own findings, not of strangers' letters, not of what may pass."""

    def found(
        user: str = "kim@example.test",
        status: str = "5.1.1",
        remote: str = "mx.a.test",
        fate: Fate = Fate.NEVER,
    ) -> int:
        letter = NewLetter(
            reverse_path="kim@example.test",
            recipients=(Recipient(address="lee@a.test"),),
            content=b"",
            prefix=b"",
            accepted_at=1.0,
            facts={"user": user},
        )
        queued = QueuedLetter(
            id="1",  # type: ignore[arg-type]
            letter=letter,
            recipients=letter.recipients,
            size_octets=0,
        )
        outcome = Outcome(index=0, fate=fate, status=status, reply="no", remote=remote)
        return len(suppressed_by(queued, [outcome], 5.0, 60.0))

    assert found() == 1
    assert found(status="5.1.10") == 1
    assert found(user="") == 0
    assert found(remote="") == 0
    assert found(status="5.7.1") == 0
    assert found(status="5.0.0") == 0
    assert found(fate=Fate.LATER) == 0
