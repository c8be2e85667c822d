"""Letters of a queue's file, as they are read: due ones, one, those that are meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from pyeonji.base.ids import LetterId
from pyeonji.storage.content import BlobFile, Content, StoredOctets
from pyeonji.storage.embedded import lanes
from pyeonji.storage.embedded.letters import TRACED, journey, known_as
from pyeonji.storage.embedded.octets import decompress, map_file
from pyeonji.storage.embedded.sqlite import Database, one
from pyeonji.storage.errors import NoSuchLetter
from pyeonji.storage.queue import (
    NO_WISHES,
    BodyType,
    NewLetter,
    QueuedLetter,
    Recipient,
    Wishes,
)

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from pyeonji.storage.embedded import journeys

AT_ONCE: Final = 1000
"""Letters that are looked through at a time."""

_recipients = msgspec.json.Decoder(tuple[Recipient, ...])
_facts = msgspec.json.Decoder(dict[str, str])
_wishes = msgspec.json.Decoder(Wishes)

_TRACED: Final = f"SELECT {TRACED} FROM letters "  # noqa: S608 - fixed names


def trace(connection: Database, search: journeys.Search) -> list[journeys.Found]:
    """Letters still in the queue that are meant, the latest, with their events.

    They are looked through one by one: they have no index but their ids.
    """
    found: list[journeys.Found] = []
    exact = one(connection, "SELECT id FROM letters WHERE id = ?", (search.letter,))
    low, high = (exact[0], exact[0] + "~") if exact else (search.low, search.high)
    while len(found) < search.limit:
        rows = connection.execute(
            "SELECT id, reverse_path, recipients, message_id FROM letters"
            " WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT ?",
            (low, high, AT_ONCE),
        ).fetchall()
        for row in filter(search.may_mean, rows):
            recipients = _recipients.decode(row[2])
            names = "\n".join(known_as(recipients))
            if search.means((0, row[0], row[1], names, row[3])):
                whole = one(connection, _TRACED + "WHERE id = ?", (row[0],))
                if whole is not None:  # it has not left meanwhile
                    found.append((row[0], journey(whole, recipients)))
        if len(rows) < AT_ONCE:
            break
        high = rows[-1][0]
    return found[: search.limit]


_LETTER: Final = (
    "SELECT id, reverse_path, recipients, size, body_type, smtputf8, ret, envid,"
    " accepted_at, message_id, facts, held, prefix, wishes FROM letters "
)


def totals(connection: Database) -> tuple[int, int, float | None]:
    """How many letters there are, are not held, and when the first of these came.

    Indexes alone are read, but for letters held in front of the first one.
    """
    (count,) = one(connection, "SELECT count(*) FROM letters")
    (waiting,) = one(
        connection,
        "SELECT count(*) FROM letters INDEXED BY letters_due WHERE held = 0",
    )
    first = one(
        connection,
        "SELECT accepted_at FROM letters WHERE held = 0 ORDER BY id LIMIT 1",
    )
    return count, waiting, first[0] if first else None


def future(connection: Database, account: str, now: float) -> tuple[int, int]:
    """Letters of an account that are held until after `now`, and their octets."""
    row: tuple[int, int] = one(
        connection,
        "SELECT count(*), coalesce(sum(future.octets), 0) FROM future JOIN letters"
        " ON id = letter WHERE account = ? AND until > ?",
        (account, now),
    )
    return row


Place = tuple[float, str]
"""Of a letter in the list by time: when it is due, and its id."""

FRONT: Final[Place] = (-1.0, "")
"""Before all letters."""


def load(
    connection: Database,
    due_before: float,
    limit: int,
    claimed: Collection[LetterId],
    after: Place = FRONT,
) -> tuple[list[QueuedLetter], Place]:
    """See Queue.load.

    All that is due after a place is claimed then, up to the place that it gives.
    """
    meant = lanes.unclaimed(
        connection,
        "SELECT id FROM letters INDEXED BY letters_urgent WHERE priority > 0"
        " AND held = 0 AND next_attempt <= ?"
        " ORDER BY priority DESC, next_attempt, id LIMIT ?",
        (due_before, limit + len(claimed)),
        claimed,
        limit,
    )
    urgent = frozenset(meant)
    if len(meant) < limit:
        for due, name in connection.execute(
            "SELECT next_attempt, id FROM letters WHERE held = 0"
            " AND next_attempt <= ? AND (next_attempt, id) > (?, ?)"
            " ORDER BY next_attempt, id",
            (due_before, *after),
        ):
            after = (due, name)
            if name not in claimed and name not in urgent:
                meant.append(name)
                if len(meant) >= limit:
                    break
    return [read(connection, letter_id) for letter_id in meant], after


def read(connection: Database, letter_id: LetterId) -> QueuedLetter:
    """A letter that is there."""
    return _queued(one(connection, _LETTER + "WHERE id = ?", (letter_id,)))


def _queued(row: tuple[Any, ...]) -> QueuedLetter:
    recipients = _recipients.decode(row[2])
    letter = NewLetter(
        id=LetterId(row[0]),
        reverse_path=row[1],
        recipients=recipients,
        content=b"",
        prefix=row[12],
        body_type=BodyType(row[4]),
        smtputf8=bool(row[5]),
        ret=row[6],
        envid=row[7],
        accepted_at=row[8],
        message_id=row[9],
        facts=_facts.decode(row[10]),
        held=bool(row[11]),
        wishes=_wishes.decode(row[13]) if row[13] else NO_WISHES,
    )
    return QueuedLetter(
        id=LetterId(row[0]),
        letter=letter,
        recipients=recipients,
        size_octets=row[3],
        held=bool(row[11]),
    )


def next_due(
    connection: Database, claimed: Collection[LetterId], after: Place = FRONT
) -> float | None:
    """See Queue.next_due; looks behind a place."""
    for letter_id, due in connection.execute(
        "SELECT id, next_attempt FROM letters WHERE held = 0"
        " AND (next_attempt, id) > (?, ?) ORDER BY next_attempt, id",
        after,
    ):
        if letter_id not in claimed:
            return float(due)
    return None


def _stored(connection: Database, letter_id: str) -> tuple[bytes, bytes | None]:
    row: tuple[bytes, bytes | None] | None = one(
        connection, "SELECT prefix, octets FROM letters WHERE id = ?", (letter_id,)
    )
    if row is None:
        raise NoSuchLetter(f"there is no letter {letter_id} in the queue")
    return row


def octets(
    connection: Database, spool_folder: Path, letter_id: LetterId
) -> StoredOctets:
    """See Queue.octets."""
    prefix, frame = _stored(connection, letter_id)
    body = map_file(spool_folder / letter_id) if frame is None else decompress(frame)
    return StoredOctets(prefix=prefix, body=body)


def content(connection: Database, spool_folder: Path, letter_id: LetterId) -> Content:
    """See Queue.content."""
    _, frame = _stored(connection, letter_id)
    if frame is not None:
        return decompress(frame)
    path = spool_folder / letter_id
    return BlobFile(path=path, size_octets=path.stat().st_size)
