"""DMARC reports that we send: to whom, what is in them, when (RFC 7489 §7)."""

from __future__ import annotations

import asyncio
import email
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.message import Message
from typing import TYPE_CHECKING

import pytest

from pyeonji.base.clock import SetClock
from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.mta.daily import SPREAD_S, Reporting
from pyeonji.mta.receive.reporting import DmarcReporter
from pyeonji.mta.reports.dmarc import AggregateReport
from pyeonji.mta.reports.dmarc_out import DmarcReport, compose, destinations
from pyeonji.mta.reports.letter import reports_in
from pyeonji.mta.trust.dmarc_discovery import NoAnswer
from pyeonji.mta.trust.dmarc_record import read_record
from pyeonji.storage.embedded.reportrecords import EmbeddedReportRecords
from pyeonji.storage.reports import Seen, SeenCount

if TYPE_CHECKING:
    from pathlib import Path

    from pyeonji.storage.queue import NewLetter

SEEN = Seen(
    domain="sender.test",
    header_from="news.sender.test",
    envelope_from="bounce.sender.test",
    source="192.0.2.1",
    disposition="none",
    dkim="pass",
    spf="fail",
    dkim_results=(("sender.test", "s1", "pass"),),
    spf_results=(("bounce.sender.test", "mfrom", "softfail"),),
)
IDENTITY = Reporting(
    submitter="example.test",
    contact="postmaster@example.test",
    organization="example.test",
)

Zone = dict[str, list[str] | None]
"""TXT records; None: no answer."""


def answer(zone: Zone, name: str) -> DnsAnswer:
    records = zone.get(name, [])
    if records is None:
        return DnsAnswer(status=DnsStatus.FAILED)
    if not records:
        return DnsAnswer(status=DnsStatus.NO_NAME)
    return DnsAnswer(status=DnsStatus.FOUND, records=tuple(records))


def told(rua: str, zone: Zone, domain: str = "sender.test") -> tuple[str, ...]:
    inquiry = destinations(domain, read_record(f"v=DMARC1; p=none; rua={rua}"))
    try:
        name, _ = next(inquiry)
        while True:
            name, _ = inquiry.send(answer(zone, name))
    except StopIteration as end:
        return tuple(end.value)


AWAY = "sender.test._report._dmarc.away.test"


@pytest.mark.parametrize(
    ("rua", "zone", "expected"),
    [
        ("mailto:d@sender.test", {}, ("d@sender.test",)),
        ("mailto:d@in.sender.test", {}, ("d@in.sender.test",)),
        ("mailto:d@away.test", {}, ()),
        ("mailto:d@away.test", {AWAY: ["v=DMARC1"]}, ("d@away.test",)),
        ("mailto:d@away.test", {AWAY: ["v=DMARC1;"]}, ("d@away.test",)),
        ("mailto:d@away.test", {AWAY: ["x", "v=spf1"]}, ()),
        ("mailto:d@away.test", {AWAY: ["p=none; v=DMARC1"]}, ()),
        (
            "mailto:d@away.test",
            {AWAY: ["v=DMARC1; rua=mailto:other@away.test"]},
            ("other@away.test",),
        ),
        ("mailto:d@away.test", {AWAY: ["v=DMARC1; rua=mailto:victim@third.test"]}, ()),
        ("https://sender.test/r", {}, ()),
        ("mailto:d@sender.test!10m", {}, ("d@sender.test",)),
        ("mailto:a@sender.test,mailto:a@sender.test", {}, ("a@sender.test",)),
    ],
)
def test_who_is_told(rua: str, zone: Zone, expected: tuple[str, ...]) -> None:
    """RFC 7489 §7.1: nobody is flooded who did not ask for it."""
    assert told(rua, zone) == expected


def test_an_answer_that_is_not_there_is_waited_for() -> None:
    with pytest.raises(NoAnswer):
        told("mailto:d@away.test", {AWAY: None})


