"""Searching a mailbox: the query as SQL, over normalised texts made when needed.

A query that looks at flags, dates, sizes and numbers is answered on the loop.
One that looks at texts runs in a thread with a connection of its own. The index
of words says which texts need to be looked at; messages without a row in `texts`
are looked at themselves, or get one where a query has many texts to look for.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import singledispatchmethod
from typing import TYPE_CHECKING, Any, Final

from msgspec import json

from pyeonji.message.text import normalise, one_line, storable
from pyeonji.storage import query as q
from pyeonji.storage.embedded import marks, reading
from pyeonji.storage.embedded.mail_schema import MIGRATIONS
from pyeonji.storage.embedded.rawheaders import RawHeaders
from pyeonji.storage.embedded.rawtexts import RawTexts
from pyeonji.storage.embedded.sqlite import (
    Database,
    connect,
    errors_named,
    one,
)
from pyeonji.storage.embedded.texts import (
    complete_texts,
    has_field,
    lacking,
)
from pyeonji.storage.embedded.wordindex import Index, either
from pyeonji.storage.entries import MAX_UID

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

    from pyeonji.base.ids import Uid
    from pyeonji.storage.embedded.accountfile import AccountFile
    from pyeonji.storage.embedded.textmaker import Makers
    from pyeonji.storage.entries import UidRanges

MAX_INLINE: Final = 20_000
"""Entries that a query without texts looks at on the loop."""

MAX_DEPTH: Final = 50
"""Of a query, as SQL can take it; a deeper one matches nothing."""

MAX_RAW: Final = 4
"""Texts of a query that are looked for in messages without texts; for more of
them, texts are made first."""

_NAMED: Final = "e.message IN (SELECT rowid FROM words WHERE words MATCH ?)"

_TEXT: Final = "(SELECT {} FROM texts t WHERE t.message = e.message)"
"""Only those entries' texts are read for which nothing before has decided."""

_ADDRESS_FIELDS: Final = frozenset({"from", "to", "cc", "bcc"})


@dataclass(frozen=True, slots=True)
class Raw:
    """Messages without texts."""

    headers: RawHeaders
    texts: RawTexts


class Condition:
    """A query as a WHERE condition with its bindings."""

    def __init__(
        self,
        query: q.Query,
        index: Index | None = None,
        raw: Raw | None = None,
    ) -> None:
        self.query = query
        self._raw = raw
        self.bindings: list[Any] = []
        self._index = index
        self.texts = False
        self.bodies = 0  # texts looked for in more than headers
        self.wide = False
        self.marks = False
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
        self.marks = True
        those = bytes(
            octet
            for octet, has in enumerate(marks.table_of(query.flags & marks.BITS))
            if has
        )
        return self._bind(f"instr(?, {marks.FLAGS_OF_ENTRY})", those)

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
        return self._bind(
            "e.message IN (SELECT id FROM messages WHERE thread = ?)", query.thread_id
        )

    @_sql.register
    def _(self, query: q.ChangedSince) -> str:
        self.marks = True
        return self._bind(f"{marks.MOD_SEQ_OF_ENTRY} >= ?", marks.packed(query.mod_seq))

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
        if self._index is None:
            return self._bind(test, *bindings)
        match = self._index.match(text, column)
        if match is None:
            return self._bind(test, *bindings)
        sure, perhaps = match
        if column == "header":  # in which field, only the text can tell
            sure, perhaps = "", either(sure, perhaps)
        parts = []
        if sure:
            parts.append(self._bind(_NAMED, sure))
        if perhaps:
            named = self._bind(_NAMED, perhaps)
            parts.append(f"({named} AND {self._bind(test, *bindings)})")
        return f"({' OR '.join(parts) or '0'})"

    def _field(self, name: str, text: str) -> str:
        name, text = name.lower(), storable(normalise(one_line(text)))
        test = _TEXT.format("has_field(t.header, ?, ?)")
        made = self._text(text, "header", test, name, text)
        if self._raw is None:
            return made
        return self._or_of(made, self._raw.headers.holding(name, text))

    def _or_of(self, made: str, messages: list[int]) -> str:
        """What texts say, or that it is one of the messages without them."""
        found = json.encode(messages).decode()
        others = self._bind("e.message IN (SELECT value FROM json_each(?))", found)
        return f"(coalesce({made}, 0) OR {others})"

    def _whole(self, text: str, column: str, test: str, *bindings: str) -> str:
        self.bodies += 1
        made = self._text(text, column, test, *bindings)
        if self._raw is None:
            return made
        header = column != "body"
        return self._or_of(made, self._raw.texts.holding(text, header=header))

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
        text = storable(normalise(query.text))
        return self._whole(text, "body", _TEXT.format("holds(t.body, ?)"), text)

    @_sql.register
    def _(self, query: q.TextContains) -> str:
        text = storable(normalise(query.text))
        test = _TEXT.format("holds(t.header, ?) OR holds(t.body, ?)")
        return self._whole(text, "", f"({test})", text, text)


