"""Addresses and the networks they are in."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_REMEMBERED: Final = 4096
"""Addresses that are remembered, and which networks they are in."""


@lru_cache(maxsize=MAX_REMEMBERED)
def parsed(address: str) -> Address | None:
    """An address; IPv4 in IPv6 is IPv4. None: it is none."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if found.version == 6 and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


@lru_cache(maxsize=MAX_REMEMBERED)
def within(address: str, networks: tuple[Network, ...]) -> bool:
    """Whether an address is in one of the networks."""
    found = parsed(address)
    return found is not None and any(
        found.version == network.version and found in network for network in networks
    )


@lru_cache(maxsize=MAX_REMEMBERED)
def network_key(address: str) -> str:
    """An address's network: /24 or /64; what is no address is itself."""
    found = parsed(address)
    if found is None:
        return address
    length = 24 if found.version == 4 else 64
    return str(ipaddress.ip_network((found, length), strict=False))


def network_of(address: str) -> str | None:
    """What connections are counted by; None for loopback."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address or None
    if parsed.is_loopback:
        return None
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
