"""What a hook is asked in the course of one connection, and what it can answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyeonji.base.ids import LetterId
    from pyeonji.mta.policy.decision import Decision
    from pyeonji.mta.policy.facts import Checks
    from pyeonji.protocol.smtp.events import MailAsked, RecipientAsked
    from pyeonji.storage.content import Content

MAX_ADDED_OCTETS: Final = 64 * 1024
"""Header octets that all hooks of a letter may add."""


@dataclass(slots=True, kw_only=True)
class Peer:
    """Who is connected; grows as it tells more of itself."""

    connection_id: str
    address: str
    port: int
    hostname: str  # ours
    submission: bool = False
    reverse_name: str = ""
    helo: str = ""
    tls: tuple[str, str] | None = None  # version, cipher
    account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arriving:
    """A whole letter before it is taken."""

    letter_id: LetterId
    reverse_path: str
    recipients: tuple[str, ...]  # as they were asked for
    header: bytes  # with the empty line at its end
    content: Content  # the body begins at `body_start`; use `header` for the rest
    body_start: int
    prefix: bytes  # our fields that stand above (Received …)
    checks: Checks
    size_octets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A change of one field: the `index`-th (from 1) of its name; None removes."""

    name: bytes
    index: int
    value: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """A whole field, CRLF at its end, behind the first `behind` fields."""

    field: bytes
    behind: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Changes of a letter's sender and recipients.

    `recipients` are in the order in which they were wanted: a RecipientAsked is
    added, a path removed. `rule` names who wants them, and `otherwise` is what
    holds if one of them cannot be; None: the letter goes on without any.
    """

    rule: str
    sender: MailAsked | None = None
    recipients: tuple[RecipientAsked | str, ...] = ()
    otherwise: Decision | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a hook says of a letter.

    `added` are whole fields, CRLF at the end of each, that go on top. `body`
    replaces the body. `notes` are kept in the letter's journey.
    """

    decision: Decision | None = None
    added: bytes = b""
    edits: tuple[Edit, ...] = ()
    inserts: tuple[Insert, ...] = ()
    body: bytes | None = None
    envelope: Envelope | None = None
    symbols: Mapping[str, float] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)


NOTHING: Final = Verdict()


class Session(Protocol):
    """One hook for one connection. No method raises but for cancellation.

    A decision of None lets the others decide.
    """

    async def connect(self) -> Decision | None:
        """The first MAIL, or AUTH's, is near: what of the client itself?"""

    async def mail(self, reverse_path: str) -> Decision | None:
        """A transaction begins."""

    async def rcpt(self, recipient: str) -> Decision | None:
        """One more recipient, whom we would take."""

    async def message(self, letter: Arriving) -> Verdict:
        """The letter is whole."""

    def abort(self) -> None:
        """The transaction ended without a letter; harmless at any time."""

    def close(self) -> None:
        """The connection is over; harmless at any time."""


class Hook(Protocol):
    """Makes a session for each connection."""

    @property
    def name(self) -> str:
        """For logs and reasons."""

    @property
    def submission(self) -> bool:
        """Whether our own users' letters concern it, too."""

    def session(self, peer: Peer) -> Session:
        """Begin; nothing is asked yet."""

    async def close(self) -> None:
        """No session will begin any more."""
