"""New messages and entries: what APPEND, deliveries and copies have in common."""

from __future__ import annotations

import zlib
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from pyeonji.base.ids import Uid
from pyeonji.message.fields import common_fields
from pyeonji.storage.content import BlobFile
from pyeonji.storage.embedded import marks
from pyeonji.storage.embedded.conversations import Conversations
from pyeonji.storage.embedded.mail_schema import CHANGED
from pyeonji.storage.embedded.octets import map_file, new_name, pack
from pyeonji.storage.entries import DELETED, MAX_UID, SEEN, Quota
from pyeonji.storage.errors import NoMoreUids, OverQuota

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.message.prepare import Prepared
    from pyeonji.storage.content import Content
    from pyeonji.storage.embedded.ledger import Ledger, MailboxRow
    from pyeonji.storage.entries import NewMessage

_ENTRY: Final = "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)"
_MESSAGE: Final = f"INSERT INTO messages VALUES ({', '.join('?' * 19)})"  # noqa: S608 - only marks
_HEAD: Final = "INSERT INTO heads VALUES (?, ?, ?)"
_FIELDS: Final = "INSERT INTO fields VALUES (?, ?)"
_BODY: Final = "INSERT INTO bodies VALUES (?, ?, ?, ?)"

Entry = tuple[int, int, int, str, int, int]
"""Uid, message, flags, keywords, internal date, size."""

Body = tuple[bytes | None, str | None, int | None]
"""Octets after the header, file, checksum: as `bodies` has them."""


def quota_of(quota: Quota | None, quota_octets: int | None) -> Quota:
    """The limits that hold where both ways to give them are there."""
    return quota or Quota(octets=quota_octets)


def check_quota(ledger: Ledger, quota: Quota, *, octets: int, messages: int) -> None:
    """Raises OverQuota where so much more does not fit."""
    for resource, used, more, limit in (
        ("octets", ledger.octets, octets, quota.octets),
        ("messages", ledger.messages, messages, quota.messages),
    ):
        if limit is not None and used + more > limit:
            raise OverQuota(resource, used=used, limit=limit)


def take_uids(row: MailboxRow, number: int) -> int:
    """The first of so many new uids of a touched mailbox. Raises NoMoreUids."""
    first = row.uid_next
    if first + number > MAX_UID:  # the next uid must be one too (RFC 3501 §7.3.1)
        raise NoMoreUids(f"{row.name} has given its last uid")
    row.uid_next = first + number
    return first


