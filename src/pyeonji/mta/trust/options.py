"""What the operator wants of the checks."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyeonji.base.networks import Network

PRIVATE: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.168.0.0/16", "::/127", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip
"""Loopback, link-local and private networks: they say nothing to the world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustOptions:
    """How letters of strangers are checked.

    `authserv_id` names us in Authentication-Results, `others` are names that
    are ours, too: fields of strangers that bear one of them go. Letters of
    `trusted` peers are not checked, and their fields stay. Clients in private
    networks are checked only with `private`.
    """

    check: bool = True
    authserv_id: str = "localhost"
    others: tuple[str, ...] = ()
    trusted: tuple[Network, ...] = ()
    private: bool = False
    received_spf: bool = False
    suffix_list: bool = False  # organisational domains as of RFC 7489
    time_s: float = 20.0  # for all questions of a letter together
