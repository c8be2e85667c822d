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
from pyeonji.mta.trust.domains import ascii_domain, can_be_asked

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

NAMES: Final = ("sender", "author", "helo", "reverse")
"""Domains that lists are asked for: of the sender's address, of From, what the
client calls itself, and its name in DNS that leads back to it."""

SAFE_TO_TRUST: Final = frozenset({"sender", "author", "reverse"})
"""Those that can be shown not to be borrowed: by SPF, DMARC, and DNS itself."""

WEIGHTS: Final = ("note", "accept", "quarantine", "defer", "reject")
"""Actions; of several answers of a list the later one here counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsList:
    """One list, as the operator wants it used.

    `answers` are ranges of addresses (first, last) that count; none: all of
    127.0.0.0/8. `codes` are such ranges with an action of their own; where
    there are any, what is in none of them and not in `answers` does not count.
    Errors that lists tell in 127.255.255.0/24 never count. `names` are the
    domains that a list of domains is asked for.
    """

    zone: str
    of: Literal["address", "domain"] = "address"
    names: tuple[str, ...] = ("sender",)
    action: str = "reject"  # "accept": it vouches; "note": only a fact
    answers: tuple[tuple[int, int], ...] = ()
    codes: tuple[tuple[int, int, str], ...] = ()
    text: str = ""  # for the client


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """That something stands on a list.

    `name` says which of NAMES a domain is; "": the client's address.
    """

    zone: str
    action: str
    what: str  # the address or domain
    answer: str
    text: str = ""
    name: str = ""


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


def domain_to_ask(text: str) -> str:
    """A domain as lists have it; "" for what is none, such as an address literal."""
    name = ascii_domain(text.rstrip("."))
    if not name or "." not in name or not can_be_asked(name):
        return ""
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        return ""
    return "" if name.rpartition(".")[2].isdigit() else name


def action_of(answer: str, dns_list: DnsList) -> str | None:
    """What an answer of a list means; None: nothing."""
    if dns_list.codes:
        for low, high, action in dns_list.codes:
            if counts(answer, ((low, high),)):
                return action
        if not dns_list.answers:
            return None
    return dns_list.action if counts(answer, dns_list.answers) else None


def look_up(
    what: str, dns_list: DnsList, name_of_what: str = ""
) -> Inquiry[Listing | None]:
    """Whether an address or a domain is on a list; what can't be asked is not."""
    name = owner_name(what, dns_list.zone)
    if name is None:
        return None
    answer = yield (name, "A")
    if answer.status is not DnsStatus.FOUND:
        return None
    found: Listing | None = None
    for record in answer.records[:MAX_ANSWERS]:
        action = action_of(record, dns_list)
        if action is None:
            continue
        if found is None or WEIGHTS.index(action) > WEIGHTS.index(found.action):
            found = Listing(
                zone=dns_list.zone,
                action=action,
                what=what,
                answer=record,
                text=dns_list.text,
                name=name_of_what,
            )
    return found


def is_sound(dns_list: DnsList) -> Inquiry[bool]:
    """Whether a list does not list what no list may list (RFC 5782 §5)."""
    if dns_list.of == "address":
        name = _turned(ipaddress.IPv4Address(TEST_CLEAN)) + "." + dns_list.zone
    else:
        name = f"{TEST_CLEAN_DOMAIN}.{dns_list.zone}"
    answer = yield (name, "A")
    return answer.status is not DnsStatus.FOUND
