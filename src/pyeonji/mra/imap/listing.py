"""LIST and LSUB (RFC 3501 §6.3.8, §6.3.9), extended (RFC 5258 and its options).

One pass over the rows of all mailboxes that the user may see; what a return
option adds to a mailbox (STATUS, MYRIGHTS, METADATA) follows its LIST.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from pyeonji.mra.imap import metadata, places, rights, uses
from pyeonji.mra.imap.status import Lines
from pyeonji.protocol.imap.names import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyeonji.mra.imap.places import Place
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands

AT_ONCE: Final = 200
"""Mailboxes whose annotations or sizes are told before the client is waited for."""


class Names:
    """The mailboxes of a user by name, and what their names say of each other."""

    def __init__(self, found: Sequence[Place], subscriptions: Iterable[str]) -> None:
        self.places = {place.name: place for place in found}
        self.subscribed = frozenset(subscriptions)
        self.parents = {name.rpartition("/")[0] for name in self.places}
        self.ghosts = self._ghosts(found)

    def _ghosts(self, found: Sequence[Place]) -> list[str]:
        """Names above mailboxes of others that themselves are none."""
        ghosts: set[str] = set()
        for place in found:
            if places.is_foreign(place.name):
                ghosts.update(
                    name for name in above(place.name) if name not in self.places
                )
        self.parents |= ghosts | {name.rpartition("/")[0] for name in ghosts}
        return sorted(ghosts)

    def attributes(self, name: str, *, subscribed: bool) -> bytes:
        r"""What is true of a name, mailbox or not, as it goes to a client."""
        place = self.places.get(name)
        found = []
        if place is None:
            # implies \Noselect, which older clients know (RFC 5258 §4)
            found = [rb"\NonExistent", rb"\Noselect"]
        elif not place.mailbox.selectable:
            found = [rb"\Noselect"]
        has_children = name in self.parents
        found.append(rb"\HasChildren" if has_children else rb"\HasNoChildren")
        if subscribed and name in self.subscribed:
            found.append(rb"\Subscribed")
        use = place.mailbox.special_use if place is not None else None
        # what another's mailbox is to them, it is not to this user
        if use is not None and not places.is_foreign(name):
            found.append(uses.ATTRIBUTES[use])
        return b" ".join(found)


def above(name: str) -> Iterable[str]:
    """The names above a name, the nearest first."""
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


async def names_of(session: Session, *, subscriptions: bool) -> Names:
    """All that the user can list."""
    found = [*await places.own(session), *await places.of_others(session)]
    subscribed = await session.account.subscriptions() if subscriptions else ()
    return Names(found, subscribed)


class Patterns:
    """The patterns of one command, each joined to the reference."""

    def __init__(self, command: commands.List) -> None:
        texts = [
            unicodedata.normalize("NFC", command.reference + pattern)
            for pattern in command.patterns
            # an empty pattern among others matches nothing (RFC 5258 §3)
            if pattern or not command.extended
        ]
        self._patterns = [Pattern(text) for text in dict.fromkeys(texts)]
        self.by_level = not any("*" in text for text in texts)
        self.everything = texts == ["*"]

    def matches(self, name: str) -> bool:
        """Whether a name matches one of them."""
        return self.everything or any(
            pattern.matches(name) for pattern in self._patterns
        )


async def list_mailboxes(session: Session, command: commands.List) -> None:
    """Names that match, with what is known of them."""
    if command.patterns == ("",) and not command.extended and not command.lsub:
        # only the hierarchy delimiter is asked for (RFC 3501 §6.3.8)
        session.write(b'* LIST (\\Noselect) "/" ""\r\n')
    elif command.lsub:
        await _lsub(session, command)
    else:
        await _list(session, command)
    await session.ok(command.tag, "Done.")


async def _list(session: Session, command: commands.List) -> None:
    options = command.selections | command.returns
    told = b"SUBSCRIBED" in options
    names = await names_of(session, subscriptions=told)
    found = _selected(names, command)
    tell_name = session.name
    lines = [
        b'* LIST (%b) "/" %b%b\r\n'
        % (names.attributes(name, subscribed=told), tell_name(name), more)
        for name, more in found
    ]
    if not (command.status or command.metadata or b"MYRIGHTS" in command.returns):
        session.write(b"".join(lines))
        return
    teller = Additions(session, command)
    for at, (name, _) in enumerate(found):
        session.write(lines[at])
        place = names.places.get(name)
        if place is not None:
            await teller.tell(place)
        if at % AT_ONCE == AT_ONCE - 1:
            await session.connection.drain()


class Additions:
    """What follows the LIST response of a mailbox."""

    def __init__(self, session: Session, command: commands.List) -> None:
        self._session = session
        self._command = command
        self._status = Lines(session, command.status) if command.status else None

    async def tell(self, place: Place) -> None:
        """Say it, where the user has the right to know it."""
        session, command = self._session, self._command
        if b"MYRIGHTS" in command.returns:  # RFC 8440 §3
            session.write(
                b"* MYRIGHTS %b %b\r\n"
                % (session.name(place.name), rights.told(place.rights))
            )
        readable = place.mailbox.selectable and place.has("r")
        if self._status is not None and readable:
            session.write(await self._status.of(place))
        if command.metadata and readable:  # RFC 9590 §3
            session.write(await metadata.values_line(session, place, command.metadata))


def _selected(names: Names, command: commands.List) -> list[tuple[str, bytes]]:
    """Names to list, in order, and the extended data of each."""
    patterns = Patterns(command)
    bases = command.selections & {b"SUBSCRIBED", b"SPECIAL-USE"}
    matches = patterns.matches
    if not bases:
        found = [name for name in names.places if matches(name)]
        if patterns.by_level and names.ghosts:
            found.extend(name for name in names.ghosts if matches(name))
        return [(name, b"") for name in found]
    chosen = _chosen(names, bases)
    listed = {name: b"" for name in chosen if matches(name)}
    if b"RECURSIVEMATCH" in command.selections:
        inside = b' ("CHILDINFO" (%b))' % b" ".join(
            b'"%b"' % base for base in sorted(bases)
        )
        for name in chosen:
            for parent in above(name):
                if matches(parent):
                    listed[parent] = inside
    return sorted(listed.items(), key=_in_order)


def _chosen(names: Names, bases: frozenset[bytes]) -> list[str]:
    """Names that meet every selection option."""
    found = set(names.subscribed) if b"SUBSCRIBED" in bases else set(names.places)
    if b"SPECIAL-USE" in bases:
        found = {
            name
            for name in found
            if (place := names.places.get(name)) is not None
            and place.mailbox.special_use is not None
            and not places.is_foreign(name)
        }
    return sorted(found)


def _in_order(item: tuple[str, bytes]) -> tuple[bool, str]:
    return item[0] != "INBOX", item[0]


async def _lsub(session: Session, command: commands.List) -> None:
    r"""Subscribed names that match.

    A name above a subscribed one that itself is not subscribed is told with
    \Noselect where the one below doesn't match ("%": RFC 3501 §6.3.9).
    """
    names = await names_of(session, subscriptions=True)
    matches = Patterns(command).matches
    there = {name for name, place in names.places.items() if place.mailbox.selectable}
    found: dict[str, bytes] = {}
    for name in names.subscribed:
        if matches(name):
            found[name] = b"" if name in there else rb"\Noselect"
    for name in names.subscribed:
        if name not in found:
            for higher in above(name):
                if matches(higher):
                    found.setdefault(higher, rb"\Noselect")
                    break
    session.write(
        b"".join(
            b'* LSUB (%b) "/" %b\r\n' % (attributes, session.name(name))
            for name, attributes in sorted(found.items(), key=_in_order)
        )
    )
