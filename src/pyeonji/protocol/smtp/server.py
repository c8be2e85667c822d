"""The SMTP, submission or LMTP server's side of one conversation.

How a door uses it. It makes one machine for each connection and says hello::

    machine = ServerMachine(Options(hostname="mx.example.test", ...), tls=False)
    machine.greet()                      # or machine.turn_away(...)

then answers each event that asks (`events` says which do) with one of

    accept(text)        the usual good answer; the state moves on
    reply(code, enhanced, text)          any other; 4xx and 5xx refuse
    reply_next(reply)                    LMTP, after the letter: one a recipient

and goes on. A transaction is HelloGiven, MailAsked, RecipientAsked (once or
more), then the letter: `LetterReceived` with all of it when it is not larger
than SMALL_LETTER_OCTETS, else `BodyChunk`s and `BodyEnded`. The answer to
those two is the one that takes responsibility: give it when the letter is
stable. A door keeps the transaction's sender and recipients from what it
accepted; a new MailAsked begins afresh, and TransactionDropped says that a
letter begun will not come. When the pieces cannot be kept (disk full), call
`fail_body` while they come: the rest is thrown away and that is the reply.

AUTH: begin a SASL exchange (`protocol.sasl.server.begin`) at AuthAsked with
its initial response, and pass on: Challenge → `challenge`, Succeeded →
`authenticated` (once allowed), Failed → `auth_failed`. AuthResponse brings what
to send into the exchange, AuthCancelled ends it.

STARTTLS: `accept`, `await connection.start_tls()`, `tls_started()`. Between,
`next_event` gives PAUSED; octets that came in clear are never read: the
machine closes instead.

`progress(text)` sends a 050 line when the client asked for VERB, at any time
between accepting MAIL and answering the letter, and else nothing.

Wrong order, syntax errors, what isn't offered, NOOP, RSET, HELP, too many
recipients, too large: the machine answers alone. 421 it says by itself after
too many errors; `shut_down` says it for the door (time-out, server stopping).
"""

from __future__ import annotations

from base64 import b64encode
from collections import deque
from typing import TYPE_CHECKING, Final

from pyeonji.protocol.machine import CLOSED, NEED_DATA, PAUSED, Status
from pyeonji.protocol.smtp import replies, words
from pyeonji.protocol.smtp.body import Input, has_bare_newline
from pyeonji.protocol.smtp.commands import COMMANDS, NotASMTPClient, Told, parse
from pyeonji.protocol.smtp.errors import LocalProtocolError
from pyeonji.protocol.smtp.events import (
    AuthCancelled,
    AuthResponse,
    BodyChunk,
    BodyEnded,
    ErrorsMounting,
    Event,
    LetterReceived,
    TransactionDropped,
)
from pyeonji.protocol.smtp.letter import Letter
from pyeonji.protocol.smtp.limits import (
    HARD_ERRORS,
    HARD_REFUSALS,
    IDLE_COMMANDS,
    MAX_AUTH_LINE_OCTETS,
    MAX_COMMAND_OCTETS,
    SMALL_LETTER_OCTETS,
    SOFT_ERRORS,
)
from pyeonji.protocol.smtp.options import extension_lines
from pyeonji.protocol.smtp.replies import Reply, encode
from pyeonji.protocol.smtp.state import NEXT, State
from pyeonji.protocol.smtp.words import BodyType, Hello, Offer, Verb
from pyeonji.protocol.smtp.xtext import from_base64

if TYPE_CHECKING:
    from pyeonji.protocol.smtp.options import Options

_ACCEPTED: Final[dict[Verb, tuple[int, str, bytes]]] = {
    Verb.MAIL: (250, "2.1.0", replies.MAIL_OK),
    Verb.RCPT: (250, "2.1.5", replies.RCPT_OK),
    Verb.DATA: (250, "2.0.0", replies.LETTER_OK),
    Verb.STARTTLS: (220, "2.0.0", replies.TLS_GO),
    Verb.AUTH: (235, "2.7.0", replies.AUTH_OK),
    Verb.VRFY: (252, "2.1.5", replies.VRFY_MAYBE),
    Verb.EXPN: (250, "2.1.5", replies.OK),
    Verb.ETRN: (250, "2.0.0", replies.OK),
    Verb.TURN: (250, "2.0.0", replies.TURN_OK),
    Verb.ATRN: (250, "2.0.0", replies.TURN_OK),
    Verb.VERB: (250, "2.0.0", replies.VERB_OK),
    Verb.XCLIENT: (250, "2.0.0", replies.OK),
}
_IDLE: Final = frozenset(
    (Verb.NOOP, Verb.RSET, Verb.HELP, Verb.VRFY, Verb.EXPN, Verb.ETRN, Verb.VERB)
)
_HELLO: Final = frozenset((Verb.HELO, Verb.EHLO, Verb.LHLO))
_HALTED: Final = frozenset((State.TURNED, State.CLOSED))
_IN_TRANSACTION: Final = frozenset((State.MAIL, State.RECIPIENTS, State.CHUNKS))


