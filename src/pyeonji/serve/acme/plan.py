"""For which names a certificate is wanted, and when a new one. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_NAMES: Final = 100
"""Of one certificate; authorities allow as many."""

RENEW_AT: Final = 2 / 3
"""Part of its life after which a certificate is renewed."""


def wanted_names(
    hostname: str, domains: Sequence[str], *, sts: bool, web: bool
) -> list[str]:
    """Host names that others will check, ours first; at most MAX_NAMES.

    Args:
        hostname: of this host.
        domains: ours, in A-labels.
        sts: whether policies are served.
        web: whether programs set themselves up here.
    """
    labels = [*(["mta-sts"] if sts else [])]
    labels += ["autoconfig", "autodiscover"] if web else []
    names = [hostname, *(f"{label}.{name}" for name in domains for label in labels)]
    return list(dict.fromkeys(names))[:MAX_NAMES]


def why_now(
    have: Sequence[str],
    wanted: Sequence[str],
    *,
    not_before: float,
    not_after: float,
    now: float,
) -> str:
    """Why a new certificate is wanted now; "" when it is not.

    Args:
        have: names of the present certificate; none: there is no certificate.
        wanted: names that it should have.
        not_before: Unix seconds, of the present certificate.
        not_after: the same.
        now: Unix seconds.
    """
    if not have:
        return "there is none"
    missing = sorted(set(wanted) - set(have))
    if missing:
        return f"it lacks {', '.join(missing)}"
    if now >= renew_at(not_before, not_after):
        return "two thirds of its life are over"
    return ""


def renew_at(not_before: float, not_after: float) -> float:
    """When to renew, Unix seconds."""
    return not_before + RENEW_AT * (not_after - not_before)
