"""Annotations that others change, told unasked after ENABLE METADATA (RFC 5464 §4.4).

What the client may take for known is kept, and compared with what there is when
storage says that something changed. It is told when a command is answered, and
at once in IDLE. Entries of the server come from the directory, which says
nothing: they are looked at with each command, and every two seconds in IDLE.
While NOTIFY rules (RFC 5465), that alone says what is told.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from pyeonji.mra.imap import metadata
from pyeonji.mra.imap.listing import names_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyeonji.base.ids import AccountId, MailboxId
    from pyeonji.mra.imap.places import Place
    from pyeonji.mra.imap.session import Session
    from pyeonji.storage.mailboxes import AccountStore

    Key = tuple[AccountId, MailboxId]
    Notes = dict[str, bytes]

MAX_WATCHED: Final = 2000
"""Mailboxes whose annotations one session keeps."""

POLL_S: Final = 2.0
"""How late news of the server's entries can be in IDLE."""


class TooMany(Exception):
    """More mailboxes than the server is willing to watch."""


class NotesWatch:
    """What one client knows of annotations. `begin` first, `close` at the end."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[Key, tuple[Place, Notes]] = {}
        self._of_server: Notes = {}
        self._everything = False  # the list of mailboxes changed
        self._changed: set[Key] = set()
        self._own: set[str] = set()  # entries that the client itself set
        self._ends: dict[AccountId, Callable[[], None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def begin(self) -> None:
        """The client knows everything as it is now.

        Raises:
            TooMany: mailboxes.
        """
        self._known = await self._look()
        self._of_server = await metadata.of_server(self._session)
        if len(self._known) > MAX_WATCHED:
            raise TooMany
        self._everything = False
        self._changed.clear()
        self._poll()

    @property
    def begun(self) -> bool:
        """Whether `begin` came to its end."""
        return self._timer is not None

    def close(self) -> None:
        """Watch no more."""
        for end in self._ends.values():
            end()
        self._ends.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- what happened

    def _watch(self, account: AccountStore) -> None:
        if account.id not in self._ends:
            told = partial(self._on_change, account.id)
            self._ends[account.id] = account.watch(told)

    def _on_change(self, account: AccountId, mailboxes: frozenset[MailboxId]) -> None:
        if mailboxes:
            self._changed.update((account, mailbox) for mailbox in mailboxes)
        else:
            self._everything = True
        self._wake()

    def _wake(self) -> None:
        session = self._session
        if session.idle_tag is not None and session.notifier is None:
            session.wake()

    def _poll(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(POLL_S, self._poll)
        self._wake()

    def own(self, place: Place | None, entries: Iterable[str]) -> None:
        """The client sets these itself; it needs not be told."""
        self._own.update(entries)
        if place is not None:
            self._changed.add((place.account.id, place.mailbox.id))

    @property
    def pending(self) -> bool:
        """Whether storage said that something changed."""
        return self._everything or bool(self._changed)

    # -- what is told

    async def tell(self) -> None:
        """METADATA responses with the names of entries that others changed."""
        lines: list[bytes] = []
        of_server = await metadata.of_server(self._session)
        lines += self._line(b'""', self._of_server, of_server)
        self._of_server = of_server
        if self.pending:
            everything, self._everything = self._everything, False
            changed, self._changed = self._changed, set()
            now = await self._look() if everything else await self._look_at(changed)
            for key, (place, notes) in now.items():
                before = self._known.get(key)
                if before is not None:
                    name = self._session.name(place.name)
                    lines += self._line(name, before[1], notes)
            self._known = now if everything else self._known | now
        self._own.clear()
        if lines and self._session.notifier is None:
            self._session.write(b"".join(lines))

    def _line(self, name: bytes, old: Notes, new: Notes) -> list[bytes]:
        if old == new:
            return []
        changed = {e for e in old.keys() | new.keys() if old.get(e) != new.get(e)}
        changed -= self._own
        return [metadata.names_line(name, sorted(changed))] if changed else []

    async def _look(self) -> dict[Key, tuple[Place, Notes]]:
        """All mailboxes that the client may read."""
        session = self._session
        self._watch(session.account)
        found: dict[Key, tuple[Place, Notes]] = {}
        names = await names_of(session, subscriptions=False)
        for place in names.places.values():
            self._watch(place.account)
            if place.has("r"):
                notes = await metadata.of_place(session, place)
                found[place.account.id, place.mailbox.id] = (place, notes)
        return found

    async def _look_at(self, keys: Iterable[Key]) -> dict[Key, tuple[Place, Notes]]:
        """Those of these that are known, as they are now."""
        found: dict[Key, tuple[Place, Notes]] = {}
        for key in keys:
            if key in self._known:
                place, _ = self._known[key]
                notes = await metadata.of_place(self._session, place)
                found[key] = (place, notes)
        return found
