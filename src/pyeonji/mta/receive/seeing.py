"""What DMARC reports will tell of a letter that a stranger brought."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.mta.policy.decision import QUARANTINED
from pyeonji.mta.receive.inspect import Refusal
from pyeonji.mta.trust.dmarc import DmarcResult
from pyeonji.mta.trust.dmarc_record import Policy
from pyeonji.storage.reports import Seen

if TYPE_CHECKING:
    from pyeonji.mta.trust.verdicts import Verdicts
    from pyeonji.storage.queue import NewLetter

MAX_RESULTS: Final = 10
"""DKIM signatures of one letter that are told of."""

MAX_NAME: Final = 255

_ONCE_MORE: Final = 400
"""A reply from there to 499: the letter comes again, and is counted then."""


def seen_of(
    verdicts: Verdicts, peer: str, reverse_path: str, became: NewLetter | Refusal
) -> Seen | None:
    """What to count, or None: no domain wants to hear of it.

    Args:
        verdicts: of all methods.
        peer: the client's address.
        reverse_path: of the envelope.
        became: the letter as it is taken, or why it is not.
    """
    dmarc = verdicts.dmarc
    if (
        dmarc is None
        or dmarc.record is None
        or not dmarc.record.aggregate_uris
        or dmarc.result not in (DmarcResult.PASS, DmarcResult.FAIL)
    ):
        return None
    if isinstance(became, Refusal) and _ONCE_MORE <= became.code < _ONCE_MORE + 100:
        return None
    done, reason = Policy.NONE, ""
    if dmarc.result is DmarcResult.FAIL:
        done = _done(became)
        if done is not dmarc.disposition:
            reason = "local_policy"
    spf = verdicts.spf
    return Seen(
        domain=dmarc.policy_domain,
        header_from=dmarc.domain[:MAX_NAME],
        envelope_from=reverse_path.rpartition("@")[2].lower()[:MAX_NAME],
        source=peer,
        disposition=done.value,
        dkim="pass" if dmarc.dkim_aligned else "fail",
        spf="pass" if dmarc.spf_aligned else "fail",
        reason=reason,
        dkim_results=tuple(
            (each.domain, each.selector, each.result.value)
            for each in verdicts.dkim[:MAX_RESULTS]
            if each.domain
        ),
        spf_results=(
            ((spf.domain, _SCOPES.get(spf.identity, "mfrom"), spf.result.value),)
            if spf is not None
            else ()
        ),
    )


_SCOPES: Final = {"helo": "helo", "mailfrom": "mfrom"}


def _done(became: NewLetter | Refusal) -> Policy:
    if isinstance(became, Refusal):
        return Policy.REJECT
    return Policy.QUARANTINE if QUARANTINED in became.facts else Policy.NONE
