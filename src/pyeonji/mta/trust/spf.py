"""Whether a host may send for a domain: SPF (RFC 7208).

`check_spf` is an `Inquiry`: it yields questions to DNS, is sent answers, and
returns a result with a reason that a person can read. Its limits are those of
RFC 7208 §4.6.4: ten terms that ask DNS, two of them without an answer, ten
hosts of an MX, ten names of an address. Who drives it sees to the time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from pyeonji.base.dns import DnsStatus, Inquiry
from pyeonji.mta.trust.domains import MAX_NAME, ascii_domain, can_be_asked, is_within
from pyeonji.mta.trust.iprev import addresses_of, unmapped, validated_names
from pyeonji.mta.trust.spf_macros import SpfSyntaxError, read_explanation
from pyeonji.mta.trust.spf_record import Qualifier, read_record, select

if TYPE_CHECKING:
    from pyeonji.base.networks import Address
    from pyeonji.mta.trust.spf_macros import MacroString
    from pyeonji.mta.trust.spf_record import Directive, Record

MAX_TERMS: Final = 10
"""Terms of all records together that ask DNS (RFC 7208 §4.6.4)."""

MAX_VOID: Final = 2
"""Of these, how many may have no answer (RFC 7208 §4.6.4).

LIBERTY: the text speaks of terms; so the hosts of an MX that have no address of
the client's family do not count, only what the term itself names.
"""

MAX_EXCHANGERS: Final = 10
"""Hosts of one MX mechanism; more are an error (RFC 7208 §4.6.4)."""

MAX_EXPLANATION: Final = 400
"""Characters of an explanation: it must fit into a reply (ours)."""


class SpfResult(StrEnum):
    """RFC 7208 §2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


