"""The rules: each looks at facts and says what is to be done, or nothing.

A rule that needs what its stage does not know yet says nothing. All of a
stage are asked, the strongest decision counts; a list that vouches takes
the other lists' word away, never that of DMARC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.mta.policy.decision import (
    ACCEPT,
    Decision,
    accept,
    decide,
    defer,
    strongest,
)
from pyeonji.mta.policy.facts import Facts, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyeonji.mta.policy.facts import Checks
    from pyeonji.mta.policy.options import PolicyOptions


def early_talker(facts: Facts, options: PolicyOptions) -> Decision | None:
    """A client waits for the greeting (RFC 5321 §4.3.1)."""
    if not facts.early:
        return None
    return decide(
        options.early_talkers,
        "early-talker",
        "the client spoke before the greeting",
        "you spoke before the greeting",
    )


def own_name(facts: Facts, options: PolicyOptions) -> Decision | None:
    """A stranger does not have our name."""
    if facts.helo.rstrip(".").lower() != options.hostname.lower() or not facts.helo:
        return None
    return decide(options.own_name, "own-name", f"the client calls itself {facts.helo}")


_WHOSE: Final = {
    "sender": "sender",
    "author": "author",
    "helo": "HELO",
    "reverse": "reverse name",
}


def listed(facts: Facts, options: PolicyOptions) -> Decision | None:  # noqa: ARG001 - a rule's shape
    """Lists of addresses and domains; one that vouches ends it."""
    found: list[Decision | None] = []
    for listing in facts.listings:
        whose = f"{_WHOSE[listing.name]} " if listing.name else ""
        reason = f"{whose}{listing.what} is on {listing.zone} ({listing.answer})"
        if listing.action == "accept":
            return accept("list", reason)
        text = listing.text or f"{listing.what} is on the list {listing.zone}"
        found.append(decide(listing.action, "list", reason, text))
    return strongest(found) if found else None


def greylisted(facts: Facts, options: PolicyOptions) -> Decision | None:
    """An unknown triplet comes again later (RFC 6647 §2.4).

    SPF that passes lets it in, and so does a list that vouches.
    """
    if facts.grey_since is None:
        return None
    if any(listing.action == "accept" for listing in facts.listings):
        return None
    left = options.greylist_delay_s - facts.grey_since
    if left <= 0:
        return None
    # RFC 6647 §5: 4yz, and no promise of a time
    return defer(
        "greylist",
        f"first seen {facts.grey_since:.0f} s ago",
        "not seen before, come again later",
        code=450,
        status="4.7.1",
    )


def spf_failed(facts: Facts, options: PolicyOptions) -> Decision | None:
    """SPF alone, where the operator wants that (RFC 7208 §8.4)."""
    checks = facts.checks
    if checks.spf != "fail" or checks.dmarc == "pass":
        return None
    return decide(
        options.spf_fail,
        "spf",
        f"{checks.spf_domain} does not let {facts.peer_address} send for it",
    )


def dmarc_failed(facts: Facts, options: PolicyOptions) -> Decision | None:
    """What the author's domain asks for; a trusted ARC chain rescues.

    A rescue needs a chain that passes and was sealed last by a sealer of the
    operator's choice, who found that the author's domain spoke for the letter
    when it came to him, or had it from another such sealer. A seal alone says
    only who passed it on: he may have passed on what was forged.
    """
    checks = facts.checks
    if checks.dmarc != "fail":
        return None
    domain = checks.author_domain
    if checks.arc == "pass" and (sealer := _rescuer(checks, options)):
        return accept("arc", f"{sealer} vouches for the letter of {domain}")
    words = {"reject": options.dmarc_reject, "quarantine": options.dmarc_quarantine}
    return decide(
        words.get(checks.dmarc_policy, "note"),
        "dmarc",
        f"{domain} asks for {checks.dmarc_policy}: neither SPF nor DKIM speaks for it",
        f"{domain} does not vouch for this letter (DMARC)",
    )


def _rescuer(checks: Checks, options: PolicyOptions) -> str:
    """The newest sealer who vouches, with none between that is not trusted."""
    for domain, vouches in zip(checks.arc_domains, checks.arc_vouches, strict=False):
        sealer = domain.lower()
        if sealer not in options.trusted_sealers:
            break
        if vouches:
            return sealer
    return ""


RULES: Final[dict[Stage, tuple[Callable[..., Decision | None], ...]]] = {
    Stage.CONNECT: (early_talker,),
    Stage.HELLO: (own_name,),
    Stage.MAIL: (),
    Stage.RCPT: (listed, greylisted),
    Stage.MESSAGE: (dmarc_failed, spf_failed, listed),
}
"""Lists speak at RCPT: then the log knows whom a refused letter was for. Those
that are asked for the author speak when the letter is there."""


def judge(facts: Facts, options: PolicyOptions) -> Decision:
    """What is to be done at a stage; ACCEPT itself where no rule spoke."""
    if facts.account or options.is_exempt(facts.peer_address):
        return ACCEPT
    return strongest(rule(facts, options) for rule in RULES[facts.stage])
