"""One POP3 connection: each event of the machine gets its reply."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.base.clock import SystemClock
from pyeonji.base.errors import PermanentError, PyeonjiError
from pyeonji.mra.pop3.maildrop import LoggedInLately, Maildrop, chunks, top
from pyeonji.mra.surrogate import surrogate
from pyeonji.protocol.pop3 import commands
from pyeonji.protocol.pop3.server import Offer, ServerMachine
from pyeonji.protocol.pop3.texts import Text
from pyeonji.protocol.sasl.steps import Challenge
from pyeonji.storage.authentication import Admitted
from pyeonji.storage.errors import MaildropLocked, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyeonji.base.clock import Clock
    from pyeonji.net.connection import Connection
    from pyeonji.protocol.sasl.steps import Exchange
    from pyeonji.storage.authentication import Authenticator
    from pyeonji.storage.directory import Account, Directory
    from pyeonji.storage.mailboxes import AccountStore, MailStore

IDLE_TIMEOUT_S: Final = 600.0  # RFC 1939 §3: at least ten minutes

DRAIN_OCTETS: Final = 128 * 1024
"""Octets of messages that are answered before waiting for the client to read."""

DAY_S: Final = 86400

MAX_LOGINS: Final = 5
"""Failed or cancelled logins after which the session ends."""

log = structlog.get_logger("pyeonji.pop3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Settings of a POP3 listener."""

    hostname: str = "localhost"
    plaintext_auth: bool = False  # USER/PASS and the like without TLS
    login_timeout_s: float = 60.0  # from connecting to being logged in, in all
    apop: bool = False  # offer APOP: accounts may have a legacy secret
    login_delay_s: float = 0.0  # between two logins to one maildrop; 0: none
    expire_days: int | None = None  # retrieved letters go then; None: never


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What all POP3 doors of a listener share."""

    options: Options
    directory: Directory
    mail_store: MailStore
    authenticator: Authenticator
    clock: Clock


def door(
    options: Options,
    directory: Directory,
    mail_store: MailStore,
    authenticator: Authenticator,
    *,
    clock: Clock | None = None,
) -> Callable[[Connection], Pop3Door]:
    """A maker of POP3 doors."""
    house = House(
        options=options,
        directory=directory,
        mail_store=mail_store,
        authenticator=authenticator,
        clock=clock or SystemClock(),
    )
    return lambda connection: Pop3Door(house, connection)


class Pop3Door:
    """Answers one client."""

    __slots__ = (
        "_connection", "_exchange", "_gone", "_house", "_logins", "_maildrop",
        "_removing", "_timestamp", "_unsent", "machine",
    )  # fmt: skip

    def __init__(self, house: House, connection: Connection) -> None:
        self._house = house
        self._connection = connection
        self._maildrop: Maildrop | None = None
        self._exchange: Exchange | None = None
        self._logins = 0
        self._gone = False
        self._removing = False
        self._unsent = 0
        self._timestamp = ""
        if house.options.apop and house.authenticator.legacy:
            moment = f"{secrets.token_hex(8)}.{int(house.clock.time())}"
            self._timestamp = f"<{moment}@{house.options.hostname}>"
        self.machine = ServerMachine(self._offer())
        connection.set_deadline(house.options.login_timeout_s)
        connection.set_timeout(house.options.login_timeout_s)

    def _offer(self) -> Offer:
        connection = self._connection
        in_clear = connection.tls is None and not self._house.options.plaintext_auth
        mechanisms = self._house.authenticator.mechanisms(
            connection.tls, plaintext=self._house.options.plaintext_auth
        )
        return Offer(
            stls=connection.can_start_tls,
            user_pass=not in_clear,
            mechanisms=mechanisms,
            timestamp=self._timestamp,
            login_delay_s=ceil(self._house.options.login_delay_s),
            expire_days=self._house.options.expire_days,
        )

    async def answer(self, event: commands.Event) -> None:
        """Answer one event of the machine."""
        match event:
            case commands.RetrAsked(number=number):
                await self._retr(number)
            case commands.TopAsked(number=number, lines=lines):
                await self._retr(number, lines)
            case commands.DeleAsked(number=number):
                self._dele(number)
            case commands.StatAsked():
                self.machine.answer(b"%d %d" % self._drop.stat())
            case commands.ListAsked(number=number):
                await self._list(number, unique_ids=False)
            case commands.UidlAsked(number=number):
                await self._list(number, unique_ids=True)
            case commands.RsetAsked():
                self._drop.unmark_all()
                self.machine.ok(Text.UNMARKED)
            case commands.QuitAsked():
                await self._quit()
            case commands.StlsAsked():
                await self._stls()
            case _:
                await self._authenticate(event)

    def timed_out(self) -> None:
        """Nothing is removed and nothing is said (RFC 1939 §3)."""

    def failed(self) -> None:
        """Say that something broke here."""
        self._connection.write(b"-ERR [SYS/TEMP] internal error\r\n")

    def shutting_down(self) -> None:
        """Say that the server stops, where no reply is half sent."""
        self._connection.write(b"-ERR [SYS/TEMP] shutting down\r\n")

    def lost(self) -> None:
        """Give the maildrop back; marks are forgotten.

        What is being opened or removed at this moment is given back after it.
        """
        self._gone = True
        if self._exchange is not None:
            self._exchange.close()
            self._exchange = None
        if not self._removing:
            self._give_back()

    def _give_back(self) -> None:
        if self._maildrop is not None:
            self._maildrop.release()
            self._maildrop = None

    @property
    def _drop(self) -> Maildrop:
        if self._maildrop is None:
            raise RuntimeError("the state table lets nobody in without a maildrop")
        return self._maildrop

    # -- who it is

    async def _stls(self) -> None:
        if self.machine.start_tls():
            await self._connection.start_tls()
            self.machine.tls_started(self._offer())

    async def _authenticate(self, event: commands.Event) -> None:
        house, peer = self._house, self._connection.peer_address
        try:
            match event:
                case commands.LoginAsked(name=name, password=password):
                    account = await house.authenticator.check_password(
                        name, password, peer
                    )
                    await self._admit(account, name)
                case commands.ApopAsked(name=name, digest=digest):
                    account = await house.authenticator.check_digest(
                        name, digest.encode(), self._apop_digest, peer
                    )
                    await self._admit(account, name)
                case commands.AuthAsked():
                    self._exchange = house.authenticator.begin(
                        event.mechanism,
                        self._connection.tls,
                        nonce=secrets.token_bytes(18),
                        hostname=house.options.hostname,
                        initial=event.initial_response,
                    )
                    await self._step(None)
                case commands.AuthAnswered(octets=octets):
                    await self._step(octets)
                case commands.AuthCancelled(malformed=malformed):
                    self._exchange = None
                    self.machine.err(
                        Text.AUTH_MALFORMED if malformed else Text.AUTH_CANCELLED
                    )
                    self._count_attempt()
                case _:
                    self.machine.err(Text.NOT_NOW)
        except StorageUnavailable as error:
            log.error("pop3.storage", connection=self._connection.id, reason=str(error))  # noqa: TRY400 - the trace says nothing more
            self.machine.err(Text.TRY_LATER, code="SYS/TEMP")

    def _apop_digest(self, secret: str) -> bytes:
        """RFC 1939 §7: MD5 over the timestamp and the secret."""
        octets = (self._timestamp + secret).encode()
        return hashlib.md5(octets, usedforsecurity=False).hexdigest().encode()

    async def _step(self, response: bytes | None) -> None:
        if self._exchange is None:
            self.machine.err(Text.NOT_NOW)
            return
        outcome = await self._house.authenticator.step(
            self._exchange, response, self._connection.peer_address
        )
        if isinstance(outcome, Challenge):
            self.machine.challenge(outcome.octets)
            return
        self._exchange = None
        account = outcome.account if isinstance(outcome, Admitted) else None
        await self._admit(account, outcome.authcid)

    async def _admit(self, account: Account | None, name: str) -> None:
        if account is None:
            log.info(
                "pop3.refused",
                connection=self._connection.id,
                peer=self._connection.peer_address,
                user=name[:200],
            )
            self.machine.err(Text.BAD_CREDENTIALS, code="AUTH")  # RFC 3206 §5
            self._count_attempt()
            return
        try:
            store = await self._house.mail_store.account(account.id)
            self._maildrop = await self._open(store)
        except MaildropLocked:
            self.machine.err(Text.MAILDROP_BUSY, code="IN-USE")  # RFC 2449 §8.1.2
            return
        except LoggedInLately:
            self.machine.err(Text.TOO_SOON, code="LOGIN-DELAY")  # RFC 2449 §8.1.1
            return
        if self._gone:  # the client left while the maildrop was being opened
            self._give_back()
            return
        self._connection.set_deadline(None)
        self._connection.set_timeout(IDLE_TIMEOUT_S)
        log.info("pop3.login", connection=self._connection.id, account=account.address)
        self.machine.ok(Text.WELCOME)

    def _count_attempt(self) -> None:
        self._logins += 1
        if self._logins >= MAX_LOGINS:
            self.machine.close()

    async def _open(self, store: AccountStore) -> Maildrop:
        options, now = self._house.options, self._house.clock.time()
        days = options.expire_days
        return await Maildrop.open(
            store,
            now=now,
            login_delay_s=options.login_delay_s,
            expire_before=None if days is None else int(now) - days * DAY_S,
        )

    # -- the maildrop

    async def _list(self, number: int | None, *, unique_ids: bool) -> None:
        drop, machine = self._drop, self.machine
        if number is not None:
            fact = drop.unique_id(number) if unique_ids else drop.size(number)
            if fact is None:
                machine.err(Text.NO_SUCH_MESSAGE)
            else:
                machine.answer(f"{number} {fact}".encode())
            return
        machine.begin(Text.LISTING)
        for lines in drop.listing(unique_ids=unique_ids):
            machine.lines(lines)
            await self._connection.drain()
        machine.end()

    async def _retr(self, number: int, lines: int | None = None) -> None:
        drop, machine = self._drop, self.machine
        if drop.size(number) is None:
            machine.err(Text.NO_SUCH_MESSAGE)
            return
        try:
            # the header alone is kept apart: no body is read for it
            message = await (drop.header(number) if lines == 0 else drop.octets(number))
        except PyeonjiError as error:
            self._failed_here(error, Text.TRY_LATER)
            return
        if message is None:
            machine.err(Text.MESSAGE_GONE, code="SYS/TEMP")
            return
        if not machine.utf8:
            message = surrogate(message)
        pieces: Iterator[bytes] = (
            chunks(message) if lines is None else top(message, lines)
        )
        machine.begin(Text.MESSAGE)
        for piece in pieces:
            machine.body(piece)
            self._unsent += len(piece)
            if self._unsent >= DRAIN_OCTETS:
                self._unsent = 0
                await self._connection.drain()
        machine.end()

    def _failed_here(self, error: PyeonjiError, text: Text) -> None:
        """Say whether it is worth while to come again (RFC 3206 §4)."""
        log.error("pop3.storage", connection=self._connection.id, reason=str(error))
        permanent = isinstance(error, PermanentError)
        self.machine.err(text, code="SYS/PERM" if permanent else "SYS/TEMP")

    def _dele(self, number: int) -> None:
        if self._drop.mark(number):
            self.machine.ok(Text.MARKED)
        else:
            self.machine.err(Text.NO_SUCH_MESSAGE)

    async def _quit(self) -> None:
        """The UPDATE state (RFC 1939 §6): remove, unlock, say goodbye."""
        drop = self._drop
        self._removing = True
        try:
            await drop.remove_marked()
        except PyeonjiError as error:
            self._failed_here(error, Text.NOT_REMOVED)
        else:
            self.machine.ok(Text.BYE)
        finally:
            self._removing = False
            self._give_back()
