"""What mailboxes are for, as clients write it (RFC 6154)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.mra.imap import places
from pyeonji.storage.mailboxes import SpecialUse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mra.imap.places import Place
    from pyeonji.mra.imap.session import Session

ATTRIBUTES: Final = {
    SpecialUse.ARCHIVE: rb"\Archive",
    SpecialUse.DRAFTS: rb"\Drafts",
    SpecialUse.FLAGGED: rb"\Flagged",
    SpecialUse.JUNK: rb"\Junk",
    SpecialUse.SENT: rb"\Sent",
    SpecialUse.TRASH: rb"\Trash",
}
_BY_NAME: Final = {name.upper(): use for use, name in ATTRIBUTES.items()}

ENTRY: Final = "/private/specialuse"
"""The annotation that is a mailbox's use (§4)."""


class BadUse(Exception):
    """A use that is unknown, several of them, or on a mailbox of another."""


def use_of(names: Sequence[bytes], *, foreign: bool) -> SpecialUse | None:
    """The use that a client gives to a mailbox; none where none is named.

    Raises:
        BadUse: it cannot be.
    """
    if not names:
        return None
    use = _BY_NAME.get(names[0].upper())
    if len(names) > 1 or use is None or foreign:
        raise BadUse
    return use


def told(place: Place) -> bytes | None:
    """The use of a mailbox as an annotation; None for no use."""
    use = place.mailbox.special_use
    return None if use is None else ATTRIBUTES[use]


async def set_use(
    session: Session, place: Place, use: SpecialUse | None
) -> Place | None:
    """Give a mailbox a use, or none; returns the one that loses it."""
    before = None
    if use is not None:
        before = next(
            (
                other
                for other in await places.own(session)
                if other.mailbox.special_use is use
                and other.mailbox.id != place.mailbox.id
            ),
            None,
        )
    await place.account.set_special_use(place.mailbox.id, use)
    return before