class ServerMachine:
    """One connection of a client; see the module's text for how to use it.

    Attributes:
        hello: how the client said hello last, None before.
        client_name: the name it gave there, "" before.
        tls: the connection is encrypted.
        authenticated_as: what the door gave to `authenticated`, "" before.
        smtputf8: MAIL of the present transaction had SMTPUTF8.
        reads_utf8: the last VRFY or EXPN had SMTPUTF8.
        verbose: VERB is on until the next letter.
        recipients: how many are accepted in the present transaction.
    """

    def __init__(self, options: Options, *, tls: bool = False) -> None:
        self.options = options
        self.tls = tls
        self.hello: Hello | None = None
        self.client_name = ""
        self.authenticated_as = ""
        self.smtputf8 = False
        self.reads_utf8 = False
        self.verbose = False
        self.recipients = 0
        self.state = State.START
        self._input = Input()
        self._out: list[bytes] = []
        self._later: deque[tuple[Event, Verb | None]] = deque()
        self._asked: Verb | None = None
        self._eof = False
        self._first = True
        self._awaits_tls = False
        self._awaits_response = False
        self._body = Letter()
        self._errors = 0
        self._refusals = 0
        self._idle = 0
        self._answered = 0  # recipients of the letter that waits (LMTP)
        self._enhanced = Offer.ENHANCED_STATUS_CODES in options.offers

    # What all machines have

    def receive_data(self, data: bytes) -> None:
        """Take octets from the client."""
        if self.state is not State.CLOSED:
            self._input.feed(data)

    def receive_eof(self) -> None:
        """The client will send no more."""
        self._eof = True

    def data_to_send(self) -> bytes:
        """What to send now; each octet is given once."""
        out = self._out
        if not out:
            return b""
        octets = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return octets

    def next_event(self) -> Event | Status:
        """The next event, or NEED_DATA, PAUSED or CLOSED.

        Raises:
            LocalProtocolError: the last event still waits for its answer.
        """
        if self._asked is not None:
            raise LocalProtocolError("the last event is not answered")
        while True:
            if self._later:
                event, self._asked = self._later.popleft()
                return event
            halted = self._awaits_tls or self.state in _HALTED
            if halted and (status := self._stopped()) is not None:
                return status
            told = self._read()
            if isinstance(told, Status):
                return CLOSED if self._eof else NEED_DATA
            if told is not None:
                self._later.append(told)

    def _stopped(self) -> Status | None:
        if self.state is State.CLOSED:
            return CLOSED
        if self.state is State.TURNED:
            return PAUSED
        if not self._awaits_tls:
            return None
        if len(self._input):  # clear octets where TLS was to begin
            self.state = State.CLOSED
            return CLOSED
        return PAUSED

    def _read(self) -> Told | Status | None:
        body = self._body
        if not self._input.ended:
            return self._read_data(body)
        if body.chunk_left is not None:
            return self._read_chunk(body)
        if self._first and self._input.starts_with(b"\x16\x03"):
            return self._hang_up(replies.NOT_SMTP)  # a TLS handshake
        line = self._input.next_line(MAX_AUTH_LINE_OCTETS)
        if line is NEED_DATA:
            return NEED_DATA
        if self._awaits_response:
            return self._response(line)
        if line is None:
            return self.fault(replies.TOO_LONG)
        return self._command(line)

    # Commands

    def _command(self, line: bytes) -> Told | None:
        try:
            verb, arguments = parse(line, first=self._first)
        except NotASMTPClient:
            return self._hang_up(replies.NOT_SMTP)
        self._first = False
        if verb is not Verb.AUTH and len(line) + 2 > MAX_COMMAND_OCTETS:
            return self.fault(replies.TOO_LONG)
        if verb is None:
            return self.fault(replies.UNKNOWN)
        if verb is Verb.BDAT:
            return self._begin_chunk(arguments)
        if (self.state, verb) not in NEXT:
            return self.fault(self._misplaced(verb))
        if verb in _IDLE:
            self._idle += 1
            if self._idle > IDLE_COMMANDS:
                self._note(self._count_error())
                if self.state is State.CLOSED:
                    return None
        return COMMANDS[verb](self, verb, arguments)

    def _misplaced(self, verb: Verb) -> bytes:
        """The reply to a command that the state does not allow."""
        letter = verb is Verb.DATA or verb is Verb.BDAT
        if not letter or self.state is not State.MAIL:
            return replies.WRONG_ORDER
        if self.options.lmtp:  # RFC 2033 §4.2
            return replies.NO_RECIPIENT_LMTP
        return replies.NO_RECIPIENT

    def say(self, octets: bytes) -> None:
        """Queue an encoded reply (for commands)."""
        if not self._enhanced:
            octets = replies.without_enhanced(octets)
        self._out.append(octets)

    def fault(self, octets: bytes) -> Told | None:
        """Queue a reply to an error of the client, and count it (for commands)."""
        self.say(octets)
        return self._count_error()

    def _count_error(self) -> Told | None:
        self._errors += 1
        if self._errors >= HARD_ERRORS:
            return self._hang_up(replies.TOO_MANY_ERRORS)
        if self._errors > SOFT_ERRORS:
            return ErrorsMounting(self._errors), None
        return None

    def _hang_up(self, octets: bytes) -> Told | None:
        self.say(octets)
        dropped = self.drop("the connection is ended")
        self.state = State.CLOSED
        self._input.clear()
        return dropped

    def move(self, verb: Verb) -> None:
        """Move by the table for a command that asks nobody (for commands)."""
        self.state = NEXT[self.state, verb]

    def drop(self, reason: str) -> Told | None:
        """End a transaction that is under way (for commands)."""
        under_way = self.state in _IN_TRANSACTION
        if under_way:
            self._end_transaction()
        return (TransactionDropped(reason), None) if under_way else None

    def _end_transaction(self) -> None:
        self.state = State.READY
        self.recipients = 0
        self.smtputf8 = False
        self._body = Letter()

    def begin_data(self) -> None:
        """The letter's octets follow (for DATA)."""
        self.say(replies.GO_AHEAD)
        self._input.begin_data()

    def body_is_binary(self) -> bool:
        """Whether MAIL said BODY=BINARYMIME (for DATA)."""
        return self._body.type is BodyType.BINARY

    def tell(self, told: Told) -> None:
        """Tell the door this first (for commands)."""
        self._later.append(told)

    def input_is_empty(self) -> bool:
        """Whether nothing stands behind the present command (for STARTTLS)."""
        return not len(self._input)

    def inject_alarm(self) -> Told | None:
        """Hang up on a client that said more in clear behind STARTTLS."""
        return self._hang_up(replies.TLS_INJECTED)

    def _response(self, line: bytes | None) -> Told | None:
        self._awaits_response = False
        if line is None:
            self._note(self.fault(replies.AUTH_TOO_LONG))
            return AuthCancelled("response too long"), None
        if line == b"*":  # RFC 4954 §4
            self._note(self.fault(replies.CANCELLED))
            return AuthCancelled("cancelled by the client"), None
        octets = from_base64(line)
        if octets is None:
            self._note(self.fault(replies.BAD_BASE64))
            return AuthCancelled("not base64"), None
        return AuthResponse(octets), Verb.AUTH

    def _note(self, told: Told | None) -> None:
        if told is not None:
            self._later.append(told)

    # The letter

    def _read_data(self, body: Letter) -> Told | Status | None:
        piece = self._input.take_data()
        if piece is None:
            return NEED_DATA
        if self._input.bare:
            body.refuse(replies.BARE_NEWLINE, "bare CR or LF")
        return self._body_piece(body, piece, last=self._input.ended)

    def _body_piece(self, body: Letter, piece: bytes, *, last: bool) -> Told | None:
        body.size += len(piece)
        if body.size > self.options.max_message_octets:
            body.refuse(replies.TOO_LARGE, "too large")
        if body.refusal is not None:
            return self._refuse_letter(body) if last else None
        if not last:
            body.flowing = True
            return BodyChunk(piece), None
        if not body.flowing:
            return LetterReceived(piece), Verb.DATA
        if piece:
            self._later.append((BodyChunk(piece), None))
        return BodyEnded(body.size), Verb.DATA

    def _refuse_letter(self, body: Letter) -> Told | None:
        self.say((body.refusal or b"") * self._answers())
        self._note(self._count_error())
        return self.drop(body.reason) if self.state is not State.CLOSED else None

    def _answers(self) -> int:
        """How many replies a letter has (RFC 2033 §4.2)."""
        return self.recipients if self.options.lmtp else 1

    def _begin_chunk(self, arguments: bytes) -> Told | None:
        """BDAT: its octets follow whatever we think of it (RFC 3030 §2)."""
        size, _, last = arguments.partition(b" ")
        fine = size.isdigit() and len(size) <= 20
        if not fine or last.upper() not in {b"", b"LAST"}:
            return self._hang_up(replies.BAD_BDAT)  # we can't know what is a command
        body = self._body
        body.chunk_left = body.chunk_size = int(size)
        body.last = bool(last)
        body.stray = None
        if Offer.CHUNKING not in self.options.offers:
            body.stray = replies.NOT_OFFERED
        elif (self.state, Verb.BDAT) not in NEXT:
            body.stray = self._misplaced(Verb.BDAT)
        else:
            self.state = NEXT[self.state, Verb.BDAT]
        return None

    def _read_chunk(self, body: Letter) -> Told | Status | None:
        if body.chunk_left:
            octets = self._input.take(body.chunk_left)
            if not octets:
                return NEED_DATA
            body.chunk_left -= len(octets)
            return None if body.stray else self._keep(body, octets)
        body.chunk_left = None
        if body.stray is not None:
            nobody = self.options.lmtp and self.state is State.MAIL
            if nobody and body.last:  # one reply for each: none (RFC 2033 §4.3)
                return self.drop("no recipients")
            return self.fault(body.stray)
        if body.last:
            piece = self._checked(body, body.take_kept())
            return self._body_piece(body, piece, last=True)
        if body.refusal is not None:
            return self.fault(body.refusal)
        self.say(encode(250, "2.0.0", f"{body.chunk_size} octets received"))
        return None

    def _keep(self, body: Letter, octets: bytes) -> Told | None:
        if body.refusal is not None:
            return None
        body.kept.append(octets)
        body.kept_octets += len(octets)
        if not body.flowing and body.kept_octets <= SMALL_LETTER_OCTETS:
            return None
        whole = body.take_kept()
        if whole.endswith(b"\r"):  # may be half of a CRLF
            body.keep(b"\r")
            whole = whole[:-1]
        return self._body_piece(body, self._checked(body, whole), last=False)

    def _checked(self, body: Letter, octets: bytes) -> bytes:
        """LIBERTY: BDAT too carries lines, unless MAIL said BINARYMIME."""
        if body.type is not BodyType.BINARY and has_bare_newline(octets):
            body.refuse(replies.BARE_NEWLINE, "bare CR or LF")
        return octets

    # Answers

    def greet(self) -> None:
        """Say 220; the first thing that a door does."""
        kind = "LMTP" if self.options.lmtp else "ESMTP"
        text = f"{self.options.hostname} {kind} {self.options.banner}"
        self._out.append(encode(220, "", text))

    def turn_away(self, code: int, enhanced: str, text: str) -> None:
        """Greet with 554, and wait for QUIT, or with 421, and close."""
        line = f"{self.options.hostname} {text}"
        self.say(encode(code, enhanced, line))
        self.state = State.CLOSED if code == 421 else State.TURNED_AWAY

    def accept(self, text: str = "") -> None:
        """Give the usual good answer to the event that asks."""
        verb = self._need_asked()
        if verb is Verb.MAIL or verb is Verb.RCPT:  # most of all that is asked
            code, enhanced, octets = _ACCEPTED[verb]
            self.say(encode(code, enhanced, text) if text else octets)
        elif verb in _HELLO:
            self._say_hello(text)
        elif text:
            code, enhanced, _ = _ACCEPTED[verb]
            octets = encode(code, enhanced, text)
            self.say(octets * (self._answers() if verb is Verb.DATA else 1))
        elif verb is Verb.DATA:
            self.say(replies.LETTER_OK * self._answers())
        elif verb is not Verb.STARTTLS or self.input_is_empty():
            self.say(_ACCEPTED[verb][2])
        self._accepted(verb)

    def reply(self, code: int, enhanced: str, *text: str) -> None:
        """Give any other answer; several texts are several lines.

        Below 400 it accepts, else it refuses what was asked. 421 closes.
        """
        verb = self._need_asked()
        names = verb is Verb.VRFY or verb is Verb.EXPN
        reads = names and self.reads_utf8
        if names and code == 250 and not reads and not all(map(str.isascii, text)):
            code, enhanced, text = 252, "2.6.8", ("the answer needs SMTPUTF8",)
        octets = encode(code, enhanced, *text, utf8=reads)
        self.say(octets * (self._answers() if verb is Verb.DATA else 1))
        if code < 400:
            self._accepted(verb)
        else:
            self._refused(verb, code)

    def reply_next(self, answer: Reply) -> None:
        """Answer a letter in LMTP for the next recipient (RFC 2033 §4.2).

        The order is that of RCPT; the last answer ends the transaction.

        Raises:
            LocalProtocolError: no letter waits for an answer.
        """
        verb = self._need_asked()
        if verb is not Verb.DATA:
            raise LocalProtocolError("a reply for a recipient of a letter")
        self.say(encode(answer.code, answer.enhanced, answer.text))
        self._answered += 1
        if self._answered >= self._answers():
            self._answered = 0
            self._accepted(verb)

    def challenge(self, octets: bytes) -> None:
        """Ask the client for the next SASL response."""
        if self._need_asked() is not Verb.AUTH:
            raise LocalProtocolError("no authentication is under way")
        self._asked = None
        self._awaits_response = True
        self._out.append(b"334 " + b64encode(octets) + b"\r\n")

    def authenticated(self, name: str) -> None:
        """Say 235: the client is who it says, and may be it."""
        self.authenticated_as = name
        self.accept()

    def auth_failed(self, *, malformed: bool = False) -> None:
        """Say 535, or 501 when the response was no proper one."""
        self._need_asked()
        self._asked = None
        self._note(
            self.fault(replies.AUTH_MALFORMED if malformed else replies.AUTH_WRONG)
        )

    def tls_started(self, options: Options | None = None) -> None:
        """TLS runs; all that was said before is forgotten (RFC 3207 §4.2).

        Args:
            options: what is offered from now on, if that has changed.
        """
        if not self._awaits_tls:
            raise LocalProtocolError("STARTTLS was not accepted")
        if self._stopped() is CLOSED:
            return
        self._awaits_tls = False
        self.tls = True
        self.options = options or self.options
        self.hello = None
        self.client_name = ""
        self.authenticated_as = ""
        self.state = State.START

    def fail_body(self, code: int, enhanced: str, text: str) -> None:
        """Throw away what is left of a letter that is coming, then say this."""
        self._body.refuse(encode(code, enhanced, text), text)

    def progress(self, text: str) -> None:
        """A 050 line, when the client asked for VERB."""
        if self.verbose:
            self._out.append(encode(250, "", text).replace(b"250", b"050", 1))

    def shut_down(self, text: str = "closing the connection") -> None:
        """Say 421 and close (RFC 5321 §3.8)."""
        if self.state is not State.CLOSED:
            self.say(encode(421, "4.3.2", f"{self.options.hostname} {text}"))
        self.state = State.CLOSED
        self._asked = None

    def leave(self) -> bytes:
        """After TURN: octets that belong to the conversation that follows."""
        return self._input.clear()

    def with_protocol(self) -> str:
        """The WITH word of this transaction's Received field."""
        return words.with_protocol(
            hello=self.hello or Hello.HELO,
            tls=self.tls,
            authenticated=bool(self.authenticated_as),
            utf8=self.smtputf8,
        )

    def _need_asked(self) -> Verb:
        if self._asked is None:
            raise LocalProtocolError("no event waits for an answer")
        return self._asked

    def _say_hello(self, text: str) -> None:
        first = f"{self.options.hostname} {text}".rstrip()
        if self._asked is Verb.HELO:
            self._out.append(encode(250, "", first))
            return
        lines = extension_lines(self.options, tls=self.tls)
        self._out.append(encode(250, "", first, *lines))

    def _accepted(self, verb: Verb) -> None:
        self._asked = None
        if verb is Verb.DATA:
            self._end_transaction()
            self.verbose = False
            self._errors = self._refusals = self._idle = 0
            return
        self.state = NEXT[self.state, verb]
        if verb is Verb.RCPT:
            self.recipients += 1
        elif verb is Verb.STARTTLS:
            self._awaits_tls = True
        elif verb is Verb.VERB:
            self.verbose = True

    def _refused(self, verb: Verb, code: int) -> None:
        self._asked = None
        if verb is Verb.DATA:
            self._end_transaction()
        elif verb is Verb.MAIL:
            self.smtputf8 = False
        self._refusals += 1
        if code == 421:
            self.state = State.CLOSED
        elif self._refusals >= HARD_REFUSALS:
            self._note(self._hang_up(replies.TOO_MANY_ERRORS))

    def begin_mail(self, body_type: BodyType, *, smtputf8: bool) -> None:
        """Note what MAIL says of the letter (for MAIL)."""
        self._body = Letter()
        self._body.type = body_type
        self.smtputf8 = smtputf8
