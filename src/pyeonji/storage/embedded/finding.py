"""Letters of a queue's file that a filter means: read in pieces, never all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from pyeonji.base.ids import LetterId
from pyeonji.storage.embedded.sqlite import Database, one
from pyeonji.storage.names import canonical, canonical_domain, domain_of
from pyeonji.storage.queue import (
    DomainSummary,
    LetterFilter,
    Recipient,
    RecipientState,
    Summary,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

AT_ONCE: Final = 1000
"""Rows of one statement: no statement stays open while others want to write."""

_COLUMNS: Final = "id, reverse_path, recipients, size, accepted_at, held, lane"
_recipients = msgspec.json.Decoder(tuple[Recipient, ...])


def find(
    connection: Database, worker: int, which: LetterFilter, after: str
) -> Iterator[Summary]:
    """The letters meant, by id, from behind `after` on."""
    errors: dict[str, str] = {}
    before = which.accepted_before
    for row in _rows(connection, after):
        if which.held is not None and bool(row[5]) != which.held:
            continue
        if before is not None and row[4] >= before:
            continue
        letter = _summary(connection, worker, row, errors)
        if _is_meant(connection, letter, which):
            yield letter


def get(connection: Database, worker: int, letter_id: str) -> Summary | None:
    """One letter."""
    row = one(
        connection,
        f"SELECT {_COLUMNS} FROM letters WHERE id = ?",  # noqa: S608 - fixed names
        (letter_id,),
    )
    return None if row is None else _summary(connection, worker, row, {})


def _summary(
    connection: Database, worker: int, row: tuple[Any, ...], errors: dict[str, str]
) -> Summary:
    return Summary(
        id=LetterId(row[0]),
        worker=worker,
        reverse_path=row[1],
        recipients=_recipients.decode(row[2]),
        size_octets=row[3],
        accepted_at=row[4],
        held=bool(row[5]),
        lane=row[6] or "",
        waits_for=_error(connection, row[6], errors),
    )


def _rows(connection: Database, after: str) -> Iterator[tuple[Any, ...]]:
    while True:
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM letters WHERE id > ? ORDER BY id LIMIT ?",  # noqa: S608 - fixed names
            (after, AT_ONCE),
        ).fetchall()
        yield from rows
        if len(rows) < AT_ONCE:
            return
        after = rows[-1][0]


def _error(connection: Database, lane: str | None, known: dict[str, str]) -> str:
    if not lane:
        return ""
    if lane not in known:
        row = one(connection, "SELECT error FROM lanes WHERE name = ?", (lane,))
        known[lane] = row[0] if row else ""
    return known[lane]


def _is_meant(connection: Database, letter: Summary, which: LetterFilter) -> bool:
    if which.sender is not None and not _is_from(letter.reverse_path, which.sender):
        return False
    waiting = [r for r in letter.recipients if r.state is RecipientState.WAITING]
    if which.domain:
        name = canonical_domain(which.domain.lstrip("@"))
        waiting = [r for r in waiting if domain_of(r.address) == name]
    if which.recipient:
        address = canonical(which.recipient)
        waiting = [r for r in waiting if canonical(r.address) == address]
    if which.reason:
        text = which.reason.casefold()
        if text not in letter.waits_for.casefold():
            waiting = [r for r in waiting if text in r.last_reply.casefold()]
    return bool(waiting) and _goes_by(connection, letter, which.next_hop)


def _is_from(reverse_path: str, wanted: str) -> bool:
    if wanted.startswith("@"):
        return domain_of(reverse_path) == canonical_domain(wanted[1:])
    return canonical(reverse_path) == canonical(wanted)


def _goes_by(connection: Database, letter: Summary, next_hop: str) -> bool:
    if not next_hop or next_hop.casefold() in letter.lane.casefold():
        return True
    row = one(
        connection,
        "SELECT instr(lower(events), ?) FROM letters WHERE id = ?",
        (f'"next_hop":"{next_hop.lower()}', letter.id),
    )
    return bool(row and row[0])


def by_domain(connection: Database, found: dict[str, DomainSummary]) -> None:
    """Add what waits in a file to a summary of domains."""
    states: dict[str, tuple[float, int, str]] = {
        name: (until, failures, error)
        for name, until, failures, error in connection.execute(
            "SELECT name, until, failures, error FROM lanes WHERE failures > 0"
        )
    }
    for row in _rows(connection, ""):
        _, _, recipients, _, accepted_at, held, lane = row
        lines: dict[str, tuple[float, str]] = {}  # due, last reply
        for one_ in _recipients.decode(recipients):
            if one_.state is RecipientState.WAITING:
                name = domain_of(one_.address)
                due, reply = lines.get(name, (one_.next_attempt, ""))
                lines[name] = min(due, one_.next_attempt), one_.last_reply or reply
        for name, (due, reply) in lines.items():
            state = states.get(lane or name, (0.0, 0, ""))
            known = found.get(name)
            found[name] = DomainSummary(
                domain=name,
                letters=1 + (known.letters if known else 0),
                held=held + (known.held if known else 0),
                oldest_at=min(accepted_at, known.oldest_at) if known else accepted_at,
                next_attempt=_earlier(
                    known.next_attempt if known else 0.0,
                    0.0 if held else max(due, state[0]),
                ),
                failures=max(state[1], known.failures if known else 0),
                until=max(state[0], known.until if known else 0.0),
                last_reply=state[2] or reply or (known.last_reply if known else ""),
            )


def _earlier(one_: float, other: float) -> float:
    """The earlier of two times, where 0 is none."""
    return min(one_, other) if one_ and other else one_ or other
