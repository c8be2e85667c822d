"""Searching a mailbox: the query as SQL, over normalised texts made when needed.

A query that looks at flags, dates, sizes and numbers is answered on the loop.
One that looks at texts runs in a thread with a connection of its own; before
it, messages without a row in `texts` get one, a batch at a time.
"""

from __future__ import annotations

import asyncio
from functools import singledispatchmethod
from typing import TYPE_CHECKING, Any, Final

from pyeonji.message.text import normalise, searchable
from pyeonji.storage import query as q
from pyeonji.storage.embedded import reading
from pyeonji.storage.embedded.conversations import IN_THREAD
from pyeonji.storage.embedded.mail_schema import MIGRATIONS
from pyeonji.storage.embedded.sqlite import (
    Database,
    connect,
    errors_named,
    one,
    transaction,
)
from pyeonji.storage.embedded.wordindex import Index, words_of

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

    from pyeonji.base.ids import Uid
    from pyeonji.storage.embedded.accountfile import AccountFile

TEXTS_AT_ONCE: Final = 50
"""Messages whose texts are made in one transaction."""

MAX_INLINE: Final = 20_000
"""Entries that a query without texts looks at on the loop."""

MAX_DEPTH: Final = 50
"""Of a query, as SQL can take it; a deeper one matches nothing."""

FIELD: Final = "\n\x00"
"""Before each field of a header text; "name:value" follows."""

_ADDRESS_FIELDS: Final = frozenset({"from", "to", "cc", "bcc"})


