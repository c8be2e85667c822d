"""Which hosts take mail for a domain: pure, asks by yielding (RFC 5321 §5.1).

`next_hops` yields questions (name, record type) and is sent `DnsAnswer`s; it
returns the hosts to try, in order, or why there are none::

    MX found            by preference, equal ones shuffled; those as little
                        preferred as ourselves are left out
    MX 0 "."            null MX: the domain takes no mail (RFC 7505 §3)
    no MX               the domain itself, by its A and AAAA records
    NXDOMAIN            5.1.2
    no answer           4.4.3
    only ourselves      5.4.6, a loop

CNAMEs are followed by the resolver: an answer holds what the name at the end
of the chain has (RFC 5321 §5.1).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pyeonji.base.dns import DnsAnswer, DnsStatus, Inquiry
from pyeonji.net.dial import addresses_first

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyeonji.mta.options import Route

MAX_HOSTS: Final = 10
"""Exchangers that are tried for a domain, however many it names (ours)."""

MAX_ADDRESSES: Final = 6
"""Addresses tried of one host; RFC 5321 §5.1 asks for two at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One address to call."""

    host: str  # the name, for TLS and for people
    address: str  # what to connect to; a name only in a route
    port: int
    secure: bool = False  # DNSSEC vouches for the way from the domain to the host
    bases: tuple[str, ...] = ()  # where its TLSA records may be (RFC 7672 §2.2.3)
    domains: tuple[str, ...] = ()  # names of the next-hop domain (RFC 7672 §3.2.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoNextHop:
    """Nobody can be called: bounce or wait."""

    permanent: bool
    status: str  # RFC 3463
    text: str


NextHops = tuple[Target, ...]
Search = Inquiry[NextHops | NoNextHop]


def by_route(route: Route) -> NextHops:
    """The hosts of a route, in the order given."""
    return tuple(
        Target(host=host, address=host, port=port) for host, port in route.hosts
    )


def secured(targets: NextHops) -> Inquiry[NextHops]:
    """Hosts of a route with their addresses, where DNSSEC vouches for these.

    Others stay names for the system to look up, and have no DANE. Those that DNS
    failed to answer for are left out (RFC 7672 §2.1.2).
    """
    found: list[Target] = []
    for target in targets:
        if "." not in target.host or _is_address(target.host):
            found.append(target)
            continue
        six = yield target.host, "AAAA"
        four = yield target.host, "A"
        if DnsStatus.FAILED in (six.status, four.status):
            continue
        addresses = addresses_first([*six.records, *four.records])[:MAX_ADDRESSES]
        bases = (yield from _bases(target.host, (six, four))) if addresses else ()
        if bases is None:
            continue
        if not bases:
            found.append(target)
            continue
        found += [
            replace(target, address=one, secure=True, bases=bases, domains=bases)
            for one in addresses
        ]
    return tuple(found)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def next_hops(
    domain: str,
    *,
    port: int,
    hostname: str,
    own_endpoints: frozenset[tuple[str, int]],
    shuffle: Callable[[list[str]], None],
) -> Search:
    """Find the hosts that take mail for a domain.

    Args:
        domain: as in the address; "[192.0.2.1]" is an address literal.
        port: where SMTP servers listen.
        hostname: our own name.
        own_endpoints: (address, port) where we ourselves listen.
        shuffle: puts equally preferred exchangers in any order
            (RFC 5321 §5.1), for example `random.shuffle`.
    """
    if domain.startswith("["):
        return _by_literal(domain, port, own_endpoints)
    answer = yield domain, "MX"
    if answer.status is DnsStatus.FAILED:
        return NoNextHop(
            permanent=False, status="4.4.3", text=f"no answer from DNS for {domain}"
        )
    if answer.status is DnsStatus.NO_NAME:
        return NoNextHop(
            permanent=True, status="5.1.2", text=f"domain {domain} does not exist"
        )
    exchangers = read_mx(answer.records)
    if any(host == "" for _, host in exchangers):  # RFC 7505 §3
        return NoNextHop(
            permanent=True, status="5.1.10", text=f"domain {domain} accepts no mail"
        )
    implicit = not exchangers
    if implicit:
        exchangers = [(0, domain.lower())]
    hosts = in_order(exchangers, hostname, shuffle)
    if not hosts:
        return _loop(domain)
    domains: tuple[str, ...] = (domain.lower(),)
    if answer.canonical_name not in ("", *domains):
        domains += (answer.canonical_name,)
    way = _Way(domains=domains, secure=implicit or answer.authentic, implicit=implicit)
    return (yield from _resolve(way, hosts, port, own_endpoints))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How the exchangers of a domain were found."""

    domains: tuple[str, ...]  # the one asked for, and what it is an alias of
    secure: bool  # DNSSEC vouches for it
    implicit: bool  # there is no MX: the domain itself is the host


