"""DANE and MTA-STS as in the world: a signed zone, a validating resolver, strangers.

The zones are made for the test; what the server knows it knows from unbound.
"""

from __future__ import annotations

import os
import smtplib
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.clients.internet import PLAIN, SIGNED, Exchanger, Names, Web, address
from tests.clients.letters import SENDER, password_of
from tests.running import HOST, Server
from tests.unit.mta.authority import DAY, Signed, authority, sign

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# aiosmtpd leaves sockets open when a handshake fails
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)

CA = authority("the public authority")
OWN = authority("somebody's own authority")

POLICY = "version: STSv1\r\nmode: {mode}\r\nmx: mx.{name}\r\nmax_age: 86400\r\n"


@dataclass(frozen=True)
class House:
    """A domain: what its exchanger shows, and what it publishes."""

    name: str
    shown: Signed | None
    tlsa: str = ""
    mode: str = ""  # of MTA-STS
    goes: bool = True
    tls: bool = True


def _host(name: str, by: Signed | None = CA, **more: object) -> Signed:
    return sign(f"mx.{name}", by=by, **more)  # type: ignore[arg-type]


def _dane() -> list[House]:
    def house(
        name: str,
        shown: Signed | None,
        tlsa: str,
        *,
        goes: bool = True,
        tls: bool = True,
    ) -> House:
        return House(f"{name}.{SIGNED}", shown, tlsa, goes=goes, tls=tls)

    right, alien = _host(f"right.{SIGNED}"), _host(f"wrong.{SIGNED}")
    old = _host(f"old.{SIGNED}", by=OWN, until=-DAY)
    old_issued = _host(f"oldissued.{SIGNED}", by=OWN, until=-DAY)
    issued = _host(f"issued.{SIGNED}", by=OWN)
    misnamed = _host(f"elsewhere.{SIGNED}", by=OWN)
    forged = _host(f"forged.{SIGNED}")
    return [
        house("right", right, right.tlsa(3)),
        house("wrong", _host(f"wrong.{SIGNED}"), alien.tlsa(3), goes=False),
        house("old", old, old.tlsa(3)),
        house("oldissued", old_issued, OWN.tlsa(2, 0), goes=False),
        house("issued", issued, OWN.tlsa(2, 0)),
        house("misnamed", misnamed, OWN.tlsa(2, 0), goes=False),
        house("missing", sign("whoever.test"), ""),
        house("clear", None, "", tls=False),
        house("silent", None, right.tlsa(3), goes=False),
        house("unusable", sign("whoever.test"), "1 1 1 " + "ab" * 32),
        house("forged", forged, forged.tlsa(3), goes=False),
        House(f"unsigned.{PLAIN}", sign("whoever.test"), alien.tlsa(3)),
    ]


def _sts() -> list[House]:
    def house(
        name: str,
        shown: Signed | None,
        mode: str,
        *,
        goes: bool = True,
        tls: bool = True,
    ) -> House:
        return House(f"{name}.{PLAIN}", shown, mode=mode, goes=goes, tls=tls)

    good = f"stsgood.{PLAIN}"
    return [
        house("stsgood", _host(good), "enforce"),
        house("stskept", _host(f"stskept.{PLAIN}"), "enforce"),
        house("stsalien", _host(f"stsalien.{PLAIN}", by=OWN), "enforce", goes=False),
        house("stsold", _host(f"stsold.{PLAIN}", until=-DAY), "enforce", goes=False),
        house("stsname", _host(f"other.{PLAIN}"), "enforce", goes=False),
        house("stsclear", None, "enforce", goes=False),
        house("ststest", _host(f"ststest.{PLAIN}", by=OWN), "testing"),
        house("stsnone", None, "none", tls=False),
    ]


HOUSES = _dane() + _sts()


