"""What one connection knows, and the ways in which every command ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyeonji.mra.imap import places
from pyeonji.mra.imap.enabled import Enabled
from pyeonji.mra.imap.kept_threads import KeptThreads
from pyeonji.mra.imap.unanswered import Unanswered
from pyeonji.protocol.imap import responses
from pyeonji.protocol.imap.server import ServerMachine
from pyeonji.protocol.imap.states import Step

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from pyeonji.base.clock import Clock
    from pyeonji.base.ids import MailboxId
    from pyeonji.message.prepare import Prepared
    from pyeonji.mra.imap.incoming import Appending
    from pyeonji.mra.imap.notes_watch import NotesWatch
    from pyeonji.mra.imap.notifier import Notifier
    from pyeonji.mra.imap.options import Options
    from pyeonji.mra.imap.selected import Selected
    from pyeonji.net.connection import Connection
    from pyeonji.protocol.sasl.steps import Exchange
    from pyeonji.storage.authentication import Authenticator
    from pyeonji.storage.content import Content, Spool
    from pyeonji.storage.directory import Account, Directory
    from pyeonji.storage.mailboxes import AccountStore, MailStore, Quota


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What all IMAP sessions of a process share."""

    options: Options
    directory: Directory
    mail_store: MailStore
    authenticator: Authenticator
    clock: Clock
    nonce: Callable[[], bytes]
    spool: Callable[[], Spool]
    prepare: Callable[[Content], Prepared]
    threads: KeptThreads = field(default_factory=KeptThreads)