def holds(text: str, part: str) -> bool:
    """Whether a text has a part; much faster than SQLite's instr."""
    return part in text


class Searcher:
    """Runs searches; one for a process."""

    def __init__(self, threads: Executor, makers: Makers) -> None:
        self._threads = threads
        self._makers = makers
        self._text_searches = asyncio.Semaphore(2)

    async def search(
        self, file: AccountFile, mailbox_id: int, query: q.Query
    ) -> list[Uid]:
        """See AccountStore.search."""
        if (table := of_flags(query)) is not None:
            with errors_named():
                return _marked(file.reader, mailbox_id, query, table)
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
                self._threads, _search, file, mailbox_id, condition, self._makers
            )


def of_flags(query: q.Query) -> bytes | None:
    """A table for marks, if the query looks at nothing but flags (and uids first)."""
    if isinstance(query, q.And) and query.of and isinstance(query.of[0], q.UidIn):
        query = q.And(of=query.of[1:])
    if not _only_flags(query, MAX_DEPTH):
        return None
    held = [_holds(query, bits) for bits in range(marks.BITS + 1)]
    return bytes(
        octet >= marks.PRESENT and held[octet & marks.BITS] for octet in range(256)
    )


def _only_flags(query: q.Query, depth: int) -> bool:
    match query:
        case q.All():
            return True
        case q.HasFlags():
            return not query.flags & ~marks.BITS
        case q.Not():
            return depth > 0 and _only_flags(query.query, depth - 1)
        case q.And() | q.Or():
            return depth > 0 and all(_only_flags(one, depth - 1) for one in query.of)
        case _:
            return False


def _holds(query: q.Query, octet: int) -> bool:
    match query:
        case q.HasFlags():
            return octet & query.flags == query.flags
        case q.Not():
            return not _holds(query.query, octet)
        case q.And():
            return all(_holds(one, octet) for one in query.of)
        case q.Or():
            return any(_holds(one, octet) for one in query.of)
        case _:
            return True


def _marked(
    connection: Database, mailbox_id: int, query: q.Query, table: bytes
) -> list[Uid]:
    """Uids whose marks a table wants."""
    ranges: UidRanges = [(1, MAX_UID)]
    if isinstance(query, q.And) and query.of and isinstance(query.of[0], q.UidIn):
        ranges = query.of[0].ranges
    loaded = marks.load(connection, mailbox_id, ranges)
    return loaded.where(table)  # type: ignore[return-value]


def _search(
    file: AccountFile, mailbox_id: int, condition: Condition, makers: Makers
) -> list[Uid]:
    """The whole search, in a thread."""
    try:
        connection = file.spare.pop()
    except IndexError:
        connection = _connect(file.path)
    try:
        with errors_named():
            if condition.texts:
                raw = None
                if condition.bodies > MAX_RAW:
                    complete_texts(
                        connection,
                        *(file.path, file.blobs, mailbox_id, file.texts_until),
                        makers.asked,
                    )
                elif left := lacking(connection, mailbox_id, file.texts_until):
                    file.want_texts(min(left))
                    raw = Raw(
                        RawHeaders(connection, left),
                        RawTexts(connection, file.blobs, left),
                    )
                condition = Condition(condition.query, Index(connection), raw)
            found = _find(connection, mailbox_id, condition)
    except BaseException:
        connection.close()
        raise
    file.give_back(connection)
    return found


def _connect(path: Path) -> Database:
    connection = connect(
        path,
        MIGRATIONS,
        synchronous="NORMAL",
        checkpoint_pages=0,
    )
    connection.create_scalar_function("has_field", has_field, 3, deterministic=True)
    connection.create_scalar_function("holds", holds, 2, deterministic=True)
    return connection


def _find(connection: Database, mailbox_id: int, condition: Condition) -> list[Uid]:
    wide = " CROSS JOIN messages m ON m.id = e.message" if condition.wide else ""
    return reading.numbers(
        connection,
        "e.uid",
        f"FROM entries e{wide} WHERE e.mailbox = ? AND {condition.sql}",
        [mailbox_id, *condition.bindings],
    )
