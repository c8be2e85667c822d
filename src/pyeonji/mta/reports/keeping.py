"""Which rows of a report are kept, and under which domain of ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyeonji.message.header import Header
from pyeonji.mta.reports.dmarc import AggregateReport
from pyeonji.mta.reports.tls import PolicyOutcome, TlsReport
from pyeonji.mta.trust.results import read_results
from pyeonji.storage.reports import KeptReport, KeptRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyeonji.mta.reports.arf import AbuseReport
    from pyeonji.mta.reports.letter import Report

HEAD_OCTETS: Final = 16 * 1024
"""Where a letter's header says that it is a report; it is looked for in these."""

_DOMAIN: Final = re.compile(r"@([\w.-]+)>?\s*$")
_LOOKS: Final = re.compile(
    rb"^(?:subject:[^\n]*(?:\n[ \t][^\n]*)*?report[ \t]+domain:"
    rb"|tls-report-domain:"
    rb"|content-type:[^\n]*(?:\n[ \t][^\n]*)*?"
    rb"report-type=\"?(?:feedback-report|tlsrpt))",
    re.IGNORECASE | re.MULTILINE,
)


def looks_like_a_report(head: bytes) -> bool:
    """Whether a letter's header announces one (RFC 7489 §7.2.1.1, RFC 8460 §5.3).

    Args:
        head: the first HEAD_OCTETS at most.
    """
    end = head.find(b"\n\r\n")
    header = head if end < 0 else head[: end + 1]
    # nearly no header has the word: looking for it costs next to nothing
    return b"eport" in header and _LOOKS.search(header) is not None


def is_vouched_for(prefix: bytes) -> bool:
    """Whether we found that its author sent it, where that was checked.

    A report without a signature must not be believed (RFC 8460 §3), nor one
    that DMARC doesn't pass (RFC 7489 §7.2.1.1): anybody could write it.

    Args:
        prefix: the fields that we put on top of the letter.
    """
    checked = Header(prefix).first(b"authentication-results")
    if checked is None:
        return True
    found = read_results(checked)
    return found is not None and any(
        each.method in {"dkim", "dmarc"} and each.result == "pass"
        for each in found.results
    )


def about(report: Report) -> set[str]:
    """The domains that a report speaks of, as it names them."""
    if isinstance(report, AggregateReport):
        return {report.published.domain}
    if isinstance(report, TlsReport):
        return {policy.domain for policy in report.policies}
    domains = set(report.reported_domains)
    if report.failure is None:
        domains.add(report.original_mail_from.rpartition("@")[2])
    elif not domains and (author := _DOMAIN.search(report.message_from)):
        domains.add(author[1])
    return {domain.lower() for domain in domains if domain}


def kept(
    report: Report, ours: dict[str, str], received_at: float
) -> Iterator[KeptReport]:
    """What is kept of a report; nothing of domains of others.

    Args:
        report: as it was read.
        ours: names as the report has them -> our domains.
        received_at: Unix seconds.
    """
    if isinstance(report, AggregateReport):
        domain = ours.get(report.published.domain)
        if domain is not None:
            yield _of_dmarc(report, domain, received_at)
    elif isinstance(report, TlsReport):
        by_domain: dict[str, list[PolicyOutcome]] = {}
        for policy in report.policies:
            if policy.domain in ours:
                by_domain.setdefault(ours[policy.domain], []).append(policy)
        for domain, policies in by_domain.items():
            yield _of_tls(report, policies, domain, received_at)
    else:
        of = _of_abuse if report.failure is None else _of_failure
        for domain in sorted({ours[name] for name in about(report) if name in ours}):
            yield of(report, domain, received_at)


def _of_dmarc(report: AggregateReport, domain: str, received_at: float) -> KeptReport:
    return KeptReport(
        kind="dmarc",
        organization=report.org_name or report.email,
        report_id=report.report_id,
        domain=domain,
        begin=report.begin,
        end=report.end or int(received_at),
        received_at=received_at,
        rows=tuple(
            KeptRow(
                source=row.source,
                name=row.header_from,
                outcome=row.disposition,
                dkim=row.dkim,
                spf=row.spf,
                count=row.count,
            )
            for row in report.rows
        ),
    )


def _of_tls(
    report: TlsReport, policies: list[PolicyOutcome], domain: str, received_at: float
) -> KeptReport:
    rows = []
    for policy in policies:
        if policy.successful:
            row = KeptRow(
                source="", name=policy.kind, outcome="", count=policy.successful
            )
            rows.append(row)
        told = 0
        for failure in policy.failures:
            told += failure.sessions
            row = KeptRow(
                source=failure.receiving_mx,
                name=policy.kind,
                outcome=failure.result or "failure",
                count=failure.sessions,
            )
            rows.append(row)
        if policy.failed > told:  # failures without details
            row = KeptRow(
                source="",
                name=policy.kind,
                outcome="failure",
                count=policy.failed - told,
            )
            rows.append(row)
    return KeptReport(
        kind="tls",
        organization=report.organization or report.contact,
        report_id=report.report_id,
        domain=domain,
        begin=report.begin,
        end=report.end or int(received_at),
        received_at=received_at,
        rows=tuple(rows),
    )


def _of_failure(report: AbuseReport, domain: str, received_at: float) -> KeptReport:
    """A letter that failed; no more is kept than what a summary tells."""
    failure = report.failure
    assert failure is not None  # noqa: S101 - see `kept`
    dkim = spf = ""
    if failure.aligned is not None:
        dkim, spf = (
            "pass" if name in failure.aligned else "fail" for name in ("dkim", "spf")
        )
    return KeptReport(
        kind="failure",
        organization=report.reporting_mta or report.user_agent,
        report_id=f"{report.message_id} {report.arrival_date} {report.source_ip}",
        domain=domain,
        begin=0,
        end=int(received_at),
        received_at=received_at,
        rows=(
            KeptRow(
                source=report.source_ip,
                name=report.original_mail_from.rpartition("@")[2].lower(),
                outcome=f"{failure.kind} {failure.delivery}".strip(),
                dkim=dkim,
                spf=spf,
                count=report.incidents,
            ),
        ),
    )


def _of_abuse(report: AbuseReport, domain: str, received_at: float) -> KeptReport:
    return KeptReport(
        kind="abuse",
        organization=report.reporting_mta or report.user_agent,
        report_id=report.message_id or f"{report.arrival_date} {report.source_ip}",
        domain=domain,
        begin=0,
        end=int(received_at),
        received_at=received_at,
        rows=(
            KeptRow(
                source=report.source_ip,
                name=report.original_mail_from,
                outcome=report.feedback_type,
                count=report.incidents,
            ),
        ),
    )
