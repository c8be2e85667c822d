"""Whose policy holds for a domain, and which domains belong together.

Two ways. The tree walk of RFC 9989 §4.10 asks for records from the domain
upwards, eight questions at most. The public suffix list of RFC 7489 §3.2 asks
at the domain and at the one that was registered.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from publicsuffixlist import PublicSuffixList

from pyeonji.base.dns import DnsStatus, Inquiry
from pyeonji.mta.trust.dmarc_record import DmarcRecord, the_record
from pyeonji.mta.trust.domains import MAX_NAME, can_be_asked, is_within

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_QUESTIONS: Final = 8
"""Of one walk (RFC 9989 §4.10)."""

_PREFIX: Final = "_dmarc."


class NoAnswer(Exception):
    """DNS did not answer; the text says what was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What discovery came to; `record` stands at `policy_domain`."""

    organizational: str
    record: DmarcRecord | None = None
    policy_domain: str = ""


Discovery = Inquiry[Found]


def ask_record(domain: str) -> Inquiry[DmarcRecord | None]:
    """The record at one domain. Raises NoAnswer."""
    name = _PREFIX + domain
    if len(name) > MAX_NAME or not can_be_asked(domain):
        return None
    answer = yield name, "TXT"
    if answer.status is DnsStatus.FAILED:
        raise NoAnswer(f"no answer from DNS for {name}")
    return the_record(answer.records)


def targets(domain: str) -> list[str]:
    """Where a walk asks, the domain itself first."""
    labels = domain.split(".")
    keep = min(len(labels) - 1, MAX_QUESTIONS - 1)
    return [domain, *(".".join(labels[-n:]) for n in range(keep, 0, -1))]


def walk(domain: str) -> Discovery:
    """RFC 9989 §4.10, with the policy of §4.10.1. Raises NoAnswer."""
    records: list[tuple[str, DmarcRecord]] = []
    for target in targets(domain):
        record = yield from ask_record(target)
        if record is not None:
            records.append((target, record))
            if record.psd != "u":
                break
    if not records:
        return Found(organizational=domain)
    organizational = _organizational(domain, records)
    by_domain = dict(records)
    # the domain's own, the organisation's, that of the public suffix
    for candidate in (domain, organizational, records[-1][0]):
        if candidate in by_domain:
            return Found(
                organizational=organizational,
                record=by_domain[candidate],
                policy_domain=candidate,
            )
    return Found(organizational=organizational)


def _organizational(domain: str, records: list[tuple[str, DmarcRecord]]) -> str:
    """RFC 9989 §4.10.2; the last record is the shortest domain's."""
    last, record = records[-1]
    if record.psd == "y" and last != domain:
        labels = domain.split(".")
        return ".".join(labels[-(last.count(".") + 2) :])
    return last


def by_suffix(domain: str, organizational: Callable[[str], str]) -> Discovery:
    """RFC 7489 §6.6.3. Raises NoAnswer."""
    organization = organizational(domain)
    record = yield from ask_record(domain)
    if record is not None:
        return Found(organizational=organization, record=record, policy_domain=domain)
    if organization != domain:
        record = yield from ask_record(organization)
    return Found(
        organizational=organization,
        record=record,
        policy_domain=organization if record is not None else "",
    )


def belongs(
    domain: str,
    organization: str,
    organizational: Callable[[str], str] | None,
) -> Inquiry[bool]:
    """Whether a domain's organisational domain is that one. Raises NoAnswer.

    Only domains below it can be so; others cost no question.
    """
    if not is_within(domain, organization):
        return False
    if organizational is not None:
        return organizational(domain) == organization
    return (yield from walk(domain)).organizational == organization


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@lru_cache(maxsize=4096)
def suffix_domain(domain: str) -> str:
    """The organisational domain by the public suffix list that we came with.

    A public suffix is its own. The first call reads the list (some 0.2 s).
    """
    return _suffixes().privatesuffix(domain) or domain
