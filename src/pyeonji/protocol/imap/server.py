"""The server's side of a conversation, without input or output.

    machine.receive_data(octets)
    event = machine.next_event()   # a Command, or what else a client says

The machine reads lines and literals, bounds them, asks for literals that the
client waits to send, checks the state and parses each command once. What is
answered is the session's business, except "+" requests for literals. After
some events the session must say what comes next, before it asks for another:

    Append, MessageBegun, TextPart, UrlPart
                    accept_message() or refuse_message()
    Authenticate    expect_response() for each challenge sent
    Idle            expect_done()
    StartTls        start_tls(), and tls_started() when TLS stands

`advance` tells it that the state of the connection has changed.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap import limits
from pyeonji.protocol.imap.commands import (
    Append,
    AppendEnded,
    Event,
    IdleEnded,
    MessageBegun,
    MessageChunk,
    MessageForm,
    Refused,
    SaslResponse,
    UrlPart,
)
from pyeonji.protocol.imap.encoding import BadBase64, decode_base64
from pyeonji.protocol.imap.parse_append import COMMANDS as STREAMING
from pyeonji.protocol.imap.parse_append import STRING, Line, Said, read_append
from pyeonji.protocol.imap.states import NEXT, State, Step
from pyeonji.protocol.imap.table import COMMANDS, Rule
from pyeonji.protocol.imap.tokens import Arguments, BadSyntax
from pyeonji.protocol.lines import LineReader
from pyeonji.protocol.machine import CLOSED, NEED_DATA, PAUSED, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

# tag, command, and the rest of the first line (RFC 3501 §9: tag, command)
_HEAD: Final = re.compile(
    rb'([^\x00-\x20\x7f-\xff(){%*"\\+]+) ([A-Za-z][A-Za-z0-9-]*)(?=[ ]|\Z)'
)
_TAG: Final = re.compile(rb'([^\x00-\x20\x7f-\xff(){%*"\\+]+)(?: |\Z)')
_UID: Final = re.compile(rb" ([A-Za-z]+)(?=[ ]|\Z)")
_LITERAL: Final = re.compile(rb"\{([0-9]+)(\+?)\}\Z")
_HTTP: Final = re.compile(rb" HTTP/1\.[01]\Z")


class _Input(Enum):
    """What the next octets are."""

    LINE = "a line of a command"
    LITERAL = "a literal"
    GO_ON = "the same line of APPEND"
    ASKED = "an APPEND waits for the session's word"
    MESSAGE = "a message"
    DISCARD = "octets of a refused literal"
    RESPONSE = "a response to a challenge"
    DONE = "DONE"
    TLS = "TLS"
    CLOSED = "nothing more"


class ServerMachine:
    """Reads one client. See the module's text for who calls what."""

    _append: Generator[Said, Line | None, None] | None
    _fragments: list[bytes]
    _refusal: Refused | None
    _rule: Rule | None

    def __init__(self, *, message_octets: int) -> None:
        """`message_octets`: the largest message that APPEND may bring."""
        self.state = State.NOT_AUTHENTICATED
        self.utf8 = False  # the client has enabled it (RFC 6855 §3)
        self._message_octets = message_octets
        self._reader = LineReader()
        self._out: list[bytes] = []
        self._eof = False
        self._input = _Input.LINE
        self._remaining = 0
        self._forget_command()
        self._steps: Final[dict[_Input, Callable[[], Event | Status | None]]] = {
            _Input.LINE: self._read_line,
            _Input.LITERAL: self._read_literal,
            _Input.GO_ON: self._go_on_append,
            _Input.MESSAGE: self._read_message,
            _Input.DISCARD: self._discard,
            _Input.RESPONSE: self._read_response,
            _Input.DONE: self._read_done,
        }

    # -- the machine's face (protocol.machine.Machine)

    def receive_data(self, data: bytes) -> None:
        """Take octets from the client."""
        if self._input is not _Input.CLOSED:
            self._reader.feed(data)

    def receive_eof(self) -> None:
        """The client will send no more."""
        self._eof = True

    def next_event(self) -> Event | Status:
        """The next thing the client said, or NEED_DATA, PAUSED or CLOSED."""
        while True:
            if self._input is _Input.CLOSED:
                return CLOSED
            if self._input is _Input.TLS:
                return CLOSED if self._eof else PAUSED
            if self._input is _Input.ASKED:
                raise RuntimeError("an APPEND has not been answered")
            event = self._steps[self._input]()
            if event is NEED_DATA:
                return CLOSED if self._eof else NEED_DATA
            if event is not None:
                return event

    def data_to_send(self) -> bytes:
        """Requests for literals."""
        out = b"".join(self._out)
        self._out.clear()
        return out

    # -- what the session says

    def advance(self, step: Step) -> None:
        """Something happened that moves the connection to another state."""
        self.state = NEXT[self.state, step]
        if self.state is State.LOGOUT:
            self._input = _Input.CLOSED
            self._reader.clear()

    def accept_message(self) -> None:
        """Let what was asked last come: octets, or the rest of the line."""
        if not self._asks_octets:
            self._input = _Input.GO_ON
            return
        self._input = _Input.MESSAGE
        if self._synchronising:
            self._out.append(b"+ Ready for the message.\r\n")

    def refuse_message(self) -> None:
        """Throw what was asked last away, and the rest of its command.

        A client that waits for "+" does not send it; the other's octets are
        skipped. The session sends the tagged response.
        """
        self._refusal = None
        if self._announces and not self._synchronising:
            self._input = _Input.DISCARD
        else:
            self._forget_command()

    @property
    def has_input(self) -> bool:
        """Whether octets lie here that no event has told of yet."""
        return len(self._reader) > 0

    def expect_response(self) -> None:
        """The next line answers a SASL challenge."""
        self._input = _Input.RESPONSE

    def expect_done(self) -> None:
        """The next line ends IDLE."""
        self._input = _Input.DONE

    def start_tls(self) -> None:
        """Nothing is read until TLS stands; what comes from now on is inside it.

        What the client sent in clear after STARTTLS closes the conversation,
        so that nobody on the way can put commands before hers (RFC 3501 §6.2.1).
        """
        self._input = _Input.CLOSED if self._reader.clear() else _Input.TLS

    def tls_started(self) -> None:
        """Go on, inside TLS."""
        if self._input is _Input.TLS:
            self._input = _Input.LINE

    def close(self) -> None:
        """Read nothing more."""
        self._input = _Input.CLOSED
        self._reader.clear()

    # -- commands

    @property
    def _limits(self) -> limits.InputLimits:
        if self.state is State.NOT_AUTHENTICATED:
            return limits.BEFORE_LOGIN
        return limits.AFTER_LOGIN

    def _forget_command(self) -> None:
        """Be ready for the first line of a command."""
        if self._input is not _Input.CLOSED:
            self._input = _Input.LINE
        self._fragments = []
        self._line_octets = 0
        self._literal_octets = 0
        self._tag = b"*"
        self._name = b""
        self._rule = None
        self._arguments_at = 0
        self._synchronising = False
        self._announces = False
        self._asks_octets = False
        self._append = None
        self._string: bytes = b""
        self._refusal = None

    def _refuse(self, refusal: Refused) -> Refused:
        self._forget_command()
        if refusal.fatal:
            self.close()
        return refusal

    def _bad(self, text: str) -> Refused:
        return Refused(self._tag, b"BAD", text)

    def _read_line(self) -> Event | Status | None:
        limit = self._limits.line_octets
        line = self._reader.next_line(limit - self._line_octets)
        if line is NEED_DATA:
            return NEED_DATA
        if line is None:
            # the announcement of a literal may have been at the line's end:
            # where the next command begins cannot be known any more
            return self._refuse(
                Refused(b"*", b"BYE", "Line too long.", b"TOOBIG", fatal=True)
            )
        self._line_octets += len(line) + 2
        refusal = None
        if self._append is None and not self._fragments:
            refusal = self._read_head(line)
        literal = _LITERAL.search(line)
        self._announces = literal is not None
        if literal is not None and len(literal.group(1)) > limits.MAX_COUNT_DIGITS:
            return self._refuse(
                Refused(b"*", b"BYE", "No such literal.", b"TOOBIG", fatal=True)
            )
        if refusal is None and self._name in STREAMING:
            return self._read_append(line, literal)
        if literal is not None:
            return self._announced(line, literal, refusal)
        if refusal is not None:
            return self._refuse(refusal)
        self._fragments.append(line)
        return self._parse()

    def _read_head(self, line: bytes) -> Refused | None:
        """Find tag and command in the first line of a command."""
        head = _HEAD.match(line)
        if head is None or len(head.group(1)) > limits.MAX_TAG:
            tag = _TAG.match(line)
            if tag is not None and len(tag.group(1)) <= limits.MAX_TAG:
                self._tag = tag.group(1)
            if self.state is State.NOT_AUTHENTICATED and _HTTP.search(line):
                return Refused(b"*", b"BYE", "This is not HTTP.", fatal=True)
            return self._bad("No tag and command.")
        self._tag, name = head.group(1), head.group(2).upper()
        end = head.end()
        if name == b"UID" and (sub := _UID.match(line, end)):
            name, end = b"UID " + sub.group(1).upper(), sub.end()
        rule = COMMANDS.get(name)
        if rule is None:
            return self._bad("Unknown command.")
        if self.state not in rule.states:
            return self._bad(f"Not in state '{self.state.value}'.")
        self._name, self._rule, self._arguments_at = name, rule, end
        return None

    def _announced(
        self, line: bytes, literal: re.Match[bytes], refusal: Refused | None
    ) -> Event | None:
        """A line ended in {n} or {n+}: see whether its literal may come."""
        self._announce(literal)
        self._fragments.append(line[: literal.start()])
        refusal = refusal or self._literal_refusal(self._remaining)
        if refusal is not None:
            return self._skip(refusal)
        self._ask_literal()
        return None

    def _announce(self, literal: re.Match[bytes]) -> None:
        self._synchronising = not literal.group(2)
        self._remaining = int(literal.group(1))

    def _ask_literal(self) -> None:
        """Let a literal that is no message come."""
        self._literal_octets += self._remaining
        self._input = _Input.LITERAL
        if self._synchronising:
            self._out.append(b"+ Ready for the literal.\r\n")

    def _literal_refusal(self, size: int) -> Refused | None:
        bounds = self._limits
        if self._literal_octets + size > bounds.literal_octets:
            return Refused(self._tag, b"BAD", "Literal too large.", b"TOOBIG")
        if len(self._fragments) // 2 >= bounds.literals:
            return Refused(self._tag, b"BAD", "Too many literals.", b"TOOBIG")
        return None

    # -- APPEND and its kin (parse_append)

    def _read_append(
        self, line: bytes, literal: re.Match[bytes] | None
    ) -> Event | None:
        """A line of a command that brings messages."""
        announced = None
        if literal is not None:
            self._announce(literal)
            announced, line = self._remaining, line[: literal.start()]
        said = Line(
            octets=line,
            announced=announced,
            waits=announced is not None and self._synchronising,
            string=self._string,
        )
        self._string = b""
        if self._append is not None:
            return self._go_on_append(said)
        self._append = read_append(
            self._tag, self._name, said, self._arguments_at, utf8_names=self.utf8
        )
        return self._go_on_append()

    def _go_on_append(self, line: Line | None = None) -> Event | None:
        """See what the grammar finds next."""
        assert self._append is not None  # noqa: S101 - only read while it is there
        try:
            said = self._append.send(line)
        except StopIteration:
            if self._announces:  # the grammar would have asked for it
                return self._skip(self._bad("Too much."))
            self._forget_command()
            return AppendEnded()
        except BadSyntax as error:
            return self._skip(self._bad(f"Bad syntax: {error}."))
        if said == STRING:
            return self._ask_string()
        head = said.first if isinstance(said, Append) else said
        self._asks_octets = not isinstance(head, UrlPart) and not (
            isinstance(head, MessageBegun) and head.form is MessageForm.CATENATE
        )
        if self._asks_octets and self._remaining > self._message_octets:
            return self._skip(
                Refused(self._tag, b"NO", "Message too large.", b"TOOBIG")
            )
        self._input = _Input.ASKED
        return said

    def _ask_string(self) -> Event | None:
        """The literal just announced is a name or a URL."""
        refusal = self._literal_refusal(self._remaining)
        if refusal is not None:
            return self._skip(refusal)
        self._ask_literal()
        return None

    def _skip(self, refusal: Refused) -> Refused | None:
        """Refuse a command whose literal may already be on its way.

        A client that waits for our "+" goes on to its next command; what the
        other one sends is skipped to the end of its command, never executed
        (RFC 7888 §4).
        """
        if self._synchronising or not self._announces or refusal.fatal:
            return self._refuse(refusal)
        self._refusal = refusal
        self._input = _Input.DISCARD
        return None

    def _discard(self) -> Event | Status | None:
        """Skip octets of a literal, and what its command still has."""
        while self._remaining:
            gone = len(self._reader.take(min(self._remaining, limits.CHUNK_OCTETS)))
            if not gone:
                return NEED_DATA
            self._remaining -= gone
        line = self._reader.next_line(self._limits.line_octets)
        if line is NEED_DATA:
            return NEED_DATA
        if line is None:
            return self._refuse(
                Refused(b"*", b"BYE", "Line too long.", b"TOOBIG", fatal=True)
            )
        literal = _LITERAL.search(line)
        if literal is not None and literal.group(2):
            if len(literal.group(1)) > limits.MAX_COUNT_DIGITS:
                return self._refuse(
                    Refused(b"*", b"BYE", "No such literal.", b"TOOBIG", fatal=True)
                )
            self._remaining = int(literal.group(1))
            return None
        refusal = self._refusal
        self._forget_command()
        return refusal

    def _read_literal(self) -> Status | None:
        if len(self._reader) < self._remaining:
            return NEED_DATA
        literal = self._reader.take(self._remaining)
        if self._append is not None:
            self._string = literal
        else:
            self._fragments.append(literal)
        self._input = _Input.LINE
        return None

    def _read_message(self) -> Event | Status | None:
        if not self._remaining:
            self._line_octets = 0
            self._input = _Input.LINE
            return None
        octets = self._reader.take(min(self._remaining, limits.CHUNK_OCTETS))
        if not octets:
            return NEED_DATA
        self._remaining -= len(octets)
        return MessageChunk(octets)

    def _parse(self) -> Event:
        tag, rule = self._tag, self._rule
        arguments = Arguments(self._fragments, self._arguments_at, utf8=self.utf8)
        self._forget_command()
        if rule is None:
            return Refused(tag, b"BAD", "Unknown command.")
        try:
            return rule.parse(tag, arguments)
        except BadSyntax as error:
            return Refused(tag, b"BAD", f"Bad syntax: {error}.", error.code)

    # -- lines that are no commands

    def _read_response(self) -> Event | Status:
        line = self._reader.next_line(self._limits.line_octets)
        if line is NEED_DATA:
            return NEED_DATA
        self._input = _Input.LINE
        if line is None:
            return SaslResponse(None, malformed=True)
        if line == b"*":
            return SaslResponse(None)
        try:
            return SaslResponse(decode_base64(line))
        except BadBase64:
            return SaslResponse(None, malformed=True)

    def _read_done(self) -> Event | Status:
        line = self._reader.next_line(self._limits.line_octets)
        if line is NEED_DATA:
            return NEED_DATA
        self._input = _Input.LINE
        return IdleEnded(line is not None and line.upper() == b"DONE")
