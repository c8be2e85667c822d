"""THREAD (RFC 5256 §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.message.thread import is_reply_or_forward
from pyeonji.mra.imap import looking, sorting, threads
from pyeonji.mra.imap.contexts import NotSearched
from pyeonji.mra.imap.limiting import newest
from pyeonji.protocol.imap.commands import Algorithm
from pyeonji.storage.mailboxes import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mra.imap.session import Session
    from pyeonji.mra.imap.sorting import Columns
    from pyeonji.mra.imap.threads import Forest
    from pyeonji.protocol.imap import commands

_DATES: Final = (Column.UID, Column.SENT_DATE, Column.INTERNAL_DATE)
_LINKS: Final = (Column.HEADER_MESSAGE_ID, Column.REFERENCES)
COLUMNS: Final[dict[Algorithm, tuple[Column, ...]]] = {
    Algorithm.ORDEREDSUBJECT: (*_DATES, Column.SORT_SUBJECT),
    Algorithm.REFERENCES: (*_DATES, Column.SORT_SUBJECT, Column.SUBJECT, *_LINKS),
    Algorithm.REFS: (*_DATES, *_LINKS),
}


async def thread(session: Session, command: commands.Thread) -> None:
    """Say which messages match, as threads."""
    selected = session.selected
    try:
        look = await looking.look_of(session, command)
    except NotSearched as why:
        looking.refuse(session, command, why)
        return
    query, limit = newest(session, look, look.query(selected))
    if limit:  # an order of some of them would be none (RFC 9738 §3.3)
        session.tagged(command.tag, b"NO", "Too many messages; name fewer.", limit)
        return
    uids = await looking.found_uids(
        selected.account, selected.mailbox_id, selected, query
    )
    names: Sequence[int] = uids
    if not command.by_uid:
        names = selected.view.numbers(uids)
    written = await _written(session, command, uids, names)
    session.write(b"* THREAD %b\r\n" % written if written else b"* THREAD\r\n")
    await session.updates(expunges=command.by_uid, only_if_dirty=True)
    session.tagged(command.tag, b"OK", "That is all.")


async def _written(
    session: Session,
    command: commands.Thread,
    uids: Sequence[int],
    names: Sequence[int],
) -> bytes:
    """Threads of ascending uids, told by names."""
    selected = session.selected
    mailbox = selected.account.id, selected.mailbox_id, selected.uid_validity
    about = mailbox, command.algorithm, command.by_uid
    written = session.house.threads.get(about, uids, names)
    if written is None:
        columns = await sorting.gather(selected, uids, COLUMNS[command.algorithm])
        forest = forest_of(command.algorithm, columns)
        there: Sequence[int] = columns[Column.UID]
        if len(there) != len(uids):  # some are gone by now
            return forest.write(
                there if command.by_uid else selected.view.numbers(there)
            )
        written = forest.write(names)
        session.house.threads.keep(about, uids, names, written)
    return written


def forest_of(algorithm: Algorithm, columns: Columns) -> Forest:
    """Threads of the messages whose columns these are."""
    dates = sorting.sent_dates(columns)
    if algorithm is Algorithm.ORDEREDSUBJECT:
        return threads.by_subject(_subjects(columns), dates)
    ids = columns[Column.HEADER_MESSAGE_ID]
    references = list(map(_references, columns[Column.REFERENCES]))
    if algorithm is Algorithm.REFS:
        arrivals = columns[Column.INTERNAL_DATE]
        return threads.by_references_alone(ids, references, dates, arrivals)
    subjects = columns[Column.SUBJECT]
    known: dict[int, bool] = {}

    def is_reply(message: int) -> bool:
        found = known.get(message)
        if found is None:
            found = known[message] = is_reply_or_forward(subjects[message])
        return found

    return threads.by_references(ids, references, dates, _subjects(columns), is_reply)


def _subjects(columns: Columns) -> list[str]:
    """Base subjects as they are compared; storage has folded their case."""
    return [
        subject if subject.isascii() else sorting.casemap(subject)
        for subject in columns[Column.SORT_SUBJECT]
    ]


def _references(kept: str) -> Sequence[str]:
    """Those of RFC 5256 §3: what stands after a tab is of In-Reply-To only."""
    if not kept:
        return ()
    return kept.partition("\t")[0].split(" ")
