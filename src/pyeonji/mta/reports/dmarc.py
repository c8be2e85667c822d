"""DMARC aggregate reports, read and written (RFC 7489 §7.2, Appendix C).

Reading is forgiving: any namespace, unknown elements, missing ones, results in
words of no standard. What can't be a row (no address, no count) is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from pyeonji.mta.reports.tree import NotReadable, parse_xml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mta.reports.tree import Element

MAX_ROWS: Final = 25_000
"""Rows of one report that are kept."""

MAX_RESULTS: Final = 20
"""Results of one method in one row that are kept."""

MAX_WORD: Final = 255
"""Characters of any text that is kept."""

MAX_COUNT: Final = 10**12

_DISPOSITIONS: Final = ("none", "quarantine", "reject")


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodResult:
    """What DKIM or SPF said of a domain."""

    domain: str
    result: str
    selector: str = ""  # of DKIM
    scope: str = ""  # of SPF: "mfrom", "helo"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """Letters that fared alike."""

    source: str  # an IP address
    count: int
    disposition: str  # "none", "quarantine", "reject"
    dkim: str  # aligned: "pass", "fail"
    spf: str
    header_from: str
    envelope_from: str = ""
    envelope_to: str = ""
    reasons: tuple[str, ...] = ()  # why policy was not followed: "type: comment"
    dkim_results: tuple[MethodResult, ...] = ()
    spf_results: tuple[MethodResult, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPolicy:
    """The record that was found; texts as in it, "" where a tag was missing."""

    domain: str
    policy: str = "none"
    subdomains: str = ""
    adkim: str = ""
    aspf: str = ""
    percent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateReport:
    """What one receiver saw of a domain in some time. Unix seconds."""

    org_name: str
    email: str
    report_id: str
    begin: int
    end: int
    published: PublishedPolicy
    rows: tuple[ReportRow, ...]


def read_aggregate(octets: bytes) -> AggregateReport:
    """Read a report's XML.

    Raises:
        NotReadable: not XML, not such a report, or of no domain.
    """
    root = parse_xml(octets)
    if root.name != "feedback":
        raise NotReadable(f"<{root.name[:40]}> is no DMARC report")
    published = root.child("policy_published")
    domain = _word(published.value("domain")).lower() if published else ""
    if published is None or not domain:
        raise NotReadable("a DMARC report of no domain")
    begin = _number(root.value("report_metadata", "date_range", "begin"))
    end = _number(root.value("report_metadata", "date_range", "end"))
    rows = []
    for record in root.all("record"):
        row = _row(record, domain)
        if row is not None:
            rows.append(row)
        if len(rows) >= MAX_ROWS:
            break
    return AggregateReport(
        org_name=_word(root.value("report_metadata", "org_name")),
        email=_word(root.value("report_metadata", "email")),
        report_id=_word(root.value("report_metadata", "report_id")),
        begin=begin,
        end=max(begin, end),
        published=PublishedPolicy(
            domain=domain,
            policy=_disposition(published.value("p")),
            subdomains=_word(published.value("sp")),
            adkim=_word(published.value("adkim")),
            aspf=_word(published.value("aspf")),
            percent=_word(published.value("pct")),
        ),
        rows=tuple(rows),
    )


def _row(record: Element, domain: str) -> ReportRow | None:
    row = record.child("row")
    if row is None:
        return None
    try:
        source = str(ip_address(row.value("source_ip")))
    except ValueError:
        return None
    count = _number(row.value("count"))
    if not count:
        return None
    evaluated = row.child("policy_evaluated")
    identifiers = record.child("identifiers") or record.child("identities")
    results = record.child("auth_results")
    return ReportRow(
        source=source,
        count=count,
        disposition=_disposition(evaluated.value("disposition") if evaluated else ""),
        dkim=_passed(evaluated.value("dkim") if evaluated else ""),
        spf=_passed(evaluated.value("spf") if evaluated else ""),
        header_from=_word(identifiers.value("header_from") if identifiers else "")
        or domain,
        envelope_from=_word(identifiers.value("envelope_from") if identifiers else ""),
        envelope_to=_word(identifiers.value("envelope_to") if identifiers else ""),
        reasons=_reasons(evaluated),
        dkim_results=_results(results, "dkim"),
        spf_results=_results(results, "spf"),
    )


def _reasons(evaluated: Element | None) -> tuple[str, ...]:
    found = []
    for reason in evaluated.all("reason") if evaluated else ():
        parts = (reason.value("type"), reason.value("comment"))
        found.append(_word(": ".join(part for part in parts if part)))
        if len(found) == MAX_RESULTS:
            break
    return tuple(found)


def _results(results: Element | None, method: str) -> tuple[MethodResult, ...]:
    found = []
    for each in results.all(method) if results else ():
        found.append(
            MethodResult(
                domain=_word(each.value("domain")),
                result=_word(each.value("result")).lower(),
                selector=_word(each.value("selector")),
                scope=_word(each.value("scope")),
            )
        )
        if len(found) == MAX_RESULTS:
            break
    return tuple(found)


def _word(text: str) -> str:
    """Text of strangers: one line, printable, short."""
    return "".join(c if c.isprintable() else " " for c in text.strip()[:MAX_WORD])


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 20:
        return 0
    return min(int(text), MAX_COUNT)


def _disposition(text: str) -> str:
    return text.lower() if text.lower() in _DISPOSITIONS else "none"


def _passed(text: str) -> str:
    return "pass" if text.lower() == "pass" else "fail"


# -- writing


def write_aggregate(report: AggregateReport) -> bytes:
    """The report as XML (RFC 7489 Appendix C), in that order of elements."""
    published = report.published
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<feedback>",
        "  <version>1.0</version>",
        "  <report_metadata>",
        _element(4, "org_name", report.org_name),
        _element(4, "email", report.email),
        _element(4, "report_id", report.report_id),
        "    <date_range>",
        _element(6, "begin", str(report.begin)),
        _element(6, "end", str(report.end)),
        "    </date_range>",
        "  </report_metadata>",
        "  <policy_published>",
        _element(4, "domain", published.domain),
        _element(4, "adkim", published.adkim or "r"),
        _element(4, "aspf", published.aspf or "r"),
        _element(4, "p", published.policy),
        _element(4, "sp", published.subdomains or published.policy),
        _element(4, "pct", published.percent or "100"),
        "  </policy_published>",
    ]
    for row in report.rows:
        lines += _record_lines(row)
    lines.append("</feedback>")
    return "\n".join(lines).encode() + b"\n"


def _record_lines(row: ReportRow) -> list[str]:
    lines = [
        "  <record>",
        "    <row>",
        _element(6, "source_ip", row.source),
        _element(6, "count", str(row.count)),
        "      <policy_evaluated>",
        _element(8, "disposition", row.disposition),
        _element(8, "dkim", row.dkim),
        _element(8, "spf", row.spf),
    ]
    for reason in row.reasons:
        kind, _, comment = reason.partition(": ")
        lines += [
            "        <reason>",
            _element(10, "type", kind),
            _element(10, "comment", comment),
            "        </reason>",
        ]
    lines += [
        "      </policy_evaluated>",
        "    </row>",
        "    <identifiers>",
        _element(6, "envelope_from", row.envelope_from),
        _element(6, "header_from", row.header_from),
        "    </identifiers>",
        "    <auth_results>",
        *_results_lines("dkim", row.dkim_results),
        *_results_lines("spf", row.spf_results),
        "    </auth_results>",
        "  </record>",
    ]
    return lines


def _results_lines(method: str, results: Sequence[MethodResult]) -> list[str]:
    lines = []
    for each in results:
        lines += [f"      <{method}>", _element(8, "domain", each.domain)]
        if method == "dkim" and each.selector:
            lines.append(_element(8, "selector", each.selector))
        if method == "spf":
            lines.append(_element(8, "scope", each.scope or "mfrom"))
        lines += [_element(8, "result", each.result), f"      </{method}>"]
    return lines


def _element(indent: int, name: str, text: str) -> str:
    # what XML can't carry at all is not carried
    fit = "".join(c for c in text if c.isprintable())
    return f"{' ' * indent}<{name}>{escape(fit)}</{name}>"


def file_name(receiver: str, domain: str, begin: int, end: int, unique: str) -> str:
    """The attachment's name (RFC 7489 §7.2.1.1)."""
    return f"{receiver}!{domain}!{begin}!{end}!{unique}.xml.gz"


def subject(receiver: str, domain: str, report_id: str) -> str:
    """The letter's Subject (RFC 7489 §7.2.1.1)."""
    return f"Report Domain: {domain} Submitter: {receiver} Report-ID: <{report_id}>"
