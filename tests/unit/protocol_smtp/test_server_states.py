"""Every command in every state moves by the table or is refused."""

from __future__ import annotations

import smtplib
from typing import Any

import pytest
from aiosmtplib.esmtp import parse_esmtp_extensions

from pyeonji.protocol.machine import Status
from pyeonji.protocol.smtp import events as ev
from pyeonji.protocol.smtp.options import Options
from pyeonji.protocol.smtp.server import ServerMachine
from pyeonji.protocol.smtp.state import NEXT, State
from pyeonji.protocol.smtp.words import Hello, Verb, with_protocol

COMMANDS = {
    Verb.HELO: b"HELO c.test",
    Verb.EHLO: b"EHLO c.test",
    Verb.MAIL: b"MAIL FROM:<kim@x.test>",
    Verb.RCPT: b"RCPT TO:<lee@x.test>",
    Verb.DATA: b"DATA\r\nhi\r\n.",
    Verb.BDAT: b"BDAT 2\r\n\r\n",
    Verb.RSET: b"RSET",
    Verb.VRFY: b"VRFY kim",
    Verb.EXPN: b"EXPN kim",
    Verb.HELP: b"HELP",
    Verb.NOOP: b"NOOP",
    Verb.QUIT: b"QUIT",
    Verb.AUTH: b"AUTH PLAIN =",
    Verb.STARTTLS: b"STARTTLS",
    Verb.ETRN: b"ETRN x.test",
    Verb.TURN: b"TURN",
    Verb.ATRN: b"ATRN x.test",
    Verb.VERB: b"VERB",
}
WAY = {
    State.START: (),
    State.READY: (Verb.EHLO,),
    State.MAIL: (Verb.EHLO, Verb.MAIL),
    State.RECIPIENTS: (Verb.EHLO, Verb.MAIL, Verb.RCPT),
    State.CHUNKS: (Verb.EHLO, Verb.MAIL, Verb.RCPT, Verb.BDAT),
}


def say(machine: ServerMachine, octets: bytes, *, refuse: bool = False) -> bytes:
    """Say it; every event that asks is accepted, or refused."""
    machine.receive_data(octets)
    while not isinstance(event := machine.next_event(), Status):
        if isinstance(event, ev.TransactionDropped | ev.Quit | ev.BodyChunk):
            continue
        if refuse:
            machine.reply(550, "5.0.0", "no")
        else:
            machine.accept()
    return machine.data_to_send()


def machine_in(state: State) -> ServerMachine:
    machine = ServerMachine(Options(hostname="mx", plaintext_auth=True))
    if state is State.TURNED_AWAY:
        machine.turn_away(554, "5.3.2", "no service")
    for verb in WAY.get(state, ()):
        octets = COMMANDS[verb]
        say(machine, octets if verb is Verb.BDAT else octets + b"\r\n")
    machine.data_to_send()
    assert machine.state is state
    return machine


@pytest.mark.parametrize("refuse", [False, True])
@pytest.mark.parametrize("verb", COMMANDS)
@pytest.mark.parametrize("state", [*WAY, State.TURNED_AWAY])
def test_every_command_in_every_state(state: State, verb: Verb, refuse: bool) -> None:
    """RFC 5321 §4.1.4: by the table, or 503 and nothing moves."""
    machine = machine_in(state)
    allowed = (state, verb) in NEXT
    wire = COMMANDS[verb] + (b"" if verb is Verb.BDAT else b"\r\n")
    if verb is Verb.DATA and not allowed:
        wire = b"DATA\r\n"
    said = say(machine, wire, refuse=refuse)
    code = int(said[:3])
    if not allowed:
        assert code in {503, 554}
        assert machine.state is state
    elif verb in {Verb.TURN, Verb.ATRN}:  # strangers
        assert code in {502, 530}
    elif verb in {Verb.RSET, Verb.NOOP, Verb.HELP, Verb.QUIT, Verb.BDAT}:
        assert 200 <= code < 300
        assert machine.state is NEXT[state, verb]
    elif refuse:
        answer = int(said.splitlines()[-1][:3])
        assert answer == 550
    else:
        assert code < 400
        assert machine.state is NEXT[state, verb]
        assert machine.smtputf8 is False


