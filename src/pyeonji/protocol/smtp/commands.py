"""What each command asks or answers, once the table of states allows it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyeonji.protocol.smtp import replies
from pyeonji.protocol.smtp.events import (
    AuthAsked,
    EtrnAsked,
    Event,
    ExpandAsked,
    HelloGiven,
    Quit,
    StartTlsAsked,
    TurnAsked,
    VerboseAsked,
    VerifyAsked,
)
from pyeonji.protocol.smtp.parameters import (
    UNKNOWN_PARAMETER,
    read_mail,
    read_recipient,
)
from pyeonji.protocol.smtp.paths import hello_name, is_domain
from pyeonji.protocol.smtp.replies import encode
from pyeonji.protocol.smtp.words import Hello, Offer, Verb
from pyeonji.protocol.smtp.xclient import read_xclient
from pyeonji.protocol.smtp.xtext import from_base64

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyeonji.protocol.smtp.server import ServerMachine

Told = tuple[Event, Verb | None]
"""An event, and what it asks: None when it needs no answer."""

_VERBS: Final = {verb.value: verb for verb in Verb}
_HTTP: Final = frozenset(
    b"GET POST PUT HEAD DELETE OPTIONS CONNECT PATCH TRACE PRI HOST:".split()
)
_WORD: Final = re.compile(rb"[A-Za-z]{2,20}(?: [\x20-\x7e\x80-\xff]*)?")


class NotASMTPClient(Exception):
    """Somebody speaks HTTP, or something else, to us (security of other protocols)."""


def parse(line: bytes, *, first: bool) -> tuple[Verb | None, bytes]:
    """A command line's verb (None: unknown) and what stands behind it.

    Raises:
        NotASMTPClient: an HTTP verb, or garbage as the first line.
    """
    word, _, arguments = line.partition(b" ")
    verb = _VERBS.get(word)
    if verb is None:
        word = word.upper()
        verb = _VERBS.get(word)
        if word in _HTTP or (verb is None and first and not _WORD.fullmatch(line)):
            raise NotASMTPClient
    return verb, arguments.rstrip(b" ")


def _hello(machine: ServerMachine, verb: Verb, arguments: bytes) -> Told | None:
    if (verb is Verb.LHLO) != machine.options.lmtp:  # RFC 2033 §4.1
        return machine.fault(replies.UNKNOWN)
    name = hello_name(arguments)
    if name is None:
        return machine.fault(replies.SYNTAX)
    machine.hello = Hello(verb.value.decode())
    machine.client_name = name
    asked: Told = HelloGiven(hello=machine.hello, name=name), verb
    if (dropped := machine.drop("hello again")) is not None:
        machine.tell(dropped)
    return asked


def _mail(machine: ServerMachine, verb: Verb, arguments: bytes) -> Told | None:
    options = machine.options
    if options.tls_required and not machine.tls:
        return machine.fault(replies.TLS_NEEDED)
    if options.auth_required and not machine.authenticated_as:
        return machine.fault(replies.AUTH_NEEDED)
    if arguments[:5].upper() != b"FROM:":
        return machine.fault(replies.SYNTAX)
    read = read_mail(arguments[5:], options)
    if isinstance(read, bytes):
        return machine.fault(read)
    if read.requiretls and not machine.tls:  # not offered then (RFC 8689 §2)
        return machine.fault(UNKNOWN_PARAMETER)
    machine.begin_mail(read.body, smtputf8=read.smtputf8)
    return read, verb


def _rcpt(machine: ServerMachine, verb: Verb, arguments: bytes) -> Told | None:
    options = machine.options
    if arguments[:3].upper() != b"TO:":
        return machine.fault(replies.SYNTAX)
    read = read_recipient(arguments[3:], options, utf8=machine.smtputf8)
    if isinstance(read, bytes):
        return machine.fault(read)
    if machine.recipients >= options.max_recipients:  # RFC 5321 §4.5.3.1.10
        machine.say(replies.TOO_MANY_RECIPIENTS)
        return None
    return read, verb


def _data(machine: ServerMachine, _: Verb, arguments: bytes) -> Told | None:
    if arguments:
        return machine.fault(replies.SYNTAX)
    if machine.body_is_binary():  # RFC 3030 §3: BINARYMIME wants BDAT
        return machine.fault(replies.BINARY_NEEDS_BDAT)
    machine.begin_data()
    return None


def _rset(machine: ServerMachine, verb: Verb, arguments: bytes) -> Told | None:
    if arguments:
        return machine.fault(replies.SYNTAX)
    machine.say(replies.OK)
    dropped = machine.drop("RSET")
    machine.move(verb)
    return dropped


def _noop(machine: ServerMachine, _: Verb, __: bytes) -> Told | None:
    machine.say(replies.OK)
    return None


def _help(machine: ServerMachine, _: Verb, arguments: bytes) -> Told | None:
    if Offer.HELP not in machine.options.offers:
        return machine.fault(replies.NOT_OFFERED)
    texts = replies.HELP.get(arguments.strip().upper())
    if texts is None:
        return machine.fault(encode(504, "5.5.4", "no such command"))
    machine.say(encode(214, "2.0.0", *texts))
    return None


def _quit(machine: ServerMachine, verb: Verb, arguments: bytes) -> Told | None:
    if arguments:
        return machine.fault(replies.SYNTAX)
    machine.say(replies.GOODBYE)
    if (dropped := machine.drop("QUIT")) is not None:
        machine.tell(dropped)
    machine.move(verb)
    return Quit(), None


def _text(machine: ServerMachine, arguments: bytes) -> str:
    """The argument of VRFY and EXPN, or ""; SMTPUTF8 behind it is noted."""
    machine.reads_utf8 = arguments[-9:].upper() == b" SMTPUTF8"  # RFC 6531 §3.7.4.2
    if machine.reads_utf8:
        arguments = arguments[:-9].rstrip()
    try:
        text = arguments.decode()
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() else ""


def _vrfy(machine: ServerMachine, verb: Verb, arguments: bytes) -> Told | None:
    text = _text(machine, arguments)
    return (VerifyAsked(text), verb) if text else machine.fault(replies.SYNTAX)


def _expn(machine: ServerMachine, verb: Verb, arguments: bytes) -> Told | None:
    if Offer.EXPN not in machine.options.offers:
        return machine.fault(replies.NOT_OFFERED)
    text = _text(machine, arguments)
    return (ExpandAsked(text), verb) if text else machine.fault(replies.SYNTAX)


def _auth(machine: ServerMachine, verb: Verb, arguments: bytes) -> Told | None:
    options = machine.options
    if Offer.AUTH not in options.offers or machine.hello is Hello.HELO:
        return machine.fault(replies.NOT_OFFERED)
    if machine.authenticated_as:
        return machine.fault(replies.AUTH_AGAIN)
    if not machine.tls and not options.plaintext_auth:
        return machine.fault(replies.AUTH_NEEDS_TLS)
    name, space, response = arguments.partition(b" ")
    mechanism = name.upper().decode("ascii", "replace")
    if not mechanism:
        return machine.fault(replies.SYNTAX)
    if mechanism not in options.mechanisms:
        return machine.fault(replies.AUTH_UNKNOWN)
    initial = None
    if space:
        initial = b"" if response == b"=" else from_base64(response)
        if initial is None or not response:
            return machine.fault(replies.BAD_BASE64)
    return AuthAsked(mechanism=mechanism, initial=initial), verb


def _starttls(machine: ServerMachine, verb: Verb, arguments: bytes) -> Told | None:
    if Offer.STARTTLS not in machine.options.offers:
        return machine.fault(replies.NOT_OFFERED)
    if machine.tls:
        return machine.fault(replies.WRONG_ORDER)
    if arguments:
        return machine.fault(replies.SYNTAX)
    if not machine.input_is_empty():
        return machine.inject_alarm()
    return StartTlsAsked(), verb


_NODE: Final = re.compile(rb"#[!-~]{1,63}")


def _etrn(machine: ServerMachine, verb: Verb, arguments: bytes) -> Told | None:
    if Offer.ETRN not in machine.options.offers:
        return machine.fault(replies.NOT_OFFERED)
    node = arguments.removeprefix(b"@")
    if not _NODE.fullmatch(arguments) and not is_domain(node):
        return machine.fault(replies.SYNTAX)
    return EtrnAsked(arguments.decode()), verb


def _turn(machine: ServerMachine, verb: Verb, arguments: bytes) -> Told | None:
    """TURN is refused to strangers as RFC 5321 §F.1 asks; ATRN is RFC 2645 §5.2."""
    if Offer.ATRN not in machine.options.offers:
        return machine.fault(replies.NOT_OFFERED)
    if not machine.authenticated_as:
        stranger = replies.AUTH_NEEDED if verb is Verb.ATRN else replies.NOT_OFFERED
        return machine.fault(stranger)
    names = arguments.split(b",") if arguments else []
    if (names and verb is Verb.TURN) or not all(map(is_domain, names)):
        return machine.fault(replies.SYNTAX)
    return TurnAsked(tuple(name.decode() for name in names)), verb


def _verb(machine: ServerMachine, verb: Verb, _: bytes) -> Told | None:
    if Offer.VERB not in machine.options.offers:
        return machine.fault(replies.NOT_OFFERED)
    return VerboseAsked(), verb


def _xclient(machine: ServerMachine, verb: Verb, arguments: bytes) -> Told | None:
    if not machine.options.xclient:
        return machine.fault(replies.NOT_OFFERED)
    told = read_xclient(arguments, login=machine.options.xclient_login)
    return machine.fault(replies.SYNTAX) if told is None else (told, verb)


COMMANDS: Final[dict[Verb, Callable[[ServerMachine, Verb, bytes], Told | None]]] = {
    Verb.HELO: _hello,
    Verb.EHLO: _hello,
    Verb.LHLO: _hello,
    Verb.MAIL: _mail,
    Verb.RCPT: _rcpt,
    Verb.DATA: _data,
    Verb.RSET: _rset,
    Verb.VRFY: _vrfy,
    Verb.EXPN: _expn,
    Verb.HELP: _help,
    Verb.NOOP: _noop,
    Verb.QUIT: _quit,
    Verb.AUTH: _auth,
    Verb.STARTTLS: _starttls,
    Verb.ETRN: _etrn,
    Verb.TURN: _turn,
    Verb.ATRN: _turn,
    Verb.VERB: _verb,
    Verb.XCLIENT: _xclient,
}
"""One function for each verb; BDAT is the machine's own."""
