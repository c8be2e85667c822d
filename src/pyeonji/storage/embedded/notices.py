"""Who changed what: told to watchers here, and to the other worker processes.

Each worker has a datagram socket `run/w<N>.sock`. After a commit a line of JSON
goes to all others: ["mail", account, [mailboxes], list changed] or ["queue"].
Datagrams may be lost; so every second each watched account is compared with
what was told last, which costs microseconds where nothing happened.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING, Any, Final

import apsw
import msgspec

from pyeonji.base.ids import AccountId, MailboxId
from pyeonji.storage.embedded.sqlite import data_version, one

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pyeonji.storage.embedded.account import EmbeddedAccount

POLL_S: Final = 1.0
FLAGS_STABLE_S: Final = 0.5
MAX_DATAGRAM: Final = 8192
MAX_READ_AT_ONCE: Final = 200

_STATE: Final = "SELECT id, highest_mod_seq, notes FROM mailboxes"


class _Watched:
    """An account that is watched, and what its watchers know."""

    def __init__(self, account: EmbeddedAccount) -> None:
        self.account = account
        self.told: list[Callable[[frozenset[MailboxId]], None]] = []
        self.version = -1
        self.state: dict[int, tuple[int, int]] = {}
        self.list_changes = 0
        self.refresh()

    def refresh(self) -> tuple[set[int], bool]:
        """Mailboxes that changed since the last time, and whether the list did."""
        reader = self.account.file.reader
        reader.execute("BEGIN")  # version and state of one moment
        try:
            version = data_version(reader)
            if version == self.version:
                return set(), False
            self.version = version
            old, was = self.state, self.list_changes
            self.state = {row[0]: row[1:] for row in reader.execute(_STATE)}
            (self.list_changes,) = one(reader, "SELECT list_changes FROM account")
        finally:
            reader.execute("COMMIT")
        changed = {
            number
            for number, row in self.state.items()
            if number in old and row != old[number]
        }
        gone = old.keys() - self.state.keys()
        return changed | gone, self.list_changes != was

    def tell(self, mailboxes: frozenset[int]) -> None:
        ids = frozenset(map(MailboxId, mailboxes))
        for told in tuple(self.told):
            told(ids)


class Notices:
    """The notices of one process; `worker` None only sends (the command line)."""

    def __init__(
        self, run: Path, worker: int | None, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._run = run
        self._loop = loop
        self._own = f"w{worker}.sock"
        self._watched: dict[AccountId, _Watched] = {}
        self._pending: dict[AccountId, tuple[set[int], bool]] = {}
        self._sending = False
        self._unsynced: dict[AccountId, EmbeddedAccount] = {}
        self._peers: tuple[str, ...] = ()
        self._peers_at = -1.0
        self.on_queue: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._folder = os.open(run, os.O_RDONLY | os.O_DIRECTORY)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0)
        if worker is not None:
            with contextlib.suppress(FileNotFoundError):
                (run / self._own).unlink()
            self._socket.bind(self._address(self._own))
            loop.add_reader(self._socket.fileno(), self._receive)
        self._bound = worker is not None

    def _address(self, name: str) -> str:
        # a path in a socket address has at most 108 octets; ours may be longer
        return f"/proc/self/fd/{self._folder}/{name}"

    # -- watching

    def watch(
        self,
        account: EmbeddedAccount,
        told: Callable[[frozenset[MailboxId]], None],
    ) -> Callable[[], None]:
        """See AccountStore.watch."""
        watched = self._watched.get(account.id)
        if watched is None:
            watched = self._watched[account.id] = _Watched(account)
        watched.told.append(told)
        if self._timer is None:
            self._timer = self._loop.call_later(POLL_S, self._poll)

        def end() -> None:
            # what is known of the account is kept until the next look: mostly the
            # same client selects the next mailbox
            if told in watched.told:
                watched.told.remove(told)

        return end

    def _poll(self) -> None:
        self._timer = None
        for account_id, watched in tuple(self._watched.items()):
            if watched.told:
                self._look(watched)
            else:
                del self._watched[account_id]
        if self._watched:
            self._timer = self._loop.call_later(POLL_S, self._poll)

    def _look(self, watched: _Watched) -> None:
        try:
            changed, listed = watched.refresh()
        except apsw.Error:
            return  # looked at again in a second
        if changed:
            watched.tell(frozenset(changed))
        if listed:
            watched.tell(frozenset())

    # -- telling

    def announce(
        self,
        account_id: AccountId,
        mailboxes: frozenset[int],
        listed: bool,  # noqa: FBT001 - one caller, by position
    ) -> None:
        """A commit of this process changed an account (on the loop)."""
        watched = self._watched.get(account_id)
        if watched is not None:
            if mailboxes:
                watched.tell(mailboxes)
            if listed:
                watched.tell(frozenset())
        known, was_listed = self._pending.get(account_id, (set(), False))
        self._pending[account_id] = (known | mailboxes, was_listed or listed)
        if not self._sending:
            self._sending = True
            self._loop.call_soon(self._send_pending)

    def _send_pending(self) -> None:
        self._sending = False
        pending, self._pending = self._pending, {}
        peers = self._others()
        if not peers:
            return
        for account_id, (mailboxes, listed) in pending.items():
            self._send(["mail", account_id, sorted(mailboxes)[:500], listed], peers)

    def tell_queue(self) -> None:
        """The command line changed a queue."""
        self._send(["queue"], self._others())

    def _others(self) -> tuple[str, ...]:
        now = self._loop.time()
        if now - self._peers_at > POLL_S or self._peers_at < 0:
            self._peers_at = now
            names = os.listdir(self._run)  # noqa: PTH208 - names are wanted
            own = self._own if self._bound else ""
            self._peers = tuple(
                name for name in names if name.endswith(".sock") and name != own
            )
        return self._peers

    def _send(self, what: list[Any], peers: Iterable[str]) -> None:
        octets = msgspec.json.encode(what)
        for name in peers:
            # full, or nobody there: it will look by itself within a second
            with contextlib.suppress(OSError):
                self._socket.sendto(octets, self._address(name))

    def _receive(self) -> None:
        for _ in range(MAX_READ_AT_ONCE):
            try:
                octets = self._socket.recv(MAX_DATAGRAM)
            except OSError:
                return
            with contextlib.suppress(msgspec.DecodeError):
                self._received(msgspec.json.decode(octets))

    def _received(self, what: Any) -> None:
        match what:
            case ["mail", str(account_id), list(), bool()]:
                watched = self._watched.get(AccountId(account_id))
                if watched is not None:
                    self._look(watched)
            case ["queue"]:
                if self.on_queue is not None:
                    self.on_queue()
            case _:
                return

    # -- flags

    def sync_soon(self, account: EmbeddedAccount) -> None:
        """Make an account stable within a second."""
        if not self._unsynced:
            self._loop.call_later(FLAGS_STABLE_S, self._sync_all)
        self._unsynced[account.id] = account

    def _sync_all(self) -> None:
        accounts, self._unsynced = self._unsynced, {}
        for account in accounts.values():
            future = account.file.sync()
            if future is not None:
                future.add_done_callback(_seen)

    def close(self) -> None:
        """Stop telling and being told."""
        if self._timer is not None:
            self._timer.cancel()
        self._watched.clear()
        self._unsynced.clear()
        if self._bound:
            self._loop.remove_reader(self._socket.fileno())
            with contextlib.suppress(OSError):
                (self._run / self._own).unlink()
        self._socket.close()
        os.close(self._folder)


def _seen(future: asyncio.Future[Any]) -> None:
    """Nobody waits: a failed sync of flags is tried again with the next one."""
    if not future.cancelled():
        future.exception()
