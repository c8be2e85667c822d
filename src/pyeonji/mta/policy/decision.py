"""What policy can do with a client, a recipient or a letter, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_REASON: Final = 300
"""Characters of a reason that are kept: part of it can come from strangers."""


QUARANTINED: Final = "quarantine"
"""The fact of a letter in the queue that goes to Junk; its value says why."""

DECIDED: Final = "policy"
"""The fact that says what policy decided and why."""


class Action(IntEnum):
    """What is done; the greater number wins."""

    ACCEPT = 0
    QUARANTINE = 1  # to the recipient's Junk
    DEFER = 2  # 4yz: come again
    REJECT = 3  # 5yz: never

    @property
    def word(self) -> str:
        """For logs and traces."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is done and why.

    `code`, `status` and `text` are the reply of DEFER and REJECT; what the
    client need not know stands only in `reason`. `rule` names who decided.
    """

    action: Action
    rule: str
    reason: str
    code: int = 250
    status: str = "2.0.0"
    text: str = ""

    @property
    def refuses(self) -> bool:
        """Whether the client hears no."""
        return self.action >= Action.DEFER

    def __str__(self) -> str:
        """As a person reads it."""
        return f"{self.action.word}: {self.reason} ({self.rule})"


ACCEPT: Final = Decision(action=Action.ACCEPT, rule="", reason="")
"""Nothing speaks against it."""


def accept(rule: str, reason: str) -> Decision:
    """Take it, and say why that was in question."""
    return Decision(action=Action.ACCEPT, rule=rule, reason=reason[:MAX_REASON])


def quarantine(rule: str, reason: str) -> Decision:
    """Take it, into Junk."""
    return Decision(action=Action.QUARANTINE, rule=rule, reason=reason[:MAX_REASON])


def defer(
    rule: str, reason: str, text: str = "", *, code: int = 451, status: str = "4.7.1"
) -> Decision:
    """Refuse it for now."""
    return Decision(
        action=Action.DEFER,
        rule=rule,
        reason=reason[:MAX_REASON],
        code=code,
        status=status,
        text=(text or reason)[:MAX_REASON],
    )


def reject(
    rule: str, reason: str, text: str = "", *, code: int = 550, status: str = "5.7.1"
) -> Decision:
    """Refuse it for ever."""
    return Decision(
        action=Action.REJECT,
        rule=rule,
        reason=reason[:MAX_REASON],
        code=code,
        status=status,
        text=(text or reason)[:MAX_REASON],
    )


def decide(word: str, rule: str, reason: str, text: str = "") -> Decision | None:
    """What an operator's word for an action means; None: only a fact.

    Args:
        word: "reject", "defer", "quarantine", "accept"; any other is a fact.
        rule: who decides.
        reason: for people here.
        text: for the client; the reason without one.
    """
    match word:
        case "reject":
            return reject(rule, reason, text)
        case "defer":
            return defer(rule, reason, text)
        case "quarantine":
            return quarantine(rule, reason)
        case "accept":
            return accept(rule, reason)
        case _:
            return None


def strongest(decisions: Iterable[Decision | None]) -> Decision:
    """The decision that counts; of equal ones the first."""
    found = ACCEPT
    for decision in decisions:
        if decision is not None and (
            decision.action > found.action or (found is ACCEPT and decision.rule)
        ):
            found = decision
    return found
