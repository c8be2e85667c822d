"""Whether an address has a name that leads back to it (RFC 8601 §3).

The same search serves SPF's "ptr" and "%{p}" (RFC 7208 §5.5).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pyeonji.base.dns import DnsStatus, Inquiry
from pyeonji.base.networks import Address, parsed
from pyeonji.mta.trust.domains import ascii_domain, can_be_asked

MAX_NAMES: Final = 10
"""Names of one address that are looked at (RFC 7208 §4.6.4)."""


class IprevResult(StrEnum):
    """RFC 8601 §2.7.3."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True, kw_only=True)
class IprevVerdict:
    """What the reverse mapping of an address says."""

    result: IprevResult
    reason: str
    name: str = ""  # the first that leads back


def unmapped(ip: Address) -> Address:
    """IPv4 behind IPv6 (`::ffff:192.0.2.1`) is IPv4 (RFC 7208 §5)."""
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    return ip


def addresses_of(name: str, like: Address) -> Inquiry[list[Address] | None]:
    """A name's addresses of the same family; None: no answer."""
    answer = yield name, "A" if like.version == 4 else "AAAA"
    if answer.status is DnsStatus.FAILED:
        return None
    found: list[Address] = []
    for record in answer.records:
        address = parsed(record)
        if address is not None and address.version == like.version:
            found.append(address)
    return found


def validated_names(
    ip: Address,
) -> Inquiry[tuple[tuple[str, ...], IprevVerdict]]:
    """Names of an address that lead back to it, and what to say of them all."""
    answer = yield ip.reverse_pointer, "PTR"
    if answer.status is DnsStatus.FAILED:
        return (), _verdict(IprevResult.TEMPERROR, f"no answer from DNS for {ip}")
    named = [ascii_domain(record) for record in answer.records[:MAX_NAMES]]
    named = [name for name in named if can_be_asked(name)]
    if not named:
        return (), _verdict(IprevResult.PERMERROR, f"{ip} has no name")
    validated: list[str] = []
    silent = 0
    for name in named:
        addresses = yield from addresses_of(name, ip)
        if addresses is None:
            silent += 1
        elif ip in addresses:
            validated.append(name)
    if validated:
        name = validated[0]
        verdict = _verdict(IprevResult.PASS, f"{ip} is {name}", name)
    elif silent:
        verdict = _verdict(
            IprevResult.TEMPERROR, f"no answer from DNS for {silent} names of {ip}"
        )
    else:
        verdict = _verdict(
            IprevResult.FAIL, f"{named[0]} is not {ip}, though its name says so"
        )
    return tuple(validated), verdict


def check_iprev(ip: Address) -> Inquiry[IprevVerdict]:
    """The iprev method of RFC 8601 §3."""
    _, verdict = yield from validated_names(unmapped(ip))
    return verdict


def _verdict(result: IprevResult, reason: str, name: str = "") -> IprevVerdict:
    return IprevVerdict(result=result, reason=reason, name=name)
