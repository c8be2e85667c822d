"""TLS reports that we send: what was counted, as JSON and as a letter (RFC 8460)."""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from pyeonji.message.compose.entities import (
    Described,
    file_entity,
    multipart,
    text_entity,
    write_message,
)
from pyeonji.message.compose.fields import plain
from pyeonji.mta.reports.day import MAX_DESTINATIONS, DayReport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.storage.tls import Counted, Policy

GZIP: Final = "application/tlsrpt+gzip"

_RECORD: Final = re.compile(r"v=TLSRPTv1\s*;(.*)", re.DOTALL)
_MAILBOX: Final = re.compile(r"[^\s<>()\[\],;:\\\"@]+@[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsReport(DayReport):
    """What one domain is told of one day."""

    counted: tuple[Counted, ...]

    @property
    def filename(self) -> str:
        """RFC 8460 §5.1."""
        begin, end = int(self.begin.timestamp()), int(self.end.timestamp())
        return f"{self.submitter}!{self.domain}!{begin}!{end}!{self.token}.json.gz"

    def packed(self) -> bytes:
        """The report, compressed (RFC 8460 §5.2)."""
        octets = json.dumps(as_json(self), ensure_ascii=False).encode()
        return gzip.compress(octets, mtime=0)


def destinations(records: Sequence[str]) -> tuple[str, ...]:
    """Where a domain wants its reports: mailto: and https: URIs (RFC 8460 §3).

    Args:
        records: TXT of `_smtp._tls`; none, or more than one that is for this,
            means that it wants none.
    """
    found = [match for one in records if (match := _RECORD.fullmatch(one))]
    if len(found) != 1:
        return ()
    for field in found[0][1].split(";"):
        name, _, value = field.strip().partition("=")
        if name.strip() == "rua":
            wanted = [uri.strip() for uri in value.split(",")]
            known = [uri for uri in wanted if _kind(uri) in ("mailto", "https")]
            return tuple(known[:MAX_DESTINATIONS])
    return ()


def mailbox(uri: str) -> str:
    """The address of a mailto: URI; "" if it is none."""
    if _kind(uri) != "mailto":
        return ""
    address = unquote(uri.partition(":")[2].partition("?")[0])
    return address if _MAILBOX.fullmatch(address) else ""


def _kind(uri: str) -> str:
    try:
        return urlsplit(uri).scheme.lower()
    except ValueError:
        return ""


def as_json(report: TlsReport) -> dict[str, Any]:
    """The report (RFC 8460 §4.4)."""
    policies: defaultdict[Policy, list[Counted]] = defaultdict(list)
    for one in report.counted:
        policies[one.result.policy].append(one)
    return {
        "organization-name": report.organization,
        "date-range": {
            "start-datetime": f"{report.begin:%Y-%m-%dT%H:%M:%SZ}",
            "end-datetime": f"{report.end:%Y-%m-%dT%H:%M:%SZ}",
        },
        "contact-info": report.contact,
        "report-id": report.id,
        "policies": [
            _policy(report.domain, policy, counted)
            for policy, counted in policies.items()
        ],
    }


def _policy(domain: str, policy: Policy, counted: Sequence[Counted]) -> dict[str, Any]:
    said: dict[str, Any] = {"policy-type": policy.kind, "policy-domain": domain}
    if policy.lines:
        said["policy-string"] = list(policy.lines)
    if policy.mx and policy.kind == "sts":  # RFC 8460 §4.4: patterns of a policy
        said["mx-host"] = list(policy.mx)
    failed = [one for one in counted if one.result.failure]
    failures = sum(one.sessions for one in failed)
    whole = sum(one.sessions for one in counted)
    found: dict[str, Any] = {
        "policy": said,
        "summary": {
            "total-successful-session-count": whole - failures,
            "total-failure-session-count": failures,
        },
    }
    if failed:
        found["failure-details"] = [_failure(one) for one in failed]
    return found


def _failure(one: Counted) -> dict[str, Any]:
    result = one.result
    known = {
        "result-type": result.failure,
        "sending-mta-ip": result.source,
        "receiving-mx-hostname": result.mx,
        "receiving-ip": result.address,
        "failed-session-count": one.sessions,
        "failure-reason-code": result.reason,
    }
    return {name: value for name, value in known.items() if value}


def compose(report: TlsReport, to: str, now: float) -> bytes:
    """The report as a letter (RFC 8460 §5.3).

    Args:
        report: what it says.
        to: an address of the domain's choice.
        now: Unix seconds.

    Raises:
        ComposeError: `to` is no address.
    """
    subject = (
        f"Report Domain: {report.domain} Submitter: {report.submitter}"
        f" Report-ID: <{report.id}>"
    )
    fields = [
        *report.header(to, subject, now),
        ("TLS-Report-Domain", plain("TLS-Report-Domain", report.domain)),
        ("TLS-Report-Submitter", plain("TLS-Report-Submitter", report.submitter)),
        # it goes despite what it tells of (RFC 8460 §3, RFC 8689 §3)
        ("TLS-Required", plain("TLS-Required", "No")),
    ]
    text = (
        f"This is an aggregate TLS report of {report.day} (UTC)\r\n"
        f"about {report.domain} from {report.submitter}.\r\n"
    )
    body = multipart(
        "report",
        [
            text_entity(text),
            file_entity(
                report.packed(),
                GZIP,
                described=Described(disposition="attachment", filename=report.filename),
            ),
        ],
        token=report.token,
        parameters=[("report-type", "tlsrpt")],
    )
    return write_message(fields, body)