def test_the_letter() -> None:
    """RFC 7489 §7.2.1.1; what is in it is read back as it was counted."""
    report = DmarcReport(
        domain="sender.test",
        day="2026-11-24",
        record=read_record("v=DMARC1; p=reject; sp=none; adkim=s"),
        counted=(
            SeenCount(seen=SEEN, count=3),
            SeenCount(
                seen=replace(SEEN, source="::1", reason="local_policy: x"), count=1
            ),
        ),
        submitter="example.test",
        contact="postmaster@example.test",
        organization="Example <& Sons>",
        token="0123456789abcdef",
    )
    octets = compose(report, "d@sender.test", 1_795_600_000)
    letter = email.message_from_bytes(octets)
    assert letter["Subject"].replace("\r\n", "") == (
        "Report Domain: sender.test Submitter: example.test "
        "Report-ID: <2026-11-24.0123456789abcdef@example.test>"
    )
    parts = letter.get_payload()
    assert isinstance(parts, list)
    assert isinstance(parts[1], Message)
    assert parts[1].get_content_type() == "application/gzip"
    assert parts[1].get_filename() == (
        "example.test!sender.test!1795478400!1795564799!0123456789abcdef.xml.gz"
    )
    [read] = reports_in(octets).reports
    assert isinstance(read, AggregateReport)
    assert read.org_name == "Example <& Sons>"
    assert (read.begin, read.end) == (1795478400, 1795564799)
    assert read.published.policy == "reject"
    assert (read.published.subdomains, read.published.adkim) == ("none", "s")
    first, second = read.rows
    assert (first.source, first.count, first.dkim, first.spf) == (
        "192.0.2.1", 3, "pass", "fail",
    )  # fmt: skip
    assert first.header_from == "news.sender.test"
    assert first.dkim_results[0].selector == "s1"
    assert first.spf_results[0].result == "softfail"
    assert second.reasons == ("local_policy: x",)


class House:
    """A reporter, what it sent, and what DNS says."""

    def __init__(self, folder: Path, zone: Zone) -> None:
        self.zone = zone
        self.sent: list[NewLetter] = []
        self.clock = SetClock(1_795_600_000)  # 2026-11-25, before noon
        self.pool = ThreadPoolExecutor(1)
        self.store = EmbeddedReportRecords(folder / "reports.db", self.pool)
        self.reporter = DmarcReporter(
            store=self.store,
            ask=self.ask,
            clock=self.clock,
            send=self.send,
            identity=self.identity,
            is_local=self.is_local,
        )

    async def ask(self, name: str, _kind: str) -> DnsAnswer:
        return answer(self.zone, name)

    async def send(self, letter: NewLetter) -> None:
        self.sent.append(letter)

    async def identity(self) -> Reporting:
        return IDENTITY

    async def is_local(self, domain: str) -> bool:
        return domain == "example.test"

    def close(self) -> None:
        self.store.close()
        self.pool.shutdown()


WANTS: Zone = {"_dmarc.sender.test": ["v=DMARC1; p=none; rua=mailto:d@sender.test"]}


def test_a_day_is_reported_once(tmp_path: Path) -> None:
    async def run() -> None:
        house = House(tmp_path, dict(WANTS))
        house.store.count(SEEN, "2026-11-24")
        house.store.count(SEEN, "2026-11-25")
        house.store.count(replace(SEEN, domain="example.test"), "2026-11-24")
        house.store.count(replace(SEEN, domain="silent.test"), "2026-11-24")
        await house.store.settled()
        assert await house.reporter.report() == 1
        [letter] = house.sent
        assert [x.address for x in letter.recipients] == ["d@sender.test"]
        assert letter.recipients[0].notify == "NEVER"
        assert letter.reverse_path == "postmaster@example.test"
        assert isinstance(letter.content, bytes)
        assert reports_in(letter.content).reports
        assert await house.reporter.report() == 0
        # today is not over
        assert await house.store.reportable("2027") == [("2026-11-25", "sender.test")]
        house.clock.advance(86400)
        assert await house.reporter.report() == 1
        house.close()

    asyncio.run(run())


def test_it_is_spread_over_the_night(tmp_path: Path) -> None:
    async def run() -> None:
        house = House(tmp_path, dict(WANTS))
        house.reporter._schedule.delay_s = SPREAD_S
        house.clock = SetClock(1_795_564_800 + SPREAD_S - 60)
        house.reporter._schedule.clock = house.clock
        house.store.count(SEEN, "2026-11-24")
        await house.store.settled()
        assert await house.reporter.report() == 0
        house.clock.advance(61)
        assert await house.reporter.report() == 1
        house.close()

    asyncio.run(run())


def test_dns_that_fails_is_asked_again_for_two_days(tmp_path: Path) -> None:
    async def run() -> None:
        house = House(tmp_path, {"_dmarc.sender.test": None})
        house.store.count(SEEN, "2026-11-24")
        await house.store.settled()
        assert await house.reporter.report() == 0
        assert await house.store.reportable("2027")
        house.clock.advance(3 * 86400)
        assert await house.reporter.report() == 0
        assert not await house.store.reportable("2027")
        house.close()

    asyncio.run(run())
