"""The SMTP or LMTP client's side of one conversation.

Each request is a method; its answer comes later as one event (`outcomes`).
The next request may be made when that event has come::

    machine = ClientMachine(ClientOptions(hostname="mx.example.test"), tls=False)
    Greeted           hello()                  EHLO, then HELO if not known
    HelloDone         start_tls()              when Offer.STARTTLS in extensions
    TlsReady          … TLS …  tls_started()   then hello() again
    HelloDone         authenticate("SCRAM-SHA-256", user, password, nonce)
    AuthDone          send_letter(envelope)    see `lacks` before
    BodyWanted        send_body(piece)         once for each BodyWanted
    BodyWanted        end_body()               when there are no more
    LetterDone        send_letter(another), or reset(), noop(), quit()
    Answered          CLOSED after quit

and the loop around it is, whatever carries the octets::

    while (event := machine.next_event()) is NEED_DATA:
        await write(machine.data_to_send())
        data = await read()
        machine.receive_data(data) if data else machine.receive_eof()

Pieces are content as it was before SMTP: the machine stuffs dots, and ends
the last line with CRLF where it must. When the envelope says BINARYMIME, or
when the content is large and the peer offers CHUNKING, it goes by BDAT;
otherwise by DATA, and then no bare CR or LF ever leaves: each becomes CRLF
(RFC 5321 §2.3.8), which is what a receiver could at worst have read them as.

With PIPELINING, MAIL, all RCPT and DATA leave together. A letter of which no
recipient was accepted gives LetterDone with no BodyWanted. In LMTP each
recipient has his own final reply (RFC 2033 §4.2).

The peer is not trusted: its lines, replies and their total are limited, and
what it sends in clear behind its answer to STARTTLS ends the conversation.
"""

from __future__ import annotations

from base64 import b64encode
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.protocol.machine import CLOSED, NEED_DATA, PAUSED, Status
from pyeonji.protocol.sasl import client as sasl
from pyeonji.protocol.smtp.client_replies import BrokenReply, PeerReply, ReplyReader
from pyeonji.protocol.smtp.errors import LocalProtocolError
from pyeonji.protocol.smtp.outcomes import (
    Answered,
    AuthDone,
    BodyWanted,
    ClientEvent,
    ConnectionBroken,
    Greeted,
    HelloDone,
    TlsReady,
    Verdict,
)
from pyeonji.protocol.smtp.transaction import Transaction, checked
from pyeonji.protocol.smtp.words import BodyType, Offer
from pyeonji.protocol.smtp.xtext import from_base64

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyeonji.protocol.smtp.outcomes import Envelope

_NO_EHLO: Final = frozenset((500, 501, 502, 503, 504, 550))
_MAX_INITIAL: Final = 400  # octets of an initial response; longer ones wait for 334


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """How we present ourselves."""

    hostname: str  # or an address literal
    lmtp: bool = False
    chunking: bool = True  # BDAT for large letters where offered
    pipelining: bool = True


