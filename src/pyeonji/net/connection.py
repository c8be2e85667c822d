"""One accepted connection: a machine, the door that answers it, a transport.

Octets that arrive go into the machine; each event that comes out is answered
by the door; what the machine then has to say is sent in one write. Answers
that don't wait run right here (`net.eager`), the others become a task, and the
peer's further octets wait meanwhile (at most MAX_BACKLOG_OCTETS, then reading
stops). Events are answered one at a time, in order; a peer that says much at once
lets others have their turn, and one that does not read its answers gets no more.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog

from pyeonji.net.compression import BadDeflate, Deflate
from pyeonji.net.eager import run_eagerly
from pyeonji.net.errors import TlsFailed, Unreachable
from pyeonji.net.tls import HANDSHAKE_TIMEOUT_S, TlsFacts, facts_of
from pyeonji.protocol.machine import CLOSED, MORE, PAUSED, Machine, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyeonji.net.accounts import AccountConnections

MAX_BACKLOG_OCTETS: Final = 256 * 1024
"""Octets taken from a peer while an answer to it is being made."""

MAX_UNSENT_OCTETS: Final = 256 * 1024
"""Octets the transport may hold before `drain` waits for the peer."""

MAX_TURN_EVENTS: Final = 64
"""Events of one peer that are answered before others get their turn."""

MAX_INFLATED_OCTETS: Final = 256 * 1024
"""Octets inflated from a compressed connection before others get their turn."""

PROGRESS_OCTETS: Final = 4096
"""Octets without a line end that count as having said something.

