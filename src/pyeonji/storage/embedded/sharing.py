"""Mailboxes shown to others, and annotations of the server: parts of the directory."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from pyeonji.base.ids import AccountId, MailboxId
from pyeonji.storage.directory import Share
from pyeonji.storage.embedded.notes import check_values
from pyeonji.storage.entries import MAX_ANNOTATIONS
from pyeonji.storage.errors import TooManyNotes
from pyeonji.storage.names import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyeonji.storage.directory import Account
    from pyeonji.storage.embedded.sqlite import Database

EVERYBODY: Final = ("anyone", "authenticated")
ADMINISTRATORS: Final = "administrators"
"""Identifiers that are no addresses (RFC 4314 §2; "administrators" is ours)."""

_GENERAL: Final = frozenset({*EVERYBODY, ADMINISTRATORS})


def identifiers_of(account: Account) -> tuple[str, ...]:
    """All identifiers that mean an account."""
    own = (account.address, *EVERYBODY)
    return (*own, ADMINISTRATORS) if account.administrator else own


def canonical_identifier(identifier: str) -> str:
    """An identifier as it is kept: an address in its one form."""
    return identifier if identifier in _GENERAL else canonical(identifier)


def read_shares(connection: Database, account: Account) -> list[Share]:
    """See Directory.shares."""
    meant = identifiers_of(account)
    marks = ", ".join("?" * len(meant))
    rows: list[tuple[str, int, str]] = connection.execute(
        "SELECT owner, mailbox, identifier FROM shares"  # noqa: S608 - only marks
        f" WHERE identifier IN ({marks}) AND owner <> ?"
        " ORDER BY owner, mailbox, identifier",
        (*meant, account.id),
    ).fetchall()
    return [
        Share(
            owner=AccountId(owner),
            mailbox_id=MailboxId(mailbox),
            identifiers=tuple(row[2] for row in same),
        )
        for (owner, mailbox), same in groupby(rows, key=lambda row: row[:2])
    ]


def note_share(
    connection: Database, owner: str, mailbox_id: int, identifiers: Sequence[str]
) -> None:
    """See Directory.note_share."""
    connection.execute(
        "DELETE FROM shares WHERE owner = ? AND mailbox = ?", (owner, mailbox_id)
    )
    connection.executemany(
        "INSERT OR IGNORE INTO shares VALUES (?, ?, ?)",
        [
            (canonical_identifier(identifier), owner, mailbox_id)
            for identifier in identifiers
            if not identifier.startswith("-")
        ],
    )


def read_annotations(connection: Database) -> dict[str, bytes]:
    """See Directory.annotations."""
    rows: Any = connection.execute("SELECT name, value FROM annotations")
    return dict(rows.fetchall())


def annotate(connection: Database, changes: Mapping[str, bytes | None]) -> None:
    """See Directory.annotate."""
    check_values(changes)
    for name, value in changes.items():
        connection.execute("DELETE FROM annotations WHERE name = ?", (name.casefold(),))
        if value is not None:
            connection.execute(
                "INSERT INTO annotations VALUES (?, ?)", (name.casefold(), value)
            )
    held = connection.execute("SELECT count(*) FROM annotations").fetchone()[0]
    if held > MAX_ANNOTATIONS:
        raise TooManyNotes(f"more than {MAX_ANNOTATIONS} annotations")
