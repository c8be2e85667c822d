"""The file of the directory, `directory.db`: its tables, and rows as values."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pyeonji.base.ids import AccountId
from pyeonji.protocol.sasl.steps import ScramKeys
from pyeonji.storage.directory import Account, Credentials

MIGRATIONS: Final = (
    """
    CREATE TABLE domains (
        name TEXT PRIMARY KEY,
        administrator TEXT,
        catch_all TEXT
    ) WITHOUT ROWID;
    CREATE TABLE accounts (
        id TEXT PRIMARY KEY,
        address TEXT NOT NULL UNIQUE,
        domain TEXT NOT NULL REFERENCES domains,
        name TEXT NOT NULL,
        quota_octets INTEGER,
        enabled INTEGER NOT NULL,
        administrator INTEGER NOT NULL,
        turn_domains TEXT NOT NULL,     -- JSON
        credentials TEXT NOT NULL       -- JSON
    ) WITHOUT ROWID;
    CREATE INDEX accounts_of_domain ON accounts (domain);
    CREATE TABLE aliases (
        address TEXT PRIMARY KEY,
        domain TEXT NOT NULL REFERENCES domains,
        targets TEXT NOT NULL           -- JSON
    ) WITHOUT ROWID;
    -- ids of accounts that were: never given again
    CREATE TABLE former_accounts (id TEXT PRIMARY KEY, address TEXT) WITHOUT ROWID;
    """,
    """
    ALTER TABLE accounts ADD COLUMN quota_messages INTEGER;
    ALTER TABLE accounts ADD COLUMN quota_mailboxes INTEGER;
    -- Who was given rights in whose mailbox, so that they can find it.
    CREATE TABLE shares (
        identifier TEXT NOT NULL,
        owner TEXT NOT NULL,
        mailbox INTEGER NOT NULL,
        PRIMARY KEY (identifier, owner, mailbox)
    ) WITHOUT ROWID;
    CREATE INDEX shares_of_owner ON shares (owner, mailbox);
    CREATE TABLE annotations (
        name TEXT PRIMARY KEY,
        value BLOB NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    -- who comes in by a TLS client certificate (SHA-256, hexadecimal)
    CREATE TABLE certificates (
        fingerprint TEXT PRIMARY KEY,
        account TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE
    ) WITHOUT ROWID;
    CREATE INDEX certificates_of_account ON certificates (account);
    """,
    """
    -- DKIM keys; "sealed" holds the private half
    CREATE TABLE dkim_keys (
        domain TEXT NOT NULL REFERENCES domains ON DELETE CASCADE,
        selector TEXT NOT NULL,
        type TEXT NOT NULL,
        state TEXT NOT NULL,
        record TEXT NOT NULL,
        sealed BLOB NOT NULL,
        created_at REAL NOT NULL,
        changed_at REAL NOT NULL,
        PRIMARY KEY (domain, selector)
    ) WITHOUT ROWID;
    """,
)

ACCOUNT: Final = (
    "SELECT id, address, name, quota_octets, enabled, administrator, turn_domains,"
    " quota_messages, quota_mailboxes FROM accounts "
)


class _KeptKeys(msgspec.Struct):
    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


class _KeptCredentials(msgspec.Struct):
    password_hash: str
    scram_sha1: _KeptKeys
    scram_sha256: _KeptKeys
    legacy_secret: bytes | None = None


def account_of(row: tuple[Any, ...] | None) -> Account | None:
    """A row of ACCOUNT as a value."""
    if row is None:
        return None
    return Account(
        id=AccountId(row[0]),
        address=row[1],
        name=row[2],
        quota_octets=row[3],
        enabled=bool(row[4]),
        administrator=bool(row[5]),
        turn_domains=tuple(msgspec.json.decode(row[6])),
        quota_messages=row[7],
        quota_mailboxes=row[8],
    )


def _keys(kept: _KeptKeys) -> ScramKeys:
    return ScramKeys(
        salt=kept.salt,
        iterations=kept.iterations,
        stored_key=kept.stored_key,
        server_key=kept.server_key,
    )


def credentials_of(row: tuple[Any, ...] | None) -> Credentials | None:
    """A column of credentials as a value."""
    if row is None:
        return None
    kept = msgspec.json.decode(row[0], type=_KeptCredentials)
    return Credentials(
        password_hash=kept.password_hash,
        scram_sha1=_keys(kept.scram_sha1),
        scram_sha256=_keys(kept.scram_sha256),
        legacy_secret=kept.legacy_secret,
    )


def to_json(value: object) -> str:
    """As columns hold lists and credentials."""
    return msgspec.json.encode(value).decode()
