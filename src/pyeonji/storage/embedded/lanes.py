"""Lanes of a queue's file: letters set aside for next hops that are busy or down.

A letter in a lane has `next_attempt` at the time when its sender must be told
something, so that it never waits longer than that, whatever becomes of the lane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pyeonji.base.ids import LetterId
from pyeonji.storage.embedded.sqlite import Database, one
from pyeonji.storage.queue import Lane

if TYPE_CHECKING:
    from collections.abc import Collection

TOO_FAR_S: Final = 4 * 3600.0
"""No lane waits so long: the clock was wrong when that was written."""

_LANE: Final = "SELECT name, until, failures, since, error FROM lanes "


@dataclass(frozen=True, slots=True)
class SetAside:
    """Have letters rest in a lane, each until some time at most."""

    lane: str
    letters: tuple[tuple[LetterId, float], ...]


@dataclass(frozen=True, slots=True)
class KeepLane:
    """Remember how it is with a next hop."""

    lane: Lane


@dataclass(frozen=True, slots=True)
class ForgetLane:
    """Forget a next hop, unless letters rest in its lane."""

    name: str


LaneJob = SetAside | KeepLane | ForgetLane


def run(connection: Database, job: LaneJob) -> None:
    """Do a job inside a transaction."""
    match job:
        case SetAside():
            connection.execute(
                "INSERT OR IGNORE INTO lanes VALUES (?, 0, 0, 0, '')", (job.lane,)
            )
            connection.executemany(
                "UPDATE letters SET lane = ?, next_attempt = ? WHERE id = ?",
                [(job.lane, at, letter_id) for letter_id, at in job.letters],
            )
        case KeepLane(lane=lane):
            connection.execute(
                "INSERT OR REPLACE INTO lanes VALUES (?, ?, ?, ?, ?)",
                (lane.name, lane.until, lane.failures, lane.since, lane.error),
            )
        case ForgetLane():
            connection.execute(
                "DELETE FROM lanes WHERE name = ?1 AND NOT EXISTS (SELECT 1 FROM"
                " letters WHERE lane = ?1 AND lane IS NOT NULL AND held = 0)",
                (job.name,),
            )


def unclaimed(
    connection: Database,
    sql: str,
    bindings: tuple[Any, ...],
    claimed: Collection[LetterId],
    limit: int,
) -> list[LetterId]:
    """Ids that a statement finds, without those claimed, so many at most.

    The statement must be answered by an index alone: claimed letters are as many
    as the runner's window, and stand in front.
    """
    found: list[LetterId] = []
    for (name,) in connection.execute(sql, bindings):
        if name not in claimed:
            found.append(LetterId(name))
            if len(found) >= limit:
                break
    return found


def load(
    connection: Database, name: str, limit: int, claimed: Collection[LetterId]
) -> list[LetterId]:
    """Letters of a lane that nobody has claimed, see Queue.load_lane."""
    return unclaimed(
        connection,
        "SELECT id FROM letters WHERE lane = ? AND lane IS NOT NULL AND held = 0"
        " ORDER BY priority DESC, id LIMIT ?",
        (name, limit + len(claimed)),
        claimed,
        limit,
    )


def lane(connection: Database, name: str) -> Lane | None:
    """See Queue.lane."""
    row = one(connection, _LANE + "WHERE name = ?", (name,))
    return None if row is None else _lane(row)


def due(connection: Database, now: float, limit: int) -> list[Lane]:
    """See Queue.due_lanes."""
    rows = connection.execute(
        _LANE + "WHERE until <= ?1 OR until > ?2 ORDER BY until LIMIT ?3",
        (now, now + TOO_FAR_S, limit),
    )
    return [_lane(row) for row in rows]


def next_due(connection: Database, now: float) -> float | None:
    """See Queue.next_lane."""
    row = one(connection, "SELECT min(until) FROM lanes WHERE until > ?", (now,))
    return None if row is None or row[0] is None else float(row[0])


def make_due(connection: Database, names: Collection[str]) -> None:
    """Have next hops tried now: those of domains named, and all of routes.

    Which domains a route is for is not known here.
    """
    if not names:
        return
    connection.execute(
        "UPDATE lanes SET until = 0 WHERE name >= 'route ' AND name < 'route!'"
    )
    connection.executemany(
        "UPDATE lanes SET until = 0 WHERE name = ?", [(name,) for name in names]
    )


def _lane(row: tuple[Any, ...]) -> Lane:
    name, until, failures, since, error = row
    return Lane(name=name, until=until, failures=failures, since=since, error=error)
