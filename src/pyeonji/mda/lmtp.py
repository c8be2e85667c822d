"""The LMTP door: letters handed over for delivery, an answer for each recipient.

250 means that the letter is in the mailbox, stable (RFC 2033 §4.2). There is
no queue between, so a full mailbox or a disk that fails is told at once, and
the client keeps the letter for that recipient.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import structlog

from pyeonji.base.errors import PermanentError, PyeonjiError
from pyeonji.base.limits import MAX_MESSAGE_OCTETS, MAX_RECIPIENTS
from pyeonji.mda.aliases import AliasLoops
from pyeonji.mda.deliver import DeliveryLoops, NoSuchRecipient
from pyeonji.message.prepare import prepare
from pyeonji.protocol.smtp import events
from pyeonji.protocol.smtp.options import Options
from pyeonji.protocol.smtp.replies import Reply
from pyeonji.protocol.smtp.server import ServerMachine
from pyeonji.protocol.smtp.words import Offer
from pyeonji.storage.content import opened
from pyeonji.storage.errors import OverQuota, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyeonji.base.clock import Clock
    from pyeonji.base.ids import LetterId
    from pyeonji.mda.aliases import Aliases
    from pyeonji.mda.deliver import Deliverer
    from pyeonji.message.prepare import Prepared
    from pyeonji.net.connection import Connection
    from pyeonji.storage.content import BlobFile, Content, Spool
    from pyeonji.storage.mailboxes import MailStore

TIMEOUT_S: Final = 300.0

OFFERS: Final = frozenset(
    {
        Offer.PIPELINING,
        Offer.SIZE,
        Offer.EIGHT_BIT_MIME,
        Offer.BINARYMIME,
        Offer.CHUNKING,
        Offer.SMTPUTF8,
        Offer.ENHANCED_STATUS_CODES,
        Offer.STARTTLS,
    }
)

REFUSALS: Final[dict[type[PyeonjiError], Reply]] = {
    OverQuota: Reply(452, "4.2.2", "mailbox full"),
    NoSuchRecipient: Reply(550, "5.1.1", "no such user here"),
    DeliveryLoops: Reply(554, "5.4.6", "this mailbox has had the letter"),
    StorageUnavailable: Reply(452, "4.3.1", "no storage just now"),
}
TEMPORARY: Final = Reply(451, "4.3.0", "not just now")
PERMANENT: Final = Reply(554, "5.3.0", "not possible")

log = structlog.get_logger("pyeonji.mda")


@dataclass(frozen=True, slots=True, kw_only=True)
class LmtpOptions:
    """What the door is told."""

    hostname: str
    max_message_octets: int = MAX_MESSAGE_OCTETS
    max_recipients: int = MAX_RECIPIENTS


@dataclass(slots=True)
class _Transaction:
    """What was accepted of the present transaction."""

    reverse_path: str
    recipients: list[str] = field(default_factory=list)
    spool: Spool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stations:
    """What an LMTP door works with; the same for all connections."""

    options: LmtpOptions
    aliases: Aliases
    deliverer: Deliverer
    store: MailStore
    clock: Clock
    new_letter_id: Callable[[], LetterId]
    new_spool: Callable[[], Spool]
    received: Callable[[ServerMachine, Connection, LetterId, str], bytes]
    """Writes the Received field for one recipient."""


def door(stations: Stations) -> Callable[[Connection], LmtpDoor]:
    """A maker of LMTP doors."""
    return lambda connection: LmtpDoor(connection, stations)


class LmtpDoor:
    """One LMTP connection."""

    def __init__(self, connection: Connection, stations: Stations) -> None:
        options = stations.options
        offers = OFFERS if connection.can_start_tls else OFFERS - {Offer.STARTTLS}
        self.machine = ServerMachine(
            Options(
                hostname=options.hostname,
                lmtp=True,
                max_message_octets=options.max_message_octets,
                max_recipients=options.max_recipients,
                offers=offers,
                banner="LMTP Pyeonji",
            ),
            tls=connection.tls is not None,
        )
        self._connection = connection
        self._stations = stations
        self._transaction = _Transaction("")
        connection.set_timeout(TIMEOUT_S)
        self.machine.greet()

    async def answer(self, event: events.Event) -> None:
        """Answer one event of the machine."""
        match event:
            case events.RecipientAsked(path=path):
                await self._recipient(path)
            case events.MailAsked(reverse_path=reverse_path):
                self._transaction = _Transaction(reverse_path)
                self.machine.accept()
            case events.LetterReceived(octets):
                await self._letter(octets)
            case events.BodyChunk(octets):
                self._keep(octets)
            case events.BodyEnded():
                await self._large_letter()
            case events.TransactionDropped():
                self._drop()
            case events.StartTlsAsked():
                self.machine.accept()
                await self._connection.start_tls()
                self.machine.tls_started()
            case _:
                self._inquiry(event)

    def _inquiry(self, event: events.Event) -> None:
        match event:
            case events.VerifyAsked():
                self.machine.reply(252, "2.5.2", "send some mail, I'll try my best")
            case events.ExpandAsked():
                self.machine.reply(502, "5.5.1", "no lists are expanded here")
            case events.HelloGiven() | events.VerboseAsked():
                self.machine.accept()
            case _:
                pass

    def timed_out(self) -> None:
        """Say goodbye to a silent client."""
        self.machine.shut_down("too long idle")

    def failed(self) -> None:
        """Say that something broke here."""
        self.machine.shut_down("internal error, try later")

    def shutting_down(self) -> None:
        """Say that the server stops."""
        self.machine.shut_down("shutting down")

    def lost(self) -> None:
        """Forget what was begun."""
        self._drop()

    # -- recipients

    async def _recipient(self, path: str) -> None:
        try:
            is_local = await self._stations.aliases.is_local(path)
            expansion = await self._stations.aliases.expand(path) if is_local else None
        except AliasLoops:
            self.machine.reply(550, "5.4.6", "this alias leads nowhere")
            return
        except PyeonjiError as error:
            self._refuse(error)
            return
        if expansion is None:
            self.machine.reply(550, "5.1.1", "no such user here")
        elif len(expansion.accounts) != 1 or expansion.remote:
            # one answer for each RCPT: a list would need several
            self.machine.reply(550, "5.1.4", "not one mailbox: send it by SMTP")
        else:
            self._transaction.recipients.append(expansion.accounts[0][0])
            self.machine.accept()

    def _refuse(self, error: PyeonjiError) -> None:
        reply = reply_to(error)
        self.machine.reply(reply.code, reply.enhanced, reply.text)

    # -- the letter

    def _keep(self, octets: bytes) -> None:
        transaction = self._transaction
        try:
            if transaction.spool is None:
                transaction.spool = self._stations.new_spool()
            transaction.spool.write(octets)
        except StorageUnavailable:
            self._drop()
            self.machine.fail_body(452, "4.3.1", "no storage just now")

    async def _large_letter(self) -> None:
        spool = self._transaction.spool
        try:
            content = b"" if spool is None else await spool.finish()
        except StorageUnavailable as error:
            self._drop()
            for _ in self._transaction.recipients:
                self.machine.reply_next(reply_to(error))
            return
        try:
            await self._letter(content)
        finally:
            self._drop()

    async def _letter(self, content: Content) -> None:
        """Deliver to all recipients, make it stable, answer for each.

        Each answer leaves as soon as it is known and those before it have left
        (RFC 2033 §5).
        """
        stations, transaction = self._stations, self._transaction
        if isinstance(content, bytes):
            prepared = prepare(content)
        else:
            prepared = await asyncio.to_thread(_prepare_file, content)
        letter_id = stations.new_letter_id()
        now = stations.clock.time()

        async def deliver(recipient: str) -> Reply:
            try:
                placed = await stations.deliverer.deliver(
                    delivery_id=f"{letter_id}:{recipient}",
                    recipient=recipient,
                    reverse_path=transaction.reverse_path,
                    content=content,
                    prefix=stations.received(
                        self.machine, self._connection, letter_id, recipient
                    ),
                    prepared=prepared,
                    received_at=now,
                )
                await stations.store.sync(placed.account_id)
            except PyeonjiError as error:
                log.info("lmtp.refused", letter=letter_id, recipient=recipient,
                         reason=str(error))  # fmt: skip
                return reply_to(error)
            log.info("lmtp.delivered", letter=letter_id, recipient=recipient)
            return Reply(250, "2.0.0", f"<{recipient}> delivered as {letter_id}")

        recipients = transaction.recipients
        if len(recipients) == 1:
            self.machine.reply_next(await deliver(recipients[0]))
            return
        # no TaskGroup: an answer may run outside any task (net.eager)
        tasks = [asyncio.ensure_future(deliver(each)) for each in recipients]
        try:
            for task in tasks:
                self.machine.reply_next(await task)
                self._connection.flush()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _drop(self) -> None:
        if self._transaction.spool is not None:
            self._transaction.spool.abort()
            self._transaction.spool = None


def _prepare_file(content: BlobFile) -> Prepared:
    with opened(content) as octets:
        return prepare(octets)


def reply_to(error: PyeonjiError) -> Reply:
    """The refusal that an error of delivery becomes."""
    found: Any = REFUSALS.get(type(error))
    if found is not None:
        return found  # type: ignore[no-any-return]
    return PERMANENT if isinstance(error, PermanentError) else TEMPORARY
