"""The last word on a letter, before the commit: rules, then hooks.

What they decide goes with the letter as facts, so that `pyeonji trace` tells it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pyeonji.mta.policy.decision import DECIDED, QUARANTINED, Action, strongest
from pyeonji.mta.policy.facts import NOT_CHECKED, Checks
from pyeonji.mta.receive.inspect import Refusal

if TYPE_CHECKING:
    from pyeonji.mta.receive.door import Door
    from pyeonji.mta.receive.transaction import Transaction
    from pyeonji.storage.queue import NewLetter


async def decide(
    door: Door,
    transaction: Transaction,
    new: NewLetter,
    checks: Checks = NOT_CHECKED,
) -> NewLetter | Refusal:
    """The letter as it is to be kept, or why it is not taken."""
    visit = door.visit
    decision = strongest(
        (
            visit.standing,
            *transaction.decisions,
            visit.message(new.reverse_path, tuple(transaction.asked), checks),
        )
    )
    if not decision.rule:
        return new
    visit.told(decision, sender=new.reverse_path, letter=new.id or "")
    if decision.refuses:
        return Refusal(decision.code, decision.status, decision.text)
    facts = {**new.facts, DECIDED: str(decision)}
    if decision.action is Action.QUARANTINE:
        facts[QUARANTINED] = decision.reason
    return replace(new, facts=facts)