A letter may come slowly; but who sends an octet now and then keeps no
connection open with it.
"""

CLOSING_GRACE_S: Final = 10.0
"""Time that a peer has to take our last words."""

TIMED_OUT_GRACE_S: Final = 1.0
"""The same for one who was too late: it may go on talking, and cost time."""

log = structlog.get_logger("pyeonji.net")


class Door(Protocol):
    """What answers one connection; made anew for each."""

    @property
    def machine(self) -> Machine:
        """What the octets go into; may change when roles turn."""

    async def answer(self, event: Any) -> None:
        """Answer one event of the machine."""

    def timed_out(self) -> None:
        """Say goodbye to a peer that was silent too long; then it is closed."""

    def failed(self) -> None:
        """Say that something broke here; then it is closed."""

    def shutting_down(self) -> None:
        """Say goodbye because the server stops; then it is closed."""

    def lost(self) -> None:
        """The connection is gone: end watches, give up what was begun."""


class Connection(asyncio.Protocol):
    """The transport's side of a door."""

    __slots__ = (
        "_account",
        "_accounts",
        "_answering",
        "_backlog",
        "_closing",
        "_deadline",
        "_deflate",
        "_door",
        "_drained",
        "_dripped",
        "_early",
        "_eof",
        "_half_ended",
        "_inflated",
        "_last_heard",
        "_loop",
        "_make_door",
        "_on_end",
        "_out",
        "_said_peer",
        "_timeout_s",
        "_timer",
        "_tls_context",
        "_transport",
        "_turn",
        "_writable",
        "id",
        "local_port",
        "network",
        "peer_address",
        "peer_port",
        "tls",
    )  # fmt: skip

    def __init__(
        self,
        make_door: Callable[[Connection], Door],
        *,
        connection_id: str,
        loop: asyncio.AbstractEventLoop,
        tls_context: ssl.SSLContext | None = None,
        on_end: Callable[[Connection], None] = lambda _: None,
        peer: tuple[str, int] | None = None,
        accounts: AccountConnections | None = None,
    ) -> None:
        """Nothing is sent before the transport is there.

        Args:
            make_door: makes what answers.
            connection_id: for logs.
            loop: the running one.
            tls_context: for STARTTLS.
            on_end: told when it is over.
            peer: who it is, where the transport knows only a proxy.
            accounts: counts connections of accounts; None: nobody does.
        """
        self._accounts = accounts
        self._account: str | None = None
        self._said_peer = peer
        self.id = connection_id
        self.peer_address = ""
        self.peer_port = 0
        self.network: str | None = None  # what the listener counts it by
        self.local_port = 0
        self.tls: TlsFacts | None = None
        self._make_door = make_door
        self._loop = loop
        self._tls_context = tls_context
        self._on_end = on_end
        self._door: Door | None = None
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self._answering: asyncio.Task[None] | None = None
        self._backlog = 0
        self._early: list[bytes] | None = None
        self._dripped = 0  # octets since the peer last said something
        self._half_ended = False  # the last octet was a CR
        self._deflate: Deflate | None = None
        self._inflated = 0  # octets, in this turn
        self._eof = False  # told only when all that came before it is inflated
        self._writable = True
        self._drained: asyncio.Future[None] | None = None
        self._closing = False
        self._timeout_s = 300.0
        self._deadline: float | None = None
        self._last_heard = loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._turn: asyncio.Handle | None = None  # what was read will be gone on with

    # -- what a door may do

    def write(self, data: bytes) -> None:
        """Queue octets after what the machine has to say so far."""
        if self._door is not None and (said := self._door.machine.data_to_send()):
            self._out.append(said)
        self._out.append(data)

    def flush(self) -> None:
        """Send what is queued now (for output that nobody asked for)."""
        if self._door is not None and (said := self._door.machine.data_to_send()):
            self._out.append(said)
        if self._out and self._transport is not None:
            data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
            self._out.clear()
            if self._deflate is not None:
                data = self._deflate.deflated(data)
            self._transport.write(data)

    def belongs_to(self, account: str) -> bool:
        """Count the connection as this account's; False: it has too many.

        An account that it belonged to before has one less then.
        """
        if self._accounts is None or account == self._account:
            return True
        if not self._accounts.take(account):
            log.warning("connection.account_full", connection=self.id, account=account)
            return False
        self._forsake()
        self._account = account
        return True

    def _forsake(self) -> None:
        if self._accounts is not None and self._account is not None:
            self._accounts.give_back(self._account)
            self._account = None

    def resume(self) -> None:
        """Go on: the door's machine has something to say that nobody asked for."""
        if self._answering is None and not self._closing:
            self._pump()

    async def drain(self) -> None:
        """Send what is queued; wait while the peer is slow to read.

        Raises:
            Unreachable: the connection is gone.
        """
        self.flush()
        if self._transport is None:
            raise Unreachable("connection lost")
        if not self._writable:
            self._drained = self._loop.create_future()
            await self._drained

    async def start_tls(self) -> None:
        """Send what is queued, then become TLS (server side).

        Raises:
            TlsFailed: the connection is closed then.
        """
        await self.drain()  # later nobody would say that the peer has read it
        if self._transport is None or self._tls_context is None:
            raise TlsFailed("no TLS here")
        # from here on only decrypted octets come; a quick peer's first ones come
        # before the door had time to say that TLS has started
        self._early = []
        try:
            transport = await self._loop.start_tls(
                self._transport,
                self,
                self._tls_context,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S,
            )
        except (OSError, ssl.SSLError, EOFError) as error:
            raise TlsFailed(str(error)) from error
        if transport is None:
            raise TlsFailed("connection lost")
        self._transport = transport
        transport.set_write_buffer_limits(high=MAX_UNSENT_OCTETS)
        self.tls = facts_of(transport)

    def start_compression(self) -> None:
        """Send what is queued as it is; from then on both directions deflate.

        The peer waits for our word before it compresses (RFC 4978 §3), so no
        octets of its are on their way through the machine. Costs
        `compression.MEMORY_OCTETS` until the connection ends.
        """
        self.flush()
        self._deflate = Deflate()

    def stop_compression(self) -> None:
        """Send what is queued, deflated; go on in clear (RFC 8437 §3)."""
        self.flush()
        deflate, self._deflate = self._deflate, None
        if deflate is not None and self._door is not None and (rest := deflate.rest()):
            self._door.machine.receive_data(rest)

    @property
    def compressed(self) -> bool:
        """Whether the octets are deflated."""
        return self._deflate is not None

    @property
    def can_start_tls(self) -> bool:
        """Whether there is a certificate and no TLS yet."""
        # compression stands inside TLS, so TLS can't begin under it (RFC 4978 §3)
        return (
            self._tls_context is not None and self.tls is None and self._deflate is None
        )

    def set_timeout(self, seconds: float) -> None:
        """Close when the peer says nothing for that long, from now on."""
        self._timeout_s = seconds
        self._watch()

    def set_deadline(self, seconds: float | None) -> None:
        """Close in that many seconds whatever the peer says; None ends that."""
        self._deadline = None if seconds is None else self._loop.time() + seconds
        self._watch()

    def close(self, grace_s: float = CLOSING_GRACE_S) -> None:
        """Send what is queued, then close; at the latest after `grace_s`."""
        if self._closing:
            return
        self._closing = True
        self.flush()
        if self._transport is not None:
            self._transport.close()
            self._loop.call_later(grace_s, self.abort)

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    def shut_down(self) -> None:
        """The server stops: finish the answer under way, say goodbye, close."""
        if self._answering is not None:
            self._answering.add_done_callback(lambda _: self._say_goodbye())
        else:
            self._say_goodbye()

    @property
    def busy(self) -> bool:
        """Whether an answer is being made, or waits for its turn."""
        return self._answering is not None or self._turn is not None

    # -- what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: find out who it is, make the door, let the machine greet."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")  # noqa: S101 - uvloop's transports are not subclasses
        self._transport = transport  # type: ignore[assignment]
        peer = transport.get_extra_info("peername")
        if self._said_peer is not None:
            self.peer_address, self.peer_port = self._said_peer
        elif isinstance(peer, tuple):
            self.peer_address, self.peer_port = str(peer[0]), peer[1]
        local = transport.get_extra_info("sockname")
        self.local_port = local[1] if isinstance(local, tuple) else 0
        self._transport.set_write_buffer_limits(high=MAX_UNSENT_OCTETS)  # type: ignore[union-attr]
        self.tls = facts_of(transport)
        self._door = self._make_door(self)
        self._watch()
        self._pump()

    def data_received(self, data: bytes) -> None:
        """Feed the machine and answer what comes out."""
        if self._closing or self._door is None:
            return
        if self._says(data):
            self._last_heard = self._loop.time()
        if self._deflate is not None:
            self._deflate.feed(data)
        elif self._early is None:
            self._door.machine.receive_data(data)
        else:
            self._early.append(data)
        if self._answering is None:
            self._pump()
            return
        self._backlog += len(data)
        if self._backlog > MAX_BACKLOG_OCTETS and self._transport is not None:
            self._transport.pause_reading()

    def _says(self, data: bytes) -> bool:
        """Whether the peer came to the end of a line, or on in a long one."""
        dripped = self._dripped + len(data)
        says = (
            b"\r\n" in data
            or dripped >= PROGRESS_OCTETS
            or (self._half_ended and data.startswith(b"\n"))
            or self._deflate is not None  # what is in it shows only later
        )
        self._half_ended = data.endswith(b"\r")
        self._dripped = 0 if says else dripped
        return says

    def eof_received(self) -> bool:
        """The peer has said all it will say; finish what is under way."""
        if self._door is not None:
            if self._deflate is None:
                self._door.machine.receive_eof()
            self._eof = True
            if self._answering is None:
                self._pump()
        # TLS can't stay half open; in clear the answer under way may still go
        waits = self._answering is not None or not self._writable
        return self.tls is None and waits

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """It is over: wake who waits to write, tell the door."""
        self._transport = None
        self._closing = True
        self._forsake()
        if self._timer is not None:
            self._timer.cancel()
        if self._drained is not None and not self._drained.done():
            self._drained.set_exception(Unreachable("connection lost"))
            self._drained.exception()  # whoever awaited it may be gone
        door, self._door = self._door, None
        if door is not None:
            door.lost()
        self._on_end(self)

    def pause_writing(self) -> None:
        """The peer is slow to read."""
        self._writable = False

    def resume_writing(self) -> None:
        """The peer has read enough."""
        self._writable = True
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._pause_for_others()

    # -- events and answers

    def _pump(self) -> None:
        """Answer events until one has to wait or the input is used up."""
        if not self._writable:  # it is asked for more than is read
            self._hold()
            return
        self._inflated = answered = 0
        while (door := self._door) is not None and not self._closing:
            event = door.machine.next_event() if answered < MAX_TURN_EVENTS else MORE
            if type(event) is Status:
                answered = 0
                if self._goes_on(event, door):
                    continue
                break
            try:
                self._answering = run_eagerly(door.answer(event), self._answered)
            except Exception as error:  # noqa: BLE001 - the top of a connection
                self._broke(error)
                return
            if self._answering is not None:
                break
            answered += 1
        self.flush()

    def _goes_on(self, status: Status, door: Door) -> bool:
        """There is no event now; whether there may be one at once."""
        if status is MORE:
            return not self._turn_is_over()
        if status is CLOSED:
            self.close()
            return False
        if status is PAUSED or self._deflate is None:
            return False
        octets = self._inflate(door)
        self._inflated += octets
        if self._inflated >= MAX_INFLATED_OCTETS:
            self._pause_for_others()
            return False
        return octets > 0

    def _hold(self) -> None:
        """Read nothing more until the peer has read."""
        if self._transport is not None:
            self._transport.pause_reading()

    def _turn_is_over(self) -> bool:
        """Send what was said so far; whether others or the peer come first now."""
        self.flush()
        if not self._writable:
            self._hold()
            return True
        if self._eof:  # there is not much more, and in TLS it could not wait
            return False
        self._pause_for_others()
        return True

    def _pause_for_others(self) -> None:
        """Go on with what lies here in another turn of the loop."""
        self._hold()
        if self._turn is None:
            self._turn = self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._turn = None
        if self._transport is None or self._closing or not self._writable:
            return
        if self._backlog <= MAX_BACKLOG_OCTETS:
            self._transport.resume_reading()
        if self._answering is None:
            self._pump()

    def _inflate(self, door: Door) -> int:
        """Let the machine have the next octets of a compressed connection."""
        deflate, transport = self._deflate, self._transport
        if deflate is None or transport is None:
            return 0
        try:
            octets = deflate.inflated()
        except BadDeflate as error:
            self._broke(error)
            return 0
        if octets:
            door.machine.receive_data(octets)
        elif self._eof:
            self._eof = False
            door.machine.receive_eof()
            return 1
        return len(octets)

    def _answered(self, task: asyncio.Task[None]) -> None:
        """An answer that had to wait is made: go on with the next event."""
        self._answering = None
        if self._backlog:
            if self._backlog > MAX_BACKLOG_OCTETS and self._transport is not None:
                self._transport.resume_reading()
            self._backlog = 0
        if task.cancelled():
            self.abort()
        elif (error := task.exception()) is not None:
            self._broke(error)
        else:
            self._last_heard = self._loop.time()
            early, self._early = self._early, None
            if early and self._door is not None:
                self._door.machine.receive_data(b"".join(early))
            self._pump()

    def _broke(self, error: BaseException) -> None:
        """An answer ended with an error that no door expected."""
        if isinstance(error, Unreachable | TlsFailed):
            log.info("connection.broken", connection=self.id, reason=str(error))
            self.abort()
            return
        log.error("connection.error", connection=self.id, exc_info=error)
        if self._door is not None:
            self._door.failed()
        self.close()

    def _say_goodbye(self) -> None:
        if self._door is not None and not self._closing:
            self._door.shutting_down()
            self.close()

    # -- time

    def _watch(self) -> None:
        """Wake up when the earlier of silence and deadline could be over."""
        if self._timer is not None:
            self._timer.cancel()
        at = self._last_heard + self._timeout_s
        if self._deadline is not None:
            at = min(at, self._deadline)
        self._timer = self._loop.call_at(at, self._time_passed)

    def _time_passed(self) -> None:
        now = self._loop.time()
        too_late = self._deadline is not None and now >= self._deadline
        silent = now - self._last_heard >= self._timeout_s
        stuck = not self._writable  # it asked for much and doesn't read it
        if self._closing or not (too_late or silent):
            if not self._closing:
                self._watch()
        elif self.busy and not (too_late or stuck):
            self._last_heard = now  # it waits for us, not we for it
            self._watch()
        else:
            log.info("connection.timeout", connection=self.id, peer=self.peer_address)
            if self._door is not None:
                self._door.timed_out()
            if stuck:
                self.abort()
            else:
                self.close(TIMED_OUT_GRACE_S)