class ClientMachine:
    """One connection to a server; see the module's text for how to use it.

    Attributes:
        extensions: what the server offers, upper-case keyword to parameters.
        tls: the connection is encrypted.
        authenticated: AUTH has succeeded.
    """

    def __init__(self, options: ClientOptions, *, tls: bool = False) -> None:
        self.options = options
        self.tls = tls
        self.authenticated = False
        self.extensions: dict[str, tuple[str, ...]] = {}
        self._reader = ReplyReader()
        self._out: list[bytes] = []
        self._events: deque[ClientEvent] = deque()
        self._awaited: deque[Callable[[PeerReply], None]] = deque((self._greeted,))
        self._letter: Transaction | None = None
        self._rest_of_envelope: list[bytes] = []  # RCPT lines, without pipelining
        self._gives_body = False  # the letter's octets are going out
        self._asked_body = False  # BodyWanted was told and not answered
        self._unclean = False  # RSET must come before the next letter
        self._paused = False
        self._turned = False
        self._closed = False
        self._eof = False

    # What all machines have

    def receive_data(self, data: bytes) -> None:
        """Take octets from the server."""
        if not self._closed:
            self._reader.feed(data)

    def receive_eof(self) -> None:
        """The server will send no more."""
        self._eof = True

    def data_to_send(self) -> bytes:
        """What to send now; each octet is given once."""
        octets = b"".join(self._out)
        self._out.clear()
        return octets

    def next_event(self) -> ClientEvent | Status:
        """The next event, or NEED_DATA, PAUSED or CLOSED.

        Raises:
            LocalProtocolError: BodyWanted still waits for its answer.
        """
        if self._asked_body:
            raise LocalProtocolError("BodyWanted is not answered")
        while not self._events:
            if self._closed:
                return CLOSED
            if self._turned:
                return PAUSED
            if self._paused:
                if not len(self._reader):
                    return PAUSED
                self._break("octets in clear behind the answer to STARTTLS")
                continue
            if self._read():
                continue
            if self._wants_body():
                self._asked_body = True
                return BodyWanted()
            if not self._eof:
                return NEED_DATA
            self._break("the server closed the connection")
        return self._events.popleft()

    def _read(self) -> bool:
        """Take one reply to its place; False: there is none."""
        try:
            reply = self._reader.next_reply()
        except BrokenReply as error:
            self._break(str(error))
            return True
        if reply is NEED_DATA:
            return False
        if not self._awaited:  # unasked: 421, or a refusal while the letter goes out
            self._break(reply.text, reply)
            return True
        if reply.code == 421 and self._letter is not None:
            self._break(reply.text, reply)
            return True
        self._awaited.popleft()(reply)
        if reply.code == 421:
            self._closed = True
        return True

    def _break(self, reason: str, reply: PeerReply | None = None) -> None:
        """End all; a letter under way is answered for every recipient."""
        if self._letter is not None:
            if reply is None or reply.code < 400:
                reply = PeerReply(451, "4.4.2", (f"connection broken: {reason}",))
            self._letter.refuse_rest(reply)
            self._finish_letter()
        self._events.append(ConnectionBroken(reason))
        self._awaited.clear()
        self._closed = True
        self._gives_body = False

    # What the server can

    def offers(self, offer: Offer) -> bool:
        """Whether the server offers an extension now."""
        return offer in self.extensions

    @property
    def mechanisms(self) -> frozenset[str]:
        """Names of SASL mechanisms that the server offers now."""
        return frozenset(name.upper() for name in self.extensions.get("AUTH", ()))

    @property
    def max_size_octets(self) -> int | None:
        """The largest letter that the server takes; None: it doesn't say."""
        size = self.extensions.get("SIZE", ("",))[:1] or ("",)
        known = size[0].isdecimal() and len(size[0]) <= 20
        return int(size[0]) or None if known else None

    @property
    def min_by_s(self) -> int:
        """The least time that BY with R may leave (RFC 2852 §2); 0: not said."""
        word = (*self.extensions.get("DELIVERBY", ()), "")[0].partition(",")[0]
        return int(word) if word.isdecimal() and len(word) <= 9 else 0

    @property
    def max_recipients(self) -> int | None:
        """Recipients that one letter may have (RFC 9422 §4.2); None: not said."""
        return self._limit("RCPTMAX")

    @property
    def max_transactions(self) -> int | None:
        """Letters that one connection may have (RFC 9422 §4.1); None: not said."""
        return self._limit("MAILMAX")

    @property
    def max_domains(self) -> int | None:
        """Domains of one letter's recipients (RFC 9422 §4.3); None: not said."""
        return self._limit("RCPTDOMAINMAX")

    def _limit(self, wanted: str) -> int | None:
        for limit in self.extensions.get("LIMITS", ()):
            name, _, value = limit.partition("=")
            if name.upper() == wanted and value.isdecimal() and len(value) <= 6:
                return int(value) or None
        return None

    def lacks(self, envelope: Envelope) -> frozenset[Offer]:
        """What a letter needs and the server has not.

        SMTPUTF8, 8BITMIME and BINARYMIME: convert it or refuse it first. SIZE:
        it is larger than the server takes. DSN: the parameters will be left
        out, and a report "relayed" is ours to write (RFC 3461 §5.2.2).
        """
        lacking = set()
        if envelope.smtputf8 and not self.offers(Offer.SMTPUTF8):
            lacking.add(Offer.SMTPUTF8)
        if envelope.body_type is BodyType.BINARY:
            if not (self.offers(Offer.BINARYMIME) and self.offers(Offer.CHUNKING)):
                lacking.add(Offer.BINARYMIME)
        elif envelope.body_type is BodyType.EIGHT_BIT and not self.offers(
            Offer.EIGHT_BIT_MIME
        ):
            lacking.add(Offer.EIGHT_BIT_MIME)
        asked_dsn = bool(envelope.ret or envelope.envid) or any(
            r.notify or r.orcpt for r in envelope.recipients
        )
        if asked_dsn and not self.offers(Offer.DSN):
            lacking.add(Offer.DSN)
        most = self.max_size_octets
        if most is not None and envelope.size_octets > most:
            lacking.add(Offer.SIZE)
        return frozenset(lacking)

    # Requests

    def hello(self) -> None:
        """Say EHLO (LHLO in LMTP); HELO when that isn't known. Gives HelloDone."""
        self._need_rest()
        verb = "LHLO" if self.options.lmtp else "EHLO"
        self._ask(f"{verb} {self.options.hostname}", self._hello_answered)

    def start_tls(self) -> None:
        """Ask for TLS. Gives TlsReady."""
        self._need_rest()
        self._ask("STARTTLS", self._tls_answered)

    def tls_started(self) -> None:
        """TLS runs; what was said before is forgotten (RFC 3207 §4.2)."""
        if not self._paused:
            raise LocalProtocolError("STARTTLS was not accepted")
        if len(self._reader):
            self._break("octets in clear behind the answer to STARTTLS")
            return
        self._paused = False
        self.tls = True
        self.extensions = {}

    def authenticate(
        self, mechanism: str, user: str, password: str, nonce: bytes
    ) -> None:
        """Prove who we are (RFC 4954 §4). Gives AuthDone.

        Raises:
            UnknownMechanism, NotPrepared: as `sasl.client.begin`.
        """
        self.authenticate_by(sasl.begin(mechanism, user, password, nonce))

    def authenticate_by(self, exchange: sasl.Exchange) -> None:
        """The same with an exchange that was begun elsewhere. Gives AuthDone."""
        self._need_rest()
        line = f"AUTH {exchange.mechanism}"
        waiting = exchange.initial
        if waiting is not None and len(waiting) <= _MAX_INITIAL:
            line += " " + (b64encode(waiting).decode() or "=")
            waiting = None
        self._ask(line, lambda reply: self._auth_answered(reply, exchange, waiting))

    def send_letter(self, envelope: Envelope) -> None:
        """Begin a transaction. Gives BodyWanted and LetterDone, or that at once.

        Raises:
            LocalProtocolError: something that `lacks` names, except DSN and
                SIZE; no recipients; an address that can't be one.
        """
        self._need_rest()
        missing = self.lacks(envelope) - {Offer.DSN, Offer.SIZE}
        if missing or not envelope.recipients:
            raise LocalProtocolError(f"letter can't go like this: {sorted(missing)}")
        addresses = [envelope.reverse_path, *(r.address for r in envelope.recipients)]
        if not (envelope.smtputf8 or all(map(str.isascii, addresses))):
            raise LocalProtocolError("such addresses need SMTPUTF8")
        letter = Transaction(
            envelope,
            self.extensions,
            lmtp=self.options.lmtp,
            chunking=self.options.chunking,
        )
        mail = letter.mail_line(authenticated=self.authenticated)
        recipients = [letter.rcpt_line(r) for r in envelope.recipients]
        self._letter = letter
        if self._unclean:
            self._unclean = False
            self._send(b"RSET\r\n", lambda _: None)
        self._send(mail, self._mail_answered)
        if self._pipelines():
            for index, line in enumerate(recipients):
                self._send(line, self._rcpt_handler(index))
            if not letter.chunked:
                self._send(b"DATA\r\n", self._data_answered)
        else:
            self._rest_of_envelope = recipients

    def send_body(self, piece: bytes, *, last: bool = False) -> None:
        """Give the next piece of the letter, of any length; `last` ends it, too."""
        letter = self._need_body()
        octets = letter.body.feed(piece)
        if octets:
            self._out.append(octets)
            if letter.chunked:
                self._awaited.append(self._chunk_answered)
        if last:
            self._end(letter)

    def end_body(self) -> None:
        """The letter has no more pieces."""
        self._end(self._need_body())

    def _end(self, letter: Transaction) -> None:
        self._gives_body = False
        self._out.append(letter.body.end())
        times = letter.accepted if self.options.lmtp else 1
        self._awaited.extend([self._letter_answered] * times)

    def reset(self) -> None:
        """RSET: the server forgets a transaction. Gives Answered."""
        self._unclean = False
        self._simple("RSET")

    def noop(self) -> None:
        """NOOP: is the connection alive? Gives Answered."""
        self._simple("NOOP")

    def verify(self, text: str) -> None:
        """VRFY. Gives Answered."""
        self._simple(f"VRFY {checked(text).decode()}")

    def expand(self, text: str) -> None:
        """EXPN. Gives Answered."""
        self._simple(f"EXPN {checked(text).decode()}")

    def etrn(self, node: str) -> None:
        """ETRN: the server should send what waits for a node. Gives Answered."""
        self._simple(f"ETRN {checked(node).decode()}")

    def turn(self, domains: Sequence[str]) -> None:
        """ATRN: turn the roles (RFC 2645 §5.2). Gives Answered.

        After a 250 the machine is PAUSED for good; `leave` gives what the server,
        now our client, has said already.
        """
        names = ",".join(checked(domain).decode() for domain in domains)
        self._need_rest()
        self._ask(f"ATRN {names}".rstrip(), self._turn_answered)

    def leave(self) -> bytes:
        """After ATRN: octets that belong to the conversation that follows."""
        return self._reader.clear()

    def quit(self) -> None:
        """QUIT. Gives Answered, then CLOSED."""
        self._need_rest()
        self._ask("QUIT", self._quit_answered)

    def _simple(self, line: str) -> None:
        self._need_rest()
        self._ask(line, lambda reply: self._events.append(Answered(reply)))

    def _ask(self, line: str, handler: Callable[[PeerReply], None]) -> None:
        self._send(line.encode() + b"\r\n", handler)

    def _send(self, line: bytes, handler: Callable[[PeerReply], None]) -> None:
        self._out.append(line)
        self._awaited.append(handler)

    def _pipelines(self) -> bool:
        return self.options.pipelining and self.offers(Offer.PIPELINING)

    def _need_rest(self) -> None:
        over = self._closed or self._paused or self._turned
        if over or self._awaited or self._letter is not None:
            raise LocalProtocolError("the last request is not answered, or it is over")

    def _need_body(self) -> Transaction:
        if not self._asked_body or self._letter is None:
            raise LocalProtocolError("no BodyWanted waits for an answer")
        self._asked_body = False
        return self._letter

    # Replies

    def _greeted(self, reply: PeerReply) -> None:
        self._events.append(Greeted(reply))
        self._closed = reply.code != 220

    def _hello_answered(self, reply: PeerReply) -> None:
        if reply.code in _NO_EHLO and not self.options.lmtp:
            self._ask(f"HELO {self.options.hostname}", self._helo_answered)
            return
        self.extensions = _extensions(reply) if reply.code == 250 else {}
        self._events.append(HelloDone(reply))

    def _helo_answered(self, reply: PeerReply) -> None:
        self.extensions = {}
        self._events.append(HelloDone(reply))

    def _tls_answered(self, reply: PeerReply) -> None:
        if reply.code == 220 and len(self._reader):
            self._break("octets in clear behind the answer to STARTTLS")
            return
        self._paused = reply.code == 220
        self._events.append(TlsReady(reply, self._paused))

    def _auth_answered(
        self, reply: PeerReply, exchange: sasl.Exchange, waiting: bytes | None
    ) -> None:
        if reply.code == 235 and exchange.complete:
            self.authenticated = True
            self._events.append(AuthDone(succeeded=True, reply=reply))
        elif reply.code == 235:
            reason = "the server did not prove that it knows the password"
            self._events.append(AuthDone(succeeded=False, reply=reply, reason=reason))
            self._break(reason)
        elif reply.code == 334:
            self._auth_goes_on(reply, exchange, waiting)
        else:
            self._events.append(AuthDone(succeeded=False, reply=reply))

    def _auth_goes_on(
        self, reply: PeerReply, exchange: sasl.Exchange, waiting: bytes | None
    ) -> None:
        challenge = from_base64(reply.lines[0].encode())
        reason = "challenge is not base64"
        response = None
        if challenge is not None:
            try:
                response = exchange.respond(challenge) if waiting is None else waiting
            except sasl.ServerNotTrusted as error:
                reason = str(error)
        if response is None:
            self._ask("*", lambda r: self._events.append(_not_trusted(r, reason)))
        else:
            self._ask(
                b64encode(response).decode(),
                lambda r: self._auth_answered(r, exchange, None),
            )

    def _mail_answered(self, reply: PeerReply) -> None:
        letter = self._current()
        if reply.verdict is not Verdict.DONE:
            letter.mail_refused = reply
            if not self._pipelines():
                letter.refuse_rest(reply)
                self._finish_letter()
                return
        if not self._pipelines():
            self._next_recipient(0)

    def _next_recipient(self, index: int) -> None:
        self._send(self._rest_of_envelope[index], self._rcpt_handler(index))

    def _rcpt_handler(self, index: int) -> Callable[[PeerReply], None]:
        return lambda reply: self._rcpt_answered(index, reply)

    def _rcpt_answered(self, index: int, reply: PeerReply) -> None:
        letter = self._current()
        letter.rcpt_answered(index, reply)
        last = index + 1 == len(letter.envelope.recipients)
        if not last:
            if not self._pipelines():
                self._next_recipient(index + 1)
        elif letter.chunked:
            if letter.accepted:
                self._gives_body = True
            else:
                self._abandon()
        elif not self._pipelines():
            if letter.accepted:
                self._send(b"DATA\r\n", self._data_answered)
            else:
                self._abandon()

    def _data_answered(self, reply: PeerReply) -> None:
        letter = self._current()
        if reply.code == 354 and letter.accepted:
            self._gives_body = True
        elif reply.code == 354:  # RFC 2920 §3.1: an empty letter to nobody
            self._send(b".\r\n", lambda _: self._finish_letter())
        elif reply.verdict is Verdict.DONE:
            self._break("DATA is answered neither with 354 nor with a refusal")
        else:
            letter.refuse_rest(reply)
            self._abandon()

    def _chunk_answered(self, reply: PeerReply) -> None:
        """A BDAT that is not the last one."""
        letter = self._current()
        if reply.verdict is not Verdict.DONE and not letter.refused:
            letter.refused = True
            letter.refuse_rest(reply)
            self._gives_body = False
        self._finish_refused(letter)

    def _letter_answered(self, reply: PeerReply) -> None:
        letter = self._current()
        if reply.code == 354:
            self._break("354 in place of the reply to the letter")
        elif letter.refused:
            self._finish_refused(letter)
        elif letter.letter_answered(reply):
            self._finish_letter()

    def _finish_refused(self, letter: Transaction) -> None:
        if letter.refused and not self._awaited:
            self._abandon()

    def _abandon(self) -> None:
        """The transaction is over for us, but perhaps not for the server."""
        self._unclean = True
        self._finish_letter()

    def _finish_letter(self) -> None:
        self._events.append(self._current().done())
        self._letter = None
        self._gives_body = False

    def _current(self) -> Transaction:
        if self._letter is None:
            raise LocalProtocolError("no letter is under way")
        return self._letter

    def _wants_body(self) -> bool:
        if not self._gives_body:
            return False
        return self._pipelines() or not self._awaited

    def _quit_answered(self, reply: PeerReply) -> None:
        self._events.append(Answered(reply))
        self._closed = True

    def _turn_answered(self, reply: PeerReply) -> None:
        self._events.append(Answered(reply))
        self._turned = reply.verdict is Verdict.DONE


def _not_trusted(reply: PeerReply, reason: str) -> AuthDone:
    return AuthDone(succeeded=False, reply=reply, reason=reason)


def _extensions(reply: PeerReply) -> dict[str, tuple[str, ...]]:
    """Keywords behind the first line of EHLO's answer (RFC 5321 §4.1.1.1)."""
    found: dict[str, tuple[str, ...]] = {}
    for line in reply.lines[1:]:
        words = line.replace("AUTH=", "AUTH ", 1).split()  # QUIRK: old Exchange
        if words:
            keyword = words[0].upper()
            found[keyword] = found.get(keyword, ()) + tuple(words[1:])
    return found
