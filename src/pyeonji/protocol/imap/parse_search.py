"""Parsing SEARCH into a tree of keys (RFC 3501 §6.4.4).

A string argument stays octets: its charset is the command's, and turning it
into text is left to who carries the search out. Dates are days since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap.commands import Search
from pyeonji.protocol.imap.dates import parse_date
from pyeonji.protocol.imap.limits import MAX_SEARCH_DEPTH
from pyeonji.protocol.imap.tokens import BadSyntax

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyeonji.protocol.imap.sequences import SequenceSet
    from pyeonji.protocol.imap.tokens import Arguments


class FlagKey(Enum):
    """Keys without arguments."""

    ALL = b"ALL"
    ANSWERED = b"ANSWERED"
    DELETED = b"DELETED"
    DRAFT = b"DRAFT"
    FLAGGED = b"FLAGGED"
    NEW = b"NEW"
    OLD = b"OLD"
    RECENT = b"RECENT"
    SEEN = b"SEEN"
    UNANSWERED = b"UNANSWERED"
    UNDELETED = b"UNDELETED"
    UNDRAFT = b"UNDRAFT"
    UNFLAGGED = b"UNFLAGGED"
    UNSEEN = b"UNSEEN"


class TextField(Enum):
    """Keys with a string to be found."""

    BCC = b"BCC"
    BODY = b"BODY"
    CC = b"CC"
    FROM = b"FROM"
    SUBJECT = b"SUBJECT"
    TEXT = b"TEXT"
    TO = b"TO"


class DateField(Enum):
    """Keys with a date."""

    BEFORE = b"BEFORE"
    ON = b"ON"
    SINCE = b"SINCE"
    SENTBEFORE = b"SENTBEFORE"
    SENTON = b"SENTON"
    SENTSINCE = b"SENTSINCE"


@dataclass(frozen=True, slots=True)
class TextKey:
    """One of BCC, BODY, CC, FROM, SUBJECT, TEXT, TO."""

    where: TextField
    octets: bytes


@dataclass(frozen=True, slots=True)
class HeaderKey:
    """HEADER field-name string."""

    name: bytes
    octets: bytes


@dataclass(frozen=True, slots=True)
class DateKey:
    """A date key; `day` is days since 1970."""

    which: DateField
    day: int


@dataclass(frozen=True, slots=True)
class KeywordKey:
    """KEYWORD flag, or UNKEYWORD where not `present`."""

    keyword: bytes
    present: bool


@dataclass(frozen=True, slots=True)
class SizeKey:
    """LARGER, or SMALLER where not `larger`."""

    larger: bool
    octets: int


@dataclass(frozen=True, slots=True)
class MessagesKey:
    """A sequence set, or UID sequence-set."""

    by_uid: bool
    messages: SequenceSet


@dataclass(frozen=True, slots=True)
class AllOf:
    """Keys that must all match."""

    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """OR: chains of it become one."""

    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class NotKey:
    """NOT."""

    key: Key


Key = (
    FlagKey
    | TextKey
    | HeaderKey
    | DateKey
    | KeywordKey
    | SizeKey
    | MessagesKey
    | AllOf
    | AnyOf
    | NotKey
)


def parse_search(tag: bytes, arguments: Arguments) -> Search:
    """SEARCH [SP "CHARSET" SP astring] 1*(SP search-key)."""
    return _search(tag, arguments, by_uid=False)


def parse_uid_search(tag: bytes, arguments: Arguments) -> Search:
    """UID SEARCH."""
    return _search(tag, arguments, by_uid=True)


def _search(tag: bytes, arguments: Arguments, *, by_uid: bool) -> Search:
    arguments.space()
    charset = b""
    if arguments.take_word(b"CHARSET"):
        arguments.space()
        charset = arguments.astring()
        arguments.space()
    key = _keys(arguments, 0)
    arguments.end()
    return Search(tag=tag, by_uid=by_uid, charset=charset, key=key)


def _keys(arguments: Arguments, depth: int) -> Key:
    """One or more keys with spaces between, up to what is no space."""
    keys = [_key(arguments, depth)]
    while arguments.take(b" "):
        keys.append(_key(arguments, depth))
    return keys[0] if len(keys) == 1 else AllOf(tuple(keys))


def _key(arguments: Arguments, depth: int) -> Key:
    if depth >= MAX_SEARCH_DEPTH:
        raise BadSyntax("search keys nested too deep")
    if arguments.take(b"("):
        inner = _keys(arguments, depth + 1)
        arguments.expect(b")")
        return inner
    first = arguments.peek()
    if 0x30 <= first <= 0x39 or first == 0x2A:
        return MessagesKey(by_uid=False, messages=arguments.sequence_set())
    name = arguments.word()
    parse = KEYS.get(name)
    if parse is None:
        raise BadSyntax("unknown search key")
    return parse(arguments, name, depth + 1)


def _flag_key(arguments: Arguments, name: bytes, depth: int) -> Key:  # noqa: ARG001 - a row of KEYS
    return FlagKey(name)


def _text_key(arguments: Arguments, name: bytes, depth: int) -> Key:  # noqa: ARG001 - a row of KEYS
    arguments.space()
    return TextKey(TextField(name), arguments.astring())


def _header_key(arguments: Arguments, name: bytes, depth: int) -> Key:  # noqa: ARG001 - a row of KEYS
    arguments.space()
    field = arguments.astring()
    arguments.space()
    return HeaderKey(field, arguments.astring())


def _date_key(arguments: Arguments, name: bytes, depth: int) -> Key:  # noqa: ARG001 - a row of KEYS
    arguments.space()
    try:
        return DateKey(DateField(name), parse_date(arguments.astring()))
    except ValueError:
        raise BadSyntax("bad date") from None


def _keyword_key(arguments: Arguments, name: bytes, depth: int) -> Key:  # noqa: ARG001 - a row of KEYS
    arguments.space()
    return KeywordKey(arguments.atom(), name == b"KEYWORD")


def _size_key(arguments: Arguments, name: bytes, depth: int) -> Key:  # noqa: ARG001 - a row of KEYS
    arguments.space()
    return SizeKey(name == b"LARGER", arguments.number64())


def _uid_key(arguments: Arguments, name: bytes, depth: int) -> Key:  # noqa: ARG001 - a row of KEYS
    arguments.space()
    return MessagesKey(by_uid=True, messages=arguments.sequence_set())


def _not_key(arguments: Arguments, name: bytes, depth: int) -> Key:  # noqa: ARG001 - a row of KEYS
    arguments.space()
    inner = _key(arguments, depth)
    return inner.key if isinstance(inner, NotKey) else NotKey(inner)


def _or_key(arguments: Arguments, name: bytes, depth: int) -> Key:  # noqa: ARG001 - a row of KEYS
    arguments.space()
    first = _key(arguments, depth)
    arguments.space()
    second = _key(arguments, depth)
    keys: list[Key] = []
    for key in (first, second):
        keys.extend(key.keys if isinstance(key, AnyOf) else (key,))
    return AnyOf(tuple(keys))


KEYS: Final[dict[bytes, Callable[[Arguments, bytes, int], Key]]] = {
    **{key.value: _flag_key for key in FlagKey},
    **{field.value: _text_key for field in TextField},
    **{field.value: _date_key for field in DateField},
    b"HEADER": _header_key,
    b"KEYWORD": _keyword_key,
    b"UNKEYWORD": _keyword_key,
    b"LARGER": _size_key,
    b"SMALLER": _size_key,
    b"UID": _uid_key,
    b"NOT": _not_key,
    b"OR": _or_key,
}
