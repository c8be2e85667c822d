"""Annotations of mailboxes and of the server (RFC 5464).

Where they are kept: `/shared/…` of a mailbox beside the mailbox, for all who may
read it; `/private/…` there too, under the name of who set it; private entries of
the server beside the user's own mailboxes, shared ones in the directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.mra.imap import places, uses
from pyeonji.mra.imap.filters import bad_filter
from pyeonji.protocol.imap import responses
from pyeonji.storage.entries import GUEST
from pyeonji.storage.errors import NoteTooLarge, TooManyNotes
from pyeonji.storage.mailboxes import MAX_ANNOTATION_OCTETS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyeonji.mra.imap.places import Place
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands

PRIVATE: Final = "/private/"


# -- where entries are kept


def _key(session: Session, place: Place | None, entry: str) -> str:
    """The name under which storage keeps an entry of this user."""
    if place is not None and entry.startswith(PRIVATE):
        owner = places.user_of(session).id
        return entry if owner == place.owner.id else f"{GUEST}{owner}{entry}".casefold()
    return entry


async def _kept(session: Session, place: Place | None) -> dict[str, bytes]:
    """All entries that this user can see, by the names that clients use."""
    if place is None:
        private = await session.account.annotations(None)
        return {**await session.house.directory.annotations(), **private}
    found = await place.account.annotations(place.mailbox.id)
    return visible(session, place, found)


def visible(
    session: Session, place: Place, found: Mapping[str, bytes]
) -> dict[str, bytes]:
    """Of a mailbox's entries those of this user and the shared ones."""
    if places.user_of(session).id == place.owner.id:
        kept = {k: v for k, v in found.items() if not k.startswith(GUEST)}
        kept.pop(uses.ENTRY, None)
        use = uses.told(place)  # RFC 6154 §4
        return kept if use is None else {**kept, uses.ENTRY: use}
    mine = f"{GUEST}{places.user_of(session).id}".casefold()
    own = {k[len(mine) :]: v for k, v in found.items() if k.startswith(f"{mine}/")}
    return own | {k: v for k, v in found.items() if k.startswith("/shared/")}


async def of_server(session: Session) -> dict[str, bytes]:
    """All entries of the server that this user can see."""
    return await _kept(session, None)


async def of_place(session: Session, place: Place) -> dict[str, bytes]:
    """All entries of a mailbox that this user can see."""
    return await _kept(session, place)


async def _place(session: Session, name: str, needed: str) -> Place | None:
    return await places.find(session, name, needed) if name else None


# -- responses


def _value(value: bytes | None) -> bytes:
    if value is None:
        return b"NIL"
    if b"\0" in value:
        return b"~{%d}\r\n%b" % (len(value), value)  # literal8
    return responses.string(value)


def line(name: bytes, values: Iterable[tuple[str, bytes | None]]) -> bytes:
    """A METADATA response with values."""
    pairs = [
        responses.astring(entry.encode("ascii")) + b" " + _value(value)
        for entry, value in values
    ]
    return b"* METADATA %b (%b)\r\n" % (name, b" ".join(pairs))


def names_line(name: bytes, entries: Iterable[str]) -> bytes:
    """An unasked METADATA response: only which entries changed (§4.4.2)."""
    told = b" ".join(responses.astring(entry.encode("ascii")) for entry in entries)
    return b"* METADATA %b %b\r\n" % (name, told)


async def values_line(session: Session, place: Place, entries: Sequence[str]) -> bytes:
    """The response for LIST: every entry asked for, NIL where there is none."""
    kept = await _kept(session, place)
    name = session.name(place.name)
    return line(name, [(entry, kept.get(entry)) for entry in entries])


# -- commands


def _within(entry: str, asked: str, depth: int | None) -> bool:
    """Whether an entry is asked for; depth None is without end (§4.2.2)."""
    if entry == asked:
        return True
    if depth == 0 or not entry.startswith(f"{asked}/"):
        return False
    return depth is None or "/" not in entry[len(asked) + 1 :]


async def get_metadata(session: Session, command: commands.GetMetadata) -> None:
    """Values of entries (RFC 5464 §4.2)."""
    place = await _place(session, command.mailbox, "r")
    kept = await _kept(session, place)
    found = {
        entry: value
        for entry, value in sorted(kept.items())
        if any(_within(entry, asked, command.depth) for asked in command.entries)
    }
    if command.depth == 0:
        # what is asked for by its own name and is not there is told as NIL
        values = [(entry, found.get(entry)) for entry in command.entries]
    else:
        values = list(found.items())
    longest = 0
    if command.max_size is not None:
        longest = max((len(v or b"") for _, v in values), default=0)
        values = [
            (entry, value)
            for entry, value in values
            if value is None or len(value) <= command.max_size
        ]
    if values:
        name = session.name(place.name) if place is not None else b'""'
        session.write(line(name, values))
    code = b""
    if command.max_size is not None and longest > command.max_size:
        code = b"METADATA LONGENTRIES %d" % longest
    await session.ok(command.tag, "That is all.", code)


async def set_metadata(session: Session, command: commands.SetMetadata) -> None:
    """Set entries or take them away, all or none (RFC 5464 §4.3)."""
    values = dict(command.values)
    shared = any(not entry.startswith(PRIVATE) for entry in values)
    # shared entries of a mailbox change what others see (§5: "w")
    place = await _place(session, command.mailbox, "rw" if shared else "r")
    if place is None and shared and not places.user_of(session).administrator:
        raise places.NoRight("server")
    if place is None and any(bad_filter(*pair) for pair in values.items()):
        await session.no(command.tag, "That is no filter.")  # RFC 5466 §3.2
        return
    if session.notes is not None:
        session.notes.own(place, values)
    try:
        if place is None:
            await _set_of_server(session, values)
        else:
            await _set_of_place(session, place, values)
    except uses.BadUse:
        await session.no(command.tag, "Not with that use.", b"USEATTR")
    except NoteTooLarge:
        code = b"METADATA MAXSIZE %d" % MAX_ANNOTATION_OCTETS
        await session.no(command.tag, "A value is too large.", code)
    except TooManyNotes:
        await session.no(command.tag, "Too many entries.", b"METADATA TOOMANY")
    else:
        await session.ok(command.tag, "Set.")


async def _set_of_place(
    session: Session, place: Place, values: dict[str, bytes | None]
) -> None:
    """Entries of a mailbox; one of them is its use (RFC 6154 §4)."""
    has_use = uses.ENTRY in values
    names = (values.pop(uses.ENTRY, None) or b"").split()
    use = uses.use_of(names, foreign=place.account.id != session.account.id)
    changes = {_key(session, place, e): v for e, v in values.items()}
    if changes:
        await place.account.annotate(place.mailbox.id, changes)
    if has_use and place.account.id == session.account.id:
        before = await uses.set_use(session, place, use)
        if before is not None:
            session.write(line(session.name(before.name), [(uses.ENTRY, None)]))


async def _set_of_server(session: Session, values: Mapping[str, bytes | None]) -> None:
    private = {e: v for e, v in values.items() if e.startswith(PRIVATE)}
    shared = {e: v for e, v in values.items() if e not in private}
    if private:
        await session.account.annotate(None, private)
    if shared:
        await session.house.directory.annotate(shared)
