"""What can happen to a letter: the vocabulary of logs and of `pyeonji trace`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pyeonji.base.ids import LetterId  # noqa: TC001 - msgspec reads annotations


class Happening(StrEnum):
    """One kind of thing that happens to a letter on its way."""

    RECEIVED = "received"  # a door took it: from whom, how, how large
    SUBMITTED = "submitted"  # an authenticated user handed it in
    GENERATED = "generated"  # we wrote it ourselves (a DSN)
    CHECKED = "checked"  # policy looked at it: what it found
    REFUSED = "refused"  # policy or a hook said no, and the client was told
    QUEUED = "queued"  # stable; the 250 was said after this
    ATTEMPTED = "attempted"  # one try at a next hop began
    RELAYED = "relayed"  # the next hop took responsibility
    DELIVERED = "delivered"  # it stands in a mailbox
    EXPANDED = "expanded"  # an alias: its members are recipients, too
    DEFERRED = "deferred"  # not now; tried again later
    FAILED = "failed"  # never; the sender is told
    EXPIRED = "expired"  # tried long enough; the sender is told
    NOTIFIED = "notified"  # a DSN about it was queued
    HELD = "held"
    RELEASED = "released"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterEvent:
    """Something that happened to a letter at a moment.

    `at` is Unix seconds. `recipient` is empty where it concerns all of them.
    `facts` hold what a person wants to know, as short texts (never a secret,
    never a body); what a remote server said is kept as it said it.
    """

    letter_id: LetterId
    at: float
    kind: Happening
    recipient: str = ""
    facts: dict[str, str] = field(default_factory=dict)