def test_turn_after_authentication() -> None:
    """Roles turn; what follows belongs to the other conversation (RFC 2645 §5.2)."""
    machine = machine_in(State.READY)
    machine.receive_data(b"AUTH PLAIN =\r\nATRN x.test,y.test\r\n220 theirs\r\n")
    assert isinstance(machine.next_event(), ev.AuthAsked)
    machine.authenticated("kim")
    assert machine.next_event() == ev.TurnAsked(("x.test", "y.test"))
    machine.accept()
    assert machine.next_event() is Status.PAUSED
    assert machine.leave() == b"220 theirs\r\n"


@pytest.mark.parametrize("count", [3, 4])
def test_recipients_are_limited(count: int) -> None:
    """452, and those before stay (RFC 5321 §4.5.3.1.10)."""
    machine = ServerMachine(Options(hostname="mx", max_recipients=3))
    say(machine, b"HELO c\r\nMAIL FROM:<>\r\n")
    said = say(machine, b"RCPT TO:<lee@x.test>\r\n" * count)
    assert said.count(b"250 2.1.5") == 3
    assert said.count(b"452 4.5.3") == count - 3


def test_submission_wants_authentication_and_tls() -> None:
    """RFC 6409 §4.3, RFC 3207 §4."""
    options = Options(hostname="mx", auth_required=True, tls_required=True)
    mail = b"EHLO c\r\nMAIL FROM:<kim@x.test>\r\n"
    assert b"\r\n530 5.7.0 say STARTTLS" in say(ServerMachine(options), mail)
    inside = say(ServerMachine(options, tls=True), mail)
    assert b"\r\n530 5.7.0 authentication" in inside
    assert b"STARTTLS" not in inside
    assert b"AUTH SCRAM-SHA-256" in inside
    assert b"538" in say(ServerMachine(options), b"EHLO c\r\nAUTH PLAIN\r\n")


def test_refused_text_stays_in_its_line() -> None:
    """No text of ours or of others makes another reply line."""
    machine = machine_in(State.READY)
    machine.receive_data(b"VRFY kim\r\n")
    machine.next_event()
    machine.reply(550, "5.1.1", "evil\r\n250 ok\x00\u2028", "김" * 600)
    first, second, rest = machine.data_to_send().split(b"\r\n")
    assert first == b"550-5.1.1 evil 250 ok "
    assert len(second) <= 510
    assert rest == b""


def test_ehlo_is_read_by_other_clients() -> None:
    """smtplib and aiosmtplib find the same extensions (RFC 5321 §4.1.1.1)."""
    machine = ServerMachine(Options(hostname="mx.test"), tls=True)
    said = say(machine, b"EHLO c\r\n").decode()
    text = "\n".join(line[4:] for line in said.splitlines())
    extensions, methods = parse_esmtp_extensions(text)
    assert extensions["size"] == "104857600"
    assert "scram-sha-256" in methods

    class Deaf(smtplib.SMTP):
        def putcmd(self, cmd: str, args: str = "") -> None:
            pass

        def getreply(self) -> tuple[int, bytes]:
            return 250, text.encode()

    other: Any = Deaf(local_hostname="c.test")
    other.ehlo()
    for name in ("pipelining", "chunking", "smtputf8", "dsn", "8bitmime", "limits"):
        assert other.has_extn(name)
        assert name in extensions


@pytest.mark.parametrize(
    ("hello", "tls", "authenticated", "utf8", "word"),
    [
        (Hello.HELO, True, False, False, "SMTP"),
        (Hello.EHLO, False, False, False, "ESMTP"),
        (Hello.EHLO, True, False, False, "ESMTPS"),
        (Hello.EHLO, False, True, False, "ESMTPA"),
        (Hello.EHLO, True, True, False, "ESMTPSA"),
        (Hello.EHLO, True, True, True, "UTF8SMTPSA"),
        (Hello.LHLO, False, False, False, "LMTP"),
        (Hello.LHLO, True, True, True, "UTF8LMTPSA"),
    ],
)
def test_with_words(
    hello: Hello, tls: bool, authenticated: bool, utf8: bool, word: str
) -> None:
    """RFC 3848, RFC 6531 §4.3."""
    got = with_protocol(hello=hello, tls=tls, authenticated=authenticated, utf8=utf8)
    assert got == word
