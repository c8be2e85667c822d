"""STORE (RFC 3501 §6.4.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.base.ids import ModSeq
from pyeonji.mra.imap.fetch_plan import PORTION, repeat, repeat_flags
from pyeonji.mra.imap.flags import BadFlags, split
from pyeonji.mra.imap.limiting import limited
from pyeonji.mra.imap.places import NoRight
from pyeonji.mra.imap.shared_flags import kept_flags, settable_in
from pyeonji.protocol.imap import responses
from pyeonji.protocol.imap.commands import StoreMode
from pyeonji.protocol.imap.sequences import runs, write_ranges
from pyeonji.storage.mailboxes import Column, FlagChange

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands
    from pyeonji.storage.mailboxes import FlagsStored

CHANGES: Final = {
    StoreMode.REPLACE: FlagChange.SET,
    StoreMode.ADD: FlagChange.ADD,
    StoreMode.REMOVE: FlagChange.REMOVE,
}
_COLUMNS: Final = (Column.UID, Column.FLAGS, Column.KEYWORDS, Column.MOD_SEQ)


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
    change = CHANGES[command.mode]
    within = settable_in(selected.rights)
    if within is not None:
        bits, keywords = kept_flags(selected.rights, bits, keywords)
        may_something = within.bits if change is FlagChange.SET else bits or keywords
        if not may_something:
            raise NoRight("STORE")
    if command.unchanged_since is not None:
        session.enable_condstore()
    ranges, code = limited(session, ranges)
    if ranges:
        since = command.unchanged_since
        stored = await selected.account.store_flags(
            selected.mailbox_id,
            ranges,
            change,
            bits,
            keywords,
            unchanged_since=None if since is None else ModSeq(since),
            within=within,
        )
        if within is not None and command.silent and change is FlagChange.SET:
            selected.dirty = True  # not all became what the client takes it for
        else:
            selected.note_own(stored, told=not command.silent)
        if keywords and (known := selected.learn_keywords(keywords)):
            session.write(known)
        await _tell(session, command, ranges, stored)
        code = _code(session, command, stored, code)
    await session.updates(expunges=command.by_uid, only_if_dirty=True)
    text = "Not all of them." if code else "Done."
    session.tagged(command.tag, b"OK", text, code)


def _code(
    session: Session, command: commands.Store, stored: FlagsStored, limit: bytes
) -> bytes:
    """The code of the tagged response; there is one only (RFC 9738 §3.1)."""
    if not stored.refused:
        return limit
    if limit:
        session.tagged(b"*", b"NO", "Not all of them.", limit)
    return b"MODIFIED " + _named(session, command, stored.refused)


def _named(session: Session, command: commands.Store, uids: Sequence[int]) -> bytes:
    """Uids as the client named them (RFC 7162 §3.1.3)."""
    if command.by_uid:
        return write_ranges(runs(uids))
    numbers = map(session.selected.view.number, uids)
    return write_ranges(runs(number for number in numbers if number))


async def _tell(
    session: Session,
    command: commands.Store,
    ranges: list[tuple[int, int]],
    stored: FlagsStored,
) -> None:
    """FETCH responses for all named messages, also those that were so already.

    Silent ones tell only the new mod-sequences, to clients that keep them, and
    where the change was conditional, of all that it was asked for. What another
    changed is told with its flags then (RFC 7162 §3.1.12).
    """
    selected = session.selected
    if command.silent and not session.enabled.mod_seqs:
        return
    conditional = command.unchanged_since is not None
    named = sum(selected.view.count(low, high) for low, high in ranges)
    whole = named == len(stored.uids) and not (command.silent and stored.beside)
    if whole or (command.silent and not conditional):
        mod_seqs = [stored.mod_seq or 0] * len(stored.uids)
        if command.silent:
            _write_mod_seqs(session, stored.uids, mod_seqs)
        else:
            columns = stored.uids, stored.flags, stored.keywords, mod_seqs
            _write(session, *columns, by_uid=command.by_uid)
        return
    news = {*stored.refused, *stored.beside}  # whose flags changed before
    for portion in selected.view.split(ranges, PORTION):
        rows = await selected.account.select(selected.mailbox_id, portion, _COLUMNS)
        if command.silent:
            quiet = [row for row in rows if row[0] not in news]
            _write_mod_seqs(session, [r[0] for r in quiet], [r[3] for r in quiet])
            rows = [row for row in rows if row[0] in news]
        if rows:
            _write(session, *zip(*rows, strict=True), by_uid=command.by_uid)
        await session.connection.drain()


def _write(
    session: Session,
    uids: Sequence[int],
    bits: Sequence[int],
    keywords: Sequence[str],
    mod_seqs: Sequence[int],
    *,
    by_uid: bool,
) -> None:
    if not uids:
        return
    selected, enabled = session.selected, session.enabled
    flags = responses.flag_lists(selected.with_recent(uids, bits), keywords)
    if enabled.uid_only:
        before, columns = b"* %d UIDFETCH (FLAGS ", [uids]
    elif by_uid or enabled.mod_seqs:  # RFC 7162 §3.2.4
        before = b"* %d FETCH (UID %d FLAGS "
        columns = [selected.view.numbers(uids), uids]
    else:
        before, columns = b"* %d FETCH (FLAGS ", [selected.view.numbers(uids)]
    after = b")\r\n"
    if enabled.mod_seqs:
        after = b" MODSEQ (%d))\r\n"
        columns.append(mod_seqs)
    session.write(repeat_flags(before, flags, after, columns))


def _write_mod_seqs(
    session: Session, uids: Sequence[int], mod_seqs: Iterable[int]
) -> None:
    """The new mod-sequences alone, with the uids (RFC 7162 §3.1.3, §3.2.4)."""
    if not uids:
        return
    if session.enabled.uid_only:
        template = b"* %d UIDFETCH (MODSEQ (%d))\r\n"
        session.write(repeat(template, [uids, mod_seqs]))
        return
    numbers = session.selected.view.numbers(uids)
    template = b"* %d FETCH (UID %d MODSEQ (%d))\r\n"
    session.write(repeat(template, [numbers, uids, mod_seqs]))
