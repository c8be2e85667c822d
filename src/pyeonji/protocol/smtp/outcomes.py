"""What the client machine is given, and what it tells the relay."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pyeonji.protocol.smtp.words import BodyType

if TYPE_CHECKING:
    from pyeonji.protocol.smtp.client_replies import PeerReply
    from pyeonji.protocol.smtp.wishes import By


class Verdict(StrEnum):
    """What a reply means for what was asked."""

    DONE = "done"  # 2yz
    LATER = "later"  # 4yz, or the connection broke before the reply
    NEVER = "never"  # 5yz


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientWanted:
    """One recipient of a transaction; `notify` and `orcpt` go out where DSN is."""

    address: str
    notify: str = ""  # "", "NEVER" or e.g. "SUCCESS,DELAY"
    orcpt: str = ""  # "type;address", not encoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A transaction to be made. Parameters that the peer lacks are left out."""

    reverse_path: str  # "" is the null reverse path
    recipients: tuple[RecipientWanted, ...]  # one at least
    size_octets: int = 0  # of the content, as it goes out; 0: not known
    body_type: BodyType = BodyType.SEVEN_BIT
    smtputf8: bool = False
    ret: str = ""
    envid: str = ""  # not encoded
    requiretls: bool = False
    priority: int | None = None  # None: nothing is said of it
    by: By | None = None
    auth: str | None = None  # AUTH=, only said when we have authenticated


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one recipient."""

    address: str
    verdict: Verdict
    reply: PeerReply


@dataclass(frozen=True, slots=True)
class Greeted:
    """The peer's first words; `reply.code` 220, or 4yz/5yz and it is over."""

    reply: PeerReply


@dataclass(frozen=True, slots=True)
class HelloDone:
    """`hello` is answered; `ClientMachine.extensions` is now what the peer offers."""

    reply: PeerReply


@dataclass(frozen=True, slots=True)
class TlsReady:
    """`start_tls` is answered.

    When `go` the machine is PAUSED: start TLS, then `tls_started`, then `hello`.
    """

    reply: PeerReply
    go: bool


@dataclass(frozen=True, slots=True)
class AuthDone:
    """`authenticate` is over.

    `succeeded` needs a 235 and, with SCRAM, that the server proved itself.
    """

    succeeded: bool
    reply: PeerReply
    reason: str = ""  # why not, for people; "" where the reply says it


@dataclass(frozen=True, slots=True)
class BodyWanted:
    """Give the next piece with `send_body`, or end the letter with `end_body`.

    Send and drain what is ready before you do.
    """


@dataclass(frozen=True, slots=True)
class LetterDone:
    """The transaction is over; one outcome for each recipient, in their order.

    The connection may be used for the next letter unless CLOSED follows.
    """

    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """The reply to `reset`, `noop`, `verify` or `quit`."""

    reply: PeerReply


@dataclass(frozen=True, slots=True)
class ConnectionBroken:
    """The peer closed, or broke the rules so that nothing more can be said.

    A letter under way has had its `LetterDone` before (outcomes LATER).
    CLOSED follows.
    """

    reason: str


ClientEvent = (
    Greeted
    | HelloDone
    | TlsReady
    | AuthDone
    | BodyWanted
    | LetterDone
    | Answered
    | ConnectionBroken
)
