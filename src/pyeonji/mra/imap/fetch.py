"""FETCH (RFC 3501 §6.4.5): rows come from storage, octets go to the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.message.fields import common_fields
from pyeonji.message.prepare import prepare
from pyeonji.mra.imap.changed import narrowed
from pyeonji.mra.imap.fetch_plan import RULES, Plan, plan_of, whole_columns
from pyeonji.mra.imap.limiting import limited
from pyeonji.mra.imap.sections import (
    Message,
    SectionReader,
    UnknownEncoding,
    header_values,
)
from pyeonji.mra.surrogate import surrogate
from pyeonji.protocol.imap.commands import Simple
from pyeonji.storage.content import StoredOctets
from pyeonji.storage.mailboxes import SEEN, Column, FlagChange

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from pyeonji.base.ids import Uid
    from pyeonji.mra.imap.sections import Reader
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands
    from pyeonji.storage.mailboxes import Row

MANY: Final = 50
"""Messages whose columns are asked for as such, where no row is needed."""
UNSENT_OCTETS: Final = 256 * 1024
"""Written before the connection may ask us to wait."""
BATCH_OCTETS: Final = 1024 * 1024
"""Sections read from storage at once, all together; at least one message's are."""
LARGE_OCTETS: Final = 512 * 1024
"""Messages from this size on are written in pieces."""


async def fetch(session: Session, command: commands.Fetch) -> None:
    """Send what was asked of each message, in the order of the mailbox."""
    if command.vanished and not session.enabled.resync:
        session.tagged(command.tag, b"BAD", "First ENABLE QRESYNC.")
        return
    selected = session.selected
    ranges = selected.ranges(command.messages, by_uid=command.by_uid)
    ranges = await narrowed(session, command, ranges)
    ranges, limit = limited(session, ranges)
    plan = plan_of(command.items, uid_only=session.enabled.uid_only)
    may_set = not selected.read_only and "s" in selected.rights
    if plan.sets_seen and ranges and may_set:
        plan = await _set_seen(session, plan, ranges)
    try:
        missing = await send(session, plan, ranges)
    except UnknownEncoding:
        await session.updates(expunges=command.by_uid, only_if_dirty=True)
        session.tagged(command.tag, b"NO", "Unknown encoding.", b"UNKNOWN-CTE")
        return
    if missing or Simple.MODSEQ in plan.items:
        selected.dirty = True  # what was told may lie beyond others' changes
    # without UID, numbers must stay as they are until the end (RFC 3501 §7.4.1)
    await session.updates(expunges=command.by_uid, only_if_dirty=True)
    if limit:
        text, code = "The newest of them.", limit
    elif missing:
        text, code = "Some are gone.", b"EXPUNGEISSUED"
    else:
        text, code = "That is all.", b""
    session.tagged(command.tag, b"OK", text, code)


async def send(session: Session, plan: Plan, ranges: Sequence[tuple[int, int]]) -> int:
    """FETCH responses for messages of the selected mailbox; how many are gone.

    Raises:
        UnknownEncoding: BINARY of a part whose encoding nobody knows.
    """
    selected = session.selected
    missing = 0
    written = 0
    for portion in selected.view.split(ranges, plan.portion):
        if written > UNSENT_OCTETS:
            await session.connection.drain()
            written = 0
        count = selected.view.count
        wanted = sum(count(low, high) for low, high in portion)
        if plan.is_narrow and wanted >= MANY:
            columns = await selected.account.columns(
                selected.mailbox_id, portion, plan.columns
            )
            missing += wanted - len(columns[0])
            if columns[0]:
                written += _write_narrow(session, plan, columns)
            continue
        rows = await selected.account.select(selected.mailbox_id, portion, plan.columns)
        missing += wanted - len(rows)
        if not rows:
            continue
        write = _write_bodies if plan.sections else _write_columns
        written += await write(session, plan, rows)
    return missing


async def _set_seen(
    session: Session, plan: Plan, ranges: Sequence[tuple[int, int]]
) -> Plan:
    r"""Set \Seen before its messages are sent; their flags are sent with them."""
    selected = session.selected
    stored = await selected.account.store_flags(
        selected.mailbox_id, ranges, FlagChange.ADD, SEEN
    )
    selected.note_own(stored)
    if not stored.uids:
        return plan
    more: tuple[Simple, ...] = (Simple.FLAGS,)
    if session.enabled.mod_seqs:  # RFC 7162 §3.2.4
        more = (Simple.UID, Simple.FLAGS, Simple.MODSEQ)
    items = tuple(dict.fromkeys((*plan.items, *more)))
    return plan_of(items, uid_only=session.enabled.uid_only)


def _write_narrow(session: Session, plan: Plan, found: list[list[Any]]) -> int:
    """Send what storage gives as columns; returns how many octets that was."""
    columns: dict[Column, Sequence[Any]] = dict(zip(plan.columns, found, strict=True))
    numbers = plan.numbers(columns[Column.UID], session.selected)
    octets = plan.write(numbers, columns, session.selected)
    session.write(octets)
    return len(octets)


async def _write_columns(session: Session, plan: Plan, rows: list[Row]) -> int:
    """Send what needs no bodies; returns how many octets that was."""
    selected = session.selected
    columns = plan.by_column(rows)
    await _downgrade(session, plan, columns)
    headers = await _headers(session, columns)
    common = Column.COMMON_FIELDS in columns
    sections = [(header_values(item, headers, common=common),) for item in plan.headers]
    numbers = plan.numbers(columns[Column.UID], selected)
    octets = plan.write(numbers, columns, selected, sections)
    session.write(octets)
    return len(octets)


