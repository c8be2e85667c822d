"""How much an account may have held for later (RFC 4865 §6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.mta.receive.inspect import Refusal
from pyeonji.storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from pyeonji.mta.receive.door import Door
    from pyeonji.storage.queue import Wishes

TOO_MUCH: Final = Refusal(
    552, "5.7.16", "too much of yours is held for later, wait until some has gone"
)

NOT_KNOWN: Final = Refusal(451, "4.3.0", "the queue can't be read, try again later")


async def refused(door: Door, wishes: Wishes, octets: int) -> Refusal | None:
    """Whether a letter is one too many of those that its account has held.

    Asked at MAIL, with the size that the client says, and again when the letter
    is there. Letters that several connections bring at the same moment are not
    seen by each other: they may exceed the quota by one for each connection.

    Args:
        door: whose account is meant.
        wishes: of the letter.
        octets: how large it is, 0 where nobody knows yet.
    """
    account, receiver = door.account, door.receiver
    if not wishes.not_before or account is None:
        return None
    try:
        held = await receiver.office.future(account.address, receiver.clock.time())
    except StorageUnavailable:
        return NOT_KNOWN
    options = receiver.options
    too_many = held.letters >= options.max_held_letters
    too_large = held.octets + octets > options.max_held_octets
    return TOO_MUCH if too_many or too_large else None
