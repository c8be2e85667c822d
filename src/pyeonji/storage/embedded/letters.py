"""A queue's file: letters on their way and the journeys of those that ended."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pyeonji.base.events import Happening, LetterEvent
from pyeonji.base.ids import LetterId
from pyeonji.storage.embedded import journeys, lanes
from pyeonji.storage.embedded.octets import compress
from pyeonji.storage.embedded.sqlite import Database, one, transaction
from pyeonji.storage.queue import (
    NO_WISHES,
    NewLetter,
    Recipient,
    RecipientState,
    Wishes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


TOO_FAR_S: Final = 60 * 86400.0
"""No letter is put off so long by its schedule."""

MIGRATIONS: Final[tuple[str | Callable[[Database], None], ...]] = (
    """
    CREATE TABLE letters (
        id TEXT PRIMARY KEY,
        next_attempt REAL NOT NULL,     -- of the first waiting recipient
        held INTEGER NOT NULL,
        reverse_path TEXT NOT NULL,
        recipients TEXT NOT NULL,       -- JSON
        size INTEGER NOT NULL,          -- prefix and content
        body_type TEXT NOT NULL,
        smtputf8 INTEGER NOT NULL,
        ret TEXT NOT NULL,
        envid TEXT NOT NULL,
        accepted_at REAL NOT NULL,
        message_id TEXT NOT NULL,
        facts TEXT NOT NULL,            -- JSON
        events TEXT NOT NULL,           -- JSON, of attempts so far
        prefix BLOB NOT NULL,
        octets BLOB                     -- zstd; NULL: in the file of its id
    );
    CREATE INDEX letters_due ON letters (held, next_attempt);
    CREATE TABLE journeys (
        letter TEXT PRIMARY KEY,        -- ids sort by time
        reverse_path TEXT NOT NULL,
        recipients TEXT NOT NULL,       -- addresses, space-joined
        message_id TEXT NOT NULL,
        events TEXT NOT NULL            -- JSON
    ) WITHOUT ROWID;
    """,
    """
    ALTER TABLE letters ADD COLUMN lane TEXT;           -- where it was set aside
    ALTER TABLE letters ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE letters ADD COLUMN wishes TEXT NOT NULL DEFAULT '';    -- JSON
    DROP INDEX letters_due;
    -- both hold all that choosing needs; held letters are in neither
    CREATE INDEX letters_due ON letters (next_attempt, id) WHERE held = 0;
    CREATE INDEX letters_lane ON letters (lane, priority DESC, id)
        WHERE lane IS NOT NULL AND held = 0;
    CREATE TABLE lanes (
        name TEXT PRIMARY KEY,
        until REAL NOT NULL,            -- not tried before
        failures INTEGER NOT NULL,
        since REAL NOT NULL,
        error TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX lanes_due ON lanes (until);
    """,
    journeys.MIGRATION,
    """
    CREATE TABLE future (
        letter TEXT PRIMARY KEY,        -- counts while it is in the queue
        account TEXT NOT NULL,          -- who handed it in
        until REAL NOT NULL,
        octets INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX future_of ON future (account, until);
    CREATE INDEX future_until ON future (until);
    INSERT INTO future
        SELECT id, json_extract(facts, '$.user'), json_extract(wishes, '$.not_before'),
            size FROM letters
        WHERE wishes <> '' AND json_extract(wishes, '$.not_before') > 0
            AND json_extract(facts, '$.user') <> '';
    """,
    """
    -- the urgent ones that are due, if there are any
    CREATE INDEX letters_urgent ON letters (priority DESC, next_attempt, id)
        WHERE priority > 0 AND held = 0;
    """,
)

COLUMNS: Final = 19
"""Of the table `letters`."""

_recipients = msgspec.json.Decoder(tuple[Recipient, ...])
_events = msgspec.json.Decoder(list[LetterEvent])
_facts = msgspec.json.Decoder(dict[str, str])
_wishes = msgspec.json.Decoder(Wishes)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


@dataclass(frozen=True, slots=True)
class Accept:
    """Keep a new letter; the result is its size."""

    id: LetterId
    letter: NewLetter


@dataclass(frozen=True, slots=True)
class Begin:
    """Count an attempt."""

    id: LetterId
    indexes: tuple[int, ...]
    next_attempt: float


@dataclass(frozen=True, slots=True)
class Settle:
    """Keep what an attempt came to."""

    id: LetterId
    recipients: tuple[Recipient, ...]
    events: tuple[LetterEvent, ...]


@dataclass(frozen=True, slots=True)
class Refuse:
    """Keep the journey of a letter that was not taken."""

    id: LetterId
    letter: NewLetter


QueueJob = Accept | Refuse | Begin | Settle | lanes.LaneJob


def first_due(recipients: Sequence[Recipient]) -> float | None:
    """When the first waiting recipient is due; None where nobody waits."""
    return min(
        (r.next_attempt for r in recipients if r.state is RecipientState.WAITING),
        default=None,
    )


def run_all(
    connection: Database, jobs: Sequence[QueueJob], files: list[str]
) -> list[Any]:
    """Do jobs inside a transaction; gives a result for each.

    Args:
        connection: inside BEGIN IMMEDIATE.
        jobs: a letter is accepted in an earlier batch than anything else of it.
        files: gets the names of files to remove after the commit.
    """
    results: list[Any] = []
    accepted = []
    for job in jobs:
        result = None
        match job:
            case Accept():
                row, result = _new_row(job)
                accepted.append(row)
                if job.letter.wishes.not_before:
                    _note_future(connection, job, result)
            case Begin():
                _begin(connection, job)
            case Settle():
                _settle(connection, job, files)
            case Refuse():
                _refuse(connection, job)
            case _:
                lanes.run(connection, job)
        results.append(result)
    if accepted:
        connection.executemany(
            f"INSERT INTO letters VALUES ({', '.join('?' * COLUMNS)})",  # noqa: S608 - only marks
            accepted,
        )
    return results


def _note_future(connection: Database, job: Accept, octets: int) -> None:
    """Count a letter that is held on demand, and forget those that are released."""
    letter = job.letter
    connection.execute("DELETE FROM future WHERE until <= ?", (letter.accepted_at,))
    connection.execute(
        "INSERT OR REPLACE INTO future VALUES (?, ?, ?, ?)",
        (job.id, letter.facts.get("user", ""), letter.wishes.not_before, octets),
    )


def _new_row(job: Accept) -> tuple[tuple[Any, ...], int]:
    letter = job.letter
    content = letter.content
    if isinstance(content, bytes):
        octets: bytes | None = compress(content)
        size = len(letter.prefix) + len(content)
    else:
        octets, size = None, len(letter.prefix) + content.size_octets
    return (
        job.id,
        first_due(letter.recipients) or 0.0,
        letter.held,
        letter.reverse_path,
        _json(letter.recipients),
        size,
        letter.body_type.value,
        letter.smtputf8,
        letter.ret,
        letter.envid,
        letter.accepted_at,
        letter.message_id,
        _json(letter.facts),
        "[]",
        letter.prefix,
        octets,
        None,
        letter.wishes.priority,
        "" if letter.wishes is NO_WISHES else _json(letter.wishes),
    ), size


def _refuse(connection: Database, job: Refuse) -> None:
    letter = job.letter
    addresses = [each.address for each in letter.recipients]
    event = LetterEvent(
        letter_id=job.id,
        at=letter.accepted_at,
        kind=Happening.REFUSED,
        facts={
            "from": letter.reverse_path,
            "to": " ".join(addresses[:100]),
            "message_id": letter.message_id,
            **letter.facts,
        },
    )
    journeys.keep(
        connection,
        job.id,
        letter.reverse_path,
        known_as(letter.recipients),
        letter.message_id,
        [event],
    )


def _begin(connection: Database, job: Begin) -> None:
    row = one(connection, "SELECT recipients FROM letters WHERE id = ?", (job.id,))
    if row is None:
        return
    recipients = list(_recipients.decode(row[0]))
    for index in job.indexes:
        recipients[index] = replace(
            recipients[index],
            attempts=recipients[index].attempts + 1,
            next_attempt=job.next_attempt,
        )
    connection.execute(
        "UPDATE letters SET recipients = ?, next_attempt = ?, lane = NULL WHERE id = ?",
        (_json(recipients), first_due(recipients) or 0.0, job.id),
    )


TRACED: Final = (
    "id, reverse_path, recipients, message_id, accepted_at, size, facts, events,"
    " octets IS NULL"
)


def _settle(connection: Database, job: Settle, files: list[str]) -> None:
    due = first_due(job.recipients)
    if due is None:
        row = take_out(connection, job.id)
        if row is not None:
            end_journey(connection, row, job.events, files)
        return
    row = one(connection, "SELECT events FROM letters WHERE id = ?", (job.id,))
    if row is None:
        return
    events = [*_events.decode(row[0]), *job.events]
    connection.execute(
        "UPDATE letters SET recipients = ?, next_attempt = ?, events = ?, lane = NULL"
        " WHERE id = ?",
        (_json(job.recipients), due, _json(events), job.id),
    )


def take_out(connection: Database, letter_id: str) -> tuple[Any, ...] | None:
    """Remove a letter's row; gives its traced columns."""
    row: tuple[Any, ...] | None = one(
        connection,
        f"DELETE FROM letters WHERE id = ? RETURNING {TRACED}",  # noqa: S608 - fixed names
        (letter_id,),
    )
    return row


def end_journey(
    connection: Database,
    row: tuple[Any, ...],
    events: Sequence[LetterEvent],
    files: list[str],
) -> None:
    """Keep the journey of a letter whose row was just removed."""
    recipients = _recipients.decode(row[2])
    whole = [*journey(row, recipients), *events]
    journeys.keep(connection, row[0], row[1], known_as(recipients), row[3], whole)
    if row[8]:
        files.append(row[0])


def known_as(recipients: Sequence[Recipient]) -> dict[str, None]:
    """Addresses by which a letter is found: also those that aliases led from."""
    names = dict.fromkeys(one_.address for one_ in recipients)
    names.update((one_.accepted, None) for one_ in recipients if one_.accepted)
    return names


def journey(row: tuple[Any, ...], recipients: Sequence[Recipient]) -> list[LetterEvent]:
    """Events of a letter that is still in the queue, from its traced columns."""
    letter_id, reverse_path, _, message_id, at, size, facts, events, _ = row
    addresses = [r.address for r in recipients]
    queued = LetterEvent(
        letter_id=LetterId(letter_id),
        at=at,
        kind=Happening.QUEUED,
        facts={
            "from": reverse_path,
            "to": " ".join(addresses[:100]),
            "message_id": message_id,
            "size_octets": str(size),
            **_facts.decode(facts),
        },
    )
    return [queued, *_events.decode(events)]


# -- keeping order


def drop_orphans(connection: Database, spool_folder: Path) -> None:
    """Remove files that no letter has: of letters never accepted, or ended.

    Only at the start of the worker, when nothing is being spooled.
    """
    for path in spool_folder.iterdir():
        known = one(
            connection,
            "SELECT 1 FROM letters WHERE id = ? AND octets IS NULL",
            (path.name,),
        )
        if known is None:
            path.unlink(missing_ok=True)


def mend_times(connection: Database, now: float) -> int:
    """Make due what a clock that was wrong has put off too far; how many letters.

    Who asked to wait so long himself waits on.
    """
    rows = connection.execute(
        "SELECT id, recipients, wishes FROM letters WHERE held = 0"
        " AND next_attempt > ?",
        (now + TOO_FAR_S,),
    ).fetchall()
    count = 0
    for letter_id, recipients, wishes in rows:
        if wishes and _wishes.decode(wishes).not_before > now + TOO_FAR_S:
            continue
        after = [
            replace(r, next_attempt=min(r.next_attempt, now))
            for r in _recipients.decode(recipients)
        ]
        connection.execute(
            "UPDATE letters SET recipients = ?, next_attempt = ?, lane = NULL"
            " WHERE id = ?",
            (_json(after), now, letter_id),
        )
        count += 1
    return count


def adopt(
    orphan: Database,
    orphan_folder: Path,
    connection: Database,
    spool_folder: Path,
) -> None:
    """Move all letters and journeys of a queue without a worker into another.

    May be cut off anywhere and done again: a letter goes from the old file
    only when it is stable in the new one, and nothing is sent before that.
    """
    for (name,) in orphan.execute("SELECT id FROM letters WHERE octets IS NULL"):
        with contextlib.suppress(FileExistsError):
            (spool_folder / name).hardlink_to(orphan_folder / name)
    for table, width in (("letters", COLUMNS), ("lanes", 5), ("future", 4)):
        rows = orphan.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - fixed names
        with transaction(connection):
            connection.executemany(
                f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * width)})",  # noqa: S608 - fixed names
                rows,
            )
        with transaction(orphan):
            orphan.execute(f"DELETE FROM {table}")  # noqa: S608 - fixed names
    journeys.adopt(orphan, connection)
