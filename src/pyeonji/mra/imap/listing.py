"""LIST and LSUB (RFC 3501 §6.3.8, §6.3.9), with CHILDREN and SPECIAL-USE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap import responses
from pyeonji.protocol.imap.names import Pattern
from pyeonji.storage.mailboxes import SpecialUse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands
    from pyeonji.storage.mailboxes import Mailbox

USE_ATTRIBUTES: Final = {
    SpecialUse.ARCHIVE: rb"\Archive",
    SpecialUse.DRAFTS: rb"\Drafts",
    SpecialUse.FLAGGED: rb"\Flagged",
    SpecialUse.JUNK: rb"\Junk",
    SpecialUse.SENT: rb"\Sent",
    SpecialUse.TRASH: rb"\Trash",
}


async def list_mailboxes(session: Session, command: commands.List) -> None:
    """Names that match, with what is known of them."""
    word = b"LSUB" if command.subscribed else b"LIST"
    if not command.pattern and not command.subscribed:
        # only the hierarchy delimiter is asked for (RFC 3501 §6.3.8)
        session.write(b'* LIST (\\Noselect) "/" ""\r\n')
        await session.ok(command.tag, "Done.")
        return
    pattern = Pattern(command.reference + command.pattern)
    if command.subscribed:
        found = await _subscribed(session, pattern)
    else:
        found = _matching(await session.account.mailboxes(), pattern)
    session.write(
        b"".join(
            [
                b'* %b (%b) "/" %b\r\n'
                % (word, b" ".join(attributes), responses.mailbox(name))
                for name, attributes in found
            ]
        )
    )
    await session.ok(command.tag, "Done.")


def _above(name: str) -> Iterable[str]:
    """The names above a name, the nearest first."""
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def _matching(
    mailboxes: list[Mailbox], pattern: Pattern
) -> list[tuple[str, list[bytes]]]:
    parents = {name.rpartition("/")[0] for name in (box.name for box in mailboxes)}
    found = []
    for mailbox in mailboxes:
        if not pattern.matches(mailbox.name):
            continue
        attributes = [] if mailbox.selectable else [rb"\Noselect"]
        has_children = mailbox.name in parents
        attributes.append(rb"\HasChildren" if has_children else rb"\HasNoChildren")
        if mailbox.special_use is not None:
            attributes.append(USE_ATTRIBUTES[mailbox.special_use])
        found.append((mailbox.name, attributes))
    return found


async def _subscribed(
    session: Session, pattern: Pattern
) -> list[tuple[str, list[bytes]]]:
    r"""Subscribed names that match.

    A name above a subscribed one that itself is not subscribed is told with
    \Noselect where the one below doesn't match ("%": RFC 3501 §6.3.9).
    """
    names = await session.account.subscriptions()
    there = {box.name for box in await session.account.mailboxes() if box.selectable}
    found: dict[str, list[bytes]] = {}
    for name in names:
        if pattern.matches(name):
            found[name] = [] if name in there else [rb"\Noselect"]
    for name in names:
        if name not in found:
            for above in _above(name):
                if pattern.matches(above):
                    found.setdefault(above, [rb"\Noselect"])
                    break
    return sorted(found.items(), key=lambda item: (item[0] != "INBOX", item[0]))
