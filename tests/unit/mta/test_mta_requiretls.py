"""Letters whose sender requires TLS all the way, or doesn't care (RFC 8689)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.unit.mta.authority import Signed, authority, sign
from tests.unit.mta.hop import Hop
from tests.unit.mta.relaying import report, status_of
from tests.unit.mta.world import World, options

from pyeonji.mta.receive.inspect import tls_wish
from pyeonji.mta.relay.way import way
from pyeonji.storage.queue import NewLetter, TlsWish

CA = authority()
MX = sign("mx.a.test", by=CA)
OFFERS = ("PIPELINING", "8BITMIME", "DSN", "REQUIRETLS")
REQUIRED = {"tls_wish": "required"}


@pytest.fixture(autouse=True)
def public_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's authority is the one that the system trusts."""
    (tmp_path / "ca.pem").write_bytes(CA.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


def send(hop: Hop, *, secure: bool = True, sender: str = "kim@example.test") -> World:
    async def run() -> World:
        async with hop:
            world = World(options(relay_port=hop.port))
            world.zone |= {
                ("a.test", "MX"): ["10 mx.a.test."],
                ("mx.a.test", "A"): ["127.0.0.1"],
            }
            if secure:
                world.secure.add("a.test")
            async with world:
                await world.send("lee@a.test", sender=sender, facts=dict(REQUIRED))
                await world.settle()
            return world

    return asyncio.run(run())


def test_where_the_next_hop_can_it_is_passed_on() -> None:
    """RFC 8689 §4.2.1."""
    hop = Hop(offers=OFFERS, tls=MX.context())
    world = send(hop)
    (taken,) = hop.taken
    assert taken.tls
    assert " REQUIRETLS" in taken.mail
    assert world.queue.journey[-1].facts["certificate"].startswith("verified")


@pytest.mark.parametrize(
    ("hop", "secure", "status"),
    [
        (Hop(tls=MX.context()), True, "5.7.30"),
        (Hop(offers=OFFERS), True, "5.7.10"),
        (Hop(offers=OFFERS, tls=sign("mx.a.test").context()), True, "5.7.10"),
        (Hop(offers=OFFERS, tls=sign("mx.b.test", by=CA).context()), True, "5.7.10"),
        (Hop(offers=OFFERS, tls=MX.context()), False, "5.7.10"),
    ],
)
def test_where_it_can_not_it_goes_back(hop: Hop, *, secure: bool, status: str) -> None:
    """At once, with its header only, and the report is as secret (RFC 8689 §5)."""
    world = send(hop, secure=secure)
    assert not hop.taken
    assert not any(line.startswith("MAIL") for line in hop.heard)
    told = report(world)
    assert f"Status: {status}" in status_of(told)
    assert "hello" not in told.as_string().partition("text/rfc822-headers")[2]
    assert "text/rfc822-headers" in told.as_string()
    assert world.queue.accepted[-1].reverse_path == ""
    assert world.queue.accepted[-1].tls_wish is TlsWish.REQUIRED


def test_a_report_goes_as_well_as_it_can() -> None:
    """RFC 8689 §5."""
    can, cannot = Hop(offers=OFFERS, tls=MX.context()), Hop()
    send(can, sender="")
    assert " REQUIRETLS" in can.taken[0].mail
    send(cannot, sender="")
    assert " REQUIRETLS" not in cannot.taken[0].mail


@pytest.mark.parametrize(
    ("header", "wish"),
    [
        (b"TLS-Required: No\r\n", TlsWish.OPTIONAL),
        (b"Subject: x\r\ntls-required:no\r\n\r\n", TlsWish.OPTIONAL),
        (b"TLS-Required:\r\n No\r\n", TlsWish.OPTIONAL),
        (b"TLS-Required: yes\r\n", TlsWish.USUAL),
        (b"TLS-Required: No\r\nTLS-Required: No\r\n", TlsWish.USUAL),
        (b"X-TLS-Required: No\r\n", TlsWish.USUAL),
        (b"Subject: TLS-Required: No\r\n", TlsWish.USUAL),
        (b"", TlsWish.USUAL),
    ],
)
def test_the_header_field(header: bytes, wish: TlsWish) -> None:
    """One field, one value (RFC 8689 §3); MAIL's parameter comes first (§4.1)."""
    assert tls_wish(header, required=False) is wish
    assert tls_wish(header, required=True) is TlsWish.REQUIRED


def test_such_letters_have_connections_of_their_own() -> None:
    def name(facts: dict[str, str]) -> str:
        letter = NewLetter(
            reverse_path="kim@example.test",
            recipients=(),
            content=b"",
            prefix=b"",
            accepted_at=0.0,
            facts=facts,
        )
        return way("a.test", letter, options()).name

    assert len({name({}), name(REQUIRED), name({"tls_wish": "optional"})}) == 3


@pytest.mark.parametrize(
    ("shown", "secure", "goes"),
    [
        (MX, True, True),
        (MX, False, False),
        (sign("mx.a.test"), True, False),
        (None, True, False),
    ],
)
def test_the_operator_may_require_it(
    shown: Signed | None, *, secure: bool, goes: bool
) -> None:
    """Of a domain's hosts, for all letters (RFC 7672 §6): else they wait."""
    hop = Hop(tls=shown.context() if shown is not None else None)

    async def run() -> World:
        async with hop:
            strict = frozenset({"a.test"})
            world = World(options(relay_port=hop.port, strict=strict))
            world.zone |= {
                ("a.test", "MX"): ["10 mx.a.test."],
                ("mx.a.test", "A"): ["127.0.0.1"],
            }
            if secure:
                world.secure.add("a.test")
            async with world:
                await world.send("lee@a.test")
                await world.settle()
            return world

    world = asyncio.run(run())
    assert len(hop.taken) == goes
    if not goes:
        (waiting,) = world.queue.letters.values()
        said = waiting.recipients[0].last_reply
        assert "operator asks" in said or "nobody vouches" in said
