"""MESSAGELIMIT (RFC 9738): at most so many messages in one command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.mra.imap.changed import partial
from pyeonji.mra.imap.search_query import ranges_of
from pyeonji.protocol.imap.search_keys import AllOf, MessagesKey
from pyeonji.storage.query import And, UidIn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mra.imap.changed import Ranges
    from pyeonji.mra.imap.looking import Look
    from pyeonji.mra.imap.selected import Selected
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap.search_keys import Key
    from pyeonji.storage.query import Query


def exceeds(session: Session, ranges: Ranges) -> bool:
    """Whether uid ranges hold more messages than one command may name."""
    limit = session.house.options.message_limit
    if limit is None:
        return False
    count = session.selected.view.count
    return sum(count(low, high) for low, high in ranges) > limit


def saving_limit(session: Session) -> int | None:
    """How many messages one APPEND or COPY may bring (RFC 9738 §3, SAVELIMIT)."""
    options = session.house.options
    limits = [limit for limit in (options.message_limit, options.save_limit) if limit]
    return min(limits, default=None)


def exceeds_saving(session: Session, ranges: Ranges) -> bytes:
    """The code of a COPY of too many, which copies none; b"" where it may be."""
    limit = saving_limit(session)
    count = session.selected.view.count
    if limit is None or sum(count(low, high) for low, high in ranges) <= limit:
        return b""
    return b"MESSAGELIMIT %d" % limit


def limited(session: Session, ranges: Ranges) -> tuple[Ranges, bytes]:
    """The newest of the messages named, and the code that says so.

    The code tells the lowest uid that was done, so that the client goes on
    with those below it (RFC 9738 §3.1); it is empty where all were done.
    """
    limit = session.house.options.message_limit
    if limit is None or not exceeds(session, ranges):
        return ranges, b""
    kept = partial(session.selected.view, ranges, (-limit, -1))
    return kept, b"MESSAGELIMIT %d %d" % (limit, kept[0][0])


def newest(session: Session, look: Look, query: Query) -> tuple[Query, bytes]:
    """A search among the newest of the messages it may look at, and the code for that.

    Those are named by sets and UIDAFTER or UIDBEFORE beside the other keys: so a
    client goes on below the uid that it was told (RFC 9738 §3.1, §3.2).
    """
    if session.house.options.message_limit is None:
        return query, b""
    ranges, code = limited(session, candidates(session.selected, look.key))
    return (And((UidIn(tuple(ranges)), query)), code) if code else (query, b"")


def candidates(selected: Selected, key: Key) -> Ranges:
    """Uid ranges of the messages that can match, by the sets that a search names."""
    ranges: Ranges = [(1, selected.view.last)]
    waiting = [key]
    while waiting:
        one = waiting.pop()
        if isinstance(one, AllOf):
            waiting.extend(one.keys)
        elif isinstance(one, MessagesKey):
            named = ranges_of(selected, one.messages, by_uid=one.by_uid)
            ranges = _common(ranges, named)
    return ranges


def _common(one: Ranges, other: Sequence[tuple[int, int]]) -> Ranges:
    """What two runs of ascending ranges share."""
    found: Ranges = []
    at = 0
    for low, high in one:
        while at < len(other) and other[at][1] < low:
            at += 1
        beyond = at
        while beyond < len(other) and other[beyond][0] <= high:
            found.append((max(low, other[beyond][0]), min(high, other[beyond][1])))
            beyond += 1
    return found
