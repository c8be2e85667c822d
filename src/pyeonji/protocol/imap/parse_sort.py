"""Parsing SORT, THREAD, ESEARCH and CANCELUPDATE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap.commands.searching import (
    Algorithm,
    CancelUpdate,
    MultiSearch,
    ReturnOption,
    Sort,
    SortCriterion,
    SortKey,
    Source,
    SourceKind,
    Thread,
)
from pyeonji.protocol.imap.limits import (
    MAX_CANCELLED,
    MAX_SORT_CRITERIA,
    MAX_SOURCE_NAMES,
    MAX_SOURCES,
)
from pyeonji.protocol.imap.parse_mailbox import mailbox
from pyeonji.protocol.imap.parse_returns import returns_of
from pyeonji.protocol.imap.parse_search import criteria, program
from pyeonji.protocol.imap.tokens import BadSyntax

if TYPE_CHECKING:
    from pyeonji.protocol.imap.tokens import Arguments


def parse_sort(tag: bytes, arguments: Arguments) -> Sort:
    """SORT [SP RETURN …] SP "(" criteria ")" SP charset 1*(SP search-key)."""
    return _sort(tag, arguments, by_uid=False)


def parse_uid_sort(tag: bytes, arguments: Arguments) -> Sort:
    """UID SORT."""
    return _sort(tag, arguments, by_uid=True)


def _sort(tag: bytes, arguments: Arguments, *, by_uid: bool) -> Sort:
    returns = returns_of(arguments)
    arguments.space()
    arguments.expect(b"(")
    wanted = [_criterion(arguments)]
    while arguments.take(b" "):
        if len(wanted) == MAX_SORT_CRITERIA:
            raise BadSyntax("too many sort criteria")
        wanted.append(_criterion(arguments))
    arguments.expect(b")")
    charset, key = criteria(arguments)
    return Sort(
        tag=tag,
        by_uid=by_uid,
        charset=charset,
        key=key,
        returns=returns,
        criteria=tuple(wanted),
    )


def _criterion(arguments: Arguments) -> SortCriterion:
    word = arguments.word()
    reverse = word == b"REVERSE"
    if reverse:
        arguments.space()
        word = arguments.word()
    try:
        return SortCriterion(SortKey(word), reverse)
    except ValueError:
        raise BadSyntax("unknown sort criterion") from None


def parse_thread(tag: bytes, arguments: Arguments) -> Thread:
    """THREAD SP algorithm SP charset 1*(SP search-key)."""
    return _thread(tag, arguments, by_uid=False)


def parse_uid_thread(tag: bytes, arguments: Arguments) -> Thread:
    """UID THREAD."""
    return _thread(tag, arguments, by_uid=True)


def _thread(tag: bytes, arguments: Arguments, *, by_uid: bool) -> Thread:
    arguments.space()
    try:
        algorithm = Algorithm(arguments.word())
    except ValueError:
        raise BadSyntax("unknown algorithm") from None
    charset, key = criteria(arguments)
    return Thread(tag=tag, by_uid=by_uid, charset=charset, key=key, algorithm=algorithm)


# -- ESEARCH (RFC 7377 §4)

_NAMED: Final = frozenset(
    {SourceKind.SUBTREE, SourceKind.SUBTREE_ONE, SourceKind.MAILBOXES}
)
SELECTED_ONLY: Final = (Source(SourceKind.SELECTED),)
"""What is searched where no source is named."""


def parse_esearch(tag: bytes, arguments: Arguments) -> MultiSearch:
    """ESEARCH [SP "IN" SP "(" sources ")"] [SP RETURN …] SP search-program."""
    sources = _sources(arguments)
    returns = returns_of(arguments)
    charset, key = program(arguments)
    only_selected = all(source.kind is SourceKind.SELECTED for source in sources)
    if not only_selected and returns is not None:
        for option in (ReturnOption.SAVE, ReturnOption.UPDATE):
            if option in returns:  # RFC 7377 §2.2
                raise BadSyntax(f"{option.name} is for the selected mailbox")
    return MultiSearch(
        tag=tag,
        by_uid=True,
        charset=charset,
        key=key,
        returns=returns,
        sources=sources,
    )


def _sources(arguments: Arguments) -> tuple[Source, ...]:
    before = arguments.mark()
    arguments.space()
    if not arguments.take_word(b"IN"):
        arguments.reset(before)
        return SELECTED_ONLY
    arguments.space()
    arguments.expect(b"(")
    sources = [_source(arguments)]
    while arguments.take(b" "):
        if arguments.peek() == 0x28:
            raise BadSyntax("no scope options are known")
        if len(sources) == MAX_SOURCES:
            raise BadSyntax("too many sources")
        sources.append(_source(arguments))
    arguments.expect(b")")
    return tuple(sources)


def _source(arguments: Arguments) -> Source:
    try:
        kind = SourceKind(arguments.word())
    except ValueError:
        raise BadSyntax("unknown source") from None
    if kind not in _NAMED:
        return Source(kind)
    arguments.space()
    if not arguments.take(b"("):
        return Source(kind, (mailbox(arguments),))
    found = [mailbox(arguments)]
    while arguments.take(b" "):
        if len(found) == MAX_SOURCE_NAMES:
            raise BadSyntax("too many mailboxes")
        found.append(mailbox(arguments))
    arguments.expect(b")")
    return Source(kind, tuple(found))


def parse_cancel_update(tag: bytes, arguments: Arguments) -> CancelUpdate:
    """CANCELUPDATE 1*(SP quoted) (RFC 5267 §5)."""
    tags: list[bytes] = []
    while not arguments.at_end():
        arguments.space()
        if len(tags) == MAX_CANCELLED:
            raise BadSyntax("too many tags")
        tags.append(arguments.astring())
    if not tags:
        raise BadSyntax("missing argument")
    return CancelUpdate(tag=tag, tags=tuple(tags))
