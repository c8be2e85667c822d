"""Messages of another account: read from its file, written into ours, all or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyeonji.base.ids import Uid, UidValidity
from pyeonji.storage.content import BlobFile
from pyeonji.storage.embedded import mail_schema, reading
from pyeonji.storage.embedded.inserting import Batch, Body, check_quota
from pyeonji.storage.embedded.sqlite import connect
from pyeonji.storage.embedded.writing import with_flags
from pyeonji.storage.entries import Column, Copied
from pyeonji.storage.errors import NoSuchMailbox

if TYPE_CHECKING:
    from pathlib import Path

    from pyeonji.storage.embedded.ledger import Ledger
    from pyeonji.storage.embedded.sqlite import Database
    from pyeonji.storage.entries import Quota, Settable, UidRanges

AT_ONCE: Final = 100
"""Messages held in memory, of SMALL_BLOB_OCTETS at most each."""

_ENTRIES: Final = (
    Column.UID, Column.MESSAGE_ID, Column.FLAGS, Column.KEYWORDS,
    Column.INTERNAL_DATE, Column.SIZE,
)  # fmt: skip

_MESSAGES: Final = """
    SELECT m.id, m.size, m.prefix_size, m.sent_date, m.sent_day, m.sort_from,
        m.sort_to, m.sort_cc, m.display_from, m.display_to, m.message_id,
        m.sort_subject, m.envelope, m.body_structure, m.parts, m.refers, m.subject,
        m.preview, h.header, b.octets, b.file, b.checksum
    FROM json_each(?) w CROSS JOIN messages m ON m.id = w.value
    CROSS JOIN heads h ON h.message = m.id CROSS JOIN bodies b ON b.message = m.id
"""


def copy_from(
    ledger: Ledger,
    folder: Path,
    path: Path,
    mailbox_id: int,
    ranges: UidRanges,
    target: int,
    quota: Quota,
    within: Settable | None = None,
) -> Copied:
    """See AccountStore.copy_from; a message that is named twice is stored once.

    Args:
        ledger: of the account that gets them.
        folder: of the other account.
        path: its file.
        mailbox_id: a mailbox in it.
        ranges: of its uids.
        target: a mailbox here.
        quota: of this account.
        within: the flags that are kept, if not all.
    """
    row = ledger.mailbox(target)
    source = connect(
        path, mail_schema.MIGRATIONS, synchronous="NORMAL", checkpoint_pages=0
    )
    try:
        source.execute("BEGIN")  # one snapshot for all portions
        there = reading.mailbox_by_id(source, mailbox_id)
        if there is None or not there.selectable:
            raise NoSuchMailbox(str(mailbox_id))
        entries = reading.select(source, mailbox_id, ranges, _ENTRIES)
        check_quota(ledger, quota, octets=0, messages=0)
        uids: list[Uid] = []
        if entries:
            row = ledger.mailbox(target, touch=True)
            known: dict[int, int] = {}
            for start in range(0, len(entries), AT_ONCE):
                portion = entries[start : start + AT_ONCE]
                batch = Batch(ledger)
                _bring(source, folder, batch, ledger, portion, known, quota)
                uids += [
                    Uid(batch.add_entry(row, known[entry[1]], *entry[2:]))
                    for entry in with_flags(portion, within)
                ]
                batch.write()
    finally:
        source.close()
    return Copied(
        uid_validity=UidValidity(row.uid_validity),
        source=[entry[0] for entry in entries],
        target=uids,
    )


def _bring(
    source: Database,
    folder: Path,
    batch: Batch,
    ledger: Ledger,
    entries: list[Any],
    known: dict[int, int],
    quota: Quota,
) -> None:
    """Store the messages of entries that are not `known` (theirs: ours) yet."""
    wanted = sorted({entry[1] for entry in entries} - known.keys())
    for found in source.execute(_MESSAGES, (f"{wanted}",)):
        number, *columns = found[:18]
        header, octets, file, checksum = found[18:]
        size = columns[0]
        check_quota(ledger, quota, octets=size, messages=1)
        body: Body = (octets, None, checksum)
        if file is not None:
            blob = BlobFile(path=folder / "blobs" / file, size_octets=size)
            body = batch.link(blob, checksum)
        known[number] = batch.add_message(
            tuple(columns),
            linked=(columns[9], columns[14]),
            size=size,
            header=header,
            body=body,
        )
