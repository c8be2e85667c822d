"""Parsing RETURN (…) of SEARCH, SORT and ESEARCH (RFC 4466 §2.6.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap.commands.searching import ALL_RESULTS, ReturnOption, Returns
from pyeonji.protocol.imap.parse_fetch import item_list
from pyeonji.protocol.imap.tokens import BadSyntax

if TYPE_CHECKING:
    from pyeonji.protocol.imap.commands import FetchItem
    from pyeonji.protocol.imap.tokens import Arguments

_RANGE: Final = re.compile(
    rb"([1-9][0-9]{0,9}):([1-9][0-9]{0,9})(?![0-9])"
    rb"|(-[1-9][0-9]{0,9}):(-[1-9][0-9]{0,9})(?![0-9])"
)
_LARGEST: Final = 0xFFFFFFFF
_BRACKET: Final = 0x28


def returns_of(arguments: Arguments) -> Returns | None:
    """[SP "RETURN" SP "(" [option *(SP option)] ")"], None without it."""
    before = arguments.mark()
    arguments.space()
    if not arguments.take_word(b"RETURN"):
        arguments.reset(before)
        return None
    arguments.space()
    arguments.expect(b"(")
    options: set[ReturnOption] = set()
    partial = None
    items: tuple[FetchItem, ...] = ()
    while not arguments.take(b")"):
        if options:
            arguments.space()
        option = _option(arguments)
        if option is ReturnOption.PARTIAL:
            if partial is not None:
                raise BadSyntax("PARTIAL twice")
            arguments.space()
            partial = partial_range(arguments)
        elif option is ReturnOption.UPDATE:
            items = _items(arguments) or items
        options.add(option)
    if partial is not None and ReturnOption.ALL in options:
        raise BadSyntax("PARTIAL together with ALL")  # RFC 5267 §4.4
    return Returns(frozenset(options), partial, items) if options else ALL_RESULTS


def _items(arguments: Arguments) -> tuple[FetchItem, ...]:
    """[[SP] "(" fetch-att *(SP fetch-att) ")"] (RFC 5465 §7, §8)."""
    before = arguments.mark()
    arguments.take(b" ")  # the example has a space, the grammar has none
    if arguments.peek() == _BRACKET:
        return item_list(arguments)
    arguments.reset(before)
    return ()


def _option(arguments: Arguments) -> ReturnOption:
    try:
        return ReturnOption(arguments.word())
    except ValueError:
        raise BadSyntax("unknown return option") from None


def partial_range(arguments: Arguments) -> tuple[int, int]:
    """A partial-range, both ends positive or both negative (RFC 9394 §4)."""
    found = _RANGE.fullmatch(arguments.matched(_RANGE, "a range"))
    if found is None:
        raise BadSyntax("bad range")
    first, last = (int(end) for end in found.groups() if end is not None)
    if max(abs(first), abs(last)) > _LARGEST:
        raise BadSyntax("number too large")
    return first, last
