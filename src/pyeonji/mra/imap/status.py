"""STATUS (RFC 3501 §6.3.10), alone and as a part of LIST (RFC 5819)."""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from pyeonji.mra.imap import places
from pyeonji.protocol.imap.commands import StatusItem
from pyeonji.storage.mailboxes import DELETED, MAX_UID, Column
from pyeonji.storage.query import HasFlags

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyeonji.mra.imap.places import Place
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands
    from pyeonji.storage.mailboxes import Mailbox

COUNTERS: Final = {
    StatusItem.MESSAGES: "exists",
    StatusItem.UIDNEXT: "uid_next",
    StatusItem.UIDVALIDITY: "uid_validity",
    StatusItem.UNSEEN: "unseen",
    StatusItem.SIZE: "octets",
    StatusItem.HIGHESTMODSEQ: "highest_mod_seq",
    StatusItem.DELETED: "deleted",
}
"""What stands in the row of a mailbox, and in which field."""


@lru_cache(maxsize=256)
def _plan(
    items: tuple[StatusItem, ...],
) -> tuple[bytes, Callable[[Mailbox], Any] | None]:
    """The template of a response, and what gets its values if a row has them all."""
    pieces = [item.value + b" " + _FORMS.get(item, b"%d") for item in items]
    template = b"* STATUS %b (" + b" ".join(pieces) + b")\r\n"
    if len(items) < 2 or not COUNTERS.keys() >= set(items):
        return template, None
    return template, attrgetter(*(COUNTERS[item] for item in items))


async def status(session: Session, command: commands.Status) -> None:
    """Counters of a mailbox; it need not be selected."""
    place = await places.find_selectable(session, command.mailbox, "r")
    if StatusItem.HIGHESTMODSEQ in command.items:
        session.enable_condstore()  # RFC 7162 §3.1
    session.write(await Lines(session, command.items).of(place))
    await session.ok(command.tag, "Done.")


class Lines:
    """Makes the STATUS responses of one command: a template, and its values."""

    __slots__ = ("_getter", "_items", "_session", "_template")

    def __init__(self, session: Session, items: Sequence[StatusItem]) -> None:
        self._session = session
        self._items = items
        self._template, self._getter = _plan(tuple(items))

    async def of(self, place: Place) -> bytes:
        """The response for one mailbox."""
        name = self._session.name(place.name)
        if self._getter is not None:
            return self._template % (name, *self._getter(place.mailbox))
        values = [await self._value(item, place) for item in self._items]
        return self._template % (name, *values)

    async def _value(self, item: StatusItem, place: Place) -> int | bytes:
        field = COUNTERS.get(item)
        if field is not None:
            value: int = getattr(place.mailbox, field)
            return value
        return await self._other(item, place)

    async def _other(self, item: StatusItem, place: Place) -> int | bytes:
        match item:
            case StatusItem.MAILBOXID:
                return place.mailbox.object_id.encode("ascii")
            case StatusItem.APPENDLIMIT:
                return self._session.house.options.message_octets
            case StatusItem.DELETED_STORAGE:
                return await _deleted_octets(place)
            case _:
                return await _recent(place)


_FORMS: Final = {StatusItem.MAILBOXID: b"(%b)"}


async def _recent(place: Place) -> int:
    """How many entries no session has taken as recent yet."""
    mailbox = place.mailbox
    if mailbox.first_recent >= mailbox.uid_next:
        return 0
    uids = await place.account.select(
        mailbox.id, [(mailbox.first_recent, MAX_UID)], (Column.UID,)
    )
    return len(uids)


async def _deleted_octets(place: Place) -> int:
    r"""Octets of the messages that are \Deleted (RFC 9208 §4.1.4)."""
    mailbox = place.mailbox
    if not mailbox.deleted:
        return 0
    account = place.account
    uids = await account.search(mailbox.id, HasFlags(DELETED))
    rows = await account.select(
        mailbox.id, [(uid, uid) for uid in uids], (Column.SIZE,)
    )
    return sum(size for (size,) in rows)
