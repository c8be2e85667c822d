"""What is known of a client and its letter when policy is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyeonji.mta.policy.lists import Listing


class Stage(Enum):
    """When policy is asked; what a stage knows, later ones know, too."""

    CONNECT = "connect"
    HELLO = "hello"
    MAIL = "mail"
    RCPT = "rcpt"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """What the checks of a letter came to, in the words of Authentication-Results.

    "" is "not looked at". `dmarc_policy` is what the domain in From asks for
    ("none", "quarantine", "reject"); `dkim_domains` are those whose signature
    passed; `arc_domains` are the sealers of a chain that passed, newest first, and
    `arc_vouches` says of each whether it found that the domain in From spoke for
    the letter.
    """

    spf: str = ""
    spf_domain: str = ""
    dkim_domains: tuple[str, ...] = ()
    dmarc: str = ""
    dmarc_policy: str = ""
    author_domain: str = ""
    arc: str = ""
    arc_domains: tuple[str, ...] = ()
    arc_vouches: tuple[bool, ...] = ()


NOT_CHECKED = Checks()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One question to policy.

    `reverse_name` is confirmed by a forward look-up, else "". `account` is who
    logged in: policy for strangers does not look at those. `grey_since` is how
    many seconds ago the triplet of a recipient came first (None: greylisting
    is off or does not concern it). `unknown_recipients` and `recipients_seen`
    count in this connection and in the peer's network of late.
    """

    stage: Stage
    peer_address: str
    reverse_name: str = ""
    helo: str = ""
    tls: str = ""
    account: str = ""
    reverse_path: str | None = None  # "" is the null reverse path
    recipients: tuple[str, ...] = ()
    early: bool = False  # it spoke before our banner
    listings: tuple[Listing, ...] = ()
    checks: Checks = NOT_CHECKED
    grey_since: float | None = None
    first_seen: bool = False  # no letter of this sender was taken before
    unknown_recipients: int = 0
    symbols: Mapping[str, float] = field(default_factory=dict)  # Rspamd's