class Condition:
    """A query as a WHERE condition with its bindings."""

    def __init__(self, query: q.Query, index: Index | None = None) -> None:
        self.query = query
        self.bindings: list[Any] = []
        self._index = index
        self.texts = False
        self.bodies = False
        self.wide = False
        self._depth = 0
        self.sql = self._of(query)

    def _of(self, query: q.Query) -> str:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._depth -= 1
            return "0"
        sql: str = self._sql(query)
        self._depth -= 1
        return sql

    def _bind(self, sql: str, *bindings: Any) -> str:
        self.bindings += bindings
        return sql

    def _all(self, parts: list[str], between: str) -> str:
        return f"({between.join(parts)})"

    @singledispatchmethod
    def _sql(self, query: Any) -> str:
        raise TypeError(query)

    @_sql.register
    def _(self, _query: q.All) -> str:
        return "1"

    @_sql.register
    def _(self, query: q.And) -> str:
        return self._all([self._of(part) for part in query.of] or ["1"], " AND ")

    @_sql.register
    def _(self, query: q.Or) -> str:
        return self._all([self._of(part) for part in query.of] or ["0"], " OR ")

    @_sql.register
    def _(self, query: q.Not) -> str:
        return f"(NOT {self._of(query.query)})"

    @_sql.register
    def _(self, query: q.UidIn) -> str:
        if len(query.ranges) == 1:
            return self._bind("e.uid BETWEEN ? AND ?", *query.ranges[0])
        pairs = ",".join(f"[{first},{last}]" for first, last in query.ranges)
        return self._bind(
            "EXISTS (SELECT 1 FROM json_each(?) r"
            " WHERE e.uid BETWEEN r.value ->> 0 AND r.value ->> 1)"
            if len(query.ranges) < 16
            else "e.uid IN (SELECT x.uid FROM json_each(?) r CROSS JOIN entries x"
            " WHERE x.mailbox = e.mailbox"
            " AND x.uid BETWEEN r.value ->> 0 AND r.value ->> 1)",
            f"[{pairs}]",
        )

    @_sql.register
    def _(self, query: q.HasFlags) -> str:
        return self._bind("e.flags & ? = ?", query.flags, query.flags)

    @_sql.register
    def _(self, query: q.HasKeyword) -> str:
        return self._bind(
            "instr(' ' || lower(e.keywords) || ' ', ?)", f" {query.keyword.lower()} "
        )

    @_sql.register
    def _(self, query: q.SizeBetween) -> str:
        return self._between("e.size", query.least, query.most)

    @_sql.register
    def _(self, query: q.ReceivedBetween) -> str:
        return self._half_open("e.internal_date", query.since, query.before)

    @_sql.register
    def _(self, query: q.SentBetween) -> str:
        self.wide = True
        return self._half_open("m.sent_day", query.since_day, query.before_day)

    @_sql.register
    def _(self, query: q.SavedBetween) -> str:
        return self._half_open("e.save_date", query.since, query.before)

    @_sql.register
    def _(self, query: q.MessageIs) -> str:
        return self._bind("e.message = ?", query.message_id)

    @_sql.register
    def _(self, query: q.ThreadIs) -> str:
        return self._bind(f"e.message IN ({IN_THREAD})", query.thread_id)

    @_sql.register
    def _(self, query: q.ChangedSince) -> str:
        return self._bind("e.mod_seq >= ?", query.mod_seq)

    def _between(self, column: str, least: int | None, most: int | None) -> str:
        low = self._bind(f"{column} >= ?", least) if least is not None else "1"
        high = self._bind(f"{column} <= ?", most) if most is not None else "1"
        return f"({low} AND {high})"

    def _half_open(self, column: str, since: int | None, before: int | None) -> str:
        low = self._bind(f"{column} >= ?", since) if since is not None else "1"
        high = self._bind(f"{column} < ?", before) if before is not None else "1"
        return f"({column} IS NOT NULL AND {low} AND {high})"

    # -- texts

    def _text(self, text: str, column: str, test: str, *bindings: str) -> str:
        """A test of texts, for those messages that the index names."""
        self.texts = True
        self.bodies |= column != "header"
        if self._index is None:
            return self._bind(test, *bindings)
        match, exact = self._index.match(text, column)
        if match is None:
            return self._bind(test, *bindings)
        if not match:
            return "0"
        named = self._bind(
            "e.message IN (SELECT rowid FROM words WHERE words MATCH ?)", match
        )
        if exact and column != "header":
            return named
        return f"({named} AND {self._bind(test, *bindings)})"

    def _field(self, name: str, text: str) -> str:
        name, text = name.lower(), _kept(normalise(_one_line(text)))
        return self._text(text, "header", "has_field(t.header, ?, ?)", name, text)

    @_sql.register
    def _(self, query: q.HeaderContains) -> str:
        return self._field(query.name, query.text)

    @_sql.register
    def _(self, query: q.AddressContains) -> str:
        if query.field.lower() not in _ADDRESS_FIELDS:
            return "0"
        return self._field(query.field, query.text)

    @_sql.register
    def _(self, query: q.SubjectContains) -> str:
        return self._field("subject", query.text)

    @_sql.register
    def _(self, query: q.BodyContains) -> str:
        text = _kept(normalise(query.text))
        return self._text(text, "body", "instr(t.body, ?) > 0", text)

    @_sql.register
    def _(self, query: q.TextContains) -> str:
        text = _kept(normalise(query.text))
        test = "(instr(t.header, ?) > 0 OR instr(t.body, ?) > 0)"
        return self._text(text, "", test, text, text)


def _one_line(text: str) -> str:
    return text.replace("\r", "").replace("\n", " ")


def has_field(header: str, name: str, text: str) -> bool:
    """Whether a header text has a field of that name with the text in it."""
    start = f"{FIELD}{name}:"
    at = header.find(start)
    while at >= 0:
        value = at + len(start)
        end = header.find(FIELD, value)
        if header.find(text, value, end if end >= 0 else len(header)) >= 0:
            return True
        at = header.find(start, value)
    return False


class Searcher:
    """Runs searches; one for a process."""

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._text_searches = asyncio.Semaphore(2)

    async def search(
        self, file: AccountFile, mailbox_id: int, query: q.Query
    ) -> list[Uid]:
        """See AccountStore.search."""
        condition = Condition(query)
        if not condition.texts:
            with errors_named():
                row = one(
                    file.reader,
                    "SELECT held FROM mailboxes WHERE id = ?",
                    (mailbox_id,),
                )
                if row is None or row[0] <= MAX_INLINE:
                    return _find(file.reader, mailbox_id, condition)
        async with self._text_searches:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, _search, file, mailbox_id, condition
            )


