"""Which messages of a FETCH: CHANGEDSINCE, VANISHED and PARTIAL.

RFC 7162 §3.1.4.1, §3.2.6; RFC 9394 §3.3. And the same for SELECT with QRESYNC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.base.ids import ModSeq
from pyeonji.protocol.imap import responses
from pyeonji.protocol.imap.commands import Simple
from pyeonji.protocol.imap.sequences import runs, within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyeonji.mra.imap.selected import Selected
    from pyeonji.mra.imap.session import Session
    from pyeonji.mra.imap.uid_map import UidMap
    from pyeonji.protocol.imap import commands
    from pyeonji.protocol.imap.sequences import SequenceSet
    from pyeonji.storage.mailboxes import Changes

Ranges = list[tuple[int, int]]

MAX_UID: Final = 2**32 - 1


async def narrowed(session: Session, command: commands.Fetch, ranges: Ranges) -> Ranges:
    """The uid ranges of a FETCH that its modifiers leave.

    Tells VANISHED (EARLIER), which comes before all FETCH responses.
    """
    if Simple.MODSEQ in command.items:
        session.enable_condstore()
    selected = session.selected
    if command.partial is not None:
        ranges = partial(selected.view, ranges, command.partial)
    if command.changed_since is None:
        return ranges
    changes = await selected.account.changes(
        selected.mailbox_id, ModSeq(command.changed_since)
    )
    if command.vanished:
        named = command.messages.ranges(MAX_UID)
        session.write(earlier(selected, changes, named, above=0))
    changed = within([entry[0] for entry in changes.entries], ranges)
    return runs(uid for uid in changed if selected.view.number(uid))


def partial(view: UidMap, ranges: Ranges, wanted: tuple[int, int]) -> Ranges:
    """The messages of uid ranges at the positions wanted."""
    spans = [(view.count_below(a) + 1, view.count_below(b + 1)) for a, b in ranges]
    total = sum(end - start + 1 for start, end in spans)
    first, last = wanted
    if first < 0:
        first, last = total + 1 + first, total + 1 + last
    found, before = [], 0
    for start, end in spans:
        low = max(start, start + first - 1 - before)
        high = min(end, start + last - 1 - before)
        if low <= high:
            found.append(view.range_of_numbers(low, high))
        before += end - start + 1
    return found


def earlier(
    selected: Selected, changes: Changes, named: Ranges, *, above: int
) -> bytes:
    """VANISHED (EARLIER) for what went before this session could know it.

    What the session still has in its view is told later, as VANISHED.
    """
    number = selected.view.number
    gone = [
        uid
        for uid in within(sorted(changes.vanished), named)
        if uid > above and not number(uid)
    ]
    return responses.vanished(runs(gone), earlier=True)


async def resynchronize(selected: Selected, resync: commands.Resync) -> bytes:
    """What happened since the client's last visit (RFC 7162 §3.2.5.1)."""
    if resync.uid_validity != selected.uid_validity:
        return b""
    changes = await selected.account.changes(
        selected.mailbox_id, ModSeq(resync.mod_seq)
    )
    known = resync.known_uids
    named = [(1, MAX_UID)] if known is None else known.ranges(MAX_UID)
    above = 0
    if resync.numbers is not None and resync.number_uids is not None:
        above = last_match(selected.view, resync.numbers, resync.number_uids)
    vanished = earlier(selected, changes, named, above=above)
    entries = _entries_within(changes, named)
    keywords = selected.learn_keywords(entry[2] for entry in entries)
    return vanished + keywords + selected.flag_lines(entries)


def _entries_within(changes: Changes, named: Ranges) -> list[tuple[int, int, str, int]]:
    by_uid = {int(entry[0]): entry for entry in changes.entries}
    return [by_uid[uid] for uid in within([e[0] for e in changes.entries], named)]


def last_match(view: UidMap, numbers: SequenceSet, uids: SequenceSet) -> int:
    """The uid up to which the client knows what was expunged, 0 for none.

    Where the last pair that fits stands, all before it fit too
    (RFC 7162 §3.2.5.2). Numbers beyond the mailbox cannot fit.
    """
    found = 0
    for number, uid in zip(
        _each(numbers, len(view)), _each(uids, MAX_UID), strict=False
    ):
        if view.uid(number) == uid:
            found = uid
    return found


def _each(numbers: SequenceSet, most: int) -> Iterator[int]:
    for low, high in numbers.pairs:
        if low > most:
            return
        yield from range(low, min(high, most) + 1)
