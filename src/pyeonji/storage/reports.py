"""Reports of others about our domains, and what we saw of the domains of others.

Received reports are kept by their rows, for summaries. What we saw (DMARC) is
counted by day and domain until it has been reported (RFC 7489 §7.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS: Final = ("dmarc", "tls", "abuse", "failure")

MAX_KEPT_REPORTS: Final = 20_000
"""Received reports of a kind; the oldest go."""

KEPT_S: Final = 400 * 86400.0
"""How long a received report is kept."""

MAX_SEEN_ROWS: Final = 5_000
"""Rows of one domain and day that are counted one by one; more are not told."""

MAX_SUMMARY_ROWS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRow:
    """A row of a received report.

    Attributes:
        source: dmarc, abuse, failure: an IP address; tls: the MX that was called.
        name: dmarc: domain in From; tls: kind of policy; abuse: reverse path;
            failure: its domain.
        outcome: dmarc: disposition; tls: result type, "" for success; abuse:
            the feedback type; failure: what failed, and what became of it.
        dkim: dmarc, failure: "pass" or "fail", aligned; "" not said.
        spf: the same.
        count: letters, sessions or incidents.
    """

    source: str
    name: str
    outcome: str
    dkim: str = ""
    spf: str = ""
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReport:
    """A received report. Unix seconds."""

    kind: str  # of KINDS
    organization: str
    report_id: str
    domain: str  # canonical; of ours
    begin: int
    end: int
    received_at: float
    rows: tuple[KeptRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Who has sent reports, and of how much they told."""

    organization: str
    reports: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Letters of a domain that fared alike at our door."""

    domain: str  # where the DMARC record stands
    header_from: str
    envelope_from: str
    source: str  # an IP address
    disposition: str  # what was done: "none", "quarantine", "reject"
    dkim: str  # aligned: "pass", "fail"
    spf: str
    reason: str = ""  # why policy was not followed: "type: comment"
    dkim_results: tuple[tuple[str, str, str], ...] = ()  # domain, selector, result
    spf_results: tuple[tuple[str, str, str], ...] = ()  # domain, scope, result


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCount:
    """The same, and how many."""

    seen: Seen
    count: int


class ReceivedReports(Protocol):
    """Reports of others."""

    async def keep(self, report: KeptReport) -> bool:
        """Keep a report; stable on return. False: it was known already."""

    async def summary(self, kind: str, domain: str, since: float) -> list[KeptRow]:
        """Rows of all reports that end after then, like ones added up, most first."""

    async def reporters(self, kind: str, domain: str, since: float) -> list[Reporter]:
        """Who sent them, most reports first."""


class SeenLetters(Protocol):
    """Counts of what we saw, by day (UTC, "2026-11-25") and domain."""

    def count(self, seen: Seen, day: str) -> None:
        """One more letter; does not wait. Stable within some seconds."""

    async def reportable(self, before: str) -> list[tuple[str, str]]:
        """Days before that one, each with a domain that was seen, oldest first."""

    async def seen(self, day: str, domain: str) -> list[SeenCount]:
        """What was counted."""

    async def forget(self, days: Sequence[tuple[str, str]]) -> None:
        """They were reported, or nobody wanted to hear."""
