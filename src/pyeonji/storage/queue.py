"""Letters on their way: accepted, not yet delivered, relayed or given up.

Each worker process owns one queue and accepts only into it; letters that
arrive while one commit is being synced share the next one. A letter goes from
the queue when each of its recipients has reached an end; what happened to it
stays as its journey, for `pyeonji trace`.

Recipients here are final ones: aliases were expanded before. `original` and
`accepted` keep what the sender wrote, for reports (RFC 3461 §4.2).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyeonji.base.events import LetterEvent
    from pyeonji.base.ids import LetterId
    from pyeonji.message.prepare import Prepared
    from pyeonji.storage.content import Content, Spool, StoredOctets


class BodyType(StrEnum):
    """What BODY= said of the octets (RFC 6152, RFC 3030)."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT = "8BITMIME"
    BINARY = "BINARYMIME"


class TlsWish(StrEnum):
    """What the sender wants of TLS on the letter's way (RFC 8689)."""

    USUAL = ""
    REQUIRED = "required"  # REQUIRETLS
    OPTIONAL = "optional"  # TLS-Required: No


TLS_WISH: Final = "tls_wish"
"""The letter's fact that holds it, where it is not the usual one."""


class RecipientState(StrEnum):
    """How far a letter has come for one recipient; each move is one commit."""

    WAITING = "waiting"
    DELIVERED = "delivered"  # in a mailbox here
    RELAYED = "relayed"  # the next hop has it
    EXPANDED = "expanded"  # an alias: those it stands for are recipients, too
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One recipient of a letter, with what the sender asked for him.

    An alias with several members whose sender wants to hear of success is one
    as well (`expanded`): nothing goes there, the sender is told of it.
    """

    address: str
    original: str = ""  # ORCPT "type;address", "" without one
    notify: str = ""  # NOTIFY: "", "NEVER" or e.g. "SUCCESS,DELAY"
    state: RecipientState = RecipientState.WAITING
    attempts: int = 0
    next_attempt: float = 0.0  # Unix seconds
    last_reply: str = ""  # what the next hop or we said last
    delay_told: bool = False  # a delay DSN was sent
    accepted: str = ""  # RCPT as it came, where an alias led to `address`
    expanded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a sender asked of the way, beyond the usual; the default asks nothing.

    Times are Unix seconds, 0 where nothing was said. `by_return` is the mode R of
    DELIVERBY: too late means back to the sender; else (N) he is told and the
    letter goes on. `by_trace`: he is told of each relaying.
    """

    priority: int = 0  # MT-PRIORITY, -9 to 9 (RFC 6710)
    not_before: float = 0.0  # HOLDFOR, HOLDUNTIL (RFC 4865)
    hold: str = ""  # as a report repeats it: "for;3600" (RFC 4865 §5.1.2)
    deliver_by: float = 0.0  # BY (RFC 2852)
    by_return: bool = False
    by_trace: bool = False


