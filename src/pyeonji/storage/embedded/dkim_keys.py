"""DKIM keys: a part of the directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.storage.directory import DkimKey, KeyState
from pyeonji.storage.embedded.sqlite import one
from pyeonji.storage.errors import AlreadyExists, NoSuchDomain, NoSuchKey
from pyeonji.storage.names import canonical_domain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyeonji.storage.embedded.sqlite import Database


def read_keys(connection: Database, domain: str) -> tuple[DkimKey, ...]:
    """See Directory.dkim_keys; the name is canonical."""
    rows = connection.execute(
        "SELECT selector, type, state, record, sealed, created_at, changed_at"
        " FROM dkim_keys WHERE domain = ? ORDER BY created_at, selector",
        (domain,),
    ).fetchall()
    return tuple(
        DkimKey(
            domain=domain,
            selector=selector,
            type=kind,
            state=KeyState(state),
            record=record,
            sealed=sealed,
            created_at=created_at,
            changed_at=changed_at,
        )
        for selector, kind, state, record, sealed, created_at, changed_at in rows
    )


def add_keys(connection: Database, keys: Sequence[DkimKey]) -> None:
    """See Directory.add_dkim_keys."""
    for key in keys:
        domain = canonical_domain(key.domain)
        if not one(connection, "SELECT 1 FROM domains WHERE name = ?", (domain,)):
            raise NoSuchDomain(f"there is no domain {domain} here")
        if one(
            connection,
            "SELECT 1 FROM dkim_keys WHERE domain = ? AND selector = ?",
            (domain, key.selector),
        ):
            raise AlreadyExists(f"{key.selector}._domainkey.{domain} is there already")
        connection.execute(
            "INSERT INTO dkim_keys VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                domain,
                key.selector,
                key.type,
                key.state.value,
                key.record,
                key.sealed,
                key.created_at,
                key.changed_at,
            ),
        )


def change_keys(
    connection: Database,
    domain: str,
    states: Mapping[str, KeyState | None],
    now: float,
) -> None:
    """See Directory.change_dkim_keys; the name is canonical."""
    for selector, state in states.items():
        if state is None:
            connection.execute(
                "DELETE FROM dkim_keys WHERE domain = ? AND selector = ?",
                (domain, selector),
            )
        else:
            connection.execute(
                "UPDATE dkim_keys SET state = ?, changed_at = ?"
                " WHERE domain = ? AND selector = ?",
                (state.value, now, domain, selector),
            )
        if not connection.changes():
            raise NoSuchKey(f"there is no key {selector}._domainkey.{domain}")
