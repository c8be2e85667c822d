"""Parsing NOTIFY (RFC 5465 §8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap.commands import EventGroup, FetchItem, Notify, Watched
from pyeonji.protocol.imap.parse_fetch import item_list
from pyeonji.protocol.imap.parse_mailbox import mailbox
from pyeonji.protocol.imap.tokens import BadSyntax

if TYPE_CHECKING:
    from pyeonji.protocol.imap.tokens import Arguments

MAX_GROUPS: Final = 32
"""Event groups of one NOTIFY."""

MAX_NAMES: Final = 200
"""Mailboxes named in one group."""

MAX_EVENTS: Final = 32
"""Events of one group."""

NEW: Final = b"MESSAGENEW"
EXPUNGE: Final = b"MESSAGEEXPUNGE"
FLAGS: Final = b"FLAGCHANGE"
ANNOTATION: Final = b"ANNOTATIONCHANGE"
MESSAGE_EVENTS: Final = frozenset({NEW, EXPUNGE, FLAGS, ANNOTATION})

_OF_SELECTED: Final = frozenset({Watched.SELECTED, Watched.SELECTED_DELAYED})
_WITH_NAMES: Final = frozenset({Watched.SUBTREE, Watched.MAILBOXES})
_WHICH: Final = {which.value: which for which in Watched}


def parse_notify(tag: bytes, arguments: Arguments) -> Notify:
    """NOTIFY SP (NONE / SET [SP STATUS] 1*(SP event-group))."""
    arguments.space()
    word = arguments.word()
    if word == b"NONE":
        arguments.end()
        return Notify(tag=tag)
    if word != b"SET":
        raise BadSyntax("expected SET or NONE")
    arguments.space()
    status = arguments.take_word(b"STATUS")
    if status:
        arguments.space()
    groups = [_group(arguments)]
    while not arguments.at_end():
        arguments.space()
        if len(groups) == MAX_GROUPS:
            raise BadSyntax("too many event groups")
        groups.append(_group(arguments))
    if sum(group.which in _OF_SELECTED for group in groups) > 1:
        raise BadSyntax("SELECTED is given twice")  # RFC 5465 §6.1
    return Notify(tag=tag, groups=tuple(groups), status=status)


def _group(arguments: Arguments) -> EventGroup:
    arguments.expect(b"(")
    which = _WHICH.get(arguments.word())
    if which is None:
        raise BadSyntax("unknown mailbox specifier")
    arguments.space()
    names: tuple[str, ...] = ()
    if which in _WITH_NAMES:
        names = _names(arguments)
        arguments.space()
    events, items = _events(arguments)
    arguments.expect(b")")
    _check(which, events, items)
    return EventGroup(which=which, names=names, events=events, items=items)


def _names(arguments: Arguments) -> tuple[str, ...]:
    if not arguments.take(b"("):
        return (mailbox(arguments),)
    found = [mailbox(arguments)]
    while not arguments.take(b")"):
        arguments.space()
        if len(found) == MAX_NAMES:
            raise BadSyntax("too many mailboxes")
        found.append(mailbox(arguments))
    return tuple(dict.fromkeys(found))


def _events(arguments: Arguments) -> tuple[frozenset[bytes], tuple[FetchItem, ...]]:
    if not arguments.take(b"("):
        if arguments.word() != b"NONE":
            raise BadSyntax("expected NONE or a list of events")
        return frozenset(), ()
    found: set[bytes] = set()
    items: tuple[FetchItem, ...] = ()
    while True:
        event = arguments.word()
        found.add(event)
        if len(found) > MAX_EVENTS:
            raise BadSyntax("too many events")
        if arguments.take(b")"):
            return frozenset(found), items
        arguments.space()
        if event == NEW and arguments.peek() == 0x28:
            items = item_list(arguments)
            if arguments.take(b")"):
                return frozenset(found), items
            arguments.space()


def _check(
    which: Watched, events: frozenset[bytes], items: tuple[FetchItem, ...]
) -> None:
    """What RFC 5465 §5 and §6.1 say may stand together."""
    if which in _OF_SELECTED:
        if events - MESSAGE_EVENTS and not _unknown(events):
            raise BadSyntax("only events of messages for the selected mailbox")
    elif items:
        raise BadSyntax("fetch items are for the selected mailbox")
    messages = events & MESSAGE_EVENTS
    if messages and not {NEW, EXPUNGE} <= messages:
        raise BadSyntax("MessageNew and MessageExpunge go together")


MAILBOX_EVENTS: Final = frozenset(
    {
        b"MAILBOXNAME",
        b"SUBSCRIPTIONCHANGE",
        b"MAILBOXMETADATACHANGE",
        b"SERVERMETADATACHANGE",
    }
)


def _unknown(events: frozenset[bytes]) -> frozenset[bytes]:
    """Events that no RFC names: they get a NO, not a BAD (RFC 5465 §5)."""
    return events - MESSAGE_EVENTS - MAILBOX_EVENTS
