"""Normalised texts of messages, and their words: made when quiet, or when needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyeonji.message.text import normalise, searchable
from pyeonji.storage.embedded import reading
from pyeonji.storage.embedded.sqlite import Database, one, transaction
from pyeonji.storage.embedded.wordindex import keep_letters, words_of

if TYPE_CHECKING:
    from pathlib import Path

TEXTS_AT_ONCE: Final = 100
"""Messages whose texts are made in one transaction."""

FIELD: Final = "\n\x00"
"""Before each field of a header text; "name:value" follows."""


def one_line(text: str) -> str:
    """A text without line ends, as header fields are compared."""
    return text.replace("\r", "").replace("\n", " ")


def complete_texts(
    connection: Database, blobs: Path, mailbox_id: int, until: dict[int, int]
) -> None:
    """Make the texts that a mailbox lacks; only what is new to it is looked at.

    `until` has, for each mailbox, the uid below which all have theirs.
    """
    row = one(connection, "SELECT uid_next FROM mailboxes WHERE id = ?", (mailbox_id,))
    first = until.get(mailbox_id, 1)
    if row is None or row[0] == first:
        return
    while _make_texts(connection, blobs, mailbox_id, first):
        pass
    until[mailbox_id] = row[0]


def _make_texts(connection: Database, blobs: Path, mailbox_id: int, first: int) -> bool:
    """Make the texts of some messages that lack them; False when none does."""
    lacking = connection.execute(
        f"SELECT e.message, {reading.STORED} FROM entries e"  # noqa: S608 - fixed columns
        " CROSS JOIN messages m ON m.id = e.message"
        " CROSS JOIN heads h ON h.message = e.message"
        " CROSS JOIN bodies b ON b.message = e.message WHERE e.mailbox = ?"
        " AND e.uid >= ? AND NOT EXISTS"
        " (SELECT 1 FROM texts t WHERE t.message = e.message) LIMIT ?",
        (mailbox_id, first, TEXTS_AT_ONCE),
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


def make_some_texts(connection: Database, blobs: Path, number: int) -> bool:
    """Make texts of messages that came last, whatever their mailbox.

    Inside a transaction. Gives whether there may be more.
    """
    last = one(connection, "SELECT max(message) FROM texts")[0] or 0
    lacking = connection.execute(
        f"SELECT m.id, {reading.STORED} FROM messages m"  # noqa: S608 - fixed columns
        " CROSS JOIN heads h ON h.message = m.id"
        " CROSS JOIN bodies b ON b.message = m.id WHERE m.id > ? LIMIT ?",
        (last, number),
    ).fetchall()
    keep_texts(connection, _texts(blobs, lacking))
    return len(lacking) == number


def keep_texts(connection: Database, rows: list[tuple[int, str, str]]) -> None:
    """Keep texts and their words, of messages that are there and have none yet."""
    letters: set[bytes] = set()
    for message, header, body in rows:
        connection.execute(
            "INSERT OR IGNORE INTO texts SELECT ?1, ?2, ?3"
            " WHERE EXISTS (SELECT 1 FROM bodies WHERE message = ?1)",
            (message, header, body),
        )
        if connection.changes():
            words = words_of(header, letters), words_of(body, letters)
            connection.execute(
                "INSERT INTO words (rowid, header, body) VALUES (?, ?, ?)",
                (message, *words),
            )
    keep_letters(connection, letters)


def texts_of(octets: bytes) -> tuple[str, str]:
    """Header and body text of a message, as they are searched."""
    found = searchable(octets)
    header = "".join(
        f"{FIELD}{name.lower()}:{normalise(one_line(value))}"
        for name, value in found.headers
    )
    return kept(header), kept(normalise(found.body))


def kept(text: str) -> str:
    """A text that SQLite can keep."""
    return text.encode("utf-8", "replace").decode()