NO_WISHES: Final = Wishes()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLetter:
    """What is to be accepted.

    `prefix` holds the header fields that we add on top (Received …); `content`
    is what came in, never rewritten.
    """

    id: LetterId | None = None  # chosen by a door that names it in Received
    reverse_path: str  # "" is the null reverse path
    recipients: tuple[Recipient, ...]
    content: Content
    prefix: bytes
    body_type: BodyType = BodyType.SEVEN_BIT
    smtputf8: bool = False
    ret: str = ""  # RET: "", "FULL" or "HDRS"
    envid: str = ""  # ENVID as decoded
    accepted_at: float
    message_id: str = ""  # of the header, for trace
    facts: dict[str, str] = field(default_factory=dict)  # client, helo, tls, user …
    held: bool = False
    wishes: Wishes = NO_WISHES
    prepared: Prepared | None = None  # not kept: saves the runner a second parse

    @property
    def begins_at(self) -> float:
        """When its life time began: as it came, or was released."""
        return max(self.accepted_at, self.wishes.not_before)

    @property
    def tls_wish(self) -> TlsWish:
        """What the sender wants of TLS; kept among the facts."""
        wish = self.facts.get(TLS_WISH)
        return TlsWish.USUAL if wish is None else TlsWish(wish)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedLetter:
    """A letter in the queue, as of now."""

    id: LetterId
    letter: NewLetter  # content is there only right after `accept`
    recipients: tuple[Recipient, ...]
    size_octets: int
    held: bool = False

    @property
    def next_attempt(self) -> float:
        """When the first waiting recipient is due, Unix seconds."""
        return min(
            (
                r.next_attempt
                for r in self.recipients
                if r.state is RecipientState.WAITING
            ),
            default=0.0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A line of `pyeonji queue list`."""

    id: LetterId
    worker: int
    reverse_path: str
    recipients: tuple[Recipient, ...]
    size_octets: int
    accepted_at: float
    held: bool
    lane: str = ""  # where it was set aside
    waits_for: str = ""  # why: what was found when that next hop was called last


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """Which letters are meant: those for which all that is said is so.

    Of recipients, only those that still wait count. Texts are looked for without
    regard to case.
    """

    sender: str | None = None  # an address, "@domain", or "" for reports
    recipient: str = ""  # an address
    domain: str = ""  # of a recipient
    accepted_before: float | None = None  # Unix seconds
    reason: str = ""  # part of what was said last, by the next hop or of it
    next_hop: str = ""  # part of the name of a lane, or of a host that was tried
    held: bool | None = None


ALL_LETTERS: Final = LetterFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFilter:
    """Whose journeys are meant: those for which all that is said is so.

    `what` is a letter's id, a Message-ID with or without its brackets, an address
    or a domain of the sender or a recipient; `sender` and `recipient` are an
    address or a domain. Recipients are also known by what the sender wrote, where
    an alias led elsewhere.
    """

    what: str = ""
    sender: str = ""
    recipient: str = ""
    since: float | None = None  # accepted then or later, Unix seconds
    until: float | None = None  # accepted before
    limit: int = 100  # letters, the latest ones


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyLimits:
    """How long journeys are kept after their end, and how much of them.

    What is old goes some thousands at a time, or a day's: a little later.
    """

    kept_s: float = 30 * 86400.0
    octets: int = 2 << 30  # of one queue


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainSummary:
    """A line of `pyeonji queue summary`: what waits for a domain."""

    domain: str
    letters: int
    held: int
    oldest_at: float
    next_attempt: float  # of those not held; 0.0: all are
    failures: int = 0  # calls in a row that failed
    until: float = 0.0  # its next hop is left alone till then
    last_reply: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Letters for one next hop that were set aside, and how it is with that hop.

    A lane is known while letters rest in it or the next hop is not well.
    """

    name: str
    until: float = 0.0  # Unix seconds: nothing is tried before
    failures: int = 0  # calls in a row that failed; 0: only busy
    since: float = 0.0  # when it failed first
    error: str = ""  # what was found last


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What an account has held for later."""

    letters: int = 0
    octets: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """All queues in three numbers."""

    letters: int = 0
    held: int = 0
    oldest_at: float | None = None  # of those not held, Unix seconds


class Queue(Protocol):
    """One worker's letters."""

    def spool(self) -> Spool:
        """A place for a letter that streams in; `finish` gives its content."""

    async def accept(self, letter: NewLetter) -> QueuedLetter:
        """Take responsibility for a letter: stable when this returns.

        Raises:
            StorageUnavailable: nothing was kept; the sender must be told 4xx.
        """

    async def load(self, *, due_before: float, limit: int) -> list[QueuedLetter]:
        """Letters not held with a recipient due before then.

        The urgent ones come first (RFC 6710 §5), then those that were due first.

        Content is left out: `octets` reads it. Letters that the caller has
        claimed (accepted or loaded, and not released by `settle`) are not
        given again.
        """

    async def next_due(self) -> float | None:
        """When the earliest unclaimed letter is due, Unix seconds."""

    def release(self, letter_id: LetterId) -> None:
        """Give up the claim on a letter that nothing was done with."""

    async def set_aside(
        self, lane: str, letters: Sequence[tuple[LetterId, float]]
    ) -> None:
        """Have letters rest in a lane; gives up the claims; stable on return.

        They come again by `load_lane`, and by `load` at the time given with each.
        """

    async def load_lane(self, name: str, limit: int) -> list[QueuedLetter]:
        """Letters of a lane, the most urgent first, then the oldest; claimed."""

    async def lane(self, name: str) -> Lane | None:
        """What is known of a lane; None: nothing waits, and nothing is wrong."""

    async def due_lanes(self, now: float, limit: int) -> list[Lane]:
        """Lanes that may be tried at `now`, those that waited longest first."""

    async def next_lane(self, now: float) -> float | None:
        """When the first lane that may not be tried at `now` may be."""

    async def keep_lane(self, lane: Lane) -> None:
        """Remember how it is with a next hop; stable on return."""

    async def forget_lane(self, name: str) -> None:
        """A next hop is well; does nothing while letters rest in its lane."""

    async def octets(self, letter_id: LetterId) -> StoredOctets:
        """Prefix and content. Raises NoSuchLetter."""

    async def content(self, letter_id: LetterId) -> Content:
        """The content alone, as `NewMessage` takes it. Raises NoSuchLetter."""

    async def begin_attempt(
        self, letter_id: LetterId, indexes: Sequence[int], next_attempt: float
    ) -> None:
        """Count an attempt of these recipients before it is made; stable.

        A crash during the attempt then cannot make us hammer the next hop.
        """

    async def settle(
        self,
        letter: QueuedLetter,
        recipients: Sequence[Recipient],
        events: Sequence[LetterEvent],
    ) -> None:
        """Keep what an attempt came to; gives up the claim; stable on return.

        When no recipient is WAITING any more the letter goes and its journey
        stays. Called for letters that another process removed, it does nothing.
        """

    def note_refused(self, letter: NewLetter) -> None:
        """Remember for `trace` that a letter was not taken; its facts say why.

        Does not wait and never fails: what a full disk takes of it is lost.
        """

    def on_change(self, told: Callable[[], None]) -> None:
        """Be told when another process (the command line) changed the queue."""


class QueueOffice(Protocol):
    """All workers' queues, as the command line sees them, server up or down."""

    async def summaries(
        self,
        which: LetterFilter = ALL_LETTERS,
        *,
        after: str = "",
        limit: int | None = None,
    ) -> list[Summary]:
        """Letters, oldest first; those behind the id `after`, at most so many."""

    async def totals(self) -> Totals:
        """How many letters there are, whatever they are."""

    async def future(self, account: str, now: float) -> Held:
        """What an account handed in to be released after `now` (RFC 4865 §6)."""

    async def domains(self) -> list[DomainSummary]:
        """What waits for whom, the longest line first."""

    async def show(self, letter_id: LetterId) -> Summary:
        """One letter. Raises NoSuchLetter."""

    async def octets(self, letter_id: LetterId) -> StoredOctets:
        """A letter as it stands in the queue. Raises NoSuchLetter."""

    async def retry(self, letter_ids: Sequence[LetterId]) -> int:
        """Make waiting recipients due now; returns how many letters."""

    async def retry_domain(self, domain: str) -> int:
        """The same for all letters to a domain (ETRN, TURN)."""

    async def hold(self, letter_ids: Sequence[LetterId]) -> int:
        """Don't attempt them until released."""

    async def release(self, letter_ids: Sequence[LetterId]) -> int:
        """End the hold; due now."""

    async def remove(self, letter_ids: Sequence[LetterId]) -> int:
        """Drop letters without telling anyone; their journey says so."""

    async def trace(self, which: str | TraceFilter) -> list[LetterEvent]:
        """Events of letters, in the order in which these were accepted.

        A text is the `what` of a filter.
        """
