"""Deliveries that wait for the same account, written as one job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyeonji.base.ids import MailboxId, Uid
from pyeonji.storage.embedded import naming, writing
from pyeonji.storage.embedded.inserting import Batch, check_quota, quota_of
from pyeonji.storage.errors import BadMailboxName, NoMoreUids, OverQuota
from pyeonji.storage.mailboxes import Delivered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.storage.embedded.ledger import Ledger
    from pyeonji.storage.mailboxes import Delivery

REMEMBERED_S: Final = 30 * 86400
"""How long a delivery id is known; the queue gives letters up much earlier."""

Refusal = OverQuota | BadMailboxName | NoMoreUids


def deliver(
    ledger: Ledger, deliveries: Sequence[Delivery]
) -> list[Delivered | Refusal]:
    """Store them; a refusal of one is its result and hinders no other."""
    batch = Batch(ledger)
    results: list[Delivered | Refusal] = []
    known: dict[str, Delivered] = {}
    rows: list[tuple[Any, ...]] = []
    for delivery in deliveries:
        delivered = known.get(delivery.delivery_id) or _before(ledger, delivery)
        if delivered is None:
            try:
                delivered = _add(ledger, batch, delivery)
            except (OverQuota, BadMailboxName, NoMoreUids) as refusal:
                results.append(refusal)
                continue
            rows.append(
                (
                    delivery.delivery_id,
                    delivered.mailbox_id,
                    delivered.uid,
                    ledger.now,
                )
            )
        known[delivery.delivery_id] = delivered
        results.append(delivered)
    batch.write()
    ledger.connection.executemany("INSERT INTO deliveries VALUES (?, ?, ?, ?)", rows)
    return results


def _add(ledger: Ledger, batch: Batch, delivery: Delivery) -> Delivered:
    size = len(delivery.prefix) + delivery.prepared.size_octets
    quota = quota_of(delivery.quota, delivery.quota_octets)
    check_quota(ledger, quota, octets=size, messages=1)
    name = delivery.mailbox
    if delivery.special_use is not None:
        name = naming.name_of_use(ledger, delivery.special_use) or name
    row = naming.open_or_make(ledger, name)
    row = ledger.mailbox(row.id, touch=True)
    uid = batch.add(
        row,
        delivery.content,
        delivery.prefix,
        delivery.prepared,
        flags=delivery.flags,
        keywords=delivery.keywords,
        internal_date=delivery.internal_date,
        quota=quota,
    )
    return Delivered(mailbox=row.name, mailbox_id=MailboxId(row.id), uid=Uid(uid))


def _before(ledger: Ledger, delivery: Delivery) -> Delivered | None:
    found = writing.delivered_before(ledger, delivery.delivery_id)
    if found is None:
        return None
    mailbox, mailbox_id, uid = found
    return Delivered(mailbox=mailbox, mailbox_id=mailbox_id, uid=uid)


def forget_old(ledger: Ledger) -> None:
    """Drop delivery ids that nobody can repeat any more."""
    ledger.connection.execute(
        "DELETE FROM deliveries WHERE at < ?", (ledger.now - REMEMBERED_S,)
    )
