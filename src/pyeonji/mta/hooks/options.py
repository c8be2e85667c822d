"""What an operator wants of milters, Rspamd, Python hooks and webhooks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

EVENTS: Final = ("accepted", "delivered", "bounced", "held")
"""Of which webhooks tell."""

RETRY_S: Final = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Pauses of webhooks; a server that is not there is tried at the last one for a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MilterOptions:
    """One milter, as the operator wants it.

    `address` is "inet:HOST:PORT" or "unix:PATH"; `default` what is done when it
    fails: "tempfail", "accept", "reject", "quarantine".
    """

    address: str
    default: str = "tempfail"
    submission: bool = True
    may_change_body: bool = False
    may_change_recipients: bool = False
    may_change_sender: bool = False
    reuse: bool = False  # one connection for several clients (SMFIC_QUIT_NC)
    connect_s: float = 10.0
    command_s: float = 30.0
    end_s: float = 300.0  # for the last word; each PROGRESS starts it again
    total_s: float = 540.0  # a client waits 10 minutes (RFC 5321 §4.5.3.2.6)


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonOptions:
    """One hook, as the operator wants it.

    `module` is "package.module:Class"; `folder` is looked in for it first.
    `default` is what is done when it fails: "tempfail", "accept", "reject",
    "quarantine".
    """

    module: str
    folder: Path | None = None
    default: str = "tempfail"
    time_s: float = 5.0
    submission: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RspamdOptions:
    """One Rspamd, as the operator wants it.

    `url` is "http://HOST:PORT" of its normal worker. `spam` is what is done
    where it says "add header" or "rewrite subject".
    """

    url: str
    time_s: float = 10.0
    spam: str = "quarantine"
    submission: bool = False
    max_octets: int = 20 * 1024 * 1024  # larger letters are not shown


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookOptions:
    """One server that is told."""

    url: str
    secret: bytes = field(repr=False)
    events: tuple[str, ...] = EVENTS
    retry_s: tuple[float, ...] = RETRY_S
