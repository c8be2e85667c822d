"""Changing the list of mailboxes: jobs that run inside a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.storage.embedded import writing
from pyeonji.storage.embedded.second_schema import new_object_id
from pyeonji.storage.embedded.sqlite import one
from pyeonji.storage.entries import MAX_UID, SpecialUse
from pyeonji.storage.errors import (
    BadMailboxName,
    MailboxExists,
    MailboxIsFixed,
    NoSuchMailbox,
    OverQuota,
)
from pyeonji.storage.names import INBOX, mailbox_name

if TYPE_CHECKING:
    from pyeonji.storage.embedded.ledger import Ledger, MailboxRow
    from pyeonji.storage.entries import Quota

FIRST_MAILBOXES: Final[tuple[tuple[str, SpecialUse | None], ...]] = (
    (INBOX, None),
    ("Sent", SpecialUse.SENT),
    ("Drafts", SpecialUse.DRAFTS),
    ("Trash", SpecialUse.TRASH),
    ("Junk", SpecialUse.JUNK),
    ("Archive", SpecialUse.ARCHIVE),
)
"""What a new account has; all subscribed."""

MAX_MAILBOXES: Final = 10_000
"""Of one account."""


def furnish(ledger: Ledger) -> None:
    """Give a new account its first mailboxes; harmless for an old one."""
    if ledger.named(INBOX) is not None:
        return
    for name, use in FIRST_MAILBOXES:
        make(ledger, name, use)
        subscribe(ledger, name, wanted=True)


def make(ledger: Ledger, name: str, use: SpecialUse | None = None) -> int:
    """Insert a mailbox of a canonical name that is free; gives its id."""
    connection = ledger.connection
    if connection.execute("SELECT count(*) FROM mailboxes").get >= MAX_MAILBOXES:
        raise BadMailboxName(f"more than {MAX_MAILBOXES} mailboxes")
    if use is not None:
        _take_use(ledger, use)
    mod_seq = ledger.mod_seq()
    connection.execute(
        "INSERT INTO mailboxes (object_id, name, uid_validity, uid_next,"
        " highest_mod_seq, held, unseen, deleted, octets, first_recent, special_use,"
        " selectable, log_floor)"
        " VALUES (?, ?, ?, 1, ?, 0, 0, 0, 0, 1, ?, 1, ?)",
        (
            *(new_object_id(), name, ledger.uid_validity(), mod_seq),
            *(use and use.value, mod_seq),
        ),
    )
    ledger.list_changed = True
    return connection.last_insert_rowid()


def _above(name: str) -> list[str]:
    levels = name.split("/")
    return ["/".join(levels[:depth]) for depth in range(1, len(levels))]


def _make_above(ledger: Ledger, name: str) -> None:
    for above in _above(name):
        if ledger.named(above) is None:
            make(ledger, above)


def create(
    ledger: Ledger, name: str, use: SpecialUse | None, quota: Quota | None = None
) -> int:
    """See AccountStore.create; a bare name becomes a new mailbox."""
    name = mailbox_name(name)
    there = ledger.named(name)
    if there is not None:
        if there.selectable:
            raise MailboxExists(name)
        ledger.connection.execute("DELETE FROM mailboxes WHERE id = ?", (there.id,))
    _make_above(ledger, name)
    made = make(ledger, name, use)
    limit = quota.mailboxes if quota is not None else None
    if limit is not None and (held := count(ledger)) > limit:
        raise OverQuota("mailboxes", used=held - 1, limit=limit)
    return made


def count(ledger: Ledger) -> int:
    """How many mailboxes there are, bare names left out."""
    sql = "SELECT count(*) FROM mailboxes WHERE selectable"
    return ledger.connection.execute(sql).get  # type: ignore[no-any-return]


def open_or_make(ledger: Ledger, name: str) -> MailboxRow:
    """The mailbox a letter goes to; made if it is missing."""
    name = mailbox_name(name)
    row = ledger.named(name)
    if row is not None and row.selectable:
        return row
    return ledger.mailbox(create(ledger, name, None))


def _has_children(ledger: Ledger, name: str) -> bool:
    # "0" follows "/" in code point order
    found = ledger.connection.execute(
        "SELECT 1 FROM mailboxes WHERE name >= ? AND name < ? LIMIT 1",
        (f"{name}/", f"{name}0"),
    ).fetchone()
    return found is not None


def delete(ledger: Ledger, mailbox_id: int) -> None:
    """See AccountStore.delete. Bare names above go when nothing is below them."""
    found = ledger.connection.execute(
        "SELECT name, selectable FROM mailboxes WHERE id = ?", (mailbox_id,)
    ).fetchone()
    if found is None:
        raise NoSuchMailbox(str(mailbox_id))
    name, selectable = found
    if name == INBOX:
        raise MailboxIsFixed(INBOX)
    children = _has_children(ledger, name)
    if not selectable and children:
        raise NoSuchMailbox(f"{name} is only a name above others")
    if selectable:
        writing.empty(ledger, mailbox_id)
        ledger.flush()
    ledger.drop(mailbox_id)
    for table in ("log", "rights", "annotations"):
        ledger.connection.execute(
            f"DELETE FROM {table} WHERE mailbox = ?",  # noqa: S608 - fixed names
            (mailbox_id,),
        )
    if children:
        ledger.connection.execute(
            "UPDATE mailboxes SET selectable = 0, special_use = NULL WHERE id = ?",
            (mailbox_id,),
        )
    else:
        ledger.connection.execute("DELETE FROM mailboxes WHERE id = ?", (mailbox_id,))
        _drop_bare(ledger, name)
    ledger.changed.add(mailbox_id)
    ledger.list_changed = True


def _drop_bare(ledger: Ledger, name: str) -> None:
    for above in reversed(_above(name)):
        row = ledger.named(above)
        if row is None or row.selectable or _has_children(ledger, above):
            return
        ledger.connection.execute("DELETE FROM mailboxes WHERE id = ?", (row.id,))


def rename(ledger: Ledger, mailbox_id: int, name: str) -> None:
    """See AccountStore.rename."""
    name = mailbox_name(name)
    found = ledger.connection.execute(
        "SELECT name FROM mailboxes WHERE id = ?", (mailbox_id,)
    ).fetchone()
    if found is None:
        raise NoSuchMailbox(str(mailbox_id))
    old: str = found[0]
    if ledger.named(name) is not None:
        raise MailboxExists(name)
    if old == INBOX:
        _empty_inbox_into(ledger, mailbox_id, name)
        return
    if name.startswith(f"{old}/"):
        raise BadMailboxName("a mailbox cannot go below itself")
    below = ledger.connection.execute(
        "SELECT id, name FROM mailboxes WHERE id = ? OR (name >= ? AND name < ?)",
        (mailbox_id, f"{old}/", f"{old}0"),
    ).fetchall()
    renamed = [(name + was[len(old) :], number) for number, was in below]
    for wanted, _ in renamed:
        mailbox_name(wanted)  # may have become too long or too deep
    _make_above(ledger, name)
    for _, number in renamed:
        ledger.drop(number)
    ledger.connection.executemany("UPDATE mailboxes SET name = ? WHERE id = ?", renamed)
    _drop_bare(ledger, old)
    ledger.list_changed = True


def _empty_inbox_into(ledger: Ledger, inbox: int, name: str) -> None:
    """Rename INBOX: its messages move, names below it stay (RFC 3501 §6.3.5)."""
    target = create(ledger, name, None)
    writing.move(ledger, inbox, [(1, MAX_UID)], target)


def _take_use(ledger: Ledger, use: SpecialUse) -> None:
    ledger.connection.execute(
        "UPDATE mailboxes SET special_use = NULL WHERE special_use = ?", (use.value,)
    )


def name_of_use(ledger: Ledger, use: SpecialUse) -> str | None:
    """The mailbox that has a special use, if one has."""
    row = one(
        ledger.connection,
        "SELECT name FROM mailboxes WHERE special_use = ?",
        (use.value,),
    )
    return str(row[0]) if row is not None else None


def set_special_use(ledger: Ledger, mailbox_id: int, use: SpecialUse | None) -> None:
    """See AccountStore.set_special_use."""
    ledger.mailbox(mailbox_id)
    if use is not None:
        _take_use(ledger, use)
    ledger.connection.execute(
        "UPDATE mailboxes SET special_use = ? WHERE id = ?",
        (use and use.value, mailbox_id),
    )
    ledger.list_changed = True


def subscribe(ledger: Ledger, name: str, *, wanted: bool) -> None:
    """See AccountStore.subscribe."""
    sql = (
        "INSERT OR IGNORE INTO subscriptions VALUES (?)"
        if wanted
        else "DELETE FROM subscriptions WHERE name = ?"
    )
    ledger.connection.execute(sql, (mailbox_name(name),))
    ledger.list_changed = True
