"""TLS reports that we send (RFC 8460)."""

from __future__ import annotations

import asyncio
import email
import gzip
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.mta.hop import Hop
from tests.unit.mta.world import World, options

from pyeonji.base.clock import SetClock
from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.mta.daily import SPREAD_S, Reporting
from pyeonji.mta.relay.reporting import TlsReporter, report_letter
from pyeonji.mta.reports.letter import reports_in
from pyeonji.mta.reports.tls import TlsReport as ReadReport
from pyeonji.mta.reports.tls_out import (
    TlsReport,
    as_json,
    compose,
    destinations,
    mailbox,
)
from pyeonji.net.https import RequestFailed, WebAnswer
from pyeonji.storage.embedded.tlsrecords import EmbeddedTlsRecords
from pyeonji.storage.queue import NewLetter, TlsWish
from pyeonji.storage.tls import Counted, Policy, TlsResult

STS = Policy(
    kind="sts",
    lines=("version: STSv1", "mode: testing", "mx: *.a.test", "max_age: 86400"),
    mx=("*.a.test",),
)
TLSA = Policy(kind="tlsa", lines=("3 1 1 " + "ab" * 32,), mx=("mx.a.test",))
BAD = TlsResult(
    domain="a.test",
    policy=STS,
    failure="certificate-expired",
    mx="mx.a.test",
    address="192.0.2.1",
    source="192.0.2.9",
    reason="certificate has expired",
)
REPORT = TlsReport(
    domain="a.test",
    day="2016-04-01",
    counted=(
        Counted(result=TlsResult(domain="a.test", policy=STS), sessions=5326),
        Counted(result=BAD, sessions=100),
        Counted(result=TlsResult(domain="a.test", policy=TLSA), sessions=3),
    ),
    submitter="example.test",
    contact="postmaster@example.test",
    organization="example.test",
    token="0123456789abcdef",
)


# -- where to


@pytest.mark.parametrize(
    ("records", "found"),
    [
        (["v=TLSRPTv1;rua=mailto:r@a.test"], ("mailto:r@a.test",)),
        (
            ["v=TLSRPTv1; rua=mailto:r@a.test , https://a.test/v1;"],
            ("mailto:r@a.test", "https://a.test/v1"),
        ),
        (["v=TLSRPTv1;x=y;rua=https://a.test/"], ("https://a.test/",)),
        (["v=spf1", "v=TLSRPTv1;rua=mailto:r@a.test"], ("mailto:r@a.test",)),
        (["v=TLSRPTv1;rua=mailto:a@a.test", "v=TLSRPTv1;rua=mailto:b@a.test"], ()),
        (["v=TLSRPTv1;rua=ftp://a.test,http://a.test"], ()),
        (["v=TLSRPTv1;"], ()),
        (["v=TLSRPTv12;rua=mailto:r@a.test"], ()),
        ([], ()),
    ],
)
def test_where_reports_go(records: list[str], found: tuple[str, ...]) -> None:
    """RFC 8460 §3."""
    assert destinations(records) == found


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("mailto:r@a.test", "r@a.test"),
        ("MAILTO:r%2Bx@a.test?subject=x", "r+x@a.test"),
        ("mailto:a@a.test,b@b.test", ""),
        ("mailto:a%0D%0ARCPT@a.test", ""),
        ("https://a.test", ""),
        ("mailto:", ""),
    ],
)
def test_addresses(uri: str, address: str) -> None:
    assert mailbox(uri) == address


@given(st.lists(st.text(), max_size=3))
def test_records_never_raise(records: list[str]) -> None:
    for uri in destinations(["v=TLSRPTv1;rua=" + text for text in records]):
        mailbox(uri)


# -- what


def test_the_report() -> None:
    """RFC 8460 §4.4."""
    told = as_json(REPORT)
    assert told["date-range"] == {
        "start-datetime": "2016-04-01T00:00:00Z",
        "end-datetime": "2016-04-01T23:59:59Z",
    }
    assert told["contact-info"] == "postmaster@example.test"
    sts, tlsa = told["policies"]
    assert sts == {
        "policy": {
            "policy-type": "sts",
            "policy-string": list(STS.lines),
            "policy-domain": "a.test",
            "mx-host": ["*.a.test"],
        },
        "summary": {
            "total-successful-session-count": 5326,
            "total-failure-session-count": 100,
        },
        "failure-details": [
            {
                "result-type": "certificate-expired",
                "sending-mta-ip": "192.0.2.9",
                "receiving-mx-hostname": "mx.a.test",
                "receiving-ip": "192.0.2.1",
                "failed-session-count": 100,
                "failure-reason-code": "certificate has expired",
            }
        ],
    }
    assert tlsa["policy"]["policy-type"] == "tlsa"
    assert "failure-details" not in tlsa


