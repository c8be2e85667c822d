"""Letters to domains with an MTA-STS policy (RFC 8461 §5)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.unit.mta.authority import DAY, Signed, authority, sign
from tests.unit.mta.hop import Hop
from tests.unit.mta.relaying import report, status_of
from tests.unit.mta.test_mta_sts import POLICY, Web
from tests.unit.mta.world import World, options

CA = authority()
MX = sign("mx.a.test", by=CA)
OLD = sign("mx.a.test", by=CA, until=-DAY)
OTHER = sign("mx.b.test", by=CA)
STRANGER = sign("mx.a.test")


@pytest.fixture(autouse=True)
def public_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's authority is the one that the system trusts."""
    (tmp_path / "ca.pem").write_bytes(CA.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


def send(
    hop: Hop,
    *,
    mode: str = "enforce",
    mx: str = "mx.a.test",
    tlsa: str = "",
    wish: str = "",
    later: float = 0.0,
) -> World:
    octets = POLICY.replace(b"enforce", mode.encode())
    web = Web(octets=octets.replace(b"mx.a.test", mx.encode()))

    async def run() -> World:
        async with hop:
            world = World(options(relay_port=hop.port), policies=web.policies_of())
            world.zone |= {
                ("a.test", "MX"): ["10 mx.a.test."],
                ("mx.a.test", "A"): ["127.0.0.1"],
            }
            if tlsa:
                world.secure.add("a.test")
                world.zone[f"_{hop.port}._tcp.mx.a.test", "TLSA"] = [tlsa]
            async with world:
                facts = {"tls_wish": wish} if wish else {}
                await world.send("lee@a.test", facts=facts)
                await world.settle()
                if later:
                    await world.later(later)
            return world

    return asyncio.run(run())


def hop(shown: Signed | None = MX) -> Hop:
    return Hop(tls=shown.context() if shown is not None else None)


BAD = [
    (OLD, "certificate-expired"),
    (OTHER, "certificate-host-mismatch"),
    (STRANGER, "certificate-not-trusted"),
    (None, "starttls-not-supported"),
]


def test_a_good_host_is_given_the_letter() -> None:
    mx = hop()
    world = send(mx)
    assert [one.tls for one in mx.taken] == [True]
    assert world.queue.journey[-1].facts["certificate"] == "verified, MTA-STS"
    (result,) = world.results
    assert (result.policy.kind, result.failure) == ("sts", "")
    assert result.policy.lines[1] == "mode: enforce"


@pytest.mark.parametrize(("shown", "failure"), BAD)
def test_enforce(shown: Signed | None, failure: str) -> None:
    """The letter waits, nothing is said in clear, the sender is told why."""
    mx = hop(shown)
    world = send(mx, later=5 * 3600)
    assert not mx.taken
    assert not any(line.startswith(("MAIL", "RCPT", "DATA")) for line in mx.heard)
    (letter,) = world.queue.letters.values()
    assert "MTA-STS" in letter.recipients[0].last_reply
    told = " ".join(status_of(report(world)).split())
    assert "Action: delayed" in told
    assert "the domain's MTA-STS policy asks for it" in told
    assert "nothing was sent to it" in told
    assert {one.failure for one in world.results} == {failure}


@pytest.mark.parametrize(("shown", "failure"), BAD)
def test_testing(shown: Signed | None, failure: str) -> None:
    """It is only told in reports (RFC 8461 §5)."""
    mx = hop(shown)
    world = send(mx, mode="testing")
    assert [one.tls for one in mx.taken] == [shown is not None]
    assert [one.failure for one in world.results] == [failure]
    assert world.results[0].policy.kind == "sts"


def test_none() -> None:
    mx = hop(OLD)
    world = send(mx, mode="none")
    assert len(mx.taken) == 1
    assert world.results[0].policy.kind == "no-policy-found"


def test_a_host_that_is_not_named() -> None:
    """RFC 8461 §4.1."""
    mx = hop()
    world = send(mx, mx="mx.b.test")
    assert mx.connections == 0
    (letter,) = world.queue.letters.values()
    assert "none of the hosts" in letter.recipients[0].last_reply
    testing = hop()
    world = send(testing, mode="testing", mx="mx.b.test")
    assert len(testing.taken) == 1
    assert [one.failure for one in world.results] == ["validation-failure"]


def test_dane_comes_first() -> None:
    """RFC 8461 §2: neither makes the other's failure good."""
    mx = hop(STRANGER)
    send(mx, tlsa=STRANGER.tlsa(3))
    assert len(mx.taken) == 1
    wrong = hop(MX)
    send(wrong, tlsa=STRANGER.tlsa(3))
    assert not wrong.taken


def test_the_sender_may_not_care() -> None:
    """TLS-Required: No (RFC 8689 §4.2.2)."""
    mx = hop(OLD)
    send(mx, wish="optional")
    assert [one.tls for one in mx.taken] == [True]


def test_the_sender_may_require_what_is_only_tested() -> None:
    """RFC 8689 §4.2.1: MTA-STS vouches for the host, whatever its mode."""
    can = Hop(tls=MX.context(), offers=("REQUIRETLS",))
    send(can, mode="testing", wish="required")
    assert len(can.taken) == 1
    wrong = Hop(tls=OLD.context(), offers=("REQUIRETLS",))
    world = send(wrong, mode="testing", wish="required")
    assert not wrong.taken
    assert "5.7.10" in status_of(report(world))
