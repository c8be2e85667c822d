"""The client's side of a POP3 session, without input or output.

Commands may be sent one after another without waiting (if the server offers
PIPELINING); replies come as events in the order of the commands::

    machine = ClientMachine()
    machine.retr(1)
    stream.write(machine.data_to_send())
    machine.receive_data(await stream.read())
    machine.next_event()    # Replied(verb=RETR, ok=True, …), then BodyChunk …,
                            # then Ended(verb=RETR)

What a server says is not trusted: lines and listings have limits, a line of
more than that, or one that makes no sense, raises RemoteProtocolError, after
which the session is CLOSED.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections import deque
from dataclasses import dataclass
from typing import Final

from pyeonji.base.errors import PyeonjiError
from pyeonji.protocol.lines import TOO_LONG, LineReader
from pyeonji.protocol.machine import CLOSED, NEED_DATA, PAUSED, Status
from pyeonji.protocol.pop3.dots import DotUnstuffer
from pyeonji.protocol.pop3.state import Verb
from pyeonji.protocol.sasl.prep import NotPrepared, saslprep

MAX_REPLY: Final = 8192
"""Octets of a reply or listing line (RFC 2449 §4 says 512; servers say more)."""

MAX_AUTH_COMMAND: Final = 255
"""Octets of AUTH with its initial response, CRLF included (RFC 2449 §4)."""

MAX_CHALLENGE: Final = 65_536
"""Octets of a line with a SASL challenge."""

MAX_CAPABILITIES: Final = 1000
"""Lines of a CAPA, LANG or AUTH listing."""

MAX_MESSAGES: Final = 10_000_000
"""Entries of a LIST or UIDL listing."""

MAX_UNIQUE_ID: Final = 255
"""Octets of a unique id (RFC 1939 §7 says 70)."""

MAX_CHUNK: Final = 65_536
"""Octets of a message that one BodyChunk gives at most."""

MAX_BATCH: Final = 1000
"""Entries that one Listed gives at most."""

_TIMESTAMP: Final = re.compile(rb"<[^\x00-\x20<>@]+@[^\x00-\x20<>]+>")
_REPLY: Final = re.compile(rb"(\+OK|-ERR)(?:[ \t]+(.*))?", re.DOTALL | re.IGNORECASE)
_CODE: Final = re.compile(r"\[([A-Za-z0-9][^\[\]]*)\] ?(.*)", re.DOTALL)
_SIZE: Final = re.compile(rb"([0-9]{1,10})[ \t]+([0-9]{1,19})(?:[ \t].*)?", re.DOTALL)
_UNIQUE_ID: Final = re.compile(rb"([0-9]{1,10})[ \t]+([\x21-\x7e]+)[ \t]*")
_UNSAFE: Final = re.compile(rb"[\r\n\0]")


class RemoteProtocolError(PyeonjiError):
    """The server said what POP3 does not know."""


class UnsafeArgument(PyeonjiError):
    """An argument with CR, LF or NUL, which would end the command early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeted:
    """The server's first words; `timestamp` ("<…>" or "") is APOP's."""

    ok: bool
    text: str
    timestamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replied:
    """The status line of the oldest command without one.

    A good reply to RETR, TOP, LIST, UIDL, CAPA, LANG without arguments is
    followed by its content, then by Ended.
    """

    verb: Verb
    ok: bool
    code: str  # "" or e.g. "IN-USE", upper case (RFC 2449 §8)
    text: str


@dataclass(frozen=True, slots=True)
class Challenged:
    """AUTH: the server asks; answer by `respond` or `cancel`."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class BodyChunk:
    """Octets of a message, dots undone."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Listed:
    """Lines of LIST (number, size) or UIDL (number, unique id), some at once."""

    entries: tuple[tuple[int, int | str], ...]


@dataclass(frozen=True, slots=True)
class Told:
    """All lines of CAPA, LANG, or AUTH alone."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a multi-line reply."""

    verb: Verb


Event = Greeted | Replied | Challenged | BodyChunk | Listed | Told | Ended


