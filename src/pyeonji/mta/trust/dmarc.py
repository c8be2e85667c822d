"""Whether a letter's author is who From says: DMARC (RFC 9989, RFC 7489).

`check_dmarc` takes what SPF and DKIM found, asks DNS for the author domain's
policy, and says pass, fail or why neither. What it says of `disposition` is
the domain's wish; what is done is the receiver's policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from pyeonji.base.dns import DnsStatus, Inquiry
from pyeonji.mta.trust.dmarc_discovery import (
    Discovery,
    NoAnswer,
    belongs,
    by_suffix,
    walk,
)
from pyeonji.mta.trust.dmarc_record import Policy
from pyeonji.mta.trust.domains import ascii_domain, can_be_asked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyeonji.mta.trust.dmarc_author import Author
    from pyeonji.mta.trust.dmarc_discovery import Found
    from pyeonji.mta.trust.dmarc_record import DmarcRecord

MAX_IDENTIFIERS: Final = 10
"""Signatures whose domains are looked at (ours)."""


class DmarcResult(StrEnum):
    """RFC 7489 §11.2."""

    NONE = "none"
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """A domain that SPF or DKIM speaks of.

    `unsure`: the check could not be made now.
    """

    method: str  # "spf" or "dkim"
    domain: str
    passed: bool
    unsure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DmarcVerdict:
    """What DMARC says of a letter.

    `policy` is what the record has for this domain, `disposition` what is to be
    done with a letter that failed (less while the domain is testing; none where
    it passed). `aligned` are the domains that made it pass, as "dkim=a.test".
    """

    result: DmarcResult
    reason: str
    domain: str = ""  # the author's
    policy: Policy = Policy.NONE
    disposition: Policy = Policy.NONE
    record: DmarcRecord | None = None
    policy_domain: str = ""  # where the record stands
    organizational: str = ""
    aligned: tuple[str, ...] = ()
    spf_aligned: bool = False
    dkim_aligned: bool = False


def check_dmarc(
    author: Author,
    identifiers: Sequence[Identifier],
    *,
    organizational: Callable[[str], str] | None = None,
) -> Inquiry[DmarcVerdict]:
    """Check a letter.

    Args:
        author: what From says.
        identifiers: of SPF one, of DKIM one for each signature.
        organizational: finds the organisational domain of a domain (RFC 7489
            §3.2); None: by tree walk (RFC 9989 §4.10).
    """
    if not author.problem:
        return (yield from _check(author.domains[0], identifiers, organizational))
    # RFC 9989 §11.5: the strictest of what the domains wish
    verdicts: list[DmarcVerdict] = []
    for domain in author.domains:
        verdict = yield from _check(domain, (), organizational)
        verdicts.append(verdict)
    worst = max(verdicts, key=lambda v: v.disposition.rank, default=None)
    if worst is None or worst.record is None:
        return DmarcVerdict(result=DmarcResult.PERMERROR, reason=author.problem)
    return DmarcVerdict(
        result=DmarcResult.FAIL,
        reason=author.problem,
        domain=worst.domain,
        policy=worst.policy,
        disposition=worst.disposition,
        record=worst.record,
        policy_domain=worst.policy_domain,
        organizational=worst.organizational,
    )


def _check(
    domain: str,
    identifiers: Sequence[Identifier],
    organizational: Callable[[str], str] | None,
) -> Inquiry[DmarcVerdict]:
    try:
        found = yield from _discover(domain, organizational)
    except NoAnswer as error:
        return DmarcVerdict(
            result=DmarcResult.TEMPERROR, reason=str(error), domain=domain
        )
    record = found.record
    if record is None:
        reason = f"{domain} has no DMARC record"
        return DmarcVerdict(result=DmarcResult.NONE, reason=reason, domain=domain)
    if not record.usable:
        reason = f"DMARC record of {found.policy_domain} has no policy"
        return DmarcVerdict(result=DmarcResult.PERMERROR, reason=reason, domain=domain)
    aligned = yield from _aligned(domain, identifiers, found, record, organizational)
    return (yield from _verdict(domain, found, record, aligned))


def _discover(domain: str, organizational: Callable[[str], str] | None) -> Discovery:
    if organizational is None:
        return (yield from walk(domain))
    return (yield from by_suffix(domain, organizational))


@dataclass(frozen=True, slots=True)
class _Aligned:
    passed: list[Identifier]
    unsure: str  # why more cannot be said, ""


def _aligned(
    domain: str,
    identifiers: Sequence[Identifier],
    found: Found,
    record: DmarcRecord,
    organizational: Callable[[str], str] | None,
) -> Inquiry[_Aligned]:
    """Those identifiers that passed and are aligned (RFC 9989 §4.4)."""
    passed: list[Identifier] = []
    unsure = ""
    for identifier in identifiers[:MAX_IDENTIFIERS]:
        if not identifier.passed and not identifier.unsure:
            continue
        name = ascii_domain(identifier.domain)
        strict = record.strict_spf if identifier.method == "spf" else record.strict_dkim
        fits = name == domain
        if not fits and not strict and can_be_asked(name):
            try:
                fits = yield from belongs(name, found.organizational, organizational)
            except NoAnswer as error:
                unsure = str(error)
        if fits and identifier.passed:
            passed.append(identifier)
        elif fits:
            unsure = f"{identifier.method} of {name} could not be checked"
    return _Aligned(passed, unsure)


def _verdict(
    domain: str, found: Found, record: DmarcRecord, aligned: _Aligned
) -> Inquiry[DmarcVerdict]:
    below = domain != found.policy_domain
    exists = True
    if below and record.missing is not None and not aligned.passed:
        answer = yield domain, "A"  # RFC 9989 §3.2.13: NXDOMAIN
        exists = answer.status is not DnsStatus.NO_NAME
    policy = record.published(below=below, exists=exists)
    disposition = Policy.NONE
    if aligned.passed:
        result = DmarcResult.PASS
        names = ", ".join(f"{i.method} of {i.domain}" for i in aligned.passed)
        reason = f"{domain} is vouched for by {names}"
    elif aligned.unsure:
        result, reason = DmarcResult.TEMPERROR, aligned.unsure
    else:
        result = DmarcResult.FAIL
        reason = f"neither SPF nor DKIM vouches for {domain}"
        disposition = policy.softer if record.testing else policy
    return DmarcVerdict(
        result=result,
        reason=reason,
        domain=domain,
        policy=policy,
        disposition=disposition,
        record=record,
        policy_domain=found.policy_domain,
        organizational=found.organizational,
        aligned=tuple(f"{i.method}={i.domain}" for i in aligned.passed),
        spf_aligned=any(i.method == "spf" for i in aligned.passed),
        dkim_aligned=any(i.method == "dkim" for i in aligned.passed),
    )
