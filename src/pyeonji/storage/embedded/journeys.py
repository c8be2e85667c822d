"""Journeys of letters that have left the queue, and how they are found again.

A journey is written once, in the commit that ends its letter, as a row behind
all others: that costs a letter no more than the row. What it can be found by
(sender, recipients, their domains, Message-ID) is indexed later and for
thousands of journeys at once, a *segment*: its terms are sorted and go behind
those of earlier segments, so that also the index only grows at its end. A search
looks a term up in each segment, the newest first, and reads the few journeys
behind the last segment one by one. What is old goes by whole segments.
"""

from __future__ import annotations

import sys
from array import array
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from pyeonji.base.events import LetterEvent
from pyeonji.base.ids import base32
from pyeonji.storage.embedded.sqlite import Database, one, transaction
from pyeonji.storage.names import canonical, canonical_domain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyeonji.storage.queue import JourneyLimits, TraceFilter

SEGMENT: Final = 2048
"""Journeys of a full segment; their places in it fit 16 bits."""

BUSY_TAIL: Final = 8 * SEGMENT
"""While letters come without a pause, so many journeys may wait to be indexed."""

DAY_S: Final = 86400.0
"""A quiet queue's segment is closed after this, so that it can grow old."""

MAX_TERM: Final = 320
"""Characters of a term; longer ones are found by their beginning."""

MAX_TERMS: Final = 50_000
"""Of one segment: letters to hundreds of people close it early."""

MIGRATION: Final = """
    ALTER TABLE journeys RENAME TO journeys_before;
    CREATE TABLE journeys (
        seq INTEGER PRIMARY KEY,        -- in the order in which they ended
        letter TEXT NOT NULL UNIQUE,
        reverse_path TEXT NOT NULL,
        recipients TEXT NOT NULL,       -- addresses, a line each
        message_id TEXT NOT NULL,
        events TEXT NOT NULL            -- JSON
    );
    INSERT INTO journeys (letter, reverse_path, recipients, message_id, events)
        SELECT letter, reverse_path, replace(recipients, ' ', char(10)),
            message_id, events FROM journeys_before ORDER BY letter;
    DROP TABLE journeys_before;
    CREATE TABLE journey_segments (
        first INTEGER PRIMARY KEY,      -- seq of the first and the last journey
        last INTEGER NOT NULL,
        ended_at REAL NOT NULL,         -- when the last of them ended
        octets INTEGER NOT NULL         -- of its journeys and its terms
    );
    CREATE TABLE journey_terms (
        segment INTEGER NOT NULL,       -- its `first`
        term TEXT NOT NULL,
        places BLOB NOT NULL,           -- 16 bits each: seq - first
        PRIMARY KEY (segment, term)
    ) WITHOUT ROWID;
"""

_NAMES: Final = "seq, letter, reverse_path, recipients, message_id"
_ROW_COST: Final = 120
_TERM_COST: Final = 60
"""Octets, about: of a row beside its texts, of the row of a term."""

_events = msgspec.json.Decoder(list[LetterEvent])

Found = tuple[str, list[LetterEvent]]
"""A letter's id and its events."""


def keep(
    connection: Database,
    letter_id: str,
    reverse_path: str,
    addresses: Iterable[str],
    message_id: str,
    events: list[LetterEvent],
) -> None:
    """Write a journey down, inside a transaction."""
    connection.execute(
        "INSERT OR REPLACE INTO journeys"
        " (letter, reverse_path, recipients, message_id, events)"
        " VALUES (?, ?, ?, ?, ?)",
        (
            letter_id,
            reverse_path,
            "\n".join(addresses),
            message_id,
            msgspec.json.encode(events).decode(),
        ),
    )


def adopt(orphan: Database, connection: Database) -> None:
    """Move all journeys of another file behind ours; may be cut off and repeated."""
    columns = _NAMES.removeprefix("seq, ") + ", events"
    while rows := orphan.execute(
        f"SELECT seq, {columns} FROM journeys ORDER BY seq LIMIT ?",  # noqa: S608 - fixed names
        (SEGMENT,),
    ).fetchall():
        with transaction(connection):
            connection.executemany(
                f"INSERT OR IGNORE INTO journeys ({columns}) VALUES (?, ?, ?, ?, ?)",  # noqa: S608 - fixed names
                [row[1:] for row in rows],
            )
        with transaction(orphan):
            orphan.execute("DELETE FROM journeys WHERE seq <= ?", (rows[-1][0],))


# -- making segments, and forgetting them