@dataclass(frozen=True, slots=True)
class _Sent:
    verb: Verb
    multi_line: bool


class ClientMachine:
    """One POP3 session as the client sees it."""

    __slots__ = (
        "_before_stls", "_broken", "_count", "_ended", "_greeted", "_initial", "_lines",
        "_out", "_reader", "_rest", "_sent", "_told", "_unstuffer", "capabilities",
        "timestamp",
    )  # fmt: skip

    def __init__(self) -> None:
        """Begin a session; the server speaks first."""
        self.capabilities: dict[str, str] | None = None
        """What CAPA said last: tag to arguments; None before that and after TLS."""
        self.timestamp = ""
        self._reader = LineReader()
        self._out: list[bytes] = []
        self._sent: deque[_Sent] = deque()
        self._initial: bytes | None = None  # waits for the server's empty challenge
        self._rest: _Sent | None = None  # whose multi-line reply is being read
        self._unstuffer: DotUnstuffer | None = None
        self._lines: list[str] = []  # of a listing that is given whole
        self._told = False  # a listing's last line has been read
        self._count = 0  # entries of the present listing
        self._greeted = False
        self._before_stls = False
        self._ended = False
        self._broken = False

    # -- commands

    def _send(self, verb: Verb, *arguments: bytes, multi_line: bool = False) -> None:
        line = b" ".join((verb.value, *arguments))
        if _UNSAFE.search(line):
            raise UnsafeArgument(f"{verb.name} with CR, LF or NUL")
        self._sent.append(_Sent(verb, multi_line))
        self._out.append(line + b"\r\n")

    def capa(self) -> None:
        """Ask what the server can do."""
        self._send(Verb.CAPA, multi_line=True)

    def stls(self) -> None:
        """Ask for TLS; at its good reply the machine is PAUSED."""
        self._send(Verb.STLS)

    def user(self, name: str) -> None:
        """Give the name. Raises UnsafeArgument, as all that take text."""
        self._send(Verb.USER, name.encode())

    def password(self, password: str) -> None:
        """Give the password."""
        self._send(Verb.PASS, password.encode())

    def apop(self, name: str, secret: str) -> None:
        """Log in by the greeting's timestamp (RFC 1939 §7).

        Name and secret are prepared (RFC 6856 §2.2).

        Raises:
            UnsafeArgument: also when the greeting had no timestamp, and when no
                name or secret can be like this.
        """
        if not self.timestamp:
            raise UnsafeArgument("the server offers no APOP")
        try:
            prepared, secret = saslprep(name), saslprep(secret)
        except NotPrepared as error:
            raise UnsafeArgument(str(error)) from error
        digest = hashlib.md5(
            self.timestamp.encode() + secret.encode(), usedforsecurity=False
        )
        self._send(Verb.APOP, prepared.encode(), digest.hexdigest().encode())

    def auth(self, mechanism: str, initial_response: bytes | None = None) -> None:
        """Begin a SASL exchange; b"" as initial response is sent as "=".

        One that would not fit the command's line (RFC 5034 §4) follows when the
        server asks for it.
        """
        self._initial = None
        encoded = b""
        if initial_response is not None:
            encoded = binascii.b2a_base64(initial_response, newline=False) or b"="
            if len(mechanism) + len(encoded) > MAX_AUTH_COMMAND - len("AUTH  \r\n"):
                self._initial, encoded = initial_response, b""
        self._send(Verb.AUTH, mechanism.encode(), *([encoded] if encoded else []))

    def respond(self, octets: bytes) -> None:
        """Answer a challenge."""
        self._out.append(binascii.b2a_base64(octets, newline=False) + b"\r\n")

    def cancel(self) -> None:
        """Give up an exchange; the server says -ERR."""
        self._out.append(b"*\r\n")

    def stat(self) -> None:
        """Ask how many messages and octets there are."""
        self._send(Verb.STAT)

    def list(self, number: int | None = None) -> None:
        """Ask for sizes, of one message or of all."""
        self._about(Verb.LIST, number)

    def uidl(self, number: int | None = None) -> None:
        """Ask for unique ids, of one message or of all."""
        self._about(Verb.UIDL, number)

    def _about(self, verb: Verb, number: int | None) -> None:
        if number is None:
            self._send(verb, multi_line=True)
        else:
            self._send(verb, b"%d" % number)

    def retr(self, number: int) -> None:
        """Ask for a message."""
        self._send(Verb.RETR, b"%d" % number, multi_line=True)

    def top(self, number: int, lines: int) -> None:
        """Ask for a header and some lines of the body."""
        self._send(Verb.TOP, b"%d %d" % (number, lines), multi_line=True)

    def dele(self, number: int) -> None:
        """Mark a message; it goes at QUIT."""
        self._send(Verb.DELE, b"%d" % number)

    def rset(self) -> None:
        """Take all marks away."""
        self._send(Verb.RSET)

    def noop(self) -> None:
        """Ask for a sign of life."""
        self._send(Verb.NOOP)

    def utf8(self) -> None:
        """Ask for messages with UTF-8 headers as they are (RFC 6856 §2)."""
        self._send(Verb.UTF8)

    def lang(self, language_range: str | None = None) -> None:
        """Choose a language, or ask which there are."""
        if language_range is None:
            self._send(Verb.LANG, multi_line=True)
        else:
            self._send(Verb.LANG, language_range.encode())

    def quit(self) -> None:
        """End the session; what is marked goes."""
        self._send(Verb.QUIT)

    def tls_started(self) -> None:
        """TLS stands: what was learnt in clear is forgotten (RFC 2595 §4)."""
        self._before_stls = False
        self.capabilities = None

    # -- replies

    def receive_data(self, data: bytes) -> None:
        """Take octets from the server; any length, cut anywhere."""
        if not self._broken:
            self._reader.feed(data)

    def receive_eof(self) -> None:
        """The server will send no more."""
        self._ended = True

    @property
    def waiting(self) -> int:
        """Commands whose reply has not ended yet."""
        return len(self._sent) + (self._rest is not None)

    def data_to_send(self) -> bytes:
        """What to send now; each octet is given once."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def next_event(self) -> Event | Status:
        """The next event, or NEED_DATA, PAUSED (for TLS) or CLOSED.

        Raises:
            RemoteProtocolError: the server broke the rules; CLOSED from now on.
        """
        if self._broken:
            return CLOSED
        if self._before_stls:
            return PAUSED
        try:
            event = self._next_event()
        except RemoteProtocolError:
            self._broken = True
            self._reader.clear()
            raise
        if event is NEED_DATA and self._ended:
            return CLOSED
        return event

    def _next_event(self) -> Event | Status:
        if self._unstuffer is not None:
            return self._body(self._unstuffer)
        if self._rest is not None:
            return self._listing(self._rest)
        line = self._line(MAX_CHALLENGE if self._in_auth() else MAX_REPLY)
        if isinstance(line, Status):
            return line
        if not self._greeted:
            return self._greeting(line)
        if not self._sent:
            raise RemoteProtocolError("a reply to no command")
        if line.startswith(b"+") and line[:3].upper() != b"+OK":
            return self._challenge(line)
        return self._replied(line)

    def _in_auth(self) -> bool:
        return bool(self._sent) and self._sent[0].verb is Verb.AUTH

    def _line(self, limit: int) -> bytes | Status:
        line = self._reader.next_line(limit)
        if line is TOO_LONG or (line is NEED_DATA and self._reader.discarding):
            raise RemoteProtocolError("a line that is too long")
        return line

    @staticmethod
    def _status(line: bytes) -> tuple[bool, str]:
        match = _REPLY.fullmatch(line)
        if match is None:
            raise RemoteProtocolError("neither +OK nor -ERR")
        return match[1][:1] == b"+", (match[2] or b"").decode(errors="replace")

    def _greeting(self, line: bytes) -> Event:
        ok, text = self._status(line)
        self._greeted = True
        timestamp = _TIMESTAMP.search(line)
        # RFC 1939 §7; a greeting that isn't ASCII can't be hashed alike
        if timestamp is not None and timestamp[0].isascii():
            self.timestamp = timestamp[0].decode()
        return Greeted(ok=ok, text=text, timestamp=self.timestamp)

    def _challenge(self, line: bytes) -> Event | Status:
        if not self._in_auth():
            raise RemoteProtocolError("a challenge outside AUTH")
        try:
            octets = binascii.a2b_base64(line[1:].strip(), strict_mode=True)
        except binascii.Error:
            self.cancel()  # RFC 5034 §4; -ERR is what comes next
            self._initial = None
            return NEED_DATA
        if self._initial is not None:
            self.respond(self._initial)
            self._initial = None
            return NEED_DATA
        return Challenged(octets)

    def _replied(self, line: bytes) -> Event:
        ok, text = self._status(line)
        sent = self._sent.popleft()
        code = ""
        if match := _CODE.fullmatch(text):
            code, text = match[1].upper(), match[2]
        if ok and sent.multi_line:
            self._rest = sent
            if sent.verb in (Verb.RETR, Verb.TOP):
                self._unstuffer = DotUnstuffer()
        if ok and sent.verb is Verb.STLS:
            if len(self._reader) or self._sent:
                # nobody may put words into the session before TLS protects it
                raise RemoteProtocolError("octets in clear after the go-ahead for TLS")
            self._before_stls = True
        return Replied(verb=sent.verb, ok=ok, code=code, text=text)

    def _body(self, unstuffer: DotUnstuffer) -> Event | Status:
        while data := self._reader.take(MAX_CHUNK):
            octets, rest = unstuffer.take(data)
            if rest is not None:
                self._reader.unread(rest)
                self._unstuffer = None
                return BodyChunk(octets) if octets else self._end()
            if octets:
                return BodyChunk(octets)
        return NEED_DATA

    def _listing(self, sent: _Sent) -> Event | Status:
        if sent.verb in (Verb.RETR, Verb.TOP):
            return self._end()  # the body's last chunk came with its end
        if sent.verb in (Verb.LIST, Verb.UIDL):
            return self._entries(_SIZE if sent.verb is Verb.LIST else _UNIQUE_ID)
        if self._told:
            self._told = False
            return self._end()
        while (line := self._line(MAX_REPLY)) != b".":
            if isinstance(line, Status):
                return line
            if len(self._lines) >= MAX_CAPABILITIES:
                raise RemoteProtocolError("a listing that does not end")
            self._lines.append(line.removeprefix(b".").decode(errors="replace"))
        lines = tuple(self._lines)
        self._lines = []
        if sent.verb is Verb.CAPA:
            pairs = (line.partition(" ") for line in lines)
            self.capabilities = {tag.upper(): rest for tag, _, rest in pairs}
        self._told = True
        return Told(lines)

    def _entries(self, grammar: re.Pattern[bytes]) -> Event | Status:
        entries: list[tuple[int, int | str]] = []
        sizes = grammar is _SIZE
        while len(entries) < MAX_BATCH and not self._told:
            line = self._line(MAX_REPLY)
            if isinstance(line, Status):
                break
            if line == b".":
                self._told = True
                break
            match = grammar.fullmatch(line)
            if match is None or len(match[2]) > MAX_UNIQUE_ID:
                raise RemoteProtocolError("a listing line that makes no sense")
            value = int(match[2]) if sizes else match[2].decode()
            entries.append((int(match[1]), value))
        self._count += len(entries)
        if self._count > MAX_MESSAGES:
            raise RemoteProtocolError("a listing that does not end")
        if entries:
            return Listed(tuple(entries))
        if not self._told:
            return NEED_DATA
        self._told = False
        return self._end()

    def _end(self) -> Event:
        rest = self._rest
        assert rest is not None  # noqa: S101 - called while one is read
        self._rest = None
        self._count = 0
        return Ended(rest.verb)
