"""DMARC reports that we send: to whom, and as what letter (RFC 7489 §7.1, §7.2)."""

from __future__ import annotations

import gzip
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyeonji.base.dns import DnsStatus
from pyeonji.message.compose.entities import (
    Described,
    file_entity,
    multipart,
    text_entity,
    write_message,
)
from pyeonji.mta.reports.day import MAX_DESTINATIONS, DayReport
from pyeonji.mta.reports.dmarc import (
    AggregateReport,
    MethodResult,
    PublishedPolicy,
    ReportRow,
    file_name,
    subject,
    write_aggregate,
)
from pyeonji.mta.reports.tls_out import mailbox
from pyeonji.mta.trust.dmarc_discovery import NoAnswer, suffix_domain
from pyeonji.mta.trust.dmarc_record import DmarcRecord, read_record

if TYPE_CHECKING:
    from pyeonji.base.dns import Inquiry
    from pyeonji.storage.reports import SeenCount


@dataclass(frozen=True, slots=True, kw_only=True)
class DmarcReport(DayReport):
    """What one domain is told of one day; `domain` is where its record stands."""

    record: DmarcRecord
    counted: tuple[SeenCount, ...]


def destinations(domain: str, record: DmarcRecord) -> Inquiry[tuple[str, ...]]:
    """The mail addresses that want reports about a domain, and may get them.

    An address in a domain of another organisation only where that domain says
    that it takes them (RFC 7489 §7.1); it may name another address of its own.

    Raises:
        NoAnswer: DNS didn't say; ask again later.
    """
    allowed: list[str] = []
    organization = suffix_domain(domain)
    for uri in record.aggregate_uris[:MAX_DESTINATIONS]:
        address = mailbox(uri)
        host = address.rpartition("@")[2].lower()
        if not address:
            continue
        if suffix_domain(host) == organization:
            allowed.append(address)
        else:
            allowed += yield from _taken_there(domain, host, address)
    return tuple(dict.fromkeys(allowed))[:MAX_DESTINATIONS]


def _taken_there(domain: str, host: str, address: str) -> Inquiry[list[str]]:
    """RFC 7489 §7.1, steps 2 to 8."""
    name = f"{domain}._report._dmarc.{host}"
    answer = yield name, "TXT"
    if answer.status is DnsStatus.FAILED:
        raise NoAnswer(f"no answer from DNS for {name}")
    found = [text for text in answer.records if _begins(text)]
    if not found:
        return []
    instead = [
        other
        for text in found
        for uri in read_record(text).aggregate_uris
        if (other := mailbox(uri))
    ]
    if not instead:
        return [address]
    # RFC 7489 §7.1: an override that leads away means that nobody is told
    if any(other.rpartition("@")[2].lower() != host for other in instead):
        return []
    return instead


def _begins(text: str) -> bool:
    version, _, _ = text.partition(";")
    return version.replace(" ", "") == "v=DMARC1"


def as_report(report: DmarcReport) -> AggregateReport:
    """The report by its rows (RFC 7489 §7.2)."""
    record = report.record
    rows: Counter[ReportRow] = Counter()
    for one in report.counted:
        rows[_row(one)] += one.count
    subdomains = record.subdomains.value if record.subdomains is not None else ""
    return AggregateReport(
        org_name=report.organization,
        email=report.contact,
        report_id=report.id,
        begin=int(report.begin.timestamp()),
        end=int(report.end.timestamp()),
        published=PublishedPolicy(
            domain=report.domain,
            policy=record.policy.value,
            subdomains=subdomains or record.policy.value,
            adkim="s" if record.strict_dkim else "r",
            aspf="s" if record.strict_spf else "r",
            percent="0" if record.testing else "100",
        ),
        rows=tuple(replace(row, count=count) for row, count in rows.items()),
    )


def _row(one: SeenCount) -> ReportRow:
    seen = one.seen
    return ReportRow(
        source=seen.source,
        count=0,
        disposition=seen.disposition,
        dkim=seen.dkim,
        spf=seen.spf,
        header_from=seen.header_from,
        envelope_from=seen.envelope_from,
        reasons=(seen.reason,) if seen.reason else (),
        dkim_results=tuple(
            MethodResult(domain=domain, selector=selector, result=result)
            for domain, selector, result in seen.dkim_results
        ),
        spf_results=tuple(
            MethodResult(domain=domain, scope=scope, result=result)
            for domain, scope, result in seen.spf_results
        ),
    )


def compose(report: DmarcReport, to: str, now: float) -> bytes:
    """The report as a letter (RFC 7489 §7.2.1.1).

    Args:
        report: what it says.
        to: an address that `destinations` allowed.
        now: Unix seconds.

    Raises:
        ComposeError: `to` is no address.
    """
    about = subject(report.submitter, report.domain, report.id)
    fields = report.header(to, about, now)
    text = (
        f"This is an aggregate DMARC report of {report.day} (UTC)\r\n"
        f"about {report.domain} from {report.submitter}.\r\n"
    )
    name = file_name(
        report.submitter,
        report.domain,
        int(report.begin.timestamp()),
        int(report.end.timestamp()),
        report.token,
    )
    packed = gzip.compress(write_aggregate(as_report(report)), mtime=0)
    body = multipart(
        "mixed",
        [
            text_entity(text),
            file_entity(
                packed,
                "application/gzip",
                described=Described(disposition="attachment", filename=name),
            ),
        ],
        token=report.token,
    )
    return write_message(fields, body)
