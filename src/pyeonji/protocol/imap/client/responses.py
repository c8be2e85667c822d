"""What a server says, as typed values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap import names
from pyeonji.protocol.imap.client.envelope import Envelope, read_envelope
from pyeonji.protocol.imap.client.errors import RemoteProtocolError
from pyeonji.protocol.imap.client.structure import Part, read_structure
from pyeonji.protocol.imap.client.values import (
    Piece,
    Streamed,
    items,
    number,
    parse_values,
    string,
    text,
    texts,
)
from pyeonji.protocol.imap.dates import parse_date_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_RANGE: Final = 1_000_000
"""Numbers that ranges of one ESEARCH, VANISHED or COPYUID may stand for."""

_NUMBERS: Final = re.compile(rb"[0-9 ]*")
_RANGE: Final = re.compile(r"([0-9]{1,10})(?::([0-9]{1,10}))?")
_CODE: Final = re.compile(rb"\[([^\] ]+)(?: ([^\]]*))?\] ?(.*)", re.DOTALL)


class Condition(Enum):
    """How a status response judges."""

    OK = "OK"
    NO = "NO"
    BAD = "BAD"
    BYE = "BYE"
    PREAUTH = "PREAUTH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A status response; `code` e.g. "UIDVALIDITY", "" if there is none.

    `arguments` are the code's, as nested values (`values`).
    """

    condition: Condition
    code: str = ""
    arguments: tuple[object, ...] = ()
    text: str = ""

    @property
    def number(self) -> int | None:
        """The code's number (UIDVALIDITY, UIDNEXT, UNSEEN, HIGHESTMODSEQ)."""
        return number(self.arguments[0]) if self.arguments else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeted:
    """The server's first words."""

    told: Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """The end of a command."""

    tag: str
    name: str  # of the command, e.g. "UID FETCH"
    told: Told

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.told.condition is Condition.OK


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the server can do, in upper case."""

    names: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A mailbox of LIST or LSUB."""

    name: str
    wire_name: bytes  # as the server writes it
    delimiter: str  # "" if there is no hierarchy
    attributes: frozenset[str]  # lower case, with their backslash
    subscription: bool = False  # of LSUB
    extended: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What follows the name, e.g. CHILDINFO (RFC 5258 §6), names in upper case."""

    @property
    def old_name(self) -> str:
        """What the mailbox was called before; "" if that was not told (RFC 5465)."""
        told = self.extended.get("OLDNAME", ())
        return mailbox_name(told[0].encode()) if told else ""

    @property
    def selectable(self) -> bool:
        """Whether it can be opened."""
        return not self.attributes & {"\\noselect", "\\nonexistent"}

    @property
    def special_use(self) -> str:
        r"""What it is for, e.g. "\sent"; "" for no special use (RFC 6154)."""
        return next((use for use in _SPECIAL_USES if use in self.attributes), "")


_SPECIAL_USES: Final = (
    "\\all", "\\archive", "\\drafts", "\\flagged", "\\junk", "\\sent", "\\trash",
    "\\spam", "\\starred", "\\inbox",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Counters of STATUS."""

    name: str
    wire_name: bytes
    counters: dict[str, int]  # names in upper case
    others: dict[str, object] = field(default_factory=dict)  # e.g. MAILBOXID


@dataclass(frozen=True, slots=True)
class Found:
    """Messages that a search found: numbers or uids, as was asked."""

    numbers: tuple[int, ...]  # in the order told
    mod_seq: int | None = None  # the highest of theirs (RFC 7162 §3.1.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summed:
    """What ESEARCH says of messages that a search found (RFC 4731 §3.1).

    None, or "" for what was not told: nothing was asked, or nothing found.
    """

    tag: str = ""  # of the command; "" if it was not told
    by_uid: bool = False
    minimum: int | None = None
    maximum: int | None = None
    count: int | None = None
    numbers: tuple[int, ...] = ()  # ALL
    partial: tuple[str, tuple[int, ...]] | None = None  # (RFC 9394 §3.1)
    mod_seq: int | None = None
    mailbox: str | None = None  # (RFC 7377 §2.1)
    others: dict[str, object] = field(default_factory=dict)


