"""What the operator wants of policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.base.networks import within
from pyeonji.base.rates import NO_LIMIT, Rate
from pyeonji.mta.policy.habits import AccountOptions

if TYPE_CHECKING:
    from pyeonji.base.networks import Network
    from pyeonji.mta.policy.lists import DnsList

ACCOUNTS: Final = AccountOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyOptions:
    """Words for actions are "reject", "defer", "quarantine", "accept", "note".

    `exempt` are networks whose clients no rule concerns.
    """

    hostname: str = ""
    exempt: tuple[Network, ...] = ()
    dmarc_reject: str = "reject"  # for DMARC fail where the domain asks for reject
    dmarc_quarantine: str = "quarantine"
    spf_fail: str = "note"  # DMARC decides (RFC 7208 §8.4)
    trusted_sealers: frozenset[str] = frozenset()  # whose ARC chains rescue
    early_talkers: str = "reject"
    own_name: str = "note"  # HELO with our own name
    lists: tuple[DnsList, ...] = ()
    list_time_s: float = 5.0  # how long lists may take, all together
    greylist: bool = False
    greylist_delay_s: float = 60.0  # RFC 6647 §5: a minute to a day
    greylist_window_s: float = 86400.0
    greylist_keep_s: float = 36 * 86400.0
    remember_senders: bool = False  # who never wrote before is a fact of a letter
    banner_delay_s: float = 0.0
    letter_rate: Rate = NO_LIMIT  # of a network, /24 or /64
    recipient_rate: Rate = NO_LIMIT
    accounts: AccountOptions = ACCOUNTS
    max_unknown_recipients: int = 10  # of one connection, before it is slowed down
    tarpit_s: float = 2.0

    def is_exempt(self, address: str) -> bool:
        """Whether policy leaves a client alone."""
        return bool(self.exempt) and within(address, self.exempt)
