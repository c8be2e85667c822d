"""What a session tells unasked after NOTIFY SET (RFC 5465).

Whatever happened is learnt by comparing: the mailboxes as the client knows them
with what they are now. Storage says when that is worth it; what it cannot say
(rights given by others, annotations of the server) is looked at every two
seconds. Nothing is told while a command is answered, but right after it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from pyeonji.mra.imap import metadata, places
from pyeonji.mra.imap.fetch import send
from pyeonji.mra.imap.fetch_plan import unasked_plan
from pyeonji.mra.imap.listing import Names, names_of
from pyeonji.mra.imap.sections import UnknownEncoding
from pyeonji.mra.imap.selected import Gone
from pyeonji.mra.imap.status import Lines
from pyeonji.net.eager import run_eagerly
from pyeonji.net.errors import Unreachable
from pyeonji.protocol.imap import commands
from pyeonji.protocol.imap.commands import StatusItem, Watched
from pyeonji.protocol.imap.parse_notify import FLAGS, NEW
from pyeonji.storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyeonji.base.ids import AccountId, MailboxId
    from pyeonji.mra.imap.places import Place
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap.commands import EventGroup
    from pyeonji.storage.mailboxes import AccountStore

log = structlog.get_logger("pyeonji.imap")

MAX_WATCHED: Final = 2000
"""Mailboxes that one session may be told about."""

MAX_NEWS: Final = 1000
"""Lines of news at once; with more the client is better served by asking."""

POLL_S: Final = 2.0
"""How late news can be of which storage does not tell."""

NAME: Final = b"MAILBOXNAME"
SUBSCRIPTION: Final = b"SUBSCRIPTIONCHANGE"
NOTES: Final = b"MAILBOXMETADATACHANGE"
SERVER_NOTES: Final = b"SERVERMETADATACHANGE"

_SELECTED: Final = frozenset({Watched.SELECTED, Watched.SELECTED_DELAYED})


_CHANGING: Final = (
    commands.Append,
    commands.AppendEnded,
    commands.Copy,
    commands.Expunge,
    commands.Fetch,
    commands.MessageBegun,
    commands.MessageChunk,
    commands.Store,
)
"""What may change the selected mailbox, and needs its numbers to be true."""


class TooMuch(Exception):
    """More than the server is willing to watch (RFC 5465 §5.8)."""


class Known(NamedTuple):
    """A mailbox as the client knows it."""

    place: Place
    notes: dict[str, bytes]

    @property
    def key(self) -> tuple[AccountId, MailboxId]:
        """The same mailbox, whatever it is called."""
        return self.place.account.id, self.place.mailbox.id


class Picture:
    """All mailboxes at one moment."""

    def __init__(self, names: Names, server_notes: dict[str, bytes]) -> None:
        self.names = names
        self.server_notes = server_notes
        self.known: dict[str, Known] = {}

    def by_key(self) -> dict[tuple[AccountId, MailboxId], str]:
        """Names of the mailboxes."""
        return {known.key: name for name, known in self.known.items()}


class Notifier:
    """The watch of one session. `begin` before all else, `close` at the end."""

    def __init__(self, session: Session, groups: Sequence[EventGroup]) -> None:
        self._session = session
        self._groups = [group for group in groups if group.which not in _SELECTED]
        chosen = [group for group in groups if group.which in _SELECTED]
        self._selected = chosen[0] if chosen and chosen[0].events else None
        self._picture: Picture | None = None
        self._changed = False
        self._ends: dict[AccountId, Callable[[], None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._told_uid = 0

    # -- beginning and end

    async def begin(self, *, status: bool) -> bytes:
        """Look at everything; STATUS responses if the client wants them (§3.1).

        Raises:
            TooMuch: too many mailboxes are meant.
        """
        self._picture = await self._look()
        watched = {name: self._events(name) for name in self._picture.known}
        if sum(map(bool, watched.values())) > MAX_WATCHED:
            raise TooMuch
        self._poll()
        lines = [self._no_access(name) for name, events in watched.items() if events]
        if status:
            for name, events in watched.items():
                if NEW in events and not self._is_selected(name):
                    lines.append(await self._first_status(name, events))
        return b"".join(lines)

    def told_all(self) -> None:
        """The client knows the selected mailbox as it is now."""
        if self._session.has_selected:
            selected = self._session.selected
            self._told_uid = selected.view.last
            group = self._selected
            selected.tells_flags = group is None or FLAGS in group.events

    def close(self) -> None:
        """Watch no more."""
        self._closed = True
        for end in self._ends.values():
            end()
        self._ends.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(POLL_S, self._poll)
        self._on_change(frozenset())

    def _watch(self, account: AccountStore) -> None:
        if account.id not in self._ends and not self._closed:
            self._ends[account.id] = account.watch(self._on_change)

    # -- when to tell

    def _on_change(self, _mailboxes: frozenset[MailboxId]) -> None:
        self._changed = True
        self._wake()

    def selected_changed(self) -> None:
        """Something happened in the selected mailbox."""
        self._wake()

    def _wake(self) -> None:
        session = self._session
        if session.answering or session.refreshing is not None or self._closed:
            return  # looked at when that is over
        session.refreshing = run_eagerly(self._run(), lambda _: self._ran())

    def _ran(self) -> None:
        self._session.refreshing = None
        if self._changed:
            self._wake()

    async def _run(self) -> None:
        """Tell what is new; never raises, for nobody waits for it."""
        session = self._session
        try:
            await self._tell(frozenset())
            session.connection.flush()
        except Gone:
            session.mailbox_gone()
            session.connection.close()
        except (StorageUnavailable, Unreachable):
            pass  # told with the next change
        except Exception:  # the top of a job of its own
            log.exception("imap.notify", connection=session.connection.id)
            session.connection.abort()

    def before(self, event: object) -> None:
        """A command is to be answered.

        Without SELECTED no news of the selected mailbox are wanted (§3.1); what
        a command itself does there is told all the same.
        """
        self._session.hushed = self._selected is None and not isinstance(
            event, _CHANGING
        )

    async def after(self, event: object) -> None:
        """A command has been answered: tell what came meanwhile, not what it did."""
        if isinstance(event, commands.Select | commands.Append | commands.Copy):
            self.told_all()  # these the client asked for itself (§5.2)
        if not isinstance(event, commands.Command):
            return
        await self._tell(_named_by(event))

    # -- what to tell

    async def _tell(self, own: frozenset[str]) -> None:
        """Tell what is new, but for names that the client itself changed."""
        if self._closed:
            return
        session = self._session
        await self._tell_selected()
        if not self._changed or self._picture is None:
            return
        self._changed = False
        old, new = self._picture, await self._look()
        lines = await self._differences(old, new, own)
        self._picture = new
        if len(lines) > MAX_NEWS:
            session.stop_notifying()
            lines = [b"* OK [NOTIFICATIONOVERFLOW] Too much news; ask anew.\r\n"]
        session.write(b"".join(lines))

    async def _tell_selected(self) -> None:
        session, group = self._session, self._selected
        if group is None or not session.has_selected:
            return
        selected = session.selected
        if selected.dirty and not session.answering:
            delayed = group.which is Watched.SELECTED_DELAYED
            await session.updates(
                expunges=not delayed or session.idle_tag is not None,
                only_if_dirty=True,
            )
        first, last = self._told_uid + 1, selected.view.last
        self._told_uid = max(self._told_uid, last)
        if group.items and first <= last:
            plan = unasked_plan(group.items, session.enabled)
            with suppress(UnknownEncoding):  # such an item is not told
                await send(session, plan, [(first, last)])

    async def _look(self) -> Picture:
        """The mailboxes as they are now."""
        session = self._session
        names = await names_of(session, subscriptions=True)
        notes: dict[str, bytes] = {}
        if any(SERVER_NOTES in group.events for group in self._groups):
            notes = await metadata.of_server(session)
        picture = Picture(names, notes)
        self._watch(session.account)
        for name, place in names.places.items():
            self._watch(place.account)
            kept: dict[str, bytes] = {}
            if place.has("r") and NOTES in self._events(name, names):
                kept = await metadata.of_place(session, place)
            picture.known[name] = Known(place, kept)
        return picture

    def _events(self, name: str, names: Names | None = None) -> frozenset[bytes]:
        """What the client wants to know of a mailbox, by all groups (§6)."""
        if names is None:
            if self._picture is None:
                return frozenset()
            names = self._picture.names
        found: set[bytes] = set()
        for group in self._groups:
            if _means(group, name, names):
                found |= group.events
        return frozenset(found)

    def _is_selected(self, name: str) -> bool:
        session, picture = self._session, self._picture
        if not session.has_selected or picture is None:
            return False
        known = picture.known.get(name)
        selected = session.selected
        return known is not None and known.key == (
            selected.account.id,
            selected.mailbox_id,
        )

    # -- lines

    def _no_access(self, name: str) -> bytes:
        r"""LIST with \NoAccess for what may be seen but not read (§3.1)."""
        picture = self._picture
        if picture is None or picture.known[name].place.has("r"):
            return b""
        return b'* LIST (\\NoAccess) "/" %b\r\n' % self._session.name(name)

    async def _first_status(self, name: str, events: frozenset[bytes]) -> bytes:
        place = self._picture.known[name].place if self._picture else None
        if place is None or not place.mailbox.selectable or not place.has("r"):
            return b""
        items = [StatusItem.MESSAGES, StatusItem.UIDNEXT, StatusItem.UIDVALIDITY]
        if FLAGS in events:
            items.append(StatusItem.HIGHESTMODSEQ)
        return await Lines(self._session, items).of(place)

    async def _differences(
        self, old: Picture, new: Picture, own: frozenset[str]
    ) -> list[bytes]:
        lines = self._names_changed(old, new, own)
        for name, known in new.known.items():
            before = old.known.get(name)
            if before is None or before.key != known.key:
                continue
            events = self._events(name, new.names)
            if NOTES in events and name not in own:
                lines.extend(self._notes_changed(name, before.notes, known.notes))
            if NEW in events and not self._is_selected(name):
                items = self._news(before, known, events)
                if items:
                    lines.append(await Lines(self._session, items).of(known.place))
        if old.server_notes != new.server_notes and "" not in own:
            lines.extend(self._notes_changed("", old.server_notes, new.server_notes))
        return lines

    def _news(
        self, before: Known, now: Known, events: frozenset[bytes]
    ) -> list[StatusItem]:
        """What STATUS has to say of a mailbox that changed (§5.1 to §5.3)."""
        was, box = before.place.mailbox, now.place.mailbox
        if not box.selectable or not now.place.has("r"):
            return []
        condstore = self._session.enabled.mod_seqs
        items: list[StatusItem] = []
        if (was.exists, was.uid_next) != (box.exists, box.uid_next):
            items = [StatusItem.MESSAGES, StatusItem.UIDNEXT]
        elif FLAGS not in events or was.highest_mod_seq == box.highest_mod_seq:
            return []
        if FLAGS in events and (items or condstore or was.unseen != box.unseen):
            items += [StatusItem.UIDVALIDITY, StatusItem.UNSEEN]
        if items and condstore:
            items.append(StatusItem.HIGHESTMODSEQ)
        return items

    def _notes_changed(
        self, name: str, old: dict[str, bytes], new: dict[str, bytes]
    ) -> list[bytes]:
        changed = sorted(
            entry
            for entry in old.keys() | new.keys()
            if old.get(entry) != new.get(entry)
        )
        if not changed:
            return []
        told = self._session.name(name) if name else b'""'
        return [metadata.names_line(told, changed)]

    def _names_changed(
        self, old: Picture, new: Picture, own: frozenset[str]
    ) -> list[bytes]:
        """LIST for names that came, went or were subscribed (§5.4, §5.5)."""
        was, now = old.by_key(), new.by_key()
        affected: dict[str, str] = {}  # name: what it was called before
        for key in was.keys() | now.keys():
            before, after = was.get(key), now.get(key)
            if before == after:
                continue
            if before is None or after is None:
                name = after if before is None else before
                affected.setdefault(name or "", "")
                parent = (name or "").rpartition("/")[0]
                if parent in new.known:
                    affected.setdefault(parent, "")
            elif not _moved_with_parent(before, after, old, new):
                affected[after] = before
        lines = [
            self._list_line(name, new, before)
            for name, before in sorted(affected.items())
            if name not in own and self._wants(NAME, name, old, new)
        ]
        changed = old.names.subscribed ^ new.names.subscribed
        lines.extend(
            self._list_line(name, new, "")
            for name in sorted(changed - affected.keys())
            if name not in own and self._wants(SUBSCRIPTION, name, old, new)
        )
        return lines

    def _wants(self, event: bytes, name: str, old: Picture, new: Picture) -> bool:
        return event in self._events(name, new.names) | self._events(name, old.names)

    def _list_line(self, name: str, picture: Picture, before: str) -> bytes:
        tell = self._session.name
        attributes = picture.names.attributes(name, subscribed=True)
        more = b' ("OLDNAME" (%b))' % tell(before) if before else b""
        return b'* LIST (%b) "/" %b%b\r\n' % (attributes, tell(name), more)


def _moved_with_parent(before: str, after: str, old: Picture, new: Picture) -> bool:
    """Whether a mailbox has another name only because one above it has (§5.4)."""
    head, _, tail = before.rpartition("/")
    new_head, _, new_tail = after.rpartition("/")
    if not head or not new_head or tail != new_tail:
        return False
    upper, new_upper = old.known.get(head), new.known.get(new_head)
    return upper is not None and new_upper is not None and upper.key == new_upper.key


def _means(group: EventGroup, name: str, names: Names) -> bool:
    match group.which:
        case Watched.PERSONAL | Watched.INBOXES:
            # letters can be filed into any of one's mailboxes (§6.3)
            return not places.is_foreign(name)
        case Watched.SUBSCRIBED:
            return name in names.subscribed
        case Watched.SUBTREE:
            return any(
                name == root or name.startswith(f"{root}/") for root in group.names
            )
        case _:
            return name in group.names


def _named_by(event: commands.Command) -> frozenset[str]:
    """Names whose change the client itself has asked for (§5)."""
    match event:
        case commands.Rename():
            found = {event.mailbox, event.new_name}
        case (
            commands.Create()
            | commands.Delete()
            | commands.Subscribe()
            | commands.SetMetadata()
        ):
            found = {event.mailbox.removesuffix("/")}
        case _:
            return frozenset()
    return frozenset(found | {name.rpartition("/")[0] for name in found if name})
