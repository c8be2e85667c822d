"""The client's side of an IMAP session, without input or output.

::

    machine = ClientMachine(want_tls=True)
    tag = machine.send(commands.select("INBOX"))
    stream.write(machine.data_to_send())
    machine.receive_data(await stream.read())
    event = machine.next_event()       # Exists, Flags, …, Tagged(tag, …)

Commands may be sent one after another; the machine holds back what must wait
for the server's go-ahead. Three ask the caller for more: APPEND (at
UploadWanted call `upload`), AUTHENTICATE (at Challenged call `respond` or
`cancel`) and IDLE (after IdleStarted call `done`).

Large literals (of more than `stream_above` octets) of FETCH come as
LiteralBegan, LiteralChunk …, LiteralEnded before the Fetched that they belong
to; its `sections` then hold Streamed.
"""

from __future__ import annotations

import binascii
import re
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Final

from pyeonji.protocol.imap.client.commands import Command, Literal, Part, Upload
from pyeonji.protocol.imap.client.errors import (
    LocalProtocolError,
    RemoteProtocolError,
)
from pyeonji.protocol.imap.client.responses import (
    Capabilities,
    Condition,
    Greeted,
    Tagged,
    Told,
    Untagged,
    read_told,
    read_untagged,
)
from pyeonji.protocol.imap.client.values import LITERAL, Piece, Streamed, texts
from pyeonji.protocol.lines import TOO_LONG, LineReader
from pyeonji.protocol.machine import CLOSED, NEED_DATA, PAUSED, Status

MAX_RESPONSE: Final = 16 * 1024 * 1024
"""Octets of one response without its streamed literals (a SEARCH of a million)."""

MAX_LITERALS: Final = 10_000
"""Literals of one response."""

MAX_LITERAL: Final = 2**32
"""Octets of one literal."""

MAX_CHUNK: Final = 65_536
"""Octets of one LiteralChunk."""

MAX_SYNC_FREE: Final = 4096
"""Octets of a literal that LITERAL- lets through without a go-ahead (RFC 7888)."""

STREAM_ABOVE: Final = 65_536

_FETCH: Final = re.compile(rb"([0-9]{1,10}) FETCH ", re.IGNORECASE)
_SECTION: Final = re.compile(
    rb"(?:BODY|BINARY)\[[^\]]{0,4096}\](?:<[0-9]+>)?|RFC822(?:\.HEADER|\.TEXT)?",
    re.IGNORECASE,
)
_SECTION_TAIL: Final = 4200


class State(Enum):
    """How far the session has come (RFC 3501 §3)."""

    GREETING = "greeting"
    NOT_AUTHENTICATED = "not authenticated"
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"
    LOGOUT = "logout"


@dataclass(frozen=True, slots=True)
class UploadWanted:
    """Give so many octets of this command's literal by `upload`."""

    tag: str
    size_octets: int


@dataclass(frozen=True, slots=True)
class Challenged:
    """AUTHENTICATE: the server asks."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class IdleStarted:
    """IDLE: news come as they happen, until `done`."""

    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteralBegan:
    """A large literal of a message follows; `section` e.g. "BODY[]"."""

    number: int
    section: str
    octets: int


@dataclass(frozen=True, slots=True)
class LiteralChunk:
    """Octets of it."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class LiteralEnded:
    """All of it has come."""


Event = (
    Greeted
    | Tagged
    | Untagged
    | UploadWanted
    | Challenged
    | IdleStarted
    | LiteralBegan
    | LiteralChunk
    | LiteralEnded
)

_STATE_AFTER: Final[dict[tuple[str, bool], State]] = {
    ("LOGIN", True): State.AUTHENTICATED,
    ("AUTHENTICATE", True): State.AUTHENTICATED,
    ("SELECT", True): State.SELECTED,
    ("EXAMINE", True): State.SELECTED,
    # RFC 3501 §6.3.1: a SELECT that fails leaves no mailbox selected
    ("SELECT", False): State.AUTHENTICATED,
    ("EXAMINE", False): State.AUTHENTICATED,
    ("CLOSE", True): State.AUTHENTICATED,
    ("UNSELECT", True): State.AUTHENTICATED,
    ("LOGOUT", True): State.LOGOUT,
}

_ALONE: Final = frozenset({"STARTTLS", "AUTHENTICATE", "LOGIN", "IDLE"})
"""Nothing is sent after these until they are done."""