def tend(
    connection: Database, now: float, limits: JourneyLimits, *, busy: bool
) -> bool:
    """Do one step of what is due; False: nothing was.

    A step takes some ten milliseconds in a transaction of its own.

    Args:
        connection: outside a transaction.
        now: Unix seconds.
        limits: how long and how much is kept.
        busy: letters come without a pause.
    """
    row = one(connection, "SELECT max(last) FROM journey_segments")
    last: int = row[0] or 0
    newest = one(connection, "SELECT max(seq) FROM journeys")[0] or last
    if newest - last >= (BUSY_TAIL if busy else SEGMENT):
        _index(connection, last)
        return True
    if _forget(connection, now, limits):
        return True
    if newest > last and _ended_at(connection, last + 1) < now - min(
        DAY_S, limits.kept_s / 10
    ):
        _index(connection, last)
        return True
    return False


def _ended_at(connection: Database, seq: int) -> float:
    """When the first journey from `seq` on ended; 0.0 without one."""
    row = one(
        connection, "SELECT events FROM journeys WHERE seq >= ? ORDER BY seq", (seq,)
    )
    events = _events.decode(row[0]) if row else []
    return events[-1].at if events else 0.0


def _index(connection: Database, last: int) -> None:
    """Make a segment of the journeys behind `last`."""
    places: dict[str, array[int]] = {}
    first = octets = 0
    for row in connection.execute(
        f"SELECT {_NAMES}, length(CAST(events AS BLOB)) FROM journeys"  # noqa: S608 - fixed names
        " WHERE seq > ? ORDER BY seq LIMIT ?",
        (last, SEGMENT),
    ):
        first = first or row[0]
        place = row[0] - first
        # rows that are gone leave gaps
        if place >= 1 << 16 or len(places) > MAX_TERMS:
            break
        last = row[0]
        octets += len(row[2]) + len(row[3]) + len(row[4]) + row[5] + _ROW_COST
        for term in terms(row):
            known = places.get(term)
            if known is None:
                places[term] = array("H", (place,))
            else:
                known.append(place)
    made = [(first, term, _packed(places[term])) for term in sorted(places)]
    octets += len(made) * _TERM_COST
    with transaction(connection):
        connection.executemany("INSERT INTO journey_terms VALUES (?, ?, ?)", made)
        connection.execute(
            "INSERT INTO journey_segments VALUES (?, ?, ?, ?)",
            (first, last, _ended_at(connection, last), octets),
        )


def _forget(connection: Database, now: float, limits: JourneyLimits) -> bool:
    """Drop the oldest segment where it is too old, or all are too large."""
    row = one(
        connection,
        "SELECT first, last, ended_at FROM journey_segments ORDER BY first LIMIT 1",
    )
    if row is None:
        return False
    first, last, ended_at = row
    if ended_at >= now - limits.kept_s:
        (octets,) = one(connection, "SELECT sum(octets) FROM journey_segments")
        if octets <= limits.octets:
            return False
    with transaction(connection):
        connection.execute("DELETE FROM journeys WHERE seq <= ?", (last,))
        connection.execute("DELETE FROM journey_terms WHERE segment = ?", (first,))
        connection.execute("DELETE FROM journey_segments WHERE first = ?", (first,))
    return True


def terms(row: Sequence[Any]) -> set[str]:
    """What a journey can be found by, beside its letter's id and time.

    Args:
        row: seq, letter, reverse path, recipients a line each, Message-ID.
    """
    _, _, reverse_path, recipients, message_id, *_ = row
    found = set()
    if message_id:
        found.add(f"id {message_id}"[:MAX_TERM])
    if reverse_path:
        found.update(_of_address("from", reverse_path))
    for address in recipients.split("\n"):
        found.update(_of_address("to", address))
    return found


@lru_cache(maxsize=8192)
def _of_address(role: str, address: str) -> tuple[str, str]:
    name = canonical(address)
    return f"{role} {name}"[:MAX_TERM], f"{role} @{name.rpartition('@')[2]}"[:MAX_TERM]


