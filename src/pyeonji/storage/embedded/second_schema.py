"""The second schema of `mail.db`: headers by themselves, threads, rights and notes.

Octets of a small message are kept in two pieces, the header section as it is
in `heads` and what follows in `bodies`, so that header fields are read without
touching bodies. What the first schema kept is brought over message by message.
"""

from __future__ import annotations

import secrets
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pyeonji.message.prepare import prepare
from pyeonji.storage.embedded.conversations import Conversations
from pyeonji.storage.embedded.octets import decompress, map_file, pack

if TYPE_CHECKING:
    from pyeonji.storage.embedded.sqlite import Database

AT_ONCE: Final = 200
"""Messages that are brought over in one step."""

_NEW_TABLES: Final = """
    ALTER TABLE account ADD COLUMN list_changes INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE mailboxes ADD COLUMN object_id TEXT NOT NULL DEFAULT '';
    -- how often rights and annotations have changed
    ALTER TABLE mailboxes ADD COLUMN notes INTEGER NOT NULL DEFAULT 0;

    ALTER TABLE messages RENAME TO old_messages;
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY,
        thread INTEGER NOT NULL,        -- the message that began it
        size INTEGER NOT NULL,
        prefix_size INTEGER NOT NULL,
        sent_date INTEGER,
        sent_day INTEGER,
        sort_from TEXT NOT NULL,
        sort_to TEXT NOT NULL,
        sort_cc TEXT NOT NULL,
        display_from TEXT NOT NULL,
        display_to TEXT NOT NULL,
        message_id TEXT NOT NULL,
        sort_subject TEXT NOT NULL,
        envelope BLOB NOT NULL,
        body_structure BLOB NOT NULL,
        parts BLOB NOT NULL,
        refers TEXT NOT NULL,
        subject TEXT NOT NULL,
        preview TEXT NOT NULL
    );
    CREATE INDEX messages_of_thread ON messages (thread);

    CREATE TABLE heads (
        message INTEGER PRIMARY KEY,
        header BLOB NOT NULL,           -- prefix, header section, empty line
        checksum INTEGER NOT NULL       -- CRC-32
    );

    ALTER TABLE bodies RENAME TO old_bodies;
    CREATE TABLE bodies (
        message INTEGER PRIMARY KEY,
        octets BLOB,                    -- what follows the header, or
        file TEXT,                      -- a file in blobs/: the whole content
        checksum INTEGER                -- CRC-32; NULL: octets are zstd with one
    );

    -- Which thread a Message-ID belongs to, of messages and of those they refer to.
    CREATE TABLE thread_ids (
        hash INTEGER PRIMARY KEY,
        thread INTEGER NOT NULL
    );
    CREATE INDEX thread_ids_of_thread ON thread_ids (thread);

    CREATE TABLE rights (
        mailbox INTEGER NOT NULL,
        identifier TEXT NOT NULL,
        letters TEXT NOT NULL,
        PRIMARY KEY (mailbox, identifier)
    ) WITHOUT ROWID;
    CREATE TABLE annotations (
        mailbox INTEGER NOT NULL,       -- 0: of the account itself
        name TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (mailbox, name)
    ) WITHOUT ROWID;
"""

_OLD: Final = """
    SELECT m.id, m.size, m.prefix_size, m.sent_date, m.sent_day, m.sort_from,
        m.sort_to, m.sort_cc, m.message_id, m.sort_subject, m.envelope,
        m.body_structure, m.parts, m.refers, m.subject, m.preview,
        b.prefix, b.octets, b.file, b.checksum
    FROM old_messages m LEFT JOIN old_bodies b ON b.message = m.id
    WHERE m.id > ? ORDER BY m.id LIMIT ?
"""


def new_object_id() -> str:
    """What names a mailbox for ever, and no other one (RFC 8474 §4)."""
    return f"F{secrets.token_hex(8)}"


def headers_and_threads(connection: Database) -> None:
    """From the first schema to the second."""
    connection.execute(_NEW_TABLES)
    for (number,) in connection.execute("SELECT id FROM mailboxes").fetchall():
        connection.execute(
            "UPDATE mailboxes SET object_id = ? WHERE id = ?",
            (new_object_id(), number),
        )
    blobs = Path(connection.filename).parent / "blobs"
    last = 0
    while rows := connection.execute(_OLD, (last, AT_ONCE)).fetchall():
        _bring_over(connection, blobs, rows)
        last = rows[-1][0]
    connection.execute("DROP TABLE old_messages; DROP TABLE old_bodies")


def _bring_over(connection: Database, blobs: Path, rows: list[Any]) -> None:
    conversations = Conversations(connection)
    threads = conversations.assign([(row[0], row[8], row[13]) for row in rows])
    conversations.write()
    messages, heads, bodies = [], [], []
    for row, thread in zip(rows, threads, strict=True):
        content = b""
        body: tuple[bytes | None, str | None, int | None] = (None, None, None)
        prefix, frame, file, checksum = row[16:]
        try:
            if frame is not None:
                content = decompress(frame)
            elif file is not None:
                content, body = bytes(map_file(blobs / file)), (None, file, checksum)
        except (OSError, ValueError):
            continue  # lost before: `verify` says so, and `repair` drops its entries
        prepared = prepare(content)
        messages.append(
            (
                *(row[0], thread, *row[1:8]),
                *(prepared.display_from, prepared.display_to),
                *row[8:16],
            )
        )
        header = (prefix or b"") + content[: prepared.header_octets]
        heads.append((row[0], header, zlib.crc32(header)))
        if frame is not None:
            body = pack(content[prepared.header_octets :])
        bodies.append((row[0], *body))
    for table, width, values in (
        ("messages", 19, messages),
        ("heads", 3, heads),
        ("bodies", 4, bodies),
    ):
        connection.executemany(
            f"INSERT INTO {table} VALUES ({', '.join('?' * width)})",  # noqa: S608 - fixed names
            values,
        )