class _Sending:
    """A command on its way: what of it has not gone yet."""

    __slots__ = ("command", "initial", "parts", "tag", "waiting")

    def __init__(self, tag: str, command: Command, initial: bytes | None) -> None:
        self.tag = tag
        self.command = command
        self.initial = initial
        self.parts: deque[Part] = deque(command.parts)
        self.waiting = False  # for a go-ahead

    @property
    def sent(self) -> bool:
        return not self.parts and not self.waiting


class ClientMachine:
    """One IMAP session as the client sees it."""

    def __init__(
        self, *, want_tls: bool = False, stream_above: int = STREAM_ABOVE
    ) -> None:
        """Begin a session; the server speaks first.

        Args:
            want_tls: STARTTLS is to come: a server that says PREAUTH before it
                is not believed (it would keep the session in clear).
            stream_above: literals of FETCH longer than this come in chunks.
        """
        self.state = State.GREETING
        self.capabilities: frozenset[str] | None = None
        """What the server can do; None while it has not said so (again)."""
        self._want_tls = want_tls
        self._stream_above = stream_above
        self._reader = LineReader()
        self._out: list[bytes] = []
        self._events: deque[Event] = deque()
        self._count = 0
        self._queue: deque[_Sending] = deque()  # not begun
        self._now: _Sending | None = None  # begun, not all sent (or alone)
        self._names: dict[str, str] = {}  # tag to name, all without a reply
        self._idling = False
        self._upload_left = 0
        self._pieces: list[Piece] = []
        self._response_octets = 0
        self._literal_left: int | None = None
        self._collected: list[bytes] | None = None  # of a literal that is kept
        self._broken = False
        self._ended = False
        self._before_tls = False

    # -- output

    def send(self, command: Command, *, initial: bytes | None = None) -> str:
        """Send a command as soon as those before it allow; returns its tag.

        Args:
            command: made by `commands`.
            initial: AUTHENTICATE's first response; it goes with the command if
                the server offers SASL-IR, else at its first challenge.
        """
        self._count += 1
        tag = f"a{self._count}"
        self._names[tag] = command.name
        self._queue.append(_Sending(tag, command, initial))
        self._go_on()
        return tag

    def upload(self, octets: bytes) -> None:
        """Give octets of the literal that UploadWanted asked for.

        Raises:
            LocalProtocolError: none was asked for, or more than announced.
        """
        if len(octets) > self._upload_left:
            raise LocalProtocolError("more octets than the command announced")
        self._upload_left -= len(octets)
        self._out.append(octets)
        if not self._upload_left:
            self._go_on()

    def respond(self, octets: bytes) -> None:
        """Answer a challenge."""
        if self._now is None or self._now.command.name != "AUTHENTICATE":
            raise LocalProtocolError("no exchange is under way")
        self._out.append(binascii.b2a_base64(octets, newline=False) + b"\r\n")

    def cancel(self) -> None:
        """Give up an exchange; the server says BAD (RFC 3501 §6.2.2)."""
        self._out.append(b"*\r\n")

    @property
    def idling(self) -> bool:
        """Whether the server listens for DONE alone."""
        return self._idling

    def done(self) -> None:
        """End IDLE; Tagged follows."""
        if not self._idling:
            raise LocalProtocolError("no IDLE is under way")
        self._idling = False
        self._out.append(b"DONE\r\n")

    def tls_started(self) -> None:
        """TLS stands: what was learnt in clear is forgotten (RFC 3501 §6.2.1)."""
        self._before_tls = False
        self._want_tls = False
        self.capabilities = None

    def data_to_send(self) -> bytes:
        """What to send now; each octet is given once."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    @property
    def waiting(self) -> int:
        """Commands without their tagged reply."""
        return len(self._names)

    def _go_on(self) -> None:
        """Write as much as the server has allowed."""
        while True:
            if self._now is None:
                if not self._queue or self.state is State.GREETING:
                    return
                self._now = self._queue.popleft()
                self._out.append(self._now.tag.encode() + b" ")
            sending = self._now
            if sending.waiting or self._upload_left or not self._write(sending):
                return
            self._now = None

    def _write(self, sending: _Sending) -> bool:
        """Write parts; whether the next command may follow at once."""
        while sending.parts:
            part = sending.parts[0]
            if isinstance(part, bytes):
                self._out.append(part)
                sending.parts.popleft()
                continue
            size = part.size_octets if isinstance(part, Upload) else len(part.octets)
            sync = not self._sync_free(size)
            self._out.append(b"{%d%s}\r\n" % (size, b"" if sync else b"+"))
            if sync:
                sending.waiting = True
                return False
            if not self._literal(sending):
                return False
        return self._end_line(sending)

    def _end_line(self, sending: _Sending) -> bool:
        name = sending.command.name
        at_once = "SASL-IR" in (self.capabilities or ())  # RFC 4959
        if at_once and sending.initial is not None:
            initial = binascii.b2a_base64(sending.initial, newline=False) or b"="
            self._out.append(b" " + initial)
            sending.initial = None
        self._out.append(b"\r\n")
        sending.waiting = name in _ALONE
        return not sending.waiting

    def _literal(self, sending: _Sending) -> bool:
        """Write the literal that comes now; whether all of it has gone."""
        part = sending.parts.popleft()
        if isinstance(part, Literal):
            self._out.append(part.octets)
            return True
        assert isinstance(part, Upload)  # noqa: S101 - the only other kind
        self._upload_left = part.size_octets
        self._events.append(UploadWanted(sending.tag, part.size_octets))
        return not part.size_octets

    def _sync_free(self, size: int) -> bool:
        known = self.capabilities or frozenset()
        if "LITERAL+" in known:
            return True
        return size <= MAX_SYNC_FREE and not known.isdisjoint({"LITERAL-", "IMAP4REV2"})

    # -- input

    def receive_data(self, data: bytes) -> None:
        """Take octets from the server; any length, cut anywhere."""
        if not self._broken:
            self._reader.feed(data)

    def receive_eof(self) -> None:
        """The server will send no more."""
        self._ended = True

    def next_event(self) -> Event | Status:
        """The next event, or NEED_DATA, PAUSED (for TLS) or CLOSED.

        Raises:
            RemoteProtocolError: the server broke the rules; CLOSED from now on.
        """
        if self._broken:
            return CLOSED
        try:
            event = self._next_event()
        except RemoteProtocolError:
            self._broken = True
            self._reader.clear()
            raise
        if event is NEED_DATA and (self._ended or self.state is State.LOGOUT):
            return CLOSED
        return event

    def _next_event(self) -> Event | Status:
        while True:
            if self._events:
                return self._events.popleft()
            if self._before_tls:
                return PAUSED
            if self._literal_left is not None:
                event = self._read_literal()
                if event is not None:
                    return event
                continue
            line = self._reader.next_line(MAX_RESPONSE)
            if line is TOO_LONG or (line is NEED_DATA and self._reader.discarding):
                raise RemoteProtocolError("a response that is too long")
            if isinstance(line, Status):
                return line
            self._text(line)

    def _text(self, line: bytes) -> None:
        """A response, or its text up to a literal."""
        self._response_octets += len(line)
        if self._response_octets > MAX_RESPONSE:
            raise RemoteProtocolError("a response that is too long")
        found = (
            LITERAL.search(line, max(0, len(line) - 24)) if line[-1:] == b"}" else None
        )
        if found is not None and self._is_structured(line):
            self._pieces.append(line[: found.start()])
            self._begin_literal(int(found[1]))
            return
        pieces, self._pieces = [*self._pieces, line], []
        self._response_octets = 0
        self._response(pieces)

    def _is_structured(self, line: bytes) -> bool:
        """Whether a `{n}` at the end can announce a literal: not in mere text."""
        if self._pieces:
            return True
        if not line.startswith(b"* "):
            return False
        word = line[2:].split(b" ", 1)[0].upper()
        return word not in (b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH")

    def _begin_literal(self, size: int) -> None:
        if size > MAX_LITERAL or len(self._pieces) > 2 * MAX_LITERALS:
            raise RemoteProtocolError("a literal too large, or too many")
        self._literal_left = size
        place = self._place() if size > self._stream_above else None
        if place is not None:
            self._pieces.append(Streamed(size))
            self._events.append(
                LiteralBegan(number=place[0], section=place[1], octets=size)
            )
            return
        self._response_octets += size
        if self._response_octets > MAX_RESPONSE:
            raise RemoteProtocolError("a response that is too long")
        self._collected = []

    def _place(self) -> tuple[int, str] | None:
        """Message and section of the literal that begins, if it may be streamed."""
        first, last = self._pieces[0], self._pieces[-1]
        assert isinstance(first, bytes) and isinstance(last, bytes)  # noqa: S101, PT018
        message = _FETCH.match(first, 2)
        if message is None:
            return None
        tail = last[-_SECTION_TAIL:].rstrip(b" ")
        sections = list(_SECTION.finditer(tail))
        if not sections or sections[-1].end() != len(tail):
            return None
        section = sections[-1]
        return int(message[1]), section[0].decode("ascii", "replace").upper()

    def _read_literal(self) -> Event | Status | None:
        left = self._literal_left
        assert left is not None  # noqa: S101 - called while one is read
        chunk = self._reader.take(min(left, MAX_CHUNK))
        if left and not chunk:
            return NEED_DATA
        left -= len(chunk)
        self._literal_left = left or None
        if self._collected is not None:
            self._collected.append(chunk)
            if not left:
                self._pieces.append(b"".join(self._collected))
                self._collected = None
            return None
        if not left:
            self._events.append(LiteralEnded())
        return LiteralChunk(chunk)

    def _response(self, pieces: list[Piece]) -> None:
        first = pieces[0]
        assert isinstance(first, bytes)  # noqa: S101 - texts are at even places
        if first.startswith(b"* "):
            pieces[0] = first[2:]
            self._untagged(read_untagged(pieces))
        elif self.state is State.GREETING:
            raise RemoteProtocolError("no greeting")
        elif first.startswith(b"+"):
            self._continued(first[1:].strip())
        else:
            self._tagged(first)

    def _untagged(self, event: Untagged) -> None:
        if self.state is State.GREETING:
            self._greeted(event)
            return
        if isinstance(event, Capabilities):
            self.capabilities = event.names
        elif isinstance(event, Told):
            self._learn(event)
            if event.condition is Condition.BYE:
                self.state = State.LOGOUT if not self._names else self.state
        self._events.append(event)

    def _learn(self, told: Told) -> bool:
        """Take capabilities out of a status response's code."""
        if told.code != "CAPABILITY":
            return False
        self.capabilities = frozenset(n.upper() for n in texts(list(told.arguments)))
        return True

    def _greeted(self, event: Untagged) -> None:
        if not isinstance(event, Told):
            raise RemoteProtocolError("no greeting")
        if event.condition is Condition.PREAUTH:
            if self._want_tls:
                raise RemoteProtocolError("PREAUTH where TLS is wanted first")
            self.state = State.AUTHENTICATED
        elif event.condition is Condition.OK:
            self.state = State.NOT_AUTHENTICATED
        elif event.condition is Condition.BYE:
            self.state = State.LOGOUT
        else:
            raise RemoteProtocolError("no greeting")
        self._learn(event)
        self._events.append(Greeted(told=event))
        self._go_on()

    def _continued(self, text: bytes) -> None:
        sending = self._now
        if sending is None or not sending.waiting:
            raise RemoteProtocolError("a go-ahead that nothing waits for")
        if sending.parts:
            sending.waiting = False
            if self._literal(sending):
                self._go_on()
        elif sending.command.name == "IDLE":
            self._idling = True
            self._events.append(IdleStarted(sending.tag))
        elif sending.command.name == "AUTHENTICATE":
            self._challenged(sending, text)
        else:
            raise RemoteProtocolError("a go-ahead that nothing waits for")

    def _challenged(self, sending: _Sending, text: bytes) -> None:
        try:
            octets = binascii.a2b_base64(text)
        except binascii.Error as error:
            raise RemoteProtocolError("a challenge that is not base64") from error
        if sending.initial is not None and not octets:
            initial, sending.initial = sending.initial, None
            self.respond(initial)
            return
        self._events.append(Challenged(octets))

    def _tagged(self, line: bytes) -> None:
        tag_octets, _, rest = line.partition(b" ")
        tag = tag_octets.decode("ascii", "replace")
        name = self._names.pop(tag, None)
        condition, _, text = rest.partition(b" ")
        told = read_told(condition, text)
        if name is None or told is None or told.condition not in _JUDGES:
            raise RemoteProtocolError("a line that is no response")
        tagged = Tagged(tag=tag, name=name, told=told)
        self._finished(tagged)
        self._events.append(tagged)
        self._go_on()

    def _finished(self, tagged: Tagged) -> None:
        """Draw the conclusions from the end of a command."""
        ok = tagged.ok
        if self._now is not None and self._now.tag == tagged.tag:
            self._idling = False
            if not self._upload_left:
                # else: refused early, but the server still reads what was
                # announced (RFC 7888 §4), and so the caller has to give it
                self._now = None
        after = _STATE_AFTER.get((tagged.name, ok))
        if after is not None and not (not ok and self.state is State.NOT_AUTHENTICATED):
            self.state = after
        learnt = self._learn(tagged.told)
        if ok and tagged.name in ("LOGIN", "AUTHENTICATE") and not learnt:
            self.capabilities = None  # they may have changed
        if tagged.name == "STARTTLS" and ok:
            if len(self._reader):
                # nobody may put words into the session before TLS protects it
                raise RemoteProtocolError("octets in clear after the go-ahead for TLS")
            self._before_tls = True


_JUDGES: Final = (Condition.OK, Condition.NO, Condition.BAD)