class Batch:
    """New messages of one job, written with one statement a table."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._entries: list[tuple[Any, ...]] = []
        self._messages: list[tuple[int, tuple[Any, ...]]] = []
        self._linked: list[tuple[int, str, str]] = []
        self._heads: list[tuple[int, bytes, int]] = []
        self._bodies: list[tuple[Any, ...]] = []
        self._first: dict[int, int] = {}
        self._octets: dict[int, bytearray] = {}

    def add(
        self,
        row: MailboxRow,
        content: Content,
        prefix: bytes,
        prepared: Prepared,
        *,
        flags: int,
        keywords: str,
        internal_date: int,
        quota: Quota,
    ) -> int:
        """Put a message into a mailbox (touched by the caller); gives its uid.

        Raises:
            OverQuota, NoMoreUids, OSError.
        """
        size = len(prefix) + prepared.size_octets
        check_quota(self._ledger, quota, octets=size, messages=1)
        header, body = self._pieces(content, prefix, prepared)
        message = self.add_message(
            _message_row(size, len(prefix), prepared),
            linked=(prepared.message_id, prepared.references),
            size=size,
            header=header,
            body=body,
        )
        return self.add_entry(row, message, flags, keywords, internal_date, size)

    def _pieces(
        self, content: Content, prefix: bytes, prepared: Prepared
    ) -> tuple[bytes, Body]:
        cut = prepared.header_octets
        if not isinstance(content, BlobFile):
            return prefix + content[:cut], pack(content[cut:])
        mapped = map_file(content.path)
        return prefix + mapped[:cut], self.link(content, zlib.crc32(mapped))

    def link(self, content: BlobFile, checksum: int) -> Body:
        """Keep a file under a name of its own. Raises OSError."""
        name = new_name()
        (self._ledger.blobs / name).hardlink_to(content.path)
        self._ledger.new_files = True
        return None, name, checksum

    def add_message(
        self,
        columns: tuple[Any, ...],
        *,
        linked: tuple[str, str],
        size: int,
        header: bytes,
        body: Body,
    ) -> int:
        """Store a message that stands nowhere yet; gives its number.

        Args:
            columns: those of `messages` after the thread.
            linked: Message-ID, and references joined by a space.
            size: octets of the whole.
            header: the header section with the prefix.
            body: what follows it.
        """
        ledger = self._ledger
        message = ledger.next_message
        ledger.next_message = message + 1
        self._messages.append((message, columns))
        self._linked.append((message, *linked))
        self._heads.append((message, header, zlib.crc32(header)))
        self._bodies.append((message, *body))
        ledger.octets += size
        ledger.messages += 1
        return message

    def add_entry(
        self,
        row: MailboxRow,
        message: int,
        flags: int,
        keywords: str,
        internal_date: int,
        size: int,
    ) -> int:
        """Let a message stand in a touched mailbox; gives its uid."""
        uid = take_uids(row, 1)
        self._first.setdefault(row.id, uid)
        octets = self._octets.setdefault(row.id, bytearray())
        octets.append(marks.octet_of(flags, keywords))
        self._entries.append(
            (row.id, uid, message, keywords, internal_date, self._ledger.now, size)
        )
        row.held += 1
        row.octets += size
        row.unseen += not flags & SEEN
        row.deleted += bool(flags & DELETED)
        return uid

    def write(self) -> None:
        """Insert all rows; the batch is empty then."""
        if not self._entries:
            return
        self._ledger.messages_came |= bool(self._messages)
        connection = self._ledger.connection
        conversations = Conversations(connection)
        threads = conversations.assign(self._linked)
        conversations.write()
        connection.executemany(
            _MESSAGE,
            [
                (message, thread, *columns)
                for (message, columns), thread in zip(
                    self._messages, threads, strict=True
                )
            ],
        )
        connection.executemany(_HEAD, self._heads)
        connection.executemany(
            _FIELDS,
            [(message, common_fields(header)) for message, header, _ in self._heads],
        )
        connection.executemany(_BODY, self._bodies)
        connection.executemany(_ENTRY, self._entries)
        for mailbox_id, first in self._first.items():
            row = self._ledger.mailbox(mailbox_id)
            octets = bytes(self._octets[mailbox_id])
            marks.put(connection, mailbox_id, first, octets, row.highest_mod_seq)
            self._ledger.log(row, CHANGED, [(first, row.uid_next - 1)])
        for rows in (self._entries, self._messages, self._linked):
            rows.clear()
        self._heads.clear()
        self._bodies.clear()
        self._first.clear()
        self._octets.clear()


def _message_row(size: int, prefix_size: int, prepared: Prepared) -> tuple[Any, ...]:
    return (
        size,
        prefix_size,
        prepared.sent_date,
        prepared.sent_day,
        prepared.sort_from,
        prepared.sort_to,
        prepared.sort_cc,
        prepared.display_from,
        prepared.display_to,
        prepared.message_id,
        prepared.sort_subject,
        prepared.envelope,
        prepared.body_structure,
        prepared.parts,
        prepared.references,
        prepared.subject,
        prepared.preview,
    )


def append(
    ledger: Ledger, mailbox_id: int, messages: Sequence[NewMessage], quota: Quota
) -> list[Uid]:
    """See AccountStore.append."""
    if not messages:
        ledger.mailbox(mailbox_id)
        return []
    row = ledger.mailbox(mailbox_id, touch=True)
    batch = Batch(ledger)
    uids = [
        batch.add(
            row,
            new.content,
            b"",
            new.prepared,
            flags=new.flags,
            keywords=new.keywords,
            internal_date=new.internal_date,
            quota=quota,
        )
        for new in messages
    ]
    batch.write()
    return [Uid(uid) for uid in uids]


def insert_copies(ledger: Ledger, row: MailboxRow, entries: list[Entry]) -> list[Uid]:
    """Entries for messages that are there already, in a touched mailbox."""
    first = take_uids(row, len(entries))
    ledger.connection.executemany(
        _ENTRY,
        [
            (row.id, uid, message, keywords, date, ledger.now, size)
            for uid, (_, message, _, keywords, date, size) in zip(
                count(first), entries, strict=False
            )
        ],
    )
    octets = bytes([marks.octet_of(entry[2], entry[3]) for entry in entries])
    marks.put(ledger.connection, row.id, first, octets, row.highest_mod_seq)
    row.held += len(entries)
    row.octets += sum(entry[5] for entry in entries)
    row.unseen += sum(1 for entry in entries if not entry[2] & SEEN)
    row.deleted += sum(1 for entry in entries if entry[2] & DELETED)
    ledger.log(row, CHANGED, [(first, row.uid_next - 1)])
    return [Uid(uid) for uid in range(first, row.uid_next)]
