"""Parsing SEARCH (RFC 3501 §6.4.4): its return options and its tree of keys.

The keys of every extension are rows of `KEYS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap.commands.searching import Search
from pyeonji.protocol.imap.dates import parse_date
from pyeonji.protocol.imap.limits import MAX_SEARCH_DEPTH
from pyeonji.protocol.imap.parse_returns import returns_of
from pyeonji.protocol.imap.search_keys import (
    AllOf,
    AnyOf,
    DateField,
    DateKey,
    FilterKey,
    FlagKey,
    FuzzyKey,
    HeaderKey,
    KeywordKey,
    MessagesKey,
    ModSeqKey,
    NotKey,
    ObjectKey,
    SizeKey,
    TextField,
    TextKey,
    WithinKey,
)
from pyeonji.protocol.imap.sequences import LARGEST, SequenceSet
from pyeonji.protocol.imap.tokens import Arguments, BadSyntax

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyeonji.protocol.imap.search_keys import Key


def parse_search(tag: bytes, arguments: Arguments) -> Search:
    """SEARCH [SP search-return-opts] [SP "CHARSET" SP astring] 1*(SP search-key)."""
    return _search(tag, arguments, by_uid=False)


def parse_uid_search(tag: bytes, arguments: Arguments) -> Search:
    """UID SEARCH."""
    return _search(tag, arguments, by_uid=True)


def _search(tag: bytes, arguments: Arguments, *, by_uid: bool) -> Search:
    returns = returns_of(arguments)
    charset, key = program(arguments)
    return Search(tag=tag, by_uid=by_uid, charset=charset, key=key, returns=returns)


def program(arguments: Arguments) -> tuple[bytes, Key]:
    """Charset and key: [SP "CHARSET" SP astring] 1*(SP search-key), to the end."""
    arguments.space()
    charset = b""
    if arguments.take_word(b"CHARSET"):
        arguments.space()
        charset = arguments.astring()
        arguments.space()
    key = _keys(arguments, 0)
    arguments.end()
    return charset, key


def criteria(arguments: Arguments) -> tuple[bytes, Key]:
    """Charset and key: SP charset 1*(SP search-key) of SORT and THREAD."""
    arguments.space()
    charset = arguments.astring()
    arguments.space()
    key = _keys(arguments, 0)
    arguments.end()
    return charset, key


def parse_kept(text: bytes) -> Key:
    """The keys of a filter, as they are kept (RFC 5466 §3.2).

    Raises:
        BadSyntax: it is no whole list of search keys.
    """
    arguments = Arguments([text])
    key = _keys(arguments, 0)
    arguments.end()
    return key


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
    if 0x30 <= first <= 0x39 or first in (0x2A, 0x24):
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


def _uid_beside_key(arguments: Arguments, name: bytes, depth: int) -> Key:  # noqa: ARG001 - a row of KEYS
    """UIDAFTER and UIDBEFORE SP uniqueid: the uids on one side of it."""
    arguments.space()
    uid = arguments.number()
    if not uid:
        raise BadSyntax("a uid may not be 0")
    low, high = (uid + 1, LARGEST) if name == b"UIDAFTER" else (1, uid - 1)
    pairs = ((low, high),) if low <= high else ()
    return MessagesKey(by_uid=True, messages=SequenceSet(pairs))


def _uid_key(arguments: Arguments, name: bytes, depth: int) -> Key:  # noqa: ARG001 - a row of KEYS
    arguments.space()
    return MessagesKey(by_uid=True, messages=arguments.sequence_set())


def _within_key(arguments: Arguments, name: bytes, depth: int) -> Key:  # noqa: ARG001 - a row of KEYS
    arguments.space()
    seconds = arguments.number()
    if not seconds:
        raise BadSyntax("the interval is zero")
    return WithinKey(name == b"OLDER", seconds)


def _mod_seq_key(arguments: Arguments, name: bytes, depth: int) -> Key:  # noqa: ARG001 - a row of KEYS
    """MODSEQ [SP entry-name SP entry-type] SP number (RFC 7162 §3.1.5)."""
    arguments.space()
    if arguments.peek() == 0x22:
        arguments.string()
        arguments.space()
        if arguments.word() not in ENTRY_TYPES:
            raise BadSyntax("unknown entry type")
        arguments.space()
    return ModSeqKey(arguments.number64())


def _object_key(arguments: Arguments, name: bytes, depth: int) -> Key:  # noqa: ARG001 - a row of KEYS
    arguments.space()
    return ObjectKey(name == b"THREADID", arguments.atom())


def _filter_key(arguments: Arguments, name: bytes, depth: int) -> Key:  # noqa: ARG001 - a row of KEYS
    arguments.space()
    filter_name = arguments.atom()
    if b"/" in filter_name:
        raise BadSyntax("a slash in the name of a filter")
    return FilterKey(filter_name)


def _fuzzy_key(arguments: Arguments, name: bytes, depth: int) -> Key:  # noqa: ARG001 - a row of KEYS
    arguments.space()
    inner = _key(arguments, depth)
    return inner if isinstance(inner, FuzzyKey) else FuzzyKey(inner)


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


ENTRY_TYPES: Final = frozenset({b"PRIV", b"SHARED", b"ALL"})
"""RFC 7162 §7, entry-type-req."""

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
    b"UIDAFTER": _uid_beside_key,  # RFC 9738 §3.2
    b"UIDBEFORE": _uid_beside_key,
    b"OLDER": _within_key,  # RFC 5032
    b"YOUNGER": _within_key,
    b"MODSEQ": _mod_seq_key,  # RFC 7162
    b"EMAILID": _object_key,  # RFC 8474
    b"THREADID": _object_key,
    b"FILTER": _filter_key,  # RFC 5466
    b"FUZZY": _fuzzy_key,  # RFC 6203
    b"NOT": _not_key,
    b"OR": _or_key,
}
