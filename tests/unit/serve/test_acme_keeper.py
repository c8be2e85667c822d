"""The keeper renews in good time, waits after refusals, and shows what changed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from pyeonji.base.clock import SetClock
from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.serve.acme import keeper as keeping
from pyeonji.serve.acme.folder import AcmeFolder
from pyeonji.serve.acme.keeper import Keeper, names_now
from pyeonji.serve.certificates import described, make_self_signed
from pyeonji.serve.configuration import Configuration, parse
from pyeonji.storage.directory import Domain
from pyeonji.storage.embedded import open_store

CONFIG = """\
hostname = "mail.example.test"
data = "data"
[acme]
hosts = ["mail.example.test"]
[[listener]]
protocol = "http"
address = "127.0.0.1:80"
[mta_sts]
mode = "enforce"
"""


class Names:
    """DNS that knows some names."""

    def __init__(self, *names: str) -> None:
        self.names = names

    async def ask(self, name: str, kind: str) -> DnsAnswer:
        if name in self.names and kind == "AAAA":
            return DnsAnswer(status=DnsStatus.FOUND, records=("::1",))
        return DnsAnswer(status=DnsStatus.NO_DATA)


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return parse(CONFIG, tmp_path / "x.toml")


def have_certificate(configuration: Configuration) -> AcmeFolder:
    folder = AcmeFolder(configuration.data)
    folder.make()
    key = configuration.data / "key"
    make_self_signed("mail.example.test", folder.certificate, key)
    folder.certificate.write_bytes(key.read_bytes() + folder.certificate.read_bytes())
    return folder


async def settle(seconds: float = 0.3) -> None:
    await asyncio.sleep(seconds)


def test_it_renews_when_two_thirds_are_over(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued: list[list[str]] = []
    monkeypatch.setattr(keeping, "_issue", lambda _c, names, _f: issued.append(names))
    monkeypatch.setattr(keeping, "CHECK_S", 0.02)

    async def run() -> None:
        store = await open_store(configuration.data)
        folder = have_certificate(configuration)
        seen = described(folder.certificate)
        life = seen.not_after - seen.not_before
        clock = SetClock(seen.not_before + life * 0.66)
        keeper = Keeper(
            lambda: configuration,
            store.directory,
            Names,
            clock,
            show=lambda *_: None,
            renews=True,
        )
        keeper.start()
        await settle()
        assert issued == []
        clock.advance(life * 0.01)
        await settle()
        assert issued
        assert issued[0] == ["mail.example.test"]
        keeper.stop()
        await store.close()

    asyncio.run(run())


def test_it_waits_longer_after_each_refusal(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Authorities lock out who asks again and again."""
    tried: list[int] = []

    def refuse(*_: object) -> None:
        tried.append(1)
        raise OSError("refused")

    waits: list[float] = []
    real_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if seconds != keeping.LOOK_S:
            waits.append(seconds)
        await real_sleep(0.001 if len(waits) < 8 else 10)

    monkeypatch.setattr(keeping, "_issue", refuse)

    async def run() -> None:
        store = await open_store(configuration.data)
        keeper = Keeper(
            lambda: configuration,
            store.directory,
            Names,
            SetClock(),
            show=lambda *_: None,
            renews=True,
        )
        monkeypatch.setattr(asyncio, "sleep", sleep)
        keeper.start()
        await real_sleep(0.5)
        keeper.stop()
        monkeypatch.setattr(asyncio, "sleep", real_sleep)
        await store.close()

    asyncio.run(run())
    assert waits[:6] == [3600, 7200, 14400, 28800, 43200, 43200]
    assert len(tried) == len(waits)


def test_a_changed_file_is_shown_and_half_a_pair_is_waited_for(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "LOOK_S", 0.02)
    shown: list[tuple[Path, Path]] = []
    fits = False

    def show(certificate: Path, key: Path) -> None:
        if not fits:
            raise OSError("key values mismatch")
        shown.append((certificate, key))

    async def run() -> None:
        nonlocal fits
        store = await open_store(configuration.data)
        keeper = Keeper(
            lambda: configuration,
            store.directory,
            Names,
            SetClock(),
            show=show,
            renews=False,
        )
        keeper.start()
        await settle(0.1)
        folder = have_certificate(configuration)
        await settle(0.1)
        assert shown == []
        fits = True
        await settle()
        assert shown == [(folder.certificate, folder.certificate)]
        folder.certificate.touch()
        await settle()
        assert len(shown) == 2
        keeper.stop()
        await store.close()

    asyncio.run(run())


def test_names_that_nobody_finds_are_left_out(configuration: Configuration) -> None:
    """An authority could not check them, and would refuse all."""

    async def run() -> None:
        store = await open_store(configuration.data)
        await store.directory.add_domain(Domain(name="편지.example"))
        assert configuration.acme is not None
        wanted = replace(configuration, acme=replace(configuration.acme, hosts=()))
        dns = Names("mta-sts.xn--9b6b95p.example")
        assert await names_now(wanted, store.directory, dns) == [
            "mail.example.test",
            "mta-sts.xn--9b6b95p.example",
        ]
        assert await names_now(configuration, store.directory, dns) == [
            "mail.example.test"
        ]
        await store.close()

    asyncio.run(run())
