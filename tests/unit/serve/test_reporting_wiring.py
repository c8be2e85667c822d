"""Who signs reports, and that what was counted leaves the house (RFC 8460)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pyeonji.base.clock import SetClock
from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.mta.daily import SPREAD_S
from pyeonji.serve.configuration import Configuration
from pyeonji.serve.reporting import identity, tls_reporter
from pyeonji.storage.directory import Domain
from pyeonji.storage.embedded import open_store
from pyeonji.storage.queue import NewLetter, TlsWish
from pyeonji.storage.tls import TlsResult

DAY, MIDNIGHT = "2016-04-01", 1459555200.0


def configuration(folder: Path, hostname: str = "mail.b.test") -> Configuration:
    return Configuration(file=folder / "x.toml", hostname=hostname, data=folder)


class Dns:
    """One domain wants reports by mail."""

    async def ask(self, name: str, kind: str) -> DnsAnswer:
        if (name, kind) != ("_smtp._tls.a.test", "TXT"):
            return DnsAnswer(status=DnsStatus.NO_NAME)
        records = ("v=TLSRPTv1; rua=mailto:r@a.test",)
        return DnsAnswer(status=DnsStatus.FOUND, records=records)


@pytest.mark.parametrize(
    ("hostname", "submitter"),
    [
        ("mail.b.test", "b.test"),
        ("b.test", "b.test"),
        ("mail.sub.b.test", "sub.b.test"),
        ("xb.test", "xb.test"),
        ("elsewhere.test", "elsewhere.test"),
    ],
)
def test_who_reports(tmp_path: Path, hostname: str, submitter: str) -> None:
    """The nearest domain of ours above the host: its keys sign."""

    async def scene() -> None:
        store = await open_store(tmp_path)
        try:
            for name in ("b.test", "sub.b.test", "c.test"):
                await store.directory.add_domain(Domain(name=name))
            who = await identity(configuration(tmp_path, hostname), store.directory)
        finally:
            await store.close()
        assert who.submitter == submitter
        assert who.contact == f"postmaster@{submitter}"

    asyncio.run(scene())


def test_what_was_counted_is_told(tmp_path: Path) -> None:
    """From the file of one process to a letter of another."""
    sent: list[NewLetter] = []

    async def send(letter: NewLetter) -> None:
        sent.append(letter)

    async def count() -> None:
        store = await open_store(tmp_path)
        store.tls.count(TlsResult(domain="a.test"), DAY)
        store.tls.count(TlsResult(domain="c.test"), DAY)
        await store.close()

    async def tell() -> int:
        store = await open_store(tmp_path)
        try:
            reporter = tls_reporter(
                configuration(tmp_path),
                store,
                SetClock(MIDNIGHT + SPREAD_S + 1),
                Dns(),  # type: ignore[arg-type]
                send=send,
            )
            told = await reporter.report()
            assert await store.tls.reportable("2016-04-09") == []
        finally:
            await store.close()
        return told

    asyncio.run(count())
    assert asyncio.run(tell()) == 1
    (letter,) = sent
    assert letter.reverse_path == "postmaster@mail.b.test"
    assert letter.tls_wish is TlsWish.OPTIONAL
