"""The file of an account, `mail.db`: its tables, and how they came to be so.

Narrow rows (`entries`) hold what every FETCH asks for, `marks` what changes of it
(flags, mod-sequences); wide ones (`messages`) what was prepared when the message
came; `heads` the header section, `fields` those fields of it that clients ask for,
`bodies` the octets after it.
Counters stand in `account` and `mailboxes`, so that nothing needs counting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.message.fields import common_fields
from pyeonji.storage.embedded.marks import flags_apart, shorten
from pyeonji.storage.embedded.second_schema import headers_and_threads
from pyeonji.storage.embedded.wordindex import THIRD_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyeonji.storage.embedded.sqlite import Database

CHANGED: Final = 0
EXPUNGED: Final = 1

_FIFTH: Final = """
    -- Fields of the header that lists of messages are made of.
    CREATE TABLE fields (message INTEGER PRIMARY KEY, octets BLOB NOT NULL);
    INSERT INTO fields SELECT message, common_fields(header) FROM heads
"""


def know_fields(connection: Database) -> None:
    """Let SQL make common fields of a header."""
    connection.create_scalar_function(
        "common_fields", common_fields, 1, deterministic=True
    )


def fields_apart(connection: Database) -> None:
    """From the fourth schema to the fifth."""
    know_fields(connection)
    connection.execute(_FIFTH)


MIGRATIONS: Final[tuple[str | Callable[[Database], None], ...]] = (
    """
    CREATE TABLE account (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        mod_seq INTEGER NOT NULL,       -- the last one given
        uid_validity INTEGER NOT NULL,  -- the last one given
        next_message INTEGER NOT NULL,
        octets INTEGER NOT NULL,        -- of messages that stand in a mailbox
        messages INTEGER NOT NULL
    );
    INSERT INTO account VALUES (1, 0, 0, 1, 0, 0);

    CREATE TABLE mailboxes (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        uid_validity INTEGER NOT NULL,
        uid_next INTEGER NOT NULL,
        highest_mod_seq INTEGER NOT NULL,
        held INTEGER NOT NULL,          -- entries
        unseen INTEGER NOT NULL,
        deleted INTEGER NOT NULL,
        octets INTEGER NOT NULL,
        first_recent INTEGER NOT NULL,
        special_use TEXT,
        selectable INTEGER NOT NULL,
        log_floor INTEGER NOT NULL      -- changes before it are not in the log
    );

    CREATE TABLE entries (
        mailbox INTEGER NOT NULL,
        uid INTEGER NOT NULL,
        message INTEGER NOT NULL,
        mod_seq INTEGER NOT NULL,
        flags INTEGER NOT NULL,
        keywords TEXT NOT NULL,
        internal_date INTEGER NOT NULL,
        save_date INTEGER NOT NULL,
        size INTEGER NOT NULL,
        PRIMARY KEY (mailbox, uid)
    ) WITHOUT ROWID;
    CREATE INDEX entries_of_message ON entries (message);

    CREATE TABLE messages (
        id INTEGER PRIMARY KEY,
        size INTEGER NOT NULL,
        prefix_size INTEGER NOT NULL,
        sent_date INTEGER,
        sent_day INTEGER,
        sort_from TEXT NOT NULL,
        sort_to TEXT NOT NULL,
        sort_cc TEXT NOT NULL,
        message_id TEXT NOT NULL,
        sort_subject TEXT NOT NULL,
        envelope BLOB NOT NULL,
        body_structure BLOB NOT NULL,
        parts BLOB NOT NULL,
        refers TEXT NOT NULL,
        subject TEXT NOT NULL,
        preview TEXT NOT NULL
    );

    CREATE TABLE bodies (
        message INTEGER PRIMARY KEY,
        prefix BLOB NOT NULL,
        octets BLOB,                    -- zstd with checksum, or
        file TEXT,                      -- a file in blobs/
        checksum INTEGER                -- CRC-32 of the file
    );

    -- Which uids an operation touched; ranges include no other existing uid.
    CREATE TABLE log (
        mailbox INTEGER NOT NULL,
        mod_seq INTEGER NOT NULL,
        kind INTEGER NOT NULL,          -- 0 new or changed, 1 expunged
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        PRIMARY KEY (mailbox, mod_seq, kind, first)
    ) WITHOUT ROWID;

    CREATE TABLE deliveries (
        delivery_id TEXT PRIMARY KEY,
        mailbox INTEGER NOT NULL,
        uid INTEGER NOT NULL,
        at INTEGER NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE subscriptions (name TEXT PRIMARY KEY) WITHOUT ROWID;

    -- Messages that stand nowhere any more and are to be removed.
    CREATE TABLE garbage (message INTEGER PRIMARY KEY);

    -- Normalised text for searching, filled when first needed.
    CREATE TABLE texts (
        message INTEGER PRIMARY KEY,
        header TEXT NOT NULL,
        body TEXT NOT NULL
    );
    """,
    headers_and_threads,
    THIRD_SCHEMA,
    flags_apart,
    fields_apart,
    # Which flags a change touched (see `touching`); NULL for all that there are.
    "ALTER TABLE log ADD COLUMN touched TEXT",
    shorten,
)
