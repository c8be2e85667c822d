"""A maildrop as one session sees it: fixed at login, whatever happens since."""

from __future__ import annotations

import re
from array import array
from typing import TYPE_CHECKING, Final

from pyeonji.base.errors import TemporaryError
from pyeonji.storage.content import StoredOctets
from pyeonji.storage.mailboxes import SEEN, Column, FlagChange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyeonji.base.ids import Uid
    from pyeonji.storage.mailboxes import AccountStore, Mailbox

ROWS_AT_ONCE: Final = 5000
"""Entries read, and lines listed, before others get their turn."""

CHUNK_OCTETS: Final = 64 * 1024

AHEAD_AT_ONCE: Final = 32
AHEAD_OCTETS: Final = 128 * 1024
"""Messages read along with the one that is asked for, and their octets."""

_HEADER_END: Final = re.compile(rb"\r?\n\r?\n")
_NO_HEADER: Final = re.compile(rb"\r?\n")


class LoggedInLately(TemporaryError):
    """The account logged in a shorter time ago than it may (RFC 2449 §6.5)."""


class Maildrop:
    """Message numbers, sizes, unique ids and marks. Numbers count from 1."""

    def __init__(
        self, account: AccountStore, inbox: Mailbox, release: Callable[[], None]
    ) -> None:
        self.account = account
        self.inbox = inbox
        self.release = release
        self._uids = array("I")
        self._sizes = array("Q")
        self._marked: set[int] = set()
        self._ahead: dict[int, StoredOctets] = {}  # read along, not asked for yet
        self._last = 0  # the message that was asked for last
        self._expire_before: int | None = None  # Unix seconds; None: nothing expires
        self._retrieved: set[int] = set()  # noted only where something expires

    @classmethod
    async def open(
        cls,
        account: AccountStore,
        *,
        now: float = 0.0,
        login_delay_s: float = 0.0,
        expire_before: int | None = None,
    ) -> Maildrop:
        """Lock it and read its uids and sizes.

        Args:
            account: whose INBOX it is.
            now: Unix seconds, where there is a delay.
            login_delay_s: the least time between two logins.
            expire_before: Unix seconds; what is older and was retrieved, in this
                session or another, is removed when the session ends by QUIT.

        Raises:
            MaildropLocked, LoggedInLately, StorageUnavailable: then it is not
                locked.
        """
        release = await account.lock_maildrop()
        try:
            if login_delay_s:
                await _not_lately(account, now, login_delay_s)
            maildrop = cls(account, await account.mailbox("INBOX"), release)
            maildrop._expire_before = expire_before
            await maildrop._read()
        except BaseException:
            release()
            raise
        return maildrop

    async def _read(self) -> None:
        uids = await self.account.uids(self.inbox.id)
        for start in range(0, len(uids), ROWS_AT_ONCE):
            part = uids[start : start + ROWS_AT_ONCE]
            found, sizes = await self.account.columns(
                self.inbox.id, [(part[0], part[-1])], (Column.UID, Column.SIZE)
            )
            self._uids.extend(found)
            self._sizes.extend(sizes)

    # -- looking

    def size(self, number: int) -> int | None:
        """Octets of a message; None: no such message, or it is marked."""
        if not 1 <= number <= len(self._uids) or number in self._marked:
            return None
        return self._sizes[number - 1]

    def unique_id(self, number: int) -> str | None:
        """The same for a message in every session, and for no other (§7)."""
        if self.size(number) is None:
            return None
        return f"{self.inbox.uid_validity}.{self._uids[number - 1]}"

    def stat(self) -> tuple[int, int]:
        """How many messages, and octets in all, without the marked ones."""
        octets = sum(self._sizes) - sum(self._sizes[n - 1] for n in self._marked)
        return len(self._uids) - len(self._marked), octets

    def listing(self, *, unique_ids: bool) -> Iterator[bytes]:
        """All lines of LIST or UIDL, some thousands at a time."""
        prefix = f"{self.inbox.uid_validity}."
        for start in range(0, len(self._uids), ROWS_AT_ONCE):
            numbers = range(start + 1, min(start + ROWS_AT_ONCE, len(self._uids)) + 1)
            if unique_ids:
                lines = [
                    f"{n} {prefix}{self._uids[n - 1]}\r\n"
                    for n in numbers
                    if n not in self._marked
                ]
            else:
                lines = [
                    f"{n} {self._sizes[n - 1]}\r\n"
                    for n in numbers
                    if n not in self._marked
                ]
            yield "".join(lines).encode()

    async def octets(self, number: int) -> StoredOctets | None:
        """A message; None when another session (IMAP) has removed it.

        Clients take one message after the other: from the second on, the next
        small ones are read along, and given when they are asked for.
        """
        if self._expire_before is not None:
            self._retrieved.add(number)
        if (ready := self._ahead.pop(number, None)) is not None:
            self._last = number
            return ready
        wanted = [number]
        if number == self._last + 1:
            wanted = self._next_small(number)
        self._last = number
        uids: list[Uid] = [self._uids[n - 1] for n in wanted]  # type: ignore[misc]
        found = dict(await self.account.octets(self.inbox.id, uids))
        self._ahead = {
            n: found[uid] for n, uid in zip(wanted, uids, strict=True) if uid in found
        }
        return self._ahead.pop(number, None)

    async def header(self, number: int) -> StoredOctets | None:
        """The header with its empty line; None as above. Reads no body."""
        uid = self._uids[number - 1]
        rows = await self.account.select(
            self.inbox.id,
            [(uid, uid)],
            (Column.HEADER,),
        )
        return StoredOctets(prefix=rows[0][0], body=b"") if rows else None

    def _next_small(self, number: int) -> list[int]:
        """This message and those after it that are read along."""
        wanted, octets = [number], 0
        for n in range(number + 1, min(number + AHEAD_AT_ONCE, len(self._uids) + 1)):
            octets += self._sizes[n - 1]
            if octets > AHEAD_OCTETS:
                break
            if n not in self._marked:
                wanted.append(n)
        return wanted

    # -- marking

    def mark(self, number: int) -> bool:
        """DELE: to be removed at QUIT; False: no such message."""
        if self.size(number) is None:
            return False
        self._marked.add(number)
        return True

    def unmark_all(self) -> None:
        """RSET."""
        self._marked.clear()

    async def remove_marked(self) -> None:
        """The UPDATE state; stable when this returns. Raises StorageUnavailable."""
        numbers = self._marked
        if self._expire_before is not None:
            numbers = numbers | await self._expired(self._expire_before)
        if numbers:
            uids: list[Uid] = [self._uids[n - 1] for n in sorted(numbers)]  # type: ignore[misc]
            await self.account.remove(self.inbox.id, uids)

    async def _expired(self, before: int) -> set[int]:
        r"""What was retrieved and is old enough (RFC 2449 §6.7).

        What is retrieved now becomes \Seen, so that later sessions know.
        """
        seen = [self._uids[n - 1] for n in sorted(self._retrieved - self._marked)]
        if seen:
            await self.account.store_flags(
                self.inbox.id,
                [(uid, uid) for uid in seen],
                FlagChange.ADD,
                SEEN,
            )
        expired = set()
        for start in range(0, len(self._uids), ROWS_AT_ONCE):
            part = self._uids[start : start + ROWS_AT_ONCE]
            rows = await self.account.select(
                self.inbox.id,
                [(part[0], part[-1])],
                (Column.UID, Column.FLAGS, Column.INTERNAL_DATE),
            )
            gone = {uid for uid, flags, date in rows if flags & SEEN and date < before}
            expired |= {start + n for n, uid in enumerate(part, 1) if uid in gone}
        return expired


async def _not_lately(account: AccountStore, now: float, delay_s: float) -> None:
    if not await account.note_maildrop_login(now, delay_s):
        raise LoggedInLately


def chunks(message: StoredOctets) -> Iterator[bytes]:
    """All octets of a message, in pieces."""
    if isinstance(message.body, bytes):
        yield message.prefix + message.body
        return
    yield message.prefix
    for start in range(0, len(message.body), CHUNK_OCTETS):
        yield message.body[start : start + CHUNK_OCTETS]


def top(message: StoredOctets, lines: int) -> Iterator[bytes]:
    """The header, the empty line, and the first lines of the body (§7 TOP)."""
    body = message.body
    if not len(body):
        yield message.prefix
        return
    found = _NO_HEADER.match(body) or _HEADER_END.search(body)
    end = found.end() if found else len(body)
    for _ in range(lines):
        line_end = body.find(b"\n", end)
        if line_end < 0:
            end = len(body)
            break
        end = line_end + 1
    yield message.prefix
    for start in range(0, end, CHUNK_OCTETS):
        yield body[start : min(start + CHUNK_OCTETS, end)]
