"""The server's side of a POP3 session, without input or output.

How a door uses it::

    machine = ServerMachine(Offer(stls=True, mechanisms=("SCRAM-SHA-256",)))
    machine.receive_data(octets)
    event = machine.next_event()     # one of `commands.Event`, or a Status
    machine.ok(Text.MARKED)          # exactly one reply to each event:
    machine.err(Text.NO_SUCH_MESSAGE)    #   ok, err, answer, challenge,
    machine.begin(Text.MESSAGE)          #   or begin, body/lines …, end

`ok` to a login moves to TRANSACTION; `ok` or `err` to QuitAsked closes.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from typing import Final

from pyeonji.base.errors import PyeonjiError
from pyeonji.protocol.lines import TOO_LONG, LineReader
from pyeonji.protocol.machine import CLOSED, MORE, NEED_DATA, PAUSED, Status
from pyeonji.protocol.pop3.commands import (
    PARSE,
    AuthAnswered,
    AuthAsked,
    AuthCancelled,
    BadArgument,
    Command,
    Event,
    LangGiven,
    LoginAsked,
    MechanismsAsked,
    PassGiven,
    Plain,
    QuitAsked,
    UserGiven,
    decode_base64,
)
from pyeonji.protocol.pop3.dots import DotStuffer
from pyeonji.protocol.pop3.state import NEXT, State, Verb
from pyeonji.protocol.pop3.texts import (
    DEFAULT_LANGUAGE,
    LANGUAGES,
    WORDS,
    Text,
    choose_language,
)

MAX_COMMAND: Final = 255
"""Octets of a command line, CRLF included (RFC 2449 §4)."""

MAX_AUTH_LINE: Final = 12_288
"""Octets of a line in an AUTH exchange, CRLF included (RFC 5034 §4)."""

MAX_ERRORS_BEFORE_LOGIN: Final = 5
MAX_ERRORS: Final = 20
"""Commands refused as unknown, misplaced or malformed; then we hang up."""

LINES_A_TURN: Final = 64
"""Lines that are answered here without an event, before the door is asked again."""

_OTHER_PROTOCOLS: Final = frozenset(
    {b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"CONNECT", b"EHLO", b"HELO"}
)
"""Keywords of other protocols: somebody was made to talk to the wrong port."""


class LocalProtocolError(PyeonjiError):
    """The caller did what the session does not allow: a bug on our side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the server offers as things stand; changes when TLS begins."""

    stls: bool = False
    user_pass: bool = True  # USER and PASS are welcome here
    mechanisms: tuple[str, ...] = ()  # of SASL, upper case
    timestamp: str = ""  # "<…>" of the greeting when APOP is offered
    implementation: str = "Pyeonji"
    login_delay_s: int = 0  # RFC 2449 §6.5; 0 is none, and is not told
    expire_days: int | None = None  # RFC 2449 §6.7; None is NEVER


class ServerMachine:
    """One POP3 session as the server sees it."""

    __slots__ = (
        "_before_stls", "_ended", "_errors", "_language", "_name", "_offer", "_out",
        "_pending", "_reader", "_stuffer", "_words", "state", "utf8",
    )  # fmt: skip

    def __init__(self, offer: Offer) -> None:
        """Begin a session; the greeting is the first thing to send."""
        self.state = State.AUTHORIZATION
        self.utf8 = False
        """Whether the client may be sent UTF-8 headers (RFC 6856 §2.1)."""
        self._offer = offer
        self._reader = LineReader()
        self._out: list[bytes] = []
        self._pending: Verb | None = None
        self._stuffer: DotStuffer | None = None
        self._name = ""
        self._errors = 0
        self._ended = False
        self._before_stls = False
        self._language = DEFAULT_LANGUAGE
        self._words = WORDS[DEFAULT_LANGUAGE]
        greeting = self._words[Text.READY]
        if offer.timestamp:  # RFC 1939 §7
            greeting += b" " + offer.timestamp.encode()
        self._out.append(b"+OK " + greeting + b"\r\n")

    # -- input

    def receive_data(self, data: bytes) -> None:
        """Take octets from the client; any length, cut anywhere."""
        if self.state is not State.CLOSED:
            self._reader.feed(data)

    def receive_eof(self) -> None:
        """The client will send no more; what it sent is still answered."""
        self._ended = True

    def next_event(self) -> Event | Status:
        """The next question to the door, or why there is none.

        Raises:
            LocalProtocolError: the last event has had no reply.
        """
        if self._pending is not None:
            raise LocalProtocolError(f"{self._pending.name} has had no reply")
        for _ in range(LINES_A_TURN):
            if self.state is State.CLOSED:
                return CLOSED
            if self._before_stls:
                return PAUSED
            sasl = self.state is State.SASL
            line = self._reader.next_line(MAX_AUTH_LINE if sasl else MAX_COMMAND)
            if line is NEED_DATA:
                if self._ended:
                    self.close()
                    return CLOSED
                return NEED_DATA
            if line is TOO_LONG:
                if sasl:
                    self._pending = Verb.AUTH
                    return AuthCancelled(malformed=True)
                self._refuse(Text.LINE_TOO_LONG)
                continue
            event = self._exchange(line) if sasl else self._command(line)
            if event is not None:
                return event
        return MORE

    def _command(self, line: bytes) -> Event | None:
        keyword, _, argument = line.partition(b" ")
        known = PARSE.get(keyword.upper())
        if known is None:
            self._unknown(keyword.upper())
            return None
        verb, parse = known
        if (self.state, verb) not in NEXT:
            self._refuse(Text.NOT_NOW)
            return None
        try:
            command = parse(argument)
        except BadArgument:
            self._refuse(Text.SYNTAX)
            return None
        self._pending = verb
        if not self._welcome(verb, command):
            return None
        return self._own(command)

    def _own(self, command: Command) -> Event | None:
        """Answer what needs no door; give the rest as an event."""
        match command:
            case UserGiven():
                self._user(command)
            case LangGiven():
                self._lang(command)
            case MechanismsAsked():
                self._mechanisms()
            case Plain():
                self._plain()
            case QuitAsked():
                return self._quit()
            case PassGiven():
                return LoginAsked(name=self._name, password=command.password)
            case _:
                return command
        return None

    def _welcome(self, verb: Verb, command: Command) -> bool:
        """Refuse what the offer does not hold."""
        offer = self._offer
        if verb in (Verb.USER, Verb.PASS) and not offer.user_pass:
            self._refuse(Text.TLS_FIRST if offer.stls else Text.NOT_NOW)
        elif verb is Verb.APOP and not offer.timestamp:
            self._refuse(Text.UNKNOWN)
        elif verb is Verb.STLS and (not offer.stls or self.utf8):
            # RFC 6856 §2.1: no STLS after UTF8
            self._refuse(Text.NO_TLS)
        elif isinstance(command, AuthAsked) and (
            command.mechanism not in offer.mechanisms
        ):
            self._refuse(Text.NO_SUCH_MECHANISM)
        else:
            return True
        return False

    def _exchange(self, line: bytes) -> Event:
        self._pending = Verb.AUTH
        if line == b"*":  # RFC 5034 §4
            return AuthCancelled(malformed=False)
        try:
            return AuthAnswered(octets=decode_base64(line))
        except BadArgument:
            return AuthCancelled(malformed=True)

    def _quit(self) -> Event | None:
        if self.state is State.TRANSACTION:
            self.state = State.UPDATE
            return QuitAsked()
        self.ok(Text.BYE)
        return None

    # -- what the machine answers itself

    def _user(self, command: UserGiven) -> None:
        self._name = command.name
        self.ok(Text.NAME_TAKEN)  # whoever it is (RFC 1939 §13)

    def _lang(self, command: LangGiven) -> None:
        if command.language_range is None:
            self.begin(Text.LANGUAGES)
            listing = (f"{tag} {name}\r\n" for tag, name in LANGUAGES.items())
            self.lines("".join(listing).encode())
            self.end()
            return
        tag = choose_language(command.language_range)
        if tag is None:
            self.err(Text.NO_SUCH_LANGUAGE)
            return
        self._language, self._words = tag, WORDS[tag]
        words = self._words[Text.LANGUAGE_CHANGED]
        self.answer(tag.encode() + b" " + words)  # RFC 6856 §3.2

    def _mechanisms(self) -> None:
        # what clients older than CAPA send to learn the mechanisms; it begins no
        # exchange, so its +OK must not be taken for the end of one
        self._pending = None
        self.begin(Text.MECHANISMS)
        self.lines("".join(f"{m}\r\n" for m in self._offer.mechanisms).encode())
        self.end()

    def _plain(self) -> None:
        if self._pending is Verb.CAPA:
            self.begin(Text.CAPABILITIES)
            self.lines("".join(f"{line}\r\n" for line in self._capa()).encode())
            self.end()
        elif self._pending is Verb.UTF8:
            self.utf8 = True
            self.ok(Text.UTF8_ON)
        else:
            self.ok(Text.DONE)

    def _capa(self) -> list[str]:
        offer = self._offer
        capabilities = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"]
        expire = "NEVER" if offer.expire_days is None else str(offer.expire_days)
        capabilities += [f"EXPIRE {expire}", "LANG"]
        if offer.login_delay_s:
            capabilities.append(f"LOGIN-DELAY {offer.login_delay_s}")
        capabilities.append("UTF8 USER" if offer.user_pass else "UTF8")
        if offer.user_pass:
            capabilities.append("USER")
        if offer.mechanisms:
            capabilities.append("SASL " + " ".join(offer.mechanisms))
        # RFC 2595 §4: only where STLS would be taken
        if offer.stls and self.state is not State.TRANSACTION:
            capabilities.append("STLS")
        capabilities.append(f"IMPLEMENTATION {offer.implementation}")
        return capabilities

    def _unknown(self, keyword: bytes) -> None:
        if keyword in _OTHER_PROTOCOLS:
            self._errors = MAX_ERRORS
        self._refuse(Text.UNKNOWN)

    def _refuse(self, text: Text) -> None:
        self._errors += 1
        logged_in = self.state is State.TRANSACTION
        too_many = self._errors >= (
            MAX_ERRORS if logged_in else MAX_ERRORS_BEFORE_LOGIN
        )
        self.err(Text.TOO_MANY_ERRORS if too_many else text)
        if too_many:
            self.close()

    # -- replies

    def _reply(self, line: bytes, *, good: bool) -> None:
        self._out.append(line)
        if self._pending is not None:
            self.state = NEXT[self.state, self._pending][0 if good else 1]
            self._pending = None

    def ok(self, text: Text, *, code: str = "") -> None:
        """Say +OK in the session's language; `code` as in RFC 2449 §8."""
        words = self._words[text]
        line = f"+OK [{code}] ".encode() if code else b"+OK "
        self._reply(line + words + b"\r\n", good=True)

    def err(self, text: Text, *, code: str = "") -> None:
        """Say -ERR; `code` e.g. "AUTH", "SYS/TEMP", "IN-USE" (RFC 3206)."""
        words = self._words[text]
        line = f"-ERR [{code}] ".encode() if code else b"-ERR "
        self._reply(line + words + b"\r\n", good=False)

    def answer(self, facts: bytes) -> None:
        """Say +OK and facts for programs, as STAT and `LIST 1` do."""
        self._reply(b"+OK " + facts + b"\r\n", good=True)

    def challenge(self, octets: bytes) -> None:
        """Go on with an AUTH exchange (RFC 5034 §4)."""
        encoded = binascii.b2a_base64(octets, newline=False)
        self._out.append(b"+ " + encoded + b"\r\n")
        self.state = State.SASL
        self._pending = None

    def begin(self, text: Text) -> None:
        """Say +OK and that more lines follow."""
        self._out.append(b"+OK " + self._words[text] + b"\r\n")
        self._stuffer = DotStuffer()

    def body(self, chunk: bytes) -> None:
        """Send octets of a message, after `begin`."""
        if self._stuffer is None:
            raise LocalProtocolError("no multi-line reply was begun")
        self._out.append(self._stuffer.stuff(chunk))

    def lines(self, lines: bytes) -> None:
        """Send whole lines, of which none begins with a dot, after `begin`."""
        self._out.append(lines)

    def end(self) -> None:
        """End what `begin` began."""
        if self._stuffer is None:
            raise LocalProtocolError("no multi-line reply was begun")
        ending = self._stuffer.end()
        self._stuffer = None
        self._reply(ending, good=True)

    def start_tls(self) -> bool:
        """Say yes to STLS and pause; False when the session had to be closed.

        Octets that came in clear after the command must not be read as if TLS
        had protected them: the session ends (RFC 2595 §4).
        """
        if len(self._reader):
            self._pending = None
            self._reader.clear()
            self.close()
            return False
        self.ok(Text.BEGIN_TLS)
        self._before_stls = True
        return True

    def tls_started(self, offer: Offer) -> None:
        """TLS stands: what was said before is forgotten (RFC 2595 §4)."""
        self._before_stls = False
        self._offer = offer
        self._name = ""
        self._language, self._words = DEFAULT_LANGUAGE, WORDS[DEFAULT_LANGUAGE]
        self.state = State.AUTHORIZATION

    def close(self) -> None:
        """End the session after what is queued; removes no message."""
        self.state = State.CLOSED
        self._pending = None
        self._reader.clear()

    def data_to_send(self) -> bytes:
        """What to send now; each octet is given once."""
        out = self._out
        if not out:
            return b""
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return data
