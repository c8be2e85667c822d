"""Messages on their way in: what one APPEND or REPLACE has brought so far."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyeonji.base.limits import SMALL_BLOB_OCTETS
from pyeonji.message.convert import to_seven_bit
from pyeonji.storage.content import BlobFile, opened
from pyeonji.storage.entries import NewMessage
from pyeonji.storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyeonji.base.ids import MailboxId, Uid, UidValidity
    from pyeonji.message.prepare import Prepared
    from pyeonji.storage.content import Content, Spool
    from pyeonji.storage.entries import Quota
    from pyeonji.storage.mailboxes import AccountStore

IN_A_THREAD_OCTETS: Final = 1024 * 1024
"""From this size on, reading a message's structure would hold others up."""

MAX_HELD_OCTETS: Final = 16 * 1024 * 1024
"""Small messages of one command together; they are in memory until it ends."""

MAX_BINARY_OCTETS: Final = 32 * 1024 * 1024
"""A message with NUL octets, which is coded as a whole."""


class Unkeepable(Exception):
    """A message that cannot be taken; the text and code say why."""

    def __init__(self, text: str, code: bytes = b"CANNOT") -> None:
        super().__init__(text)
        self.code = code


class Incoming:
    """One message on its way in."""

    __slots__ = (
        "_chunks", "_spool", "binary", "broken", "flags",
        "internal_date", "keywords", "nul", "octets",
    )  # fmt: skip

    def __init__(
        self,
        *,
        flags: int,
        keywords: str,
        internal_date: int,
        binary: bool,
        spool: Spool | None,
    ) -> None:
        self.flags = flags
        self.keywords = keywords
        self.internal_date = internal_date
        self.binary = binary  # NUL may be in it (RFC 3516 §4.4)
        self.octets = 0
        self.broken = False  # the disk refused it
        self.nul = False
        self._chunks: list[bytes] = []
        self._spool = spool  # None for a small message

    def write(self, octets: bytes) -> None:
        """Take octets of it."""
        self.octets += len(octets)
        if not self.nul and b"\0" in octets:
            self.nul = True
        if self.broken or (self.nul and not self.binary):
            return
        if self._spool is None:
            self._chunks.append(octets)
            return
        try:
            self._spool.write(octets)
        except StorageUnavailable:
            self.broken = True

    def check(self) -> None:
        """See whether what came can be a message. Raises Unkeepable and others."""
        if self.broken:
            raise StorageUnavailable("spool")
        if not self.octets:
            raise Unkeepable("An empty message is none.")
        if self.nul and not self.binary:
            raise Unkeepable("NUL octets are not allowed.")
        if self.nul and self.octets > MAX_BINARY_OCTETS:
            raise Unkeepable("Too large for binary.", b"TOOBIG")

    async def finish(
        self,
        prepare: Callable[[Content], Prepared],
        spool: Callable[[], Spool],
    ) -> NewMessage:
        """All of it, ready to be kept.

        Raises:
            Unkeepable, StorageUnavailable.
        """
        if self._spool is None:
            content: Content = b"".join(self._chunks)
        else:
            content = await self._spool.finish()
        if self.nul:
            content = await self._coded(content, spool)
        if isinstance(content, bytes) and len(content) < IN_A_THREAD_OCTETS:
            prepared = prepare(content)
        else:
            loop = asyncio.get_running_loop()
            prepared = await loop.run_in_executor(None, prepare, content)
        return NewMessage(
            content=content,
            prepared=prepared,
            flags=self.flags,
            keywords=self.keywords,
            internal_date=self.internal_date,
        )

    async def _coded(self, content: Content, spool: Callable[[], Spool]) -> Content:
        """The message with NUL octets put into a transfer encoding.

        What FETCH BODY and BODYSTRUCTURE show must be free of NUL and agree
        with each other (RFC 3516 §6); BINARY gives the octets as they came.
        """

        def convert() -> bytes:
            with opened(content) as octets:
                return to_seven_bit(octets[:]).octets

        coded = await asyncio.get_running_loop().run_in_executor(None, convert)
        if b"\0" in coded:
            raise Unkeepable("Signed or unknown binary parts.", b"UNKNOWN-CTE")
        if isinstance(content, BlobFile) and self._spool is not None:
            self._spool.abort()
        if len(coded) <= SMALL_BLOB_OCTETS:
            self._spool = None
            return coded
        self._spool = spool()
        self._spool.write(coded)
        return await self._spool.finish()

    def abort(self) -> None:
        """Forget it; harmless when it was kept."""
        self._chunks.clear()
        if self._spool is not None:
            self._spool.abort()


@dataclass(slots=True, kw_only=True)
class Appending:
    """What one command brings."""

    tag: bytes
    account: AccountStore
    mailbox_id: MailboxId
    uid_validity: UidValidity
    rights: str  # of the user in the mailbox
    quota: Quota  # of its owner
    replaced: Uid | None = None
    replaced_octets: int = 0
    catenating: bool = False
    room: int | None = None  # octets that the quota leaves, None for all
    messages: list[Incoming] = field(default_factory=list)

    @property
    def octets(self) -> int:
        """Octets of all messages so far."""
        return sum(message.octets for message in self.messages)

    def write(self, octets: bytes) -> None:
        """Take octets of the last message."""
        self.messages[-1].write(octets)

    def abort(self) -> None:
        """Forget them; harmless when they were kept."""
        for message in self.messages:
            message.abort()
