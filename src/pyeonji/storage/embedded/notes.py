"""Rights and annotations of mailboxes, and of the account: jobs and reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.storage.entries import (
    GUEST,
    MAX_ANNOTATION_OCTETS,
    MAX_ANNOTATIONS,
    MAX_GUEST_ANNOTATIONS,
)
from pyeonji.storage.errors import NoteTooLarge, TooManyNotes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyeonji.storage.embedded.ledger import Ledger
    from pyeonji.storage.embedded.sqlite import Database

MAX_IDENTIFIERS: Final = 1000
"""Identifiers that have rights in one mailbox."""

ACCOUNT: Final = 0
"""Stands for the account itself where a mailbox's id stands otherwise."""


def rights(connection: Database, mailbox_id: int) -> dict[str, str]:
    """See AccountStore.rights."""
    return dict(
        connection.execute(
            "SELECT identifier, letters FROM rights WHERE mailbox = ?", (mailbox_id,)
        ).fetchall()
    )


def set_rights(ledger: Ledger, mailbox_id: int, identifier: str, letters: str) -> None:
    """See AccountStore.set_rights."""
    ledger.mailbox(mailbox_id)
    connection = ledger.connection
    if letters:
        connection.execute(
            "INSERT INTO rights VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET letters = excluded.letters",
            (mailbox_id, identifier, "".join(sorted(set(letters)))),
        )
        held = "SELECT count(*) FROM rights WHERE mailbox = ?"
        if connection.execute(held, (mailbox_id,)).get > MAX_IDENTIFIERS:
            raise TooManyNotes(f"more than {MAX_IDENTIFIERS} identifiers")
    else:
        connection.execute(
            "DELETE FROM rights WHERE mailbox = ? AND identifier = ?",
            (mailbox_id, identifier),
        )
    _note(ledger, mailbox_id)


def annotations_of(connection: Database, mailbox_id: int | None) -> dict[str, bytes]:
    """See AccountStore.annotations."""
    return dict(
        connection.execute(
            "SELECT name, value FROM annotations WHERE mailbox = ?",
            (mailbox_id or ACCOUNT,),
        ).fetchall()
    )


def annotate(
    ledger: Ledger, mailbox_id: int | None, changes: Mapping[str, bytes | None]
) -> None:
    """See AccountStore.annotate."""
    if mailbox_id is not None:
        ledger.mailbox(mailbox_id)
    number = mailbox_id or ACCOUNT
    check_values(changes)
    connection = ledger.connection
    for name, value in changes.items():
        if value is None:
            connection.execute(
                "DELETE FROM annotations WHERE mailbox = ? AND name = ?",
                (number, name.casefold()),
            )
        else:
            connection.execute(
                "INSERT INTO annotations VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET value = excluded.value",
                (number, name.casefold(), value),
            )
    for guest in {_guest(name) for name in changes}:
        _check_count(connection, number, guest)
    _note(ledger, mailbox_id)


def _guest(name: str) -> str:
    """Whose own annotation of another's mailbox it is; "" for all others."""
    if not name.startswith(GUEST):
        return ""
    return name[: name.find("/", len(GUEST)) + 1].casefold()


def _check_count(connection: Database, number: int, guest: str) -> None:
    """Raises TooManyNotes: what guests note down takes no room from the owner."""
    held = "SELECT count(*) FROM annotations WHERE mailbox = ? AND "
    if guest:
        most, held = MAX_GUEST_ANNOTATIONS, held + "substr(name, 1, ?) = ?"
        count = connection.execute(held, (number, len(guest), guest)).get
    else:
        most, held = MAX_ANNOTATIONS, held + "substr(name, 1, ?) <> ?"
        count = connection.execute(held, (number, len(GUEST), GUEST)).get
    if count > most:
        raise TooManyNotes(f"more than {most} annotations")


def check_values(changes: Mapping[str, bytes | None]) -> None:
    """Raises NoteTooLarge where a value is."""
    for value in changes.values():
        if value is not None and len(value) > MAX_ANNOTATION_OCTETS:
            raise NoteTooLarge(f"more than {MAX_ANNOTATION_OCTETS} octets")


def _note(ledger: Ledger, mailbox_id: int | None) -> None:
    """Have the change told to whoever watches."""
    if mailbox_id is None:
        ledger.list_changed = True
        return
    ledger.connection.execute(
        "UPDATE mailboxes SET notes = notes + 1 WHERE id = ?", (mailbox_id,)
    )
    ledger.changed.add(mailbox_id)
