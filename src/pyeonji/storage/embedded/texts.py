"""Normalised texts of messages, and their words: made when quiet, or when needed.

Making them takes time of the processor, so more than a few are made by another
process (`textmaker`); this one writes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import json

from pyeonji.message.text import field_text, normalise, searchable, storable
from pyeonji.storage.embedded import reading
from pyeonji.storage.embedded.sqlite import Database, one, transaction
from pyeonji.storage.embedded.wordindex import keep_letters, words_of
from pyeonji.storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pyeonji.message.header import Field
    from pyeonji.storage.embedded.textmaker import TextMaker

TEXTS_AT_ONCE: Final = 100
"""Messages whose texts are made in one transaction."""

FEW: Final = 50
"""So many texts are sooner made here than asked for."""

FIELD: Final = "\n\x00"
"""Before each field of a header text; "name:value" follows."""

Made = tuple[list[tuple[int, str, str, str, str]], list[str]]
"""Message, header, body, words of the header and of the body; words of letters."""


def complete_texts(
    connection: Database,
    path: Path,
    blobs: Path,
    mailbox_id: int,
    until: dict[int, int],
    maker: TextMaker,
) -> None:
    """Make the texts that a mailbox lacks; only what is new to it is looked at.

    `until` has, for each mailbox, the uid below which all have theirs.
    """
    row = one(connection, "SELECT uid_next FROM mailboxes WHERE id = ?", (mailbox_id,))
    first = until.get(mailbox_id, 1)
    if row is None or row[0] == first:
        return
    left = _lacking(connection, mailbox_id, first)
    if len(left) > FEW:
        for made in maker.make(path, left):
            with transaction(connection):
                keep_texts(connection, made)
        left = _lacking(connection, mailbox_id, first)
    for at in range(0, len(left), TEXTS_AT_ONCE):
        if maker.closed:
            raise StorageUnavailable("the store is being closed")
        made = make_texts(connection, blobs, left[at : at + TEXTS_AT_ONCE])
        with transaction(connection):
            keep_texts(connection, made)
    until[mailbox_id] = row[0]


def lacking(connection: Database, mailbox_id: int, until: dict[int, int]) -> list[int]:
    """Messages of a mailbox that lack their texts; `until` as above."""
    row = one(connection, "SELECT uid_next FROM mailboxes WHERE id = ?", (mailbox_id,))
    first = until.get(mailbox_id, 1)
    if row is None or row[0] == first:
        return []
    found = _lacking(connection, mailbox_id, first)
    if not found:
        until[mailbox_id] = row[0]
    return found


def _lacking(connection: Database, mailbox_id: int, first: int) -> list[int]:
    """Messages of a mailbox that lack their texts."""
    return reading.numbers(
        connection,
        "e.message",
        "FROM entries e WHERE e.mailbox = ? AND e.uid >= ? AND NOT EXISTS"
        " (SELECT 1 FROM texts t WHERE t.message = e.message)",
        (mailbox_id, first),
    )


def without_texts(
    connection: Database, after: int | None, number: int, octets: int
) -> tuple[list[int], bool]:
    """The first of the messages, in any mailbox, that lack texts.

    Args:
        connection: of the account.
        after: only messages behind this one; None: only those that came since
            texts were made.
        number: of messages, at most.
        octets: of all of them, at most; one is there however large.

    Returns:
        The messages, and whether there are more.
    """
    if after is None:
        after = one(connection, "SELECT max(message) FROM texts")[0] or 0
    rows = connection.execute(
        "SELECT m.id, m.size FROM messages m CROSS JOIN heads h ON h.message = m.id"
        " CROSS JOIN bodies b ON b.message = m.id WHERE m.id > ? AND NOT EXISTS"
        " (SELECT 1 FROM texts t WHERE t.message = m.id) LIMIT ?",
        (after, number + 1),
    ).fetchall()
    found: list[int] = []
    for message, size in rows[:number]:
        octets -= size
        if found and octets < 0:
            break
        found.append(message)
    return found, len(found) < len(rows)


def make_texts(connection: Database, blobs: Path, messages: Sequence[int]) -> Made:
    """Make the texts of messages, those of them that are there."""
    stored: list[Any] = connection.execute(
        f"SELECT m.id, {reading.STORED} FROM json_each(?) j"  # noqa: S608 - fixed columns
        " CROSS JOIN messages m ON m.id = j.value"
        " CROSS JOIN heads h ON h.message = m.id"
        " CROSS JOIN bodies b ON b.message = m.id",
        (json.encode(messages).decode(),),
    ).fetchall()
    rows = []
    letters: set[bytes] = set()
    for message, *pieces in stored:
        header, body = texts_of(reading.stored(blobs, *pieces).whole())
        words = words_of(header, letters), words_of(body, letters)
        rows.append((message, header, body, *words))
    return rows, [word.decode() for word in sorted(letters)]


def in_portions(
    connection: Database, blobs: Path, messages: Sequence[int], number: int
) -> Iterator[Made]:
    """What `make_texts` gives, a portion at a time."""
    for at in range(0, len(messages), number):
        yield make_texts(connection, blobs, messages[at : at + number])


def keep_texts(connection: Database, made: Made) -> None:
    """Keep texts and their words, of messages that are there and have none yet."""
    rows, letters = made
    for message, header, body, *words in rows:
        connection.execute(
            "INSERT OR IGNORE INTO texts SELECT ?1, ?2, ?3"
            " WHERE EXISTS (SELECT 1 FROM bodies WHERE message = ?1)",
            (message, header, body),
        )
        if connection.changes():
            connection.execute(
                "INSERT INTO words (rowid, header, body) VALUES (?, ?, ?)",
                (message, *words),
            )
    keep_letters(connection, letters)


def texts_of(octets: bytes) -> tuple[str, str]:
    """Header and body text of a message, as they are searched."""
    found = searchable(octets)
    return _header_text(found.headers), storable(normalise(found.body))


def header_text(fields: Iterable[Field]) -> str:
    """The same of header fields alone."""
    return _header_text((field.name, field.decoded) for field in fields)


def _header_text(fields: Iterable[tuple[str, str]]) -> str:
    header = "".join(FIELD + field_text(name, value) for name, value in fields)
    return storable(header)


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
