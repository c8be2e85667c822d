"""UIDBATCHES (RFC 10022): where to cut a mailbox into batches of equal size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap import responses

if TYPE_CHECKING:
    from pyeonji.mra.imap.session import Session
    from pyeonji.mra.imap.uid_map import UidMap
    from pyeonji.protocol.imap import commands

MIN_BATCH: Final = 500
"""The smallest batch a client may ask for (RFC 10022 §3.1.3)."""


async def uid_batches(session: Session, command: commands.UidBatches) -> None:
    """Tell ranges of uids, the newest first, each of `size` messages."""
    if command.size < MIN_BATCH:
        await session.no(command.tag, f"At least {MIN_BATCH}.", b"TOOFEW")
        return
    limit = session.house.options.message_limit
    if limit is not None and command.size > limit:
        await session.no(command.tag, f"At most {limit}.", b"MESSAGELIMIT %d" % limit)
        return
    await session.updates()
    ranges = cut(session.selected.view, command.size, command.batches)
    text = b",".join(b"%d:%d" % pair for pair in ranges)
    session.write(
        b"* UIDBATCHES (TAG %b)%b\r\n"
        % (responses.string(command.tag), b" " + text if text else b"")
    )
    session.tagged(command.tag, b"OK", "Done.")


def cut(
    view: UidMap, size: int, wanted: tuple[int, int] | None
) -> list[tuple[int, int]]:
    """(highest, lowest) uid of each batch wanted, descending; all where None.

    The oldest batch goes down to uid 1, whether that is there or not
    (RFC 10022 §3.1.4).
    """
    count = -(-len(view) // size)
    first, last = wanted or (1, count)
    found = []
    for batch in range(first, min(last, count) + 1):
        top = len(view) - (batch - 1) * size
        lowest = view.uid(top - size + 1) if top > size else 1
        found.append((view.uid(top), lowest))
    return found
