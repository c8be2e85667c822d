"""STORE (RFC 3501 §6.4.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.mra.imap.fetch_plan import PORTION, repeat
from pyeonji.mra.imap.flags import BadFlags, split
from pyeonji.protocol.imap import responses
from pyeonji.protocol.imap.commands import StoreMode
from pyeonji.storage.mailboxes import Column, FlagChange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands

CHANGES: Final = {
    StoreMode.REPLACE: FlagChange.SET,
    StoreMode.ADD: FlagChange.ADD,
    StoreMode.REMOVE: FlagChange.REMOVE,
}
_COLUMNS: Final = (Column.UID, Column.FLAGS, Column.KEYWORDS)


async def store(session: Session, command: commands.Store) -> None:
    """Change flags and, unless silent, say what they are now."""
    selected = session.selected
    if selected.read_only:
        session.tagged(command.tag, b"NO", "The mailbox is read-only.", b"READ-ONLY")
        return
    try:
        bits, keywords = split(command.flags)
    except BadFlags as error:
        session.tagged(command.tag, b"NO", str(error), b"CANNOT")
        return
    ranges = selected.ranges(command.messages, by_uid=command.by_uid)
    if ranges:
        stored = await selected.account.store_flags(
            selected.mailbox_id, ranges, CHANGES[command.mode], bits, keywords
        )
        selected.note_own(stored.changed)
        if keywords and (known := selected.learn_keywords(keywords)):
            session.write(known)
        if not command.silent:
            await _tell(session, ranges, stored.changed, by_uid=command.by_uid)
    await session.updates(expunges=command.by_uid, only_if_dirty=True)
    session.tagged(command.tag, b"OK", "Done.")


async def _tell(
    session: Session,
    ranges: list[tuple[int, int]],
    changed: Sequence[tuple[int, int, str, int]],
    *,
    by_uid: bool,
) -> None:
    """FETCH responses for all named messages, also those that were so already."""
    view = session.selected.view
    named = sum(view.count(low, high) for low, high in ranges)
    if named == len(changed):
        _write(session, [entry[:3] for entry in changed], by_uid=by_uid)
        return
    for portion in view.split(ranges, PORTION):
        rows = await session.selected.account.select(
            session.selected.mailbox_id, portion, _COLUMNS
        )
        _write(session, rows, by_uid=by_uid)
        await session.connection.drain()


def _write(
    session: Session, rows: Sequence[tuple[int, int, str]], *, by_uid: bool
) -> None:
    if not rows:
        return
    selected = session.selected
    uids, bits, keywords = zip(*rows, strict=True)
    numbers = selected.view.numbers(uids)
    flags = map(responses.flags, selected.with_recent(uids, bits), keywords)
    if by_uid:
        template = b"* %d FETCH (UID %d FLAGS %b)\r\n"
        session.write(repeat(template, [numbers, uids, flags]))
    else:
        session.write(repeat(b"* %d FETCH (FLAGS %b)\r\n", [numbers, flags]))
