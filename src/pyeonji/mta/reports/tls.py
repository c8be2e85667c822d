"""TLS reports of others, read (RFC 8460 §4.4)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pyeonji.mta.reports.tree import NotReadable

MAX_POLICIES: Final = 1000
MAX_FAILURES: Final = 1000
"""Of one policy that are kept."""

MAX_WORD: Final = 255
MAX_COUNT: Final = 10**12
MAX_NESTING: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFailure:
    """Sessions that failed alike (RFC 8460 §4.4)."""

    result: str
    sessions: int
    sending_mta: str = ""
    receiving_mx: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyOutcome:
    """How sessions under a policy went."""

    domain: str
    kind: str  # "sts", "tlsa", "no-policy-found"
    successful: int
    failed: int
    failures: tuple[TlsFailure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsReport:
    """What one sender saw in some time. Unix seconds."""

    organization: str
    contact: str
    report_id: str
    begin: int
    end: int
    policies: tuple[PolicyOutcome, ...]


def read_tls(octets: bytes) -> TlsReport:
    """Read a report's JSON; what is unknown in it is passed over.

    Raises:
        NotReadable: not JSON, or not such a report.
    """
    if octets.count(b"[") + octets.count(b"{") > 200_000:
        raise NotReadable("more parts than a report may have")
    try:
        tree = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise NotReadable(f"not JSON: {type(error).__name__}") from error
    if not isinstance(tree, dict) or not isinstance(tree.get("policies"), list):
        raise NotReadable("no TLS report")
    dates = _table(tree.get("date-range"))
    begin = _time(dates.get("start-datetime"))
    policies = []
    for item in tree["policies"][:MAX_POLICIES]:
        outcome = _outcome(_table(item))
        if outcome is not None:
            policies.append(outcome)
    return TlsReport(
        organization=_word(tree.get("organization-name")),
        contact=_word(tree.get("contact-info")),
        report_id=_word(tree.get("report-id")),
        begin=begin,
        end=max(begin, _time(dates.get("end-datetime"))),
        policies=tuple(policies),
    )


def _outcome(item: dict[str, Any]) -> PolicyOutcome | None:
    policy, summary = _table(item.get("policy")), _table(item.get("summary"))
    domain = _word(policy.get("policy-domain")).lower()
    if not domain:
        return None
    details = item.get("failure-details")
    return PolicyOutcome(
        domain=domain,
        kind=_word(policy.get("policy-type")),
        successful=_number(summary.get("total-successful-session-count")),
        failed=_number(summary.get("total-failure-session-count")),
        failures=tuple(
            _failure(_table(each))
            for each in (details if isinstance(details, list) else [])[:MAX_FAILURES]
        ),
    )


def _failure(item: dict[str, Any]) -> TlsFailure:
    return TlsFailure(
        result=_word(item.get("result-type")),
        sessions=_number(item.get("failed-session-count")),
        sending_mta=_word(item.get("sending-mta-ip")),
        receiving_mx=_word(item.get("receiving-mx-hostname")),
        reason=_word(
            item.get("failure-reason-code") or item.get("additional-information")
        ),
    )


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _word(value: Any) -> str:
    text = value.strip()[:MAX_WORD] if isinstance(value, str) else ""
    return "".join(c if c.isprintable() else " " for c in text)


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return max(0, min(value, MAX_COUNT))


def _time(value: Any) -> int:
    """A date of RFC 3339 as Unix seconds; 0 where it is none."""
    try:
        at = datetime.fromisoformat(str(value)[:40])
        return max(0, int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()))
    except (ValueError, OverflowError):
        return 0
