"""What the server machine tells its door.

Those marked *asks* must be answered (`accept`, `reply`, …) before the next
event is asked for. The others are only told. Whatever can be answered without
knowing anything of this system's users, the machine answers by itself, and no
event comes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyeonji.protocol.smtp.words import BodyType, Hello

if TYPE_CHECKING:
    from pyeonji.protocol.smtp.wishes import By, Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloGiven:
    """*Asks*: HELO, EHLO or LHLO. `accept` sends the list of extensions.

    Any transaction is over (the door's state of one, too).
    """

    hello: Hello
    name: str  # a domain or address literal as written; unverified


@dataclass(frozen=True, slots=True, kw_only=True)
class MailAsked:
    """*Asks*: a transaction begins (RFC 5321 §4.1.1.2).

    Parameters that the server did not offer were refused already.
    """

    reverse_path: str  # "" is the null reverse path
    size_octets: int | None = None  # SIZE=, never more than the maximum
    body: BodyType = BodyType.SEVEN_BIT
    smtputf8: bool = False
    requiretls: bool = False  # only ever under TLS (RFC 8689 §2)
    ret: str = ""  # "", "FULL" or "HDRS" (RFC 3461 §4.3)
    envid: str = ""  # decoded (RFC 3461 §4.4)
    priority: int = 0  # -9 to 9 (RFC 6710 §3)
    hold: Hold | None = None  # HOLDFOR or HOLDUNTIL (RFC 4865 §3)
    by: By | None = None  # BY (RFC 2852 §4)
    auth: str | None = None  # AUTH=: None not given, "" for <> (RFC 4954 §5)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientAsked:
    """*Asks*: one more recipient (RFC 5321 §4.1.1.3).

    `path` is local@domain, or "postmaster" alone in any case of letters.
    """

    path: str
    notify: str = ""  # "", "NEVER" or e.g. "SUCCESS,DELAY" (RFC 3461 §4.1)
    orcpt: str = ""  # "type;address" decoded, or "" (RFC 3461 §4.2)


@dataclass(frozen=True, slots=True)
class LetterReceived:
    """*Asks*: a whole letter that is not large; the answer goes to the client.

    The octets are what the client meant: dots unstuffed, ends in CRLF (or is
    empty) unless it came by BDAT.
    """

    octets: bytes


@dataclass(frozen=True, slots=True)
class BodyChunk:
    """A piece of a large letter; keep it and go on. No answer."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class BodyEnded:
    """*Asks*: the pieces before were all of the letter."""

    size_octets: int


@dataclass(frozen=True, slots=True)
class TransactionDropped:
    """The transaction ended without a letter; throw its pieces away. No answer.

    After RSET, a second HELO, STARTTLS, QUIT, or a body that the machine had
    to refuse (the machine has sent that reply). `reason` is for the log. Not
    told when the connection is lost.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class VerifyAsked:
    """*Asks*: VRFY. 250 with the address, 252, 550, 551 (RFC 5321 §3.5.3)."""

    text: str  # as written: a user name or an address


@dataclass(frozen=True, slots=True)
class ExpandAsked:
    """*Asks*: EXPN. 250 with a line for each member, 252 or 550."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthAsked:
    """*Asks*: AUTH with an offered mechanism (RFC 4954 §4).

    Answer `challenge`, `authenticated`, `auth_failed` or `reply`.
    """

    mechanism: str  # upper case
    initial: bytes | None = None  # decoded initial response, b"" for "="


@dataclass(frozen=True, slots=True)
class AuthResponse:
    """*Asks*: the client's decoded answer to `challenge`; answered as above."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class AuthCancelled:
    """The client gave up, or its base64 was broken; forget the exchange. No answer."""

    reason: str


@dataclass(frozen=True, slots=True)
class StartTlsAsked:
    """*Asks*: after `accept`, start TLS and say `tls_started`; or `reply` 454."""


@dataclass(frozen=True, slots=True)
class EtrnAsked:
    """*Asks*: start the queue of a node; 250 to 253, 458, 459 (RFC 1985 §5.1)."""

    node: str  # a domain; "@domain" with its subdomains; "#name" another queue


@dataclass(frozen=True, slots=True)
class TurnAsked:
    """*Asks*: turn the roles (RFC 2645 §5.2); only from authenticated clients.

    `accept` sends 250, after which the machine is PAUSED for good and the door
    puts a client machine in its place; else `reply` 450, 451, 453 or 502.
    """

    domains: tuple[str, ...]  # empty: all that the client may have


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTold:
    """*Asks*: XCLIENT of a client that may say for whom it speaks.

    None: not said; "": unknown. The door puts a new machine in this one's
    place, or says `reply`.
    """

    name: str | None  # the reverse name
    address: str | None
    port: int | None
    helo: str | None
    login: str | None = None  # None: nobody


@dataclass(frozen=True, slots=True)
class VerboseAsked:
    """*Asks*: VERB. After `accept`, `progress` lines go out until the next letter."""


@dataclass(frozen=True, slots=True)
class ErrorsMounting:
    """The client has erred often; its reply is ready, but may wait. No answer.

    A door that sleeps a second before it returns slows such a client down.
    """

    errors: int


@dataclass(frozen=True, slots=True)
class Quit:
    """The client said goodbye and was answered; CLOSED follows. No answer."""


Event = (
    HelloGiven
    | MailAsked
    | RecipientAsked
    | LetterReceived
    | BodyChunk
    | BodyEnded
    | TransactionDropped
    | VerifyAsked
    | ExpandAsked
    | AuthAsked
    | AuthResponse
    | AuthCancelled
    | StartTlsAsked
    | EtrnAsked
    | TurnAsked
    | ClientTold
    | VerboseAsked
    | ErrorsMounting
    | Quit
)