_RESULTS: Final = {
    Qualifier.PASS: SpfResult.PASS,
    Qualifier.FAIL: SpfResult.FAIL,
    Qualifier.SOFTFAIL: SpfResult.SOFTFAIL,
    Qualifier.NEUTRAL: SpfResult.NEUTRAL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpfVerdict:
    """What SPF says of one identity.

    `explanation` is what the domain wants its failures to be told; it comes
    from a third party. `mechanism` is what matched, "default" where nothing
    did, "" where there was no evaluation.
    """

    result: SpfResult
    reason: str
    identity: str = "mailfrom"  # or "helo"
    domain: str = ""  # whose policy it is, A-labels
    mechanism: str = ""
    explanation: str = ""
    terms: int = 0  # that asked DNS


@dataclass(frozen=True, slots=True)
class _Found:
    """What an evaluation came to."""

    result: SpfResult
    reason: str
    mechanism: str = ""
    explanation: str = ""


class _Stop(Exception):
    """An evaluation ends at once."""

    def __init__(self, result: SpfResult, reason: str) -> None:
        super().__init__(reason)
        self.found = _Found(result, reason)


def check_spf(
    ip: Address, *, helo: str, mail_from: str, receiver: str, unix_second: int
) -> Inquiry[SpfVerdict]:
    """Check the MAIL FROM identity, or HELO where the reverse path is null.

    Args:
        ip: the client's.
        helo: what it called itself.
        mail_from: the reverse path without brackets; "" is the null one.
        receiver: our name, for explanations.
        unix_second: now, for explanations.
    """
    helo = ascii_domain(helo)
    identity = "mailfrom" if mail_from else "helo"
    local, _, domain = mail_from.rpartition("@") if mail_from else ("", "", helo)
    domain = ascii_domain(domain)
    check = _Check(
        ip=unmapped(ip),
        local=local or "postmaster",  # RFC 7208 §4.3
        origin=domain,
        helo=helo,
        receiver=receiver,
        unix_second=unix_second,
    )
    try:
        found = yield from check.evaluate(domain)
    except _Stop as stop:
        found = stop.found
    return SpfVerdict(
        result=found.result,
        reason=found.reason,
        identity=identity,
        domain=domain,
        mechanism=found.mechanism,
        explanation=found.explanation,
        terms=check.terms,
    )


@dataclass(slots=True, kw_only=True)
class _Check:
    """One check: what stays the same in all records, and what was counted."""

    ip: Address
    local: str
    origin: str  # the sender's domain
    helo: str
    receiver: str
    unix_second: int
    terms: int = 0
    voids: int = 0
    names: tuple[str, ...] | None = field(default=None)  # of the address

    def evaluate(self, domain: str, *, included: bool = False) -> Inquiry[_Found]:
        """`check_host` of RFC 7208 §4.3 to §4.6. Raises _Stop."""
        if not can_be_asked(domain) or "." not in domain:
            return _Found(SpfResult.NONE, f"{domain!a} is no domain")
        answer = yield domain, "TXT"
        if answer.status is DnsStatus.FAILED:
            raise _Stop(SpfResult.TEMPERROR, f"no answer from DNS for {domain}")
        texts = select(answer.records)
        if not texts:
            return _Found(SpfResult.NONE, f"{domain} has no SPF record")
        if len(texts) > 1:
            raise _Stop(SpfResult.PERMERROR, f"{domain} has {len(texts)} SPF records")
        try:
            record = read_record(texts[0])
        except SpfSyntaxError as error:
            raise _Stop(
                SpfResult.PERMERROR, f"SPF record of {domain}: {error}"
            ) from error
        return (yield from self._record(record, domain, included=included))

    def _record(
        self, record: Record, domain: str, *, included: bool
    ) -> Inquiry[_Found]:
        for directive in record.directives:
            if (yield from self._matches(directive, domain)):
                result = _RESULTS[directive.qualifier]
                explanation = ""
                if result is SpfResult.FAIL and record.explanation and not included:
                    explanation = yield from self._explain(record.explanation, domain)
                return _Found(
                    result,
                    f"{domain}: {self.ip} matches {directive.text}",
                    directive.text,
                    explanation,
                )
        if record.redirect is None:  # RFC 7208 §4.7
            reason = f"{domain} says nothing of {self.ip}"
            return _Found(SpfResult.NEUTRAL, reason, "default")
        self._count("redirect")
        target = yield from self._target(record.redirect, domain)
        found = yield from self.evaluate(target, included=included)
        if found.result is SpfResult.NONE:  # RFC 7208 §6.1
            raise _Stop(SpfResult.PERMERROR, f"redirect of {domain}: {found.reason}")
        return found

    def _matches(self, directive: Directive, domain: str) -> Inquiry[bool]:
        name = directive.name
        if name == "all":
            return True
        if directive.network is not None:
            return self.ip in directive.network
        self._count(directive.text)
        target = domain
        if directive.domain is not None:
            target = yield from self._target(directive.domain, domain)
        if name == "include":
            return (yield from self._include(target, directive))
        if not can_be_asked(target):  # RFC 7208 §4.8 leaves it to us: no match
            return False
        if name == "a":
            addresses = yield from self._addresses(target)
            return self._is_near(addresses, directive)
        if name == "mx":
            return (yield from self._exchangers(target, directive))
        if name == "exists":
            return bool((yield from self._ask(target, "A")))
        names = yield from self._validated_names()
        return any(is_within(found, target) for found in names)

    def _include(self, target: str, directive: Directive) -> Inquiry[bool]:
        """RFC 7208 §5.2."""
        found = yield from self.evaluate(target, included=True)
        if found.result is SpfResult.NONE:
            raise _Stop(SpfResult.PERMERROR, f"{directive.text}: {found.reason}")
        return found.result is SpfResult.PASS

    def _exchangers(self, target: str, directive: Directive) -> Inquiry[bool]:
        """RFC 7208 §5.4."""
        records = yield from self._ask(target, "MX")
        hosts = [record.partition(" ")[2].strip() for record in records]
        hosts = [ascii_domain(host) for host in hosts if host not in {"", "."}]
        for host in hosts[:MAX_EXCHANGERS]:
            if not can_be_asked(host):
                continue
            addresses = yield from addresses_of(host, self.ip)
            if addresses is None:
                raise _Stop(SpfResult.TEMPERROR, f"no answer from DNS for {host}")
            if self._is_near(addresses, directive):
                return True
        if len(hosts) > MAX_EXCHANGERS:
            raise _Stop(
                SpfResult.PERMERROR, f"{target} has more than {MAX_EXCHANGERS} MX"
            )
        return False

    def _is_near(self, addresses: list[Address], directive: Directive) -> bool:
        """Whether an address is ours, or one of the same network."""
        length = directive.prefix4 if self.ip.version == 4 else directive.prefix6
        shift = self.ip.max_prefixlen - length
        mine = int(self.ip) >> shift
        return any(int(address) >> shift == mine for address in addresses)

    # -- questions

    def _count(self, term: str) -> None:
        self.terms += 1
        if self.terms > MAX_TERMS:
            raise _Stop(
                SpfResult.PERMERROR, f"more than {MAX_TERMS} terms ask DNS, at {term}"
            )

    def _ask(self, name: str, kind: str) -> Inquiry[tuple[str, ...]]:
        answer = yield name, kind
        if answer.status is DnsStatus.FAILED:
            raise _Stop(SpfResult.TEMPERROR, f"no answer from DNS for {name} {kind}")
        self._count_void(empty=not answer.records)
        return answer.records

    def _count_void(self, *, empty: bool) -> None:
        self.voids += empty
        if self.voids > MAX_VOID:
            raise _Stop(
                SpfResult.PERMERROR,
                f"more than {MAX_VOID} terms name what is not in DNS",
            )

    def _addresses(self, name: str) -> Inquiry[list[Address]]:
        found = yield from addresses_of(name, self.ip)
        if found is None:
            raise _Stop(SpfResult.TEMPERROR, f"no answer from DNS for {name}")
        self._count_void(empty=not found)
        return found

    def _validated_names(self) -> Inquiry[tuple[str, ...]]:
        """Names of the address that lead back to it (RFC 7208 §5.5)."""
        if self.names is None:
            names, _ = yield from validated_names(self.ip)
            self.names = names
        return self.names

    # -- macros

    def _target(
        self, spec: MacroString, domain: str, *, explaining: bool = False
    ) -> Inquiry[str]:
        """The target-name of a domain-spec (RFC 7208 §4.8)."""
        if spec.uses("p") and self.names is None and not explaining:
            self._count("%{p}")  # it asks for the names of the address
        name = yield from self._expand(spec, domain)
        if not name.isascii():  # a local part: it matches nothing (RFC 8616 §4)
            return ""
        name = ascii_domain(name)
        while len(name) > MAX_NAME and "." in name:  # RFC 7208 §7.3
            name = name.partition(".")[2]
        return name

    def _expand(self, spec: MacroString, domain: str) -> Inquiry[str]:
        values = {
            "s": f"{self.local}@{self.origin}",
            "l": self.local,
            "o": self.origin,
            "d": domain,
            "i": _dotted(self.ip),
            "v": "in-addr" if self.ip.version == 4 else "ip6",
            "h": self.helo,
            "c": str(self.ip),
            "r": self.receiver or "unknown",
            "t": str(self.unix_second),
        }
        if spec.uses("p"):
            names = yield from self._validated_names()
            values["p"] = _best(names, domain)
        return spec.expand(values)

    def _explain(self, spec: MacroString, domain: str) -> Inquiry[str]:
        """The explanation, "" if there is none that can be shown (RFC 7208 §6.2)."""
        target = yield from self._target(spec, domain, explaining=True)
        if not can_be_asked(target):
            return ""
        answer = yield target, "TXT"
        if len(answer.records) != 1:
            return ""
        try:
            text = read_explanation(answer.records[0])
        except SpfSyntaxError:
            return ""
        expanded = yield from self._expand(text, domain)
        if not expanded.isascii() or not expanded.isprintable():
            return ""
        return expanded[:MAX_EXPLANATION]


def _dotted(ip: Address) -> str:
    """The "i" macro: dots between the digits of IPv6, too."""
    if ip.version == 4:
        return str(ip)
    return ".".join(f"{int(ip):032X}")


def _best(names: tuple[str, ...], domain: str) -> str:
    """The "p" macro: the domain itself, a name below it, any, or "unknown"."""
    if domain in names:
        return domain
    below = [name for name in names if is_within(name, domain)]
    return (below or list(names) or ["unknown"])[0]