class Session:
    """One client's conversation, as far as the machine does not know it."""

    __slots__ = (
        "_account", "_end_watch", "_selected", "answering", "append_tag", "appending",
        "bad_commands", "connection", "enabled", "exchange", "house", "hushed",
        "idle_tag",
        "login_attempts", "machine", "notes", "notifier", "refreshing", "sasl_tag",
        "unanswered", "user", "wake",
    )  # fmt: skip

    def __init__(self, house: House, connection: Connection) -> None:
        self.house: Final = house
        self.connection: Final = connection
        self.machine: Final = ServerMachine(message_octets=house.options.message_octets)
        self.user: Account | None = None
        self.enabled: Final = Enabled()
        self.bad_commands = 0
        self.login_attempts = 0
        self.exchange: Exchange | None = None
        self.sasl_tag = b""
        self.append_tag = b"*"
        self.idle_tag: bytes | None = None
        self.appending: Appending | None = None
        self.unanswered: Final = Unanswered(self)
        self.refreshing: asyncio.Task[None] | None = None
        self.wake: Callable[[], None] = lambda: None  # something changed during IDLE
        self.notifier: Notifier | None = None  # after NOTIFY SET
        self.notes: NotesWatch | None = None  # after ENABLE METADATA
        self.answering = False  # a command is under way
        self.hushed = False  # news of messages are not wanted (RFC 5465 §3.1)
        self._account: AccountStore | None = None
        self._selected: Selected | None = None
        self._end_watch: Callable[[], None] | None = None

    # -- whose session it is

    @property
    def account(self) -> AccountStore:
        """The user's own mailboxes; only asked after login.

        The selected mailbox may belong to another account: what is done with
        it is done on `selected.account`.
        """
        if self._account is None:
            raise RuntimeError("not logged in")
        return self._account

    @property
    def selected(self) -> Selected:
        """The selected mailbox; only asked in that state."""
        if self._selected is None:
            raise RuntimeError("no mailbox selected")
        return self._selected

    @property
    def has_selected(self) -> bool:
        """Whether a mailbox is selected."""
        return self._selected is not None

    @property
    def quota(self) -> Quota | None:
        """What the account may hold."""
        return self.user.quota if self.user is not None else None

    @property
    def quota_octets(self) -> int | None:
        """What the account may hold, None for all."""
        return self.user.quota_octets if self.user is not None else None

    async def log_in(self, user: Account) -> None:
        """The client has proved who it is."""
        self._account = await self.house.mail_store.account(user.id)
        self.user = user
        self.bad_commands = 0
        self.machine.advance(Step.AUTHENTICATED)
        self.connection.set_deadline(None)
        self.connection.set_timeout(self.house.options.idle_timeout_s)

    def select(self, selected: Selected) -> None:
        """A mailbox is selected from now on."""
        self._stop_watching()
        self._selected = selected
        self._end_watch = selected.account.watch(self._told)
        self.machine.advance(Step.SELECTED)

    def unselect(self) -> None:
        """No mailbox is selected any more."""
        self._stop_watching()
        self._selected = None
        self.machine.advance(Step.UNSELECTED)

    def unauthenticate(self) -> None:
        """Nobody is logged in any more; all but TLS is as at first (RFC 8437 §3)."""
        self._stop_watching()
        self._stop_telling()
        self._selected = None
        self._account = None
        self.user = None
        self.enabled.clear()
        self.machine.utf8 = False
        self.login_attempts = 0
        self.machine.advance(Step.UNAUTHENTICATED)
        self.connection.set_deadline(self.house.options.login_timeout_s)
        self.connection.set_timeout(self.house.options.login_timeout_s)

    def end(self) -> None:
        """The connection is gone."""
        self._stop_watching()
        self._stop_telling()
        if self.appending is not None:
            self.appending.abort()
            self.appending = None
        self.unanswered.stop()
        if self.exchange is not None:
            self.exchange.close()
            self.exchange = None
        if self.refreshing is not None:
            self.refreshing.cancel()
        self._selected = None

    def _stop_telling(self) -> None:
        """Neither NOTIFY nor ENABLE METADATA hold any longer."""
        self.stop_notifying()
        if self.notes is not None:
            self.notes.close()
            self.notes = None

    def stop_notifying(self) -> None:
        """As NOTIFY NONE."""
        if self.notifier is not None:
            self.notifier.close()
            self.notifier = None
            self.hushed = False
            if self._selected is not None:
                self._selected.tells_flags = True

    def _stop_watching(self) -> None:
        if self._end_watch is not None:
            self._end_watch()
            self._end_watch = None

    def _told(self, mailboxes: frozenset[MailboxId]) -> None:
        selected = self._selected
        if selected is not None and selected.mailbox_id in mailboxes:
            selected.dirty = True
            if self.notifier is not None:
                self.notifier.selected_changed()
            elif self.idle_tag is not None:
                self.wake()

    # -- answers

    def name(self, name: str) -> bytes:
        """A mailbox's name as this client reads it (RFC 9051 §5.1)."""
        if self.enabled.utf8:
            return responses.utf8_mailbox(name)
        return responses.mailbox(name)

    def write(self, octets: bytes) -> None:
        """Queue a response."""
        self.connection.write(octets)

    def tagged(self, tag: bytes, status: bytes, text: str, code: bytes = b"") -> None:
        """A tagged status response, without a look at what else happened."""
        self.connection.write(responses.tagged(tag, status, text, code))

    async def updates(
        self, *, expunges: bool = True, only_if_dirty: bool = False
    ) -> None:
        """Tell what happened in the selected mailbox since the last time.

        And what others did to annotations, if the client wants to know.
        """
        if self.notes is not None:
            await self.notes.tell()
        selected = self._selected
        if selected is None or self.hushed:
            return
        if only_if_dirty and not (
            selected.dirty
            or selected.told
            or selected.contexts.touched
            or (expunges and selected.vanished)
        ):
            self.tell_mod_seq()
            return
        await places.recheck(self)
        await selected.refresh(self.connection.write, expunges=expunges)
        self.tell_mod_seq()

    def tell_mod_seq(self) -> None:
        """HIGHESTMODSEQ, where the client could not reckon it itself."""
        if self.enabled.resync and self._selected is not None:
            line = self._selected.mod_seq_line()
            if line:
                self.connection.write(line)

    def enable_condstore(self) -> None:
        """A CONDSTORE enabling command came (RFC 7162 §3.1)."""
        if b"CONDSTORE" in self.enabled:
            return
        self.enabled.add(b"CONDSTORE")
        if self._selected is not None:
            self.connection.write(
                b"* OK [HIGHESTMODSEQ %d] Noted.\r\n" % self._selected.synced
            )

    async def ok(self, tag: bytes, text: str, code: bytes = b"") -> None:
        """End a command well, after whatever else there is to tell."""
        await self.updates()
        self.tagged(tag, b"OK", text, code)

    async def no(self, tag: bytes, text: str, code: bytes = b"") -> None:
        """End a command that cannot be done."""
        await self.updates()
        self.tagged(tag, b"NO", text, code)

    def bye(self, text: str, code: bytes = b"") -> None:
        """Say that this is the end; nothing is read after it."""
        self.write(responses.tagged(b"*", b"BYE", text, code))
        self.machine.close()

    def mailbox_gone(self) -> None:
        """The selected mailbox was deleted by another session (RFC 2180 §3.3)."""
        self.bye("The selected mailbox was deleted.", b"UNAVAILABLE")