# -- finding


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for, as the index says it.

    A journey must have a term of each group, and its letter's id must lie
    between two. No groups: only the time counts.
    """

    letter: str
    groups: tuple[tuple[str, ...], ...]
    low: str
    high: str
    limit: int
    texts: tuple[tuple[str, ...], ...]  # of each group one stands in what is meant

    @classmethod
    def of(cls, which: TraceFilter) -> Self:
        """What a filter means."""
        what = which.what.strip()
        groups = []
        if what:
            groups.append((*_message_ids(what), *_named("from to", what)))
        if which.sender:
            groups.append(_named("from", which.sender))
        if which.recipient:
            groups.append(_named("to", which.recipient))
        texts = [[term.partition(" ")[2].lower() for term in one] for one in groups]
        if what:
            texts[0].append(what.lower())
        return cls(
            texts=tuple(map(tuple, texts)),
            letter=what.upper(),
            groups=tuple(groups),
            low="" if which.since is None else _first_id(which.since),
            high="~" if which.until is None else _first_id(which.until),
            limit=which.limit,
        )

    def may_mean(self, row: Sequence[str]) -> bool:
        """False where it cannot be this one: quicker than to read what it says.

        Args:
            row: the letter's id, reverse path, recipients as JSON, Message-ID.
        """
        text = " ".join(row)
        # other spellings of the same: U-labels, A-labels, quotes
        if not text.isascii() or "\\" in text or '"' in row[1]:
            return True
        text = text.lower()
        return "xn--" in text or all(
            any(one in text for one in group) for group in self.texts
        )

    def means(self, row: Sequence[Any]) -> bool:
        """Whether a row (seq, letter, reverse path, recipients, Message-ID) is it."""
        if not self.low <= row[1] < self.high:
            return False
        if not self.groups:
            return True
        has = terms(row)
        return all(
            (group is self.groups[0] and row[1] == self.letter)
            or any(term in has for term in group)
            for group in self.groups
        )


def _first_id(at: float) -> str:
    """The beginning of ids of letters that came then."""
    return base32(max(int(at * 1000), 0), 9)


def _message_ids(text: str) -> tuple[str, ...]:
    bare = text.removeprefix("<").removesuffix(">")
    return f"id {text}"[:MAX_TERM], f"id <{bare}>"[:MAX_TERM]


def _named(roles: str, text: str) -> tuple[str, ...]:
    """Terms of an address, or of a domain with or without an "@"."""
    name = text.strip().removeprefix("<").removesuffix(">")
    local, at, domain = name.rpartition("@")
    whole = canonical(name) if at and local else f"@{canonical_domain(domain)}"
    return tuple(f"{role} {whole}"[:MAX_TERM] for role in roles.split())


def find(connection: Database, search: Search) -> list[Found]:
    """Journeys that are meant; of more than the limit, those that ended last."""
    row = one(
        connection,
        f"SELECT {_NAMES} FROM journeys WHERE letter = ?",  # noqa: S608 - fixed names
        (search.letter,),
    )
    if row is not None:
        meant: Iterable[Sequence[Any]] = (row,)
    elif search.groups:
        meant = _by_terms(connection, search)
    else:
        meant = connection.execute(
            f"SELECT {_NAMES} FROM journeys WHERE letter >= ? AND letter < ?"  # noqa: S608 - fixed names
            " ORDER BY letter DESC LIMIT ?",
            (search.low, search.high, search.limit),
        )
    chosen = list(islice(filter(search.means, meant), search.limit))
    return [_read(connection, row) for row in chosen]


def _read(connection: Database, row: Sequence[Any]) -> Found:
    found = one(connection, "SELECT events FROM journeys WHERE seq = ?", (row[0],))
    return row[1], _events.decode(found[0]) if found else []


def _by_terms(connection: Database, search: Search) -> Iterator[Sequence[Any]]:
    """Journeys that have a term of each group, the newest first."""
    row = one(connection, "SELECT max(last) FROM journey_segments")
    yield from connection.execute(
        f"SELECT {_NAMES} FROM journeys WHERE seq > ? ORDER BY seq DESC",  # noqa: S608 - fixed names
        (row[0] or 0,),
    )
    segments = connection.execute(
        "SELECT first FROM journey_segments ORDER BY first DESC"
    ).fetchall()
    for (first,) in segments:
        for place in _places(connection, first, search):
            row = one(
                connection,
                f"SELECT {_NAMES} FROM journeys WHERE seq = ?",  # noqa: S608 - fixed names
                (first + place,),
            )
            if row is not None:
                yield row


def _places(connection: Database, segment: int, search: Search) -> list[int]:
    """Where in a segment there are journeys with a term of each group."""
    places: set[int] | None = None
    for group in search.groups:
        some: set[int] = set()
        marks = ", ".join("?" * len(group))
        for (data,) in connection.execute(
            f"SELECT places FROM journey_terms WHERE segment = ? AND term IN ({marks})",  # noqa: S608 - only marks
            (segment, *group),
        ):
            some.update(_unpacked(data))
        places = some if places is None else places & some
        if not places:
            return []
    return sorted(places or (), reverse=True)


def _packed(places: array[int]) -> bytes:
    if sys.byteorder == "big":
        places.byteswap()
    return places.tobytes()


def _unpacked(data: bytes) -> array[int]:
    places = array("H", data)
    if sys.byteorder == "big":
        places.byteswap()
    return places
