"""Filters: search keys kept under a name, as annotations (RFC 5466)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap.limits import MAX_SEARCH_DEPTH
from pyeonji.protocol.imap.parse_search import parse_kept
from pyeonji.protocol.imap.search_keys import (
    AllOf,
    AnyOf,
    FilterKey,
    FuzzyKey,
    NotKey,
    has,
)
from pyeonji.protocol.imap.tokens import BadSyntax

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap.search_keys import Key

MAX_PASSES: Final = 5
"""Filters within filters; RFC 5466 §3.1 asks for three at least."""

MAX_FILTERS: Final = 100
"""Filters that stand for keys of one search, those within others included."""

PRIVATE: Final = "/private/filters/values/"
SHARED: Final = "/shared/filters/values/"

_NAME: Final = re.compile(r"[!#$&'+,\-.0-9:;<=>?@A-Z\[^_`a-z|}~]+")
"""filter-name (RFC 5466 §4): characters of atoms, but "/"."""


class UndefinedFilter(Exception):
    """No such filter, or its text is no search, or it holds itself."""

    def __init__(self, name: bytes) -> None:
        super().__init__(name)
        self.name = name


def bad_filter(entry: str, value: bytes | None) -> bool:
    """Whether an entry of the server would be a filter, and cannot be one (§3.2)."""
    if value is None or not entry.startswith((PRIVATE, SHARED)):
        return False
    if not _NAME.fullmatch(entry.partition("/values/")[2]):
        return True
    try:
        parse_kept(value)
    except BadSyntax:
        return True
    return False


async def without_filters(session: Session, key: Key) -> Key:
    """A key with each FILTER replaced by what it stands for.

    Raises:
        UndefinedFilter: one of them cannot be replaced.
    """
    if not has(key, FilterKey):
        return key
    private = await session.account.annotations(None)
    shared = await session.house.directory.annotations()
    return _Replacing(private, shared).replaced(key, 0)


class _Replacing:
    def __init__(
        self, private: Mapping[str, bytes], shared: Mapping[str, bytes]
    ) -> None:
        self._private = private
        self._shared = shared
        self._left = MAX_FILTERS
        self._name = b""  # of the filter that was replaced last

    def replaced(self, key: Key, passes: int, depth: int = 0) -> Key:
        if depth > MAX_SEARCH_DEPTH:
            raise UndefinedFilter(self._name)
        depth += 1
        match key:
            case FilterKey():
                return self._kept(key.name, passes, depth)
            case AllOf():
                keys = [self.replaced(one, passes, depth) for one in key.keys]
                return AllOf(tuple(keys))
            case AnyOf():
                keys = [self.replaced(one, passes, depth) for one in key.keys]
                return AnyOf(tuple(keys))
            case NotKey():
                return NotKey(self.replaced(key.key, passes, depth))
            case FuzzyKey():
                return FuzzyKey(self.replaced(key.key, passes, depth))
            case _:
                return key

    def _kept(self, name: bytes, passes: int, depth: int) -> Key:
        entry = name.decode("ascii").casefold()
        value = self._private.get(PRIVATE + entry) or self._shared.get(SHARED + entry)
        if value is None or passes == MAX_PASSES or not self._left:
            raise UndefinedFilter(name)
        self._left -= 1
        self._name = name
        try:
            key = parse_kept(value)
        except BadSyntax:
            raise UndefinedFilter(name) from None
        return self.replaced(key, passes + 1, depth)
