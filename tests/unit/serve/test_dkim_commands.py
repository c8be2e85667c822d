"""`pyeonji dkim`: keys are made, published, rotated with overlap, retired."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import dns.zone
import pytest
from typer.testing import CliRunner

from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.mta.signing.keys import (
    OVERLAP_S,
    KeyRefused,
    Sealing,
    retirement,
    rotation,
    signing_key,
)
from pyeonji.net.dns import Resolver
from pyeonji.serve.cli import app
from pyeonji.storage.directory import DkimKey, KeyState
from pyeonji.storage.embedded import open_store

if TYPE_CHECKING:
    from pathlib import Path


class Desk:
    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.config = folder / "pyeonji.toml"
        self.config.write_text(f'hostname = "mx.example.test"\ndata = "{self.data}"\n')
        self.say("domain", "add", "example.test")

    def say(self, *words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["--config", str(self.config), *words])
        said = str(result.exception) if result.exception else ""
        assert result.exit_code == code, result.output + said
        return result.output + said

    def kept(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(
            self.say("dkim", "list", "example.test", "--json")
        )
        return found

    def states(self) -> list[tuple[str, str]]:
        return [(key["type"], key["state"]) for key in self.kept()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def dns_texts(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What DNS says, instead of the Internet."""
    texts: dict[str, str] = {}

    async def ask(_: Resolver, name: str, kind: str) -> DnsAnswer:
        if kind != "TXT" or name not in texts:
            return DnsAnswer(status=DnsStatus.NO_NAME)
        return DnsAnswer(status=DnsStatus.FOUND, records=(texts[name],))

    monkeypatch.setattr(Resolver, "ask", ask)
    return texts


def test_a_new_domain_has_keys_that_sign(desk: Desk) -> None:
    assert sorted(desk.states()) == [("ed25519", "active"), ("rsa", "active")]
    shown = desk.say("dkim", "list")
    assert "example.test" in shown
    assert "active (signs)" in shown

    async def opens() -> None:
        store = await open_store(desk.data)
        sealing = Sealing(store.sealer.seal, store.sealer.unseal)
        for key in await store.directory.dkim_keys("example.test"):
            opened = signing_key(key, sealing)
            assert opened is not None
            assert opened.record == key.record
            assert key.record not in repr(key.sealed)
            assert signing_key(key, Sealing(lambda _: b"", lambda _: None)) is None
        await store.close()

    asyncio.run(opens())


def test_the_zone_file_has_them(desk: Desk) -> None:
    """A long key is cut into strings of 255 octets."""
    text = desk.say("dkim", "show-dns", "example.test")
    head, _, rest = text.partition("\n")
    soa = "@ IN SOA ns h 1 3600 900 604800 300\n@ IN NS ns.else.test.\n"
    zone = dns.zone.from_text(f"{head}\n$TTL 9\n{soa}{rest}", relativize=False)
    for key in desk.kept():
        (record,) = zone.find_rdataset(key["name"] + ".", "TXT")
        assert b"".join(record.strings).decode() == key["record"]
    whole = json.loads(desk.say("dkim", "show-dns", "example.test", "--json"))
    assert [each["data"] for each in whole] == [k["record"] for k in desk.kept()]


def test_rotation_waits_for_dns(desk: Desk, dns_texts: dict[str, str]) -> None:
    old = {key["selector"] for key in desk.kept()}
    desk.say("dkim", "rotate", "example.test")
    assert sorted(state for _, state in desk.states()) == [
        "active",
        "active",
        "waiting",
        "waiting",
    ]
    said = desk.say("dkim", "rotate", "example.test", code=1)
    assert "is not in DNS yet" in said
    for key in desk.kept():
        dns_texts[key["name"]] = key["record"].replace("p=", "p= ")
    desk.say("dkim", "rotate", "example.test")
    states = {key["selector"]: key["state"] for key in desk.kept()}
    assert {name for name, state in states.items() if state == "retiring"} == old
    assert sorted(states.values()) == ["active", "active", "retiring", "retiring"]
    assert "no key has been retiring for 7 days" in desk.say(
        "dkim", "retire", "example.test"
    )
    for selector in old:
        said = desk.say("dkim", "retire", "example.test", selector)
        assert "take its record out of DNS" in said
    assert [state for _, state in desk.states()] == ["active", "active"]


def test_what_makes_no_sense_is_refused(desk: Desk) -> None:
    desk.say("dkim", "rotate", "else.test", code=1)
    names = [key["selector"] for key in desk.kept()]
    assert "nothing would sign" in desk.say(
        "dkim", "retire", "example.test", *names, code=1
    )
    assert "no key has the selector" in desk.say(
        "dkim", "retire", "example.test", "nobody", code=1
    )
    assert "cannot be a selector" in desk.say(
        "dkim", "generate", "example.test", "--type", "rsa", "--selector", "a b", code=1
    )
    for wrong in (("--type", "dsa"), ("--selector", "one")):
        desk.say("dkim", "generate", "example.test", *wrong, code=1)
    desk.say("dkim", "generate", "example.test", "--type", "rsa", "--selector", "one")
    desk.say(
        "dkim", "generate", "example.test", "--type", "rsa", "--selector", "one", code=1
    )


def key(selector: str, kind: str, state: KeyState, at: float = 0) -> DkimKey:
    return DkimKey(
        domain="a.test",
        selector=selector,
        type=kind,
        state=state,
        record="",
        sealed=b"",
        created_at=0,
        changed_at=at,
    )


def test_what_comes_next() -> None:
    """The plan of each step, as a table."""
    old = key("o", "rsa", KeyState.ACTIVE)
    other = key("e", "ed25519", KeyState.ACTIVE)
    new = key("n", "rsa", KeyState.WAITING)
    gone = key("g", "rsa", KeyState.RETIRING, at=100)
    assert rotation([old, other, new, gone]) == {
        "n": KeyState.ACTIVE,
        "o": KeyState.RETIRING,
    }
    with pytest.raises(KeyRefused):
        rotation([old, gone])
    assert retirement([old, gone], 100 + OVERLAP_S - 1) == {}
    assert retirement([old, gone], 100 + OVERLAP_S) == {"g": None}
    assert retirement([old, other], 0, ["o"]) == {"o": KeyState.RETIRING}
    assert retirement([old, new], 0, ["n"]) == {"n": None}