Thread = tuple["int | Thread", ...]
"""Messages that follow each other; a tuple inside is a branch (RFC 5256 §4)."""


@dataclass(frozen=True, slots=True)
class Threaded:
    """Messages of THREAD: numbers or uids, as was asked."""

    threads: tuple[Thread, ...]


@dataclass(frozen=True, slots=True)
class Flags:
    """Flags defined in the mailbox."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """How many messages the mailbox holds."""

    count: int


@dataclass(frozen=True, slots=True)
class Recent:
    r"""How many of them are \Recent."""

    count: int


@dataclass(frozen=True, slots=True)
class Expunged:
    """The message of that number is gone; those after it move up."""

    number: int


@dataclass(frozen=True, slots=True)
class Vanished:
    """Messages that are gone (RFC 7162 §3.2.10)."""

    uids: tuple[int, ...]
    earlier: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Items of one message, those that came.

    `sections` maps e.g. "BODY[1.2]" or "BODY[]<0>" (upper case) to octets, to
    None for NIL, or to Streamed for what came as LiteralChunk events.
    """

    number: int
    uid: int | None = None
    flags: tuple[str, ...] | None = None
    internal_date: int | None = None  # Unix seconds
    size_octets: int | None = None
    mod_seq: int | None = None
    envelope: Envelope | None = None
    structure: Part | None = None
    sections: dict[str, bytes | Streamed | None] = field(default_factory=dict)
    others: dict[str, object] = field(default_factory=dict)  # e.g. X-GM-LABELS


@dataclass(frozen=True, slots=True)
class Enabled:
    """Extensions that are on now."""

    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Namespace:
    """One name space: its prefix and delimiter."""

    prefix: str
    delimiter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespaces:
    """Where mailboxes are (RFC 2342)."""

    personal: tuple[Namespace, ...]
    others: tuple[Namespace, ...]
    shared: tuple[Namespace, ...]


@dataclass(frozen=True, slots=True)
class Identified:
    """What the server says of itself (RFC 2971)."""

    facts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Unknown:
    """A response that this client does not know."""

    name: str
    values: tuple[object, ...]


Untagged = (
    Told
    | Capabilities
    | Listed
    | Counted
    | Found
    | Summed
    | Threaded
    | Flags
    | Exists
    | Recent
    | Expunged
    | Vanished
    | Fetched
    | Enabled
    | Namespaces
    | Identified
    | Unknown
)


def read_told(condition: bytes, rest: bytes) -> Told | None:
    """A status response from its text; None if the word is no condition."""
    try:
        judged = Condition(condition.upper().decode("ascii", "replace"))
    except ValueError:
        return None
    match = _CODE.fullmatch(rest)
    if match is None:
        return Told(condition=judged, text=rest.decode("utf-8", "replace"))
    try:
        arguments = tuple(parse_values([match[2]])) if match[2] else ()
    except RemoteProtocolError:
        arguments = (match[2],)  # QUIRK: a code that is no list of values
    return Told(
        condition=judged,
        code=match[1].decode("ascii", "replace").upper(),
        arguments=arguments,
        text=match[3].decode("utf-8", "replace"),
    )


def read_untagged(pieces: list[Piece]) -> Untagged:
    """What stands after "* ".

    Raises:
        RemoteProtocolError: it is not built as responses are.
    """
    first = pieces[0]
    assert isinstance(first, bytes)  # noqa: S101 - texts are at even places
    word, _, rest = first.partition(b" ")
    name = word.upper()
    if (told := read_told(name, rest)) is not None:
        return told
    if name == b"SEARCH" and len(pieces) == 1 and _NUMBERS.fullmatch(rest):
        return _search(rest)
    if word.isdigit() and len(word) <= 10:
        kind, _, rest = rest.partition(b" ")
        values = parse_values([rest, *pieces[1:]])
        return _numbered(int(word), kind.decode("ascii", "replace").upper(), values)
    values = parse_values([rest, *pieces[1:]])
    known = _READ.get(name)
    if known is not None:
        return known(values)
    return Unknown(name.decode("ascii", "replace"), tuple(values))


