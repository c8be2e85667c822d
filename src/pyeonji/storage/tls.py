"""What is known of TLS with other hosts: their domains' policies, how it went.

Policies (MTA-STS) must outlive a restart: who has one was promised that nobody
falls back to less (RFC 8461 §3.3). Results are counted by day for reports
(RFC 8460).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

KEPT_DAYS: Final = 30
"""Results are kept so long."""

MAX_ROWS: Final = 500_000
"""Results of all days; beyond that the oldest days go."""

NO_TLS: Final = "starttls-not-supported"
"""The result type of a host that does not offer TLS (RFC 8460 §4.3)."""

MAX_FAILURE_ROWS: Final = 200
"""Kinds of failure counted one by one for a domain and a day; more are counted
without hosts and reasons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Whose wish it was that a host shows something (RFC 8460 §4.4)."""

    kind: str = "no-policy-found"  # "tlsa" or "sts"
    lines: tuple[str, ...] = ()
    mx: tuple[str, ...] = ()


NO_POLICY: Final = Policy()


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsResult:
    """What sessions with a host of a domain came to."""

    domain: str  # the policy domain: of the recipients
    policy: Policy = NO_POLICY
    failure: str = ""  # a result type (RFC 8460 §4.3), "": TLS was as asked
    mx: str = ""
    address: str = ""  # of the host
    source: str = ""  # ours
    reason: str = ""  # for people

    def without_details(self) -> TlsResult:
        """The same for all hosts."""
        return replace(self, mx="", address="", source="", reason="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A result, and how many sessions came to it."""

    result: TlsResult
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainTls:
    """How it went with the hosts of a domain over some days, in sessions."""

    domain: str
    sessions: int
    encrypted: int  # as was asked
    without: int  # TLS was not offered
    policies: tuple[str, ...] = ()  # "tlsa", "sts"

    @property
    def failed(self) -> int:
        """Sessions in which TLS went wrong."""
        return self.sessions - self.encrypted - self.without


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPolicy:
    """A policy file as it was fetched."""

    domain: str  # A-labels, lower case
    id: str  # of the TXT record that announced it
    octets: bytes
    fetched_at: float  # Unix seconds
    max_age_s: int

    @property
    def expires_at(self) -> float:
        """Unix seconds."""
        return self.fetched_at + self.max_age_s


class PolicyStore(Protocol):
    """Policies of other domains."""

    async def policy(self, domain: str) -> KeptPolicy | None:
        """What is kept of a domain, also if its time is over."""

    async def keep_policy(self, kept: KeptPolicy) -> None:
        """Keep it in place of an older one; stable on return."""

    async def policies(self, expire_before: float) -> list[KeptPolicy]:
        """All that will have expired by then, also those that have."""

    async def drop_policies(self, expired_before: float) -> None:
        """Forget those whose time was over then."""


class ResultStore(Protocol):
    """Counts of results by day (UTC, "2026-11-25") and domain."""

    def count(self, result: TlsResult, day: str) -> None:
        """One more session; does not wait. Stable within some seconds."""

    async def reportable(self, before: str) -> list[tuple[str, str]]:
        """Days before that one, each with a domain that has results, oldest first."""

    async def results(self, day: str, domain: str) -> list[Counted]:
        """What was counted."""

    async def note_reported(self, days: Sequence[tuple[str, str]]) -> None:
        """Others were told, or nobody wanted to hear; the counts stay for us."""

    async def outbound(self, since: str, limit: int) -> list[DomainTls]:
        """Domains since a day, those with most trouble first, then the most."""

    async def outbound_to(self, domain: str, since: str) -> list[Counted]:
        """What came of sessions with a domain's hosts since a day, most first."""
