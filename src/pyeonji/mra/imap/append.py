"""APPEND (RFC 3501 §6.3.11): a message streams in and is kept, or nothing is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from pyeonji.base.limits import SMALL_BLOB_OCTETS
from pyeonji.mra.imap.copy import target_of
from pyeonji.mra.imap.flags import BadFlags, split
from pyeonji.storage.errors import OverQuota, StorageUnavailable
from pyeonji.storage.mailboxes import NewMessage

if TYPE_CHECKING:
    from pyeonji.base.ids import MailboxId, UidValidity
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands
    from pyeonji.storage.content import Content, Spool

IN_A_THREAD_OCTETS: Final = 1024 * 1024
"""From this size on, reading a message's structure would hold others up."""


class Appending:
    """A message on its way in."""

    __slots__ = (
        "_chunks", "_spool", "broken", "flags", "internal_date", "keywords",
        "mailbox_id", "nul", "tag", "uid_validity",
    )  # fmt: skip

    def __init__(
        self,
        *,
        tag: bytes,
        mailbox_id: MailboxId,
        uid_validity: UidValidity,
        flags: int,
        keywords: str,
        internal_date: int,
        spool: Spool | None,
    ) -> None:
        self.tag = tag
        self.mailbox_id = mailbox_id
        self.uid_validity = uid_validity
        self.flags = flags
        self.keywords = keywords
        self.internal_date = internal_date
        self.broken = False  # the disk refused it
        self.nul = False
        self._chunks: list[bytes] = []
        self._spool = spool  # None for a small message

    def write(self, octets: bytes) -> None:
        """Take octets of it."""
        if self.broken or self.nul:
            return
        if b"\0" in octets:
            self.nul = True
        elif self._spool is None:
            self._chunks.append(octets)
        else:
            try:
                self._spool.write(octets)
            except StorageUnavailable:
                self.broken = True

    async def finish(self) -> Content:
        """All of it."""
        if self._spool is None:
            return b"".join(self._chunks)
        return await self._spool.finish()

    def abort(self) -> None:
        """Forget it; harmless when it was kept."""
        self._chunks.clear()
        if self._spool is not None:
            self._spool.abort()


async def append(session: Session, command: commands.Append) -> None:
    """Decide whether the message may come."""
    session.append_tag = command.tag
    try:
        refusal = await _begin(session, command)
    except BaseException:
        session.machine.refuse_message()
        raise
    if refusal is None:
        session.machine.accept_message()
        return
    session.machine.refuse_message()
    await session.no(command.tag, *refusal)


async def _begin(
    session: Session, command: commands.Append
) -> tuple[str, bytes] | None:
    """Make ready, or say why not (text and code)."""
    try:
        bits, keywords = split(command.flags)
    except BadFlags as error:
        return str(error), b"CANNOT"
    if not command.size_octets:
        return "An empty message is none.", b"CANNOT"
    mailbox = await target_of(session, command.mailbox)
    if mailbox is None:
        return "No such mailbox.", b"TRYCREATE"
    quota = session.quota_octets
    if quota is not None:
        used = (await session.account.usage()).octets
        if used + command.size_octets > quota:
            raise OverQuota(used=used, limit=quota)
    house = session.house
    is_large = command.size_octets > SMALL_BLOB_OCTETS
    session.appending = Appending(
        tag=command.tag,
        mailbox_id=mailbox.id,
        uid_validity=mailbox.uid_validity,
        flags=bits,
        keywords=" ".join(keywords),
        internal_date=int(house.clock.time())
        if command.internal_date is None
        else command.internal_date,
        spool=house.spool() if is_large else None,
    )
    return None


async def message_chunk(session: Session, event: commands.MessageChunk) -> None:
    """Take octets of the message."""
    if session.appending is not None:
        session.appending.write(event.octets)


async def append_ended(session: Session, event: commands.AppendEnded) -> None:  # noqa: ARG001 - a row of HANDLERS
    """The message is whole: keep it. Said OK only when it is stable."""
    appending = session.appending
    if appending is None:
        return
    if appending.nul:
        _drop(session)
        await session.no(appending.tag, "NUL octets are not allowed.", b"CANNOT")
        return
    if appending.broken:
        _drop(session)
        raise StorageUnavailable("spool")
    try:
        uid = await _keep(session, appending)
    finally:
        _drop(session)
    await session.updates()
    session.tagged(
        appending.tag,
        b"OK",
        "Kept.",
        b"APPENDUID %d %d" % (appending.uid_validity, uid),
    )


async def _keep(session: Session, appending: Appending) -> int:
    content = await appending.finish()
    prepare = session.house.prepare
    if isinstance(content, bytes) and len(content) < IN_A_THREAD_OCTETS:
        prepared = prepare(content)
    else:
        prepared = await asyncio.get_running_loop().run_in_executor(
            None, prepare, content
        )
    message = NewMessage(
        content=content,
        prepared=prepared,
        flags=appending.flags,
        keywords=appending.keywords,
        internal_date=appending.internal_date,
    )
    (uid,) = await session.account.append(
        appending.mailbox_id, [message], quota_octets=session.quota_octets
    )
    return uid


def _drop(session: Session) -> None:
    """Nothing is under way any more."""
    if session.appending is not None:
        session.appending.abort()
        session.appending = None