def mailbox_name(octets: bytes) -> str:
    """A name as people know it; one that is no modified UTF-7 as it stands."""
    if not octets.isascii():  # UTF8=ACCEPT, or a server that never cared
        return octets.decode("utf-8", "replace")
    try:
        name = names.decode(octets)
    except names.BadName:
        return octets.decode("ascii")
    return "INBOX" if name.upper() == "INBOX" else name


def numbers_of(value: object) -> tuple[int, ...]:
    """A set such as "1:3,7" as numbers.

    Raises:
        RemoteProtocolError: no set, or one that stands for too many.
    """
    found: list[int] = []
    for piece in text(value).split(","):
        match = _RANGE.fullmatch(piece)
        if match is None:
            raise RemoteProtocolError("not a set of numbers")
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last:
            first, last = last, first
        if last - first + len(found) >= MAX_RANGE:
            raise RemoteProtocolError("a set of too many numbers")
        found.extend(range(first, last + 1))
    return tuple(found)


def _search(rest: bytes) -> Found:
    found = rest.split()
    if any(len(digits) > 20 for digits in found):
        raise RemoteProtocolError("a number that is none")
    return Found(tuple(map(int, found)))


def _numbered(count: int, kind: str, values: list[object]) -> Untagged:
    match kind:
        case "FETCH":
            return _fetch(count, values)
        case "EXISTS":
            return Exists(count)
        case "RECENT":
            return Recent(count)
        case "EXPUNGE":
            return Expunged(count)
    return Unknown(kind, (count, *values))


def _fetch(count: int, values: list[object]) -> Fetched:
    pairs = items(values[0]) if values else []
    facts: dict[str, object] = {}
    sections: dict[str, bytes | Streamed | None] = {}
    for item, value in zip(pairs[::2], pairs[1::2], strict=False):
        name = text(item).upper().replace('"', "")  # QUIRK: quoted header names
        if "[" in name or name in ("RFC822", "RFC822.HEADER", "RFC822.TEXT"):
            sections[name] = value if isinstance(value, Streamed) else string(value)
        else:
            facts[name] = value
    mod_seq = facts.pop("MODSEQ", None)
    structure = facts.pop("BODYSTRUCTURE", None) or facts.pop("BODY", None)
    return Fetched(
        number=count,
        uid=number(facts.pop("UID", None)),
        flags=texts(facts.pop("FLAGS")) if "FLAGS" in facts else None,
        internal_date=_moment(facts.pop("INTERNALDATE", None)),
        size_octets=number(facts.pop("RFC822.SIZE", None)),
        mod_seq=number(mod_seq[0]) if isinstance(mod_seq, list) and mod_seq else None,
        envelope=read_envelope(facts.pop("ENVELOPE", None)),
        structure=read_structure(structure),
        sections=sections,
        others=facts,
    )


def _moment(value: object) -> int | None:
    try:
        return parse_date_time(string(value) or b"")
    except (ValueError, OverflowError):
        return None  # QUIRK: servers have been seen to give dates of no calendar


def _capability(values: list[object]) -> Untagged:
    return Capabilities(frozenset(name.upper() for name in texts(values)))


def _enabled(values: list[object]) -> Untagged:
    return Enabled(frozenset(name.upper() for name in texts(values)))


def _listed(values: list[object], *, subscription: bool) -> Untagged:
    if len(values) < 3:
        raise RemoteProtocolError("a listing without a name")
    wire_name = string(values[2]) or b""
    return Listed(
        name=mailbox_name(wire_name),
        wire_name=wire_name,
        delimiter=text(values[1])[:1],
        attributes=frozenset(a.lower() for a in texts(items(values[0]))),
        subscription=subscription,
        extended={
            text(tag).upper(): texts(value) for tag, value in _pairs(values[3:4])
        },
    )


def _pairs(values: list[object]) -> Iterator[tuple[object, object]]:
    """What a list of names and values holds, if there is one."""
    inside = items(values[0]) if values else []
    return zip(inside[::2], inside[1::2], strict=False)


def _list(values: list[object]) -> Untagged:
    return _listed(values, subscription=False)