def read(octets: bytes) -> tuple[Message, dict[str, Any]]:
    message = email.message_from_bytes(octets)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "tlsrpt"
    part = message.get_payload(1)
    assert isinstance(part, Message)
    assert part.get_content_type() == "application/tlsrpt+gzip"
    packed = part.get_payload(decode=True)
    assert isinstance(packed, bytes)
    found: dict[str, Any] = json.loads(gzip.decompress(packed))
    return message, found


def test_the_letter() -> None:
    """RFC 8460 §5.3."""
    message, found = read(compose(REPORT, "r@a.test", 1459600000.0))
    assert found == as_json(REPORT)
    assert message["TLS-Report-Domain"] == "a.test"
    assert message["TLS-Report-Submitter"] == "example.test"
    assert message["TLS-Required"] == "No"
    subject = " ".join(message["Subject"].split())
    assert subject == (
        "Report Domain: a.test Submitter: example.test Report-ID:"
        " <2016-04-01.0123456789abcdef@example.test>"
    )
    part = message.get_payload(1)
    assert isinstance(part, Message)
    assert part.get_filename() == (
        "example.test!a.test!1459468800!1459555199!0123456789abcdef.json.gz"
    )


def test_our_own_reader_reads_it() -> None:
    found = reports_in(compose(REPORT, "r@a.test", 1459600000.0))
    assert found.refused == []
    (report,) = found.reports
    assert isinstance(report, ReadReport)
    assert (report.contact, report.report_id) == (REPORT.contact, REPORT.id)
    assert report.begin == 1459468800
    sts, tlsa = report.policies
    assert (sts.domain, sts.kind, sts.successful, sts.failed) == (
        "a.test",
        "sts",
        5326,
        100,
    )
    assert (tlsa.kind, tlsa.successful, tlsa.failed) == ("tlsa", 3, 0)
    assert [one.result for one in sts.failures] == ["certificate-expired"]


# -- when


@dataclass
class Peer:
    """A domain that wants reports, or not."""

    rua: str = "mailto:r@a.test"
    posted: list[tuple[str, bytes, str]] = field(default_factory=list)
    sent: list[NewLetter] = field(default_factory=list)
    web_status: int = 201
    dns: DnsStatus = DnsStatus.FOUND
    clock: SetClock = field(default_factory=SetClock)

    async def ask(self, name: str, kind: str) -> DnsAnswer:
        assert (name, kind) == ("_smtp._tls.a.test", "TXT")
        if self.dns is not DnsStatus.FOUND or not self.rua:
            return DnsAnswer(status=self.dns if self.rua else DnsStatus.NO_NAME)
        record = f"v=TLSRPTv1; rua={self.rua}"
        return DnsAnswer(status=DnsStatus.FOUND, records=(record,))

    async def post(self, url: str, octets: bytes, media_type: str) -> WebAnswer:
        if not self.web_status:
            raise RequestFailed("refused")
        self.posted.append((url, octets, media_type))
        return WebAnswer(status=self.web_status, media_type="", octets=b"")

    async def send(self, letter: NewLetter) -> None:
        self.sent.append(letter)


Scene = Callable[[TlsReporter, EmbeddedTlsRecords], Awaitable[None]]


def play(folder: Path, peer: Peer, scene: Scene) -> None:
    async def identity() -> Reporting:
        return Reporting(
            submitter="example.test",
            contact="postmaster@example.test",
            organization="example.test",
        )

    async def run() -> None:
        with ThreadPoolExecutor(1) as pool:
            store = EmbeddedTlsRecords(folder / "tls.db", pool)
            reporter = TlsReporter(
                store=store,
                ask=peer.ask,
                clock=peer.clock,
                post=peer.post,
                send=peer.send,
                identity=identity,
            )
            try:
                await scene(reporter, store)
            finally:
                store.close()

    asyncio.run(run())


DAY = "2016-04-01"
MIDNIGHT = 1459555200.0  # behind it


def at(peer: Peer, time: float) -> None:
    peer.clock.advance(time - peer.clock.time())


async def count(store: EmbeddedTlsRecords) -> None:
    store.count(BAD, DAY)
    store.count(TlsResult(domain="a.test"), DAY)
    await store.settled()