def _search(file: AccountFile, mailbox_id: int, condition: Condition) -> list[Uid]:
    """The whole search, in a thread."""
    connection = connect(
        file.path,
        MIGRATIONS,
        synchronous="NORMAL",
        mmap_octets=1 << 30,
        checkpoint_pages=0,
    )
    try:
        with errors_named():
            if condition.texts:
                connection.create_scalar_function(
                    "has_field", has_field, 3, deterministic=True
                )
                while _make_texts(connection, file.blobs, mailbox_id):
                    pass
                condition = Condition(condition.query, Index(connection))
            return _find(connection, mailbox_id, condition)
    finally:
        connection.close()


def _find(connection: Database, mailbox_id: int, condition: Condition) -> list[Uid]:
    wide = " CROSS JOIN messages m ON m.id = e.message" if condition.wide else ""
    texts = " CROSS JOIN texts t ON t.message = e.message" if condition.texts else ""
    return reading.numbers(
        connection,
        "e.uid",
        f"FROM entries e{wide}{texts} WHERE e.mailbox = ? AND {condition.sql}",
        [mailbox_id, *condition.bindings],
    )


def _make_texts(connection: Database, blobs: Path, mailbox_id: int) -> bool:
    """Make the texts of some messages that lack them; False when none does."""
    lacking = connection.execute(
        f"SELECT e.message, {reading.STORED} FROM entries e"  # noqa: S608 - fixed columns
        " CROSS JOIN messages m ON m.id = e.message"
        " CROSS JOIN heads h ON h.message = e.message"
        " CROSS JOIN bodies b ON b.message = e.message WHERE e.mailbox = ?"
        " AND NOT EXISTS (SELECT 1 FROM texts t WHERE t.message = e.message) LIMIT ?",
        (mailbox_id, TEXTS_AT_ONCE),
    ).fetchall()
    if lacking:
        rows = _texts(blobs, lacking)
        with transaction(connection):
            keep_texts(connection, rows)
    return bool(lacking)


def _texts(blobs: Path, stored: list[Any]) -> list[tuple[int, str, str]]:
    return [
        (message, *texts_of(reading.stored(blobs, *pieces).whole()))
        for message, *pieces in stored
    ]


def make_some_texts(connection: Database, blobs: Path) -> bool:
    """Make texts of messages that came last, whatever their mailbox.

    Inside a transaction. Gives whether there may be more.
    """
    last = one(connection, "SELECT max(message) FROM texts")[0] or 0
    lacking = connection.execute(
        f"SELECT m.id, {reading.STORED} FROM messages m"  # noqa: S608 - fixed columns
        " CROSS JOIN heads h ON h.message = m.id"
        " CROSS JOIN bodies b ON b.message = m.id WHERE m.id > ? LIMIT ?",
        (last, TEXTS_AT_ONCE),
    ).fetchall()
    keep_texts(connection, _texts(blobs, lacking))
    return len(lacking) == TEXTS_AT_ONCE


def keep_texts(connection: Database, rows: list[tuple[int, str, str]]) -> None:
    """Keep texts and their words, of messages that are there and have none yet."""
    for message, header, body in rows:
        connection.execute(
            "INSERT OR IGNORE INTO texts SELECT ?1, ?2, ?3"
            " WHERE EXISTS (SELECT 1 FROM bodies WHERE message = ?1)",
            (message, header, body),
        )
        if connection.changes():
            connection.execute(
                "INSERT INTO words (rowid, header, body) VALUES (?, ?, ?)",
                (message, words_of(header), words_of(body)),
            )


def texts_of(octets: bytes) -> tuple[str, str]:
    """Header and body text of a message, as they are searched."""
    found = searchable(octets)
    header = "".join(
        f"{FIELD}{name.lower()}:{normalise(_one_line(value))}"
        for name, value in found.headers
    )
    return _kept(header), _kept(normalise(found.body))


def _kept(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