def read_mx(records: Sequence[str]) -> list[tuple[int, str]]:
    """MX records as (preference, host); a host of "" is the null MX."""
    found = []
    for record in records:
        preference, _, host = record.partition(" ")
        if preference.isdecimal():
            found.append((int(preference), host.strip().rstrip(".").lower()))
    return found


def in_order(
    exchangers: Sequence[tuple[int, str]],
    hostname: str,
    shuffle: Callable[[list[str]], None],
) -> list[str]:
    """Exchangers in the order to try them, without ourselves and what lies behind.

    A host that is itself an exchanger must not send to those that are as
    little preferred or less: that is how loops begin (RFC 5321 §5.1).
    """
    own = hostname.rstrip(".").lower()
    limit = min((p for p, host in exchangers if host == own), default=None)
    ordered: list[str] = []
    for preference in sorted({p for p, _ in exchangers}):
        if limit is not None and preference >= limit:
            break
        equal = [host for p, host in exchangers if p == preference]
        shuffle(equal)
        ordered += equal
    return ordered[:MAX_HOSTS]


def _resolve(
    way: _Way,
    hosts: Sequence[str],
    port: int,
    own_endpoints: frozenset[tuple[str, int]],
) -> Search:
    """Addresses of the hosts; one of ourselves ends the list."""
    domain = way.domains[0]
    targets: list[Target] = []
    failed = looping = False
    for host in hosts:
        six = yield host, "AAAA"
        four = yield host, "A"
        answers = (six, four)
        failed = failed or any(a.status is DnsStatus.FAILED for a in answers)
        addresses = [record for answer in answers for record in answer.records]
        mixed = addresses_first(addresses)[:MAX_ADDRESSES]
        if any(_is_own(address, port, own_endpoints) for address in mixed):
            looping = True
            break
        bases = (yield from _bases(host, answers)) if way.secure and mixed else ()
        if bases is None:
            failed = True
            continue
        targets += [
            Target(
                host=host,
                address=address,
                port=port,
                secure=way.secure and bool(bases),
                bases=bases,
                domains=way.domains if bases else (),
            )
            for address in mixed
        ]
    if targets:
        return tuple(targets)
    return _nobody(domain, failed=failed, looping=looping, implicit=way.implicit)


def _bases(host: str, answers: Sequence[DnsAnswer]) -> Inquiry[tuple[str, ...] | None]:
    """Candidate TLSA base domains of a host (RFC 7672 §2.2.2).

    None: DNS failed, and the host is not to be called (RFC 7672 §2.1.2).
    """
    found = [answer for answer in answers if answer.records]
    canonical = found[0].canonical_name or host
    if all(answer.authentic for answer in found):
        return (host,) if canonical == host else (canonical, host)
    if canonical == host:
        return ()
    alias = yield host, "CNAME"
    if alias.status is DnsStatus.FAILED:
        return None
    return (host,) if alias.records and alias.authentic else ()


def _nobody(domain: str, *, failed: bool, looping: bool, implicit: bool) -> NoNextHop:
    """Why there is no address to call."""
    if failed:
        return NoNextHop(
            permanent=False, status="4.4.3", text=f"no answer from DNS for {domain}"
        )
    if looping:
        return _loop(domain)
    if implicit:
        return NoNextHop(
            permanent=True,
            status="5.1.2",
            text=f"domain {domain} has neither MX nor address records",
        )
    # RFC 5321 §5.1: MX records without a usable address are reported as an error
    return NoNextHop(
        permanent=True,
        status="5.4.4",
        text=f"no exchanger of {domain} has an address",
    )


def _by_literal(
    domain: str, port: int, own_endpoints: frozenset[tuple[str, int]]
) -> NextHops | NoNextHop:
    """[192.0.2.1] and [IPv6:2001:db8::1] (RFC 5321 §4.1.3)."""
    text = domain.strip("[]")
    if text[:5].lower() == "ipv6:":
        text = text[5:]
    try:
        address = str(ipaddress.ip_address(text))
    except ValueError:
        return NoNextHop(
            permanent=True, status="5.1.2", text=f"{domain} is no address literal"
        )
    if _is_own(address, port, own_endpoints):
        return _loop(domain)
    return (Target(host=address, address=address, port=port),)


def _is_own(address: str, port: int, endpoints: frozenset[tuple[str, int]]) -> bool:
    """Whether we listen there; on all addresses means on loopback at least."""
    if (address, port) in endpoints:
        return True
    everywhere = ("::" if ":" in address else "0.0.0.0", port)  # noqa: S104 - compared
    return everywhere in endpoints and ipaddress.ip_address(address).is_loopback


def _loop(domain: str) -> NoNextHop:
    return NoNextHop(
        permanent=True, status="5.4.6", text=f"mail for {domain} loops back to us"
    )