def test_once_and_after_the_day(tmp_path: Path) -> None:
    """RFC 8460 §4.1: a whole day, some time after its end."""
    peer = Peer()

    async def scene(reporter: TlsReporter, store: EmbeddedTlsRecords) -> None:
        await count(store)
        at(peer, MIDNIGHT - 60)
        assert await reporter.report() == 0
        at(peer, MIDNIGHT + SPREAD_S + 1)
        assert await reporter.report() == 1
        assert await reporter.report() == 0

    play(tmp_path, peer, scene)
    (letter,) = peer.sent
    assert [r.address for r in letter.recipients] == ["r@a.test"]
    assert letter.tls_wish is TlsWish.OPTIONAL
    assert isinstance(letter.content, bytes)
    _, found = read(letter.content)
    summaries = [one["summary"] for one in found["policies"]]
    assert sum(one["total-failure-session-count"] for one in summaries) == 1
    assert sum(one["total-successful-session-count"] for one in summaries) == 1


def test_https(tmp_path: Path) -> None:
    """RFC 8460 §5.4."""
    peer = Peer(rua="https://a.test/v1")

    async def scene(reporter: TlsReporter, store: EmbeddedTlsRecords) -> None:
        await count(store)
        at(peer, MIDNIGHT + SPREAD_S + 1)
        assert await reporter.report() == 1

    play(tmp_path, peer, scene)
    ((url, octets, media_type),) = peer.posted
    assert (url, media_type) == ("https://a.test/v1", "application/tlsrpt+gzip")
    assert json.loads(gzip.decompress(octets))["policies"]


@pytest.mark.parametrize("trouble", [0, 500, DnsStatus.FAILED])
def test_what_fails_is_tried_again_for_a_day(
    tmp_path: Path, trouble: int | DnsStatus
) -> None:
    """RFC 8460 §5.5."""
    peer = Peer(rua="https://a.test/v1")
    if isinstance(trouble, DnsStatus):
        peer.dns = trouble
    else:
        peer.web_status = trouble

    async def scene(reporter: TlsReporter, store: EmbeddedTlsRecords) -> None:
        await count(store)
        at(peer, MIDNIGHT + SPREAD_S + 1)
        assert await reporter.report() == 0
        assert await store.reportable("2016-04-09") == [(DAY, "a.test")]
        at(peer, MIDNIGHT + 3 * 86400)
        assert await reporter.report() == 0
        assert await store.reportable("2016-04-09") == []

    play(tmp_path, peer, scene)


def test_nobody_wants_it(tmp_path: Path) -> None:
    peer = Peer(rua="")

    async def scene(reporter: TlsReporter, store: EmbeddedTlsRecords) -> None:
        await count(store)
        at(peer, MIDNIGHT + SPREAD_S + 1)
        assert await reporter.report() == 0
        assert await store.reportable("2016-04-09") == []

    play(tmp_path, peer, scene)


def test_a_report_is_not_reported() -> None:
    """RFC 8460 §3: it goes, and its own session is not counted."""
    hop = Hop()

    async def run() -> World:
        async with hop:
            world = World(options(relay_port=hop.port))
            world.zone |= {
                ("a.test", "MX"): ["10 mx.a.test."],
                ("mx.a.test", "A"): ["127.0.0.1"],
            }
            async with world:
                await world.send("r@a.test", facts={"tls_wish": "optional"})
                await world.settle()
            return world

    world = asyncio.run(run())
    assert len(hop.taken) == 1
    assert world.results == []


class Seal:
    """Signs with a word."""

    async def sign(self, *_: object, **__: object) -> bytes:
        return b"DKIM-Signature: d=example.test\r\n"


def test_it_is_signed() -> None:
    """RFC 8460 §3: unsigned ones are ignored."""
    hop = Hop()

    async def run() -> None:
        async with hop:
            world = World(options(relay_port=hop.port))
            world.zone |= {
                ("a.test", "MX"): ["10 mx.a.test."],
                ("mx.a.test", "A"): ["127.0.0.1"],
            }
            async with world:
                world.runner._signer = Seal()  # type: ignore[assignment]
                now = world.clock.time()
                await world.runner.send_own(report_letter(REPORT, "r@a.test", now))
                await world.settle()

    asyncio.run(run())
    (taken,) = hop.taken
    assert taken.octets.startswith(b"DKIM-Signature: d=example.test\r\n")
    assert taken.mail.startswith("MAIL FROM:<postmaster@example.test>")
    _, found = read(taken.octets)
    assert found == as_json(REPORT)