class World:
    """All of it."""

    def __init__(
        self, server: Server, exchangers: dict[str, Exchanger], web: Web
    ) -> None:
        self.server = server
        self.exchangers = exchangers
        self.web = web

    def send(self, domain: str) -> str:
        """Submit a letter; its token."""
        token = uuid.uuid4().hex
        header = f"From: {SENDER}\r\nMessage-ID: <{token}@test>\r\n"
        octets = f"{header}Subject: x\r\n\r\nhello\r\n".encode()
        port = self.server.port("submission")
        with smtplib.SMTP(HOST, port, timeout=20) as client:
            client.starttls(context=self.server.tls_context())
            client.login(SENDER, password_of(SENDER))
            client.sendmail(SENDER, [f"lee@{domain}"], octets)
        return token

    def why_it_waits(self, token: str) -> str:
        """What `trace` says of the letter's attempt."""
        deadline = time.monotonic() + 30
        while True:
            told = self.server.run("trace", f"<{token}@test>").decode()
            if "deferred" in told:
                return told
            assert time.monotonic() < deadline, told
            time.sleep(0.1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    assert os.geteuid() == 0, "ports 25 and 443 are root's"
    folder: Path = tmp_path_factory.mktemp("authority")
    (folder / "ca.pem").write_bytes(CA.pem)
    zones = {SIGNED: "", PLAIN: ""}
    exchangers: dict[str, Exchanger] = {}
    policies: dict[str, str] = {}
    for number, house in enumerate(HOUSES, 10):
        name, at = house.name, address(number)
        exchangers[name] = Exchanger(house.shown, at)
        lines = [f"{name}. MX 10 mx.{name}.", f"mx.{name}. A {at}"]
        if house.tlsa:
            lines.append(f"_25._tcp.mx.{name}. TLSA {house.tlsa}")
        if house.mode:
            lines.append(f'_mta-sts.{name}. TXT "v=STSv1; id=1;"')
            lines.append(f"mta-sts.{name}. A {address(200)}")
            policies[f"mta-sts.{name}"] = POLICY.format(mode=house.mode, name=name)
        zones[name.partition(".")[2]] += "\n".join([*lines, ""])
    forged = next(h for h in HOUSES if h.name.startswith("forged"))
    digest = forged.tlsa.split()[3]
    other = _host(forged.name).tlsa(3).split()[3]
    web = Web(sign(*policies, by=CA), policies)
    extra = "[dns]\nservers = ['127.0.0.1:{port}']\nvalidating = true\n"
    extra += "[relay]\nprivate_addresses = true\n"
    with (
        pytest.MonkeyPatch.context() as patch,
        Names(zones[SIGNED], zones[PLAIN], {digest: other}) as names,
    ):
        patch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
        web.start()
        for each in exchangers.values():
            each.start()
        try:
            with Server(extra=extra.format(port=names.port)) as server:
                words = ("account", "add", SENDER, "--password-stdin")
                server.run(*words, stdin=password_of(SENDER))
                yield World(server, exchangers, web)
        finally:
            web.stop()
            for each in exchangers.values():
                each.stop()


@pytest.mark.parametrize("house", HOUSES, ids=lambda one: one.name)
def test_right_wrong_expired_missing(world: World, house: House) -> None:
    """To the right host it goes; else it waits, and not a word is said in clear."""
    exchanger = world.exchangers[house.name]
    token = world.send(house.name)
    if house.goes:
        assert exchanger.got(token) is house.tls
        return
    told = world.why_it_waits(token)
    assert ("MTA-STS" if house.mode else "TLSA") in told
    assert exchanger.heard == []
    assert exchanger.taken == []


def test_what_is_proved_stands_in_the_journey(world: World) -> None:
    world.exchangers[f"right.{SIGNED}"].got(world.send(f"right.{SIGNED}"))
    told = world.server.run("trace", f"lee@right.{SIGNED}").decode()
    assert "verified, DANE 3 1 1" in told
    world.exchangers[f"stsgood.{PLAIN}"].got(world.send(f"stsgood.{PLAIN}"))
    told = world.server.run("trace", f"lee@stsgood.{PLAIN}").decode()
    assert "verified, MTA-STS" in told


def test_a_policy_outlives_its_web_server(world: World) -> None:
    """It is kept on the disk until its time is over (RFC 8461 §3.3)."""
    name = f"stskept.{PLAIN}"
    before = world.exchangers[name]
    assert before.got(world.send(name))
    world.web.stop()
    before.stop()
    after = Exchanger(_host(name, by=OWN), before.address)
    after.start()
    world.exchangers[name] = after
    world.server.restart()
    assert "MTA-STS" in world.why_it_waits(world.send(name))
    assert after.taken == []
