"""Lists in DNS of bad and good addresses and domains (RFC 5782).

An address is asked for with its octets (or nibbles) turned round under the
list's zone, a domain as it is; the answer is an address in 127.0.0.0/8 whose
meaning each list says itself.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pyeonji.base.dns import DnsStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.base.dns import Inquiry

TEST_LISTED: Final = "127.0.0.2"
"""Always listed (RFC 5782 §5)."""

TEST_CLEAN: Final = "127.0.0.1"
"""Never listed (RFC 5782 §5): a list that says so has died and lists the world."""

TEST_CLEAN_DOMAIN: Final = "invalid"
"""The same for lists of domains."""

MAX_ANSWERS: Final = 32
"""Addresses of one answer that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsList:
    """One list, as the operator wants it used.

    `answers` are ranges of addresses (first, last) that count; none: all of
    127.0.0.0/8. Errors that lists tell in 127.255.255.0/24 never count.
    """

    zone: str
    of: Literal["address", "domain"] = "address"
    action: str = "reject"  # "accept": it vouches; "note": only a fact
    answers: tuple[tuple[int, int], ...] = ()
    text: str = ""  # for the client


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """That something stands on a list."""

    zone: str
    action: str
    what: str  # the address or domain
    answer: str
    text: str = ""


def answer_range(text: str) -> tuple[int, int]:
    """A range such as "127.0.0.2-127.0.0.11", or one address, as numbers.

    Raises:
        ValueError: it is neither, or lies outside of 127.0.0.0/8.
    """
    first, _, last = text.replace(" ", "").partition("-")
    low = int(ipaddress.IPv4Address(first))
    high = int(ipaddress.IPv4Address(last or first))
    if low > high or low >> 24 != 127 or high >> 24 != 127:
        raise ValueError(f"{text} is no range in 127.0.0.0/8")
    return low, high


def owner_name(what: str, zone: str) -> str | None:
    """Where in a zone an address or a domain stands (RFC 5782 §2.1, §2.4).

    Returns:
        None for addresses that nobody outside can list: private ones, loopback.
    """
    try:
        address = ipaddress.ip_address(what)
    except ValueError:
        name = what.rstrip(".").lower()
        return f"{name}.{zone}" if name and name.isascii() else None
    if address.version == 6 and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not address.is_global:
        return None
    return _turned(address) + "." + zone


def _turned(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    pointer = address.reverse_pointer
    return pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")


def counts(answer: str, ranges: Sequence[tuple[int, int]]) -> bool:
    """Whether an answer means that it is listed."""
    try:
        value = int(ipaddress.IPv4Address(answer))
    except ValueError:
        return False
    if value >> 24 != 127 or value >> 8 == 0x7FFFFF:  # errors: 127.255.255.x
        return False
    return not ranges or any(low <= value <= high for low, high in ranges)


def look_up(what: str, dns_list: DnsList) -> Inquiry[Listing | None]:
    """Whether an address or a domain is on a list; what can't be asked is not."""
    name = owner_name(what, dns_list.zone)
    if name is None:
        return None
    answer = yield (name, "A")
    if answer.status is not DnsStatus.FOUND:
        return None
    for record in answer.records[:MAX_ANSWERS]:
        if counts(record, dns_list.answers):
            return Listing(
                zone=dns_list.zone,
                action=dns_list.action,
                what=what,
                answer=record,
                text=dns_list.text,
            )
    return None


def is_sound(dns_list: DnsList) -> Inquiry[bool]:
    """Whether a list does not list what no list may list (RFC 5782 §5)."""
    if dns_list.of == "address":
        name = _turned(ipaddress.IPv4Address(TEST_CLEAN)) + "." + dns_list.zone
    else:
        name = f"{TEST_CLEAN_DOMAIN}.{dns_list.zone}"
    answer = yield (name, "A")
    return answer.status is not DnsStatus.FOUND