async def _headers(
    session: Session, columns: dict[Column, Sequence[Any]]
) -> Sequence[bytes]:
    """What the header sections asked for are in; ASCII for who has no UTF-8."""
    common = columns.get(Column.COMMON_FIELDS)
    headers: Sequence[bytes] = common or columns.get(Column.HEADER, ())
    if session.enabled.utf8 or all(map(bytes.isascii, headers)):
        return headers
    if common is None:
        return [_as_ascii(header) for header in headers]
    shown = list(common)
    for at, fields in enumerate(common):
        if not fields.isascii():
            shown[at] = common_fields(
                _as_ascii(await _header_of(session, columns[Column.UID][at]))
            )
    return shown


async def _header_of(session: Session, uid: Uid) -> bytes:
    """The whole header of a message, "" where it is gone."""
    selected = session.selected
    found = await selected.account.select(
        selected.mailbox_id, [(uid, uid)], (Column.HEADER,)
    )
    return found[0][0] if found else b""


async def _downgrade(
    session: Session, plan: Plan, columns: dict[Column, Sequence[Any]]
) -> None:
    """Envelopes without UTF-8 for who has not enabled it (RFC 6855 §7, §8)."""
    if session.enabled.utf8 or Simple.ENVELOPE not in plan.items:
        return
    envelopes = columns[Column.ENVELOPE]
    if all(map(bytes.isascii, envelopes)):
        return
    shown = list(envelopes)
    for at, envelope in enumerate(envelopes):
        uid = columns[Column.UID][at]
        if envelope.isascii():
            continue
        if header := await _header_of(session, uid):
            shown[at] = prepare(_as_ascii(header)).envelope
    columns[Column.ENVELOPE] = shown


def _as_ascii(header: bytes) -> bytes:
    """A header as a client may see it that has not enabled UTF-8."""
    if header.isascii():
        return header
    return surrogate(StoredOctets(prefix=b"", body=header)).whole()


async def _write_bodies(session: Session, plan: Plan, rows: list[Row]) -> int:
    """Send messages with body sections; returns what may be unsent at the end."""
    selected = session.selected
    size_at = plan.columns.index(Column.SIZE)
    written = 0
    for batch in _batches(rows, size_at, len(plan.sections)):
        if written > UNSENT_OCTETS:
            await session.connection.drain()
            written = 0
        found = dict(
            await selected.account.octets(
                selected.mailbox_id, [row[0] for row in batch]
            )
        )
        there = [row for row in batch if row[0] in found]
        if not there:
            continue
        columns = plan.by_column(there)
        await _downgrade(session, plan, columns)
        octets = [found[uid] for uid in columns[Column.UID]]
        messages = _messages(octets, columns)
        numbers = plan.numbers(columns[Column.UID], selected)
        if len(there) == 1 and there[0][size_at] * len(plan.sections) >= LARGE_OCTETS:
            await _write_large(session, plan, numbers[0], columns, messages[0])
            continue
        sections = [
            whole_columns(octets)
            if isinstance(section, SectionReader) and section.is_plain
            else (list(map(section.value, messages)),)
            for section in plan.sections
        ]
        answer = plan.write(numbers, columns, selected, sections)
        session.write(answer)
        written += len(answer)
    return written


def _messages(
    octets: Sequence[StoredOctets], columns: dict[Column, Sequence[Any]]
) -> list[Message]:
    """Messages with their parts, where these are asked for."""
    if Column.PARTS not in columns:
        return [Message(each, None, 0) for each in octets]
    packed, prefix_sizes = columns[Column.PARTS], columns[Column.PREFIX_SIZE]
    return list(map(Message.of, octets, packed, prefix_sizes))


def _batches(rows: list[Row], size_at: int, sections: int) -> Iterator[list[Row]]:
    """Rows that together give at most BATCH_OCTETS; large messages alone."""
    batch: list[Row] = []
    octets = 0
    for row in rows:
        size = row[size_at] * sections
        if batch and (octets + size > BATCH_OCTETS or size >= LARGE_OCTETS):
            yield batch
            batch, octets = [], 0
        batch.append(row)
        octets += size
        if size >= LARGE_OCTETS:
            yield batch
            batch, octets = [], 0
    if batch:
        yield batch


async def _write_large(
    session: Session,
    plan: Plan,
    number: int,
    columns: dict[Column, Sequence[Any]],
    message: Message,
) -> None:
    """Send one message in pieces, as fast as the client reads them."""
    write, drain = session.write, session.connection.drain
    before = plan.head % number
    readers = iter(plan.sections)
    for item in plan.items:
        if isinstance(item, Simple):
            (value,) = RULES[item].make(columns, session.selected)
            write(before + RULES[item].placeholder % value)
        else:
            write(before + item.label + b" ")
            for piece in _pieces(message, next(readers)):
                write(piece)
                await drain()
        before = b" "
    write(b")\r\n")


def _pieces(message: Message, reader: Reader) -> Iterator[bytes]:
    """A section's value in pieces."""
    span = reader.span(message)
    if span is None:
        yield reader.value(message)
        return
    start, end = span
    yield b"{%d}\r\n" % (end - start)
    while start < end:
        stop = min(start + UNSENT_OCTETS, end)
        yield message.octets.slice(start, stop)
        start = stop
