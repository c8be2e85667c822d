"""MESSAGELIMIT (RFC 9738): at most so many messages in one command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.mra.imap.changed import partial
from pyeonji.storage.query import And, UidIn

if TYPE_CHECKING:
    from pyeonji.mra.imap.changed import Ranges
    from pyeonji.mra.imap.session import Session
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


def newest(session: Session, query: Query) -> tuple[Query, bytes]:
    """A search among the newest messages, and the code that says so."""
    limit, view = session.house.options.message_limit, session.selected.view
    if limit is None or len(view) <= limit:
        return query, b""
    lowest = view.uid(len(view) - limit + 1)
    among = And((UidIn(((lowest, view.last),)), query))
    return among, b"MESSAGELIMIT %d %d" % (limit, lowest)
