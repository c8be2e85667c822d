"""The commands of a client, each parsed whole.

Mailbox names are decoded `str`; flags, atoms and header field names stay the
octets that were sent. `by_uid` is set where UID came before the command.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyeonji.protocol.imap.parse_search import Key
    from pyeonji.protocol.imap.sequences import SequenceSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What every command has; `tag` comes back in its tagged response."""

    tag: bytes


# -- any state


class Capability(Command):
    """RFC 3501 §6.1.1."""

    __slots__ = ()


class Noop(Command):
    """RFC 3501 §6.1.2."""

    __slots__ = ()


class Logout(Command):
    """RFC 3501 §6.1.3."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Id(Command):
    """Who the client is (RFC 2971 §3.1)."""

    fields: dict[str, str | None]


# -- not authenticated


class StartTls(Command):
    """RFC 3501 §6.2.1."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticate(Command):
    """RFC 3501 §6.2.2; `initial` decoded, None where there is none (RFC 4959)."""

    mechanism: str
    initial: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Login(Command):
    """RFC 3501 §6.2.3."""

    user: str
    password: str


# -- authenticated


@dataclass(frozen=True, slots=True, kw_only=True)
class Enable(Command):
    """RFC 5161 §3.1; names in upper case."""

    capabilities: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Select(Command):
    """SELECT, or EXAMINE where `read_only` (RFC 3501 §6.3.1, §6.3.2)."""

    mailbox: str
    read_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Create(Command):
    """RFC 3501 §6.3.3; `uses` are attributes as in RFC 6154 §3."""

    mailbox: str
    uses: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete(Command):
    """RFC 3501 §6.3.4."""

    mailbox: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename(Command):
    """RFC 3501 §6.3.5."""

    mailbox: str
    new_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe(Command):
    """SUBSCRIBE, or UNSUBSCRIBE where not `wanted` (RFC 3501 §6.3.6, §6.3.7)."""

    mailbox: str
    wanted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class List(Command):
    """LIST, or LSUB where `subscribed` (RFC 3501 §6.3.8, §6.3.9)."""

    reference: str
    pattern: str
    subscribed: bool


class Namespace(Command):
    """RFC 2342 §5."""

    __slots__ = ()


class StatusItem(Enum):
    """What STATUS can tell (RFC 3501 §6.3.10)."""

    MESSAGES = b"MESSAGES"
    RECENT = b"RECENT"
    UIDNEXT = b"UIDNEXT"
    UIDVALIDITY = b"UIDVALIDITY"
    UNSEEN = b"UNSEEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Command):
    """RFC 3501 §6.3.10."""

    mailbox: str
    items: tuple[StatusItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Append(Command):
    """The head of APPEND (RFC 3501 §6.3.11): the message streams in after it.

    `internal_date` is Unix seconds or None. The machine waits to be told
    `accept_message` or `refuse_message`; then come MessageChunks and, last,
    AppendEnded or Refused.
    """

    mailbox: str
    flags: tuple[bytes, ...]
    internal_date: int | None
    size_octets: int


class Idle(Command):
    """RFC 2177 §3; until IdleEnded comes, the server may speak at any time."""

    __slots__ = ()


# -- selected


class Check(Command):
    """RFC 3501 §6.4.1."""

    __slots__ = ()


class Close(Command):
    """RFC 3501 §6.4.2."""

    __slots__ = ()


class Unselect(Command):
    """RFC 3691 §2."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expunge(Command):
    """EXPUNGE, or UID EXPUNGE with `uids` (RFC 3501 §6.4.3, RFC 4315 §2.1)."""

    uids: SequenceSet | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search(Command):
    """RFC 3501 §6.4.4; `charset` as written, b"" where there is none."""

    by_uid: bool
    charset: bytes
    key: Key


class Simple(Enum):
    """Fetch items without arguments (RFC 3501 §6.4.5)."""

    UID = b"UID"
    FLAGS = b"FLAGS"
    INTERNALDATE = b"INTERNALDATE"
    RFC822_SIZE = b"RFC822.SIZE"
    ENVELOPE = b"ENVELOPE"
    BODYSTRUCTURE = b"BODYSTRUCTURE"
    BODY = b"BODY"


class SectionText(Enum):
    """What of a part a body section names (RFC 3501 §6.4.5)."""

    ALL = b""
    HEADER = b"HEADER"
    HEADER_FIELDS = b"HEADER.FIELDS"
    HEADER_FIELDS_NOT = b"HEADER.FIELDS.NOT"
    TEXT = b"TEXT"
    MIME = b"MIME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    r"""BODY[section]<partial> and its RFC822 relatives.

    `label` is what the response calls it, with the origin of a partial.
    `peek`: it does not set \Seen.
    """

    label: bytes
    path: tuple[int, ...] = ()
    text: SectionText = SectionText.ALL
    fields: tuple[bytes, ...] = ()  # in upper case
    peek: bool = False
    partial: tuple[int, int] | None = None  # first octet, number of octets


FetchItem = Simple | Section


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch(Command):
    """RFC 3501 §6.4.5."""

    by_uid: bool
    messages: SequenceSet
    items: tuple[FetchItem, ...]


class StoreMode(StrEnum):
    """How STORE treats the flags (RFC 3501 §6.4.6)."""

    REPLACE = "FLAGS"
    ADD = "+FLAGS"
    REMOVE = "-FLAGS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Store(Command):
    """RFC 3501 §6.4.6."""

    by_uid: bool
    messages: SequenceSet
    mode: StoreMode
    silent: bool
    flags: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy(Command):
    """COPY, or MOVE where `move` (RFC 3501 §6.4.7, RFC 6851 §3)."""

    by_uid: bool
    messages: SequenceSet
    mailbox: str
    move: bool


# -- what else a client says


@dataclass(frozen=True, slots=True)
class MessageChunk:
    """Octets of a message that was accepted."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class AppendEnded:
    """The message and its command are whole."""


@dataclass(frozen=True, slots=True)
class IdleEnded:
    """The client stopped idling; `properly` if it said DONE."""

    properly: bool


@dataclass(frozen=True, slots=True)
class SaslResponse:
    """What the client answered a challenge; None: it gave up with "*"."""

    octets: bytes | None
    malformed: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A command that cannot be carried out; answer `tag` `status` [`code`] `text`.

    `tag` is b"*" where there was none to read. A `fatal` one ends the
    conversation: the machine is closed.
    """

    tag: bytes
    status: bytes  # b"BAD" or b"NO"
    text: str
    code: bytes = b""
    fatal: bool = False


Event = Command | MessageChunk | AppendEnded | IdleEnded | SaslResponse | Refused