def _lsub(values: list[object]) -> Untagged:
    return _listed(values, subscription=True)


def _status(values: list[object]) -> Untagged:
    if len(values) < 2:
        raise RemoteProtocolError("counters of no mailbox")
    wire_name = string(values[0]) or b""
    counters: dict[str, int] = {}
    others: dict[str, object] = {}
    for item, value in _pairs(values[1:]):
        count = number(value)
        if count is not None:
            counters[text(item).upper()] = count
        else:
            others[text(item).upper()] = value
    name = mailbox_name(wire_name)
    return Counted(name=name, wire_name=wire_name, counters=counters, others=others)


def _flags(values: list[object]) -> Untagged:
    return Flags(texts(values[0]) if values else ())


def _found(values: list[object]) -> Untagged:
    # a SEARCH with something after the numbers, such as (MODSEQ 917162500)
    found = (number(value) for value in values)
    last = items(values[-1]) if values else []
    mod_seq = number(last[1]) if len(last) == 2 else None
    return Found(tuple(n for n in found if n is not None), mod_seq)


def _esearch(values: list[object]) -> Untagged:
    correlated: dict[str, object] = {}
    rest = values
    if rest and isinstance(rest[0], list):
        correlated = {text(tag).upper(): value for tag, value in _pairs(rest)}
        rest = rest[1:]
    by_uid = bool(rest) and text(rest[0]).upper() == "UID"
    if by_uid:
        rest = rest[1:]
    told = {
        text(tag).upper(): value
        for tag, value in zip(rest[::2], rest[1::2], strict=False)
    }
    name = string(correlated.get("MAILBOX"))
    return Summed(
        tag=text(correlated.get("TAG")),
        by_uid=by_uid,
        minimum=number(told.pop("MIN", None)),
        maximum=number(told.pop("MAX", None)),
        count=number(told.pop("COUNT", None)),
        numbers=_set(told.pop("ALL", None)),
        partial=_partial(told.pop("PARTIAL", None)),
        mod_seq=number(told.pop("MODSEQ", None)),
        mailbox=None if name is None else mailbox_name(name),
        others=told,
    )


def _set(value: object) -> tuple[int, ...]:
    return () if value is None else numbers_of(value)


def _partial(value: object) -> tuple[str, tuple[int, ...]] | None:
    inside = items(value)
    return (text(inside[0]), _set(inside[1])) if len(inside) == 2 else None


def _threads(values: list[object]) -> Untagged:
    return Threaded(tuple(_thread(value) for value in values))


def _thread(value: object) -> Thread:
    """One thread; lists inside each other are no deeper than MAX_DEPTH."""
    found: list[int | Thread] = []
    for one in items(value):
        if isinstance(one, list):
            found.append(_thread(one))
        elif (message := number(one)) is not None:
            found.append(message)
    return tuple(found)


def _vanished(values: list[object]) -> Untagged:
    earlier = bool(values) and isinstance(values[0], list)
    return Vanished(numbers_of(values[-1]) if values else (), earlier)


def _namespaces(values: list[object]) -> Untagged:
    found = [
        tuple(
            Namespace(mailbox_name(string(one[0]) or b""), text(one[1])[:1])
            for one in items(value)
            if isinstance(one, list) and len(one) >= 2
        )
        for value in [*values, None, None, None][:3]
    ]
    return Namespaces(personal=found[0], others=found[1], shared=found[2])


def _identified(values: list[object]) -> Untagged:
    pairs = [text(v) for v in items(values[0])] if values else []
    return Identified(dict(zip(pairs[::2], pairs[1::2], strict=False)))


_READ: Final[dict[bytes, Callable[[list[object]], Untagged]]] = {
    b"CAPABILITY": _capability,
    b"ENABLED": _enabled,
    b"LIST": _list,
    b"LSUB": _lsub,
    b"STATUS": _status,
    b"FLAGS": _flags,
    b"SEARCH": _found,
    b"SORT": _found,
    b"ESEARCH": _esearch,
    b"THREAD": _threads,
    b"VANISHED": _vanished,
    b"NAMESPACE": _namespaces,
    b"ID": _identified,
}
