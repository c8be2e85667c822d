"""Parsing LIST and LSUB: patterns, selection and return options (RFC 5258 §6)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap import names
from pyeonji.protocol.imap.commands import List, StatusItem
from pyeonji.protocol.imap.limits import MAX_PATTERN_OCTETS
from pyeonji.protocol.imap.tokens import BadSyntax

if TYPE_CHECKING:
    from pyeonji.protocol.imap.tokens import Arguments

MAX_PATTERNS: Final = 50
"""Patterns of one LIST."""

MAX_ENTRIES: Final = 64
"""Entries of one METADATA option or GETMETADATA."""

_SELECTIONS: Final = frozenset(
    {b"SUBSCRIBED", b"REMOTE", b"RECURSIVEMATCH", b"SPECIAL-USE"}
)
_BASES: Final = frozenset({b"SUBSCRIBED", b"SPECIAL-USE"})
_RETURNS: Final = frozenset({b"SUBSCRIBED", b"CHILDREN", b"SPECIAL-USE", b"MYRIGHTS"})
_STATUS_LIST: Final = re.compile(rb"\([A-Za-z0-9 -]{1,200}\)")
_STATUS_ITEMS: Final = {item.value: item for item in StatusItem}


def parse_list(tag: bytes, arguments: Arguments) -> List:
    """LIST [SP selections] SP mailbox SP patterns [SP RETURN SP options]."""
    arguments.space()
    selections: frozenset[bytes] | None = None
    if arguments.take(b"("):
        selections = _selections(arguments)
        arguments.space()
    reference = arguments.astring()
    arguments.space()
    patterns, several = _patterns(arguments)
    returns: frozenset[bytes] = frozenset()
    status: tuple[StatusItem, ...] = ()
    metadata: tuple[str, ...] = ()
    extended = selections is not None or several
    if not arguments.at_end():
        arguments.space()
        if arguments.word() != b"RETURN":
            raise BadSyntax("expected RETURN")
        extended = True
        arguments.space()
        returns, status, metadata = _returns(arguments)
    arguments.end()
    utf8 = arguments.utf8
    return List(
        tag=tag,
        reference=_decoded(reference, utf8=utf8),
        patterns=tuple(_decoded(pattern, utf8=utf8) for pattern in patterns),
        selections=selections or frozenset(),
        returns=returns,
        status=status,
        metadata=metadata,
        extended=extended,
    )


def parse_lsub(tag: bytes, arguments: Arguments) -> List:
    """LSUB SP mailbox SP list-mailbox."""
    arguments.space()
    reference = arguments.astring()
    arguments.space()
    pattern = arguments.list_mailbox()
    arguments.end()
    utf8 = arguments.utf8
    return List(
        tag=tag,
        reference=_decoded(reference, utf8=utf8),
        patterns=(_decoded(pattern, utf8=utf8),),
        lsub=True,
    )


def _decoded(octets: bytes, *, utf8: bool) -> str:
    if len(octets) > MAX_PATTERN_OCTETS:
        raise BadSyntax("pattern too long")
    try:
        # 8-bit octets can only be meant as UTF-8, enabled or not
        as_utf8 = utf8 or not octets.isascii()
        return (names.decode_utf8 if as_utf8 else names.decode)(octets)
    except names.BadName as error:
        raise BadSyntax(str(error)) from None


def _selections(arguments: Arguments) -> frozenset[bytes]:
    found: set[bytes] = set()
    while not arguments.take(b")"):
        if found:
            arguments.space()
        word = arguments.word()
        if word not in _SELECTIONS:
            raise BadSyntax("unknown selection option")
        found.add(word)
    if b"RECURSIVEMATCH" in found and not found & _BASES:
        # it says how others are meant (RFC 5258 §3.1)
        raise BadSyntax("RECURSIVEMATCH needs another selection option")
    return frozenset(found)


def _patterns(arguments: Arguments) -> tuple[list[bytes], bool]:
    if not arguments.take(b"("):
        return [arguments.list_mailbox()], False
    found = [arguments.list_mailbox()]
    while not arguments.take(b")"):
        arguments.space()
        if len(found) == MAX_PATTERNS:
            raise BadSyntax("too many patterns")
        found.append(arguments.list_mailbox())
    return found, True


def _returns(
    arguments: Arguments,
) -> tuple[frozenset[bytes], tuple[StatusItem, ...], tuple[str, ...]]:
    found: set[bytes] = set()
    status: tuple[StatusItem, ...] = ()
    metadata: tuple[str, ...] = ()
    arguments.expect(b"(")
    while not arguments.take(b")"):
        if found:
            arguments.space()
        word = arguments.word()
        found.add(word)
        if word == b"STATUS":  # RFC 5819 §2
            arguments.space()
            status = status_items(arguments)
        elif word == b"METADATA":  # RFC 9590 §3
            arguments.space()
            metadata = entry_names(arguments)
        elif word not in _RETURNS:
            raise BadSyntax("unknown return option")
    return frozenset(found), status, metadata


def status_items(arguments: Arguments) -> tuple[StatusItem, ...]:
    """The items of STATUS, in parentheses, each once."""
    return _status_items(arguments.matched(_STATUS_LIST, "status items"))


@lru_cache(maxsize=256)
def _status_items(octets: bytes) -> tuple[StatusItem, ...]:
    """Clients send the same list for every mailbox, so it is read once."""
    items: list[StatusItem] = []
    for word in octets[1:-1].upper().split(b" "):
        item = _STATUS_ITEMS.get(word)
        if item is None:
            raise BadSyntax("unknown status item")
        if item not in items:
            items.append(item)
    return tuple(items)


def entry_names(arguments: Arguments) -> tuple[str, ...]:
    """Names of annotations: one, or several in parentheses (RFC 5464 §5)."""
    if not arguments.take(b"("):
        return (entry_name(arguments),)
    found = [entry_name(arguments)]
    while not arguments.take(b")"):
        arguments.space()
        if len(found) == MAX_ENTRIES:
            raise BadSyntax("too many entries")
        found.append(entry_name(arguments))
    return tuple(dict.fromkeys(found))


def entry_name(arguments: Arguments) -> str:
    """The name of an annotation, in lower case (RFC 5464 §3.2)."""
    octets = arguments.astring()
    if len(octets) > MAX_PATTERN_OCTETS:
        raise BadSyntax("entry name too long")
    if not octets.isascii() or any(octet in b"*%" or octet < 32 for octet in octets):
        raise BadSyntax("bad entry name")
    name = octets.decode("ascii").lower()
    if not name.startswith(("/private/", "/shared/")) or name.endswith("/"):
        raise BadSyntax("an entry is below /private or /shared")
    if "//" in name:
        raise BadSyntax("empty level in an entry name")
    return name
