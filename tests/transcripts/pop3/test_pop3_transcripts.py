"""POP3 as it goes over the wire, told by the machine and a maildrop of two."""

from __future__ import annotations

import pytest
from tests.transcripts.pop3.pop3_play import play

from pyeonji.protocol.pop3 import Offer, ServerMachine, Text, commands

MESSAGES = (b"Subject: one\r\n\r\n.hidden\r\n", b"Subject: two\r\n\r\nno end")
OFFER = Offer(
    stls=True, mechanisms=("PLAIN", "SCRAM-SHA-256"), timestamp="<1.2@pop.example.test>"
)


def answer(machine: ServerMachine, event: object) -> None:  # noqa: C901 - a table of answers
    """A maildrop that forgets all marks."""
    match event:
        case commands.LoginAsked(password="secret"):
            machine.ok(Text.WELCOME)
        case commands.LoginAsked() | commands.ApopAsked():
            machine.err(Text.BAD_CREDENTIALS, code="AUTH")
        case commands.AuthAsked(initial_response=None):
            machine.challenge(b"")
        case commands.AuthAsked(initial_response=b"\0kim\0secret"):
            machine.ok(Text.WELCOME)
        case commands.AuthAnswered(octets=b"\0kim\0secret"):
            machine.ok(Text.WELCOME)
        case commands.AuthAsked() | commands.AuthAnswered():
            machine.err(Text.BAD_CREDENTIALS, code="AUTH")
        case commands.AuthCancelled():
            machine.err(Text.AUTH_CANCELLED)
        case commands.StatAsked():
            machine.answer(b"2 46")
        case commands.ListAsked(number=1):
            machine.answer(b"1 25")
        case commands.ListAsked(number=None):
            machine.begin(Text.LISTING)
            machine.lines(b"1 25\r\n2 21\r\n")
            machine.end()
        case commands.RetrAsked(number=number) if number in (1, 2):
            machine.begin(Text.MESSAGE)
            machine.body(MESSAGES[number - 1])
            machine.end()
        case commands.DeleAsked(number=1) | commands.RsetAsked():
            machine.ok(Text.MARKED)
        case commands.QuitAsked():
            machine.ok(Text.BYE)
        case commands.StlsAsked():
            machine.start_tls()
        case _:
            machine.err(Text.NO_SUCH_MESSAGE)


GREETING = "S: +OK Pyeonji POP3 ready <1.2@pop.example.test>\n"
LOGIN = """
C: USER kim
S: +OK now the password
C: PASS secret
E: LoginAsked
S: +OK the maildrop is yours
"""


def tell(script: str, offer: Offer = OFFER) -> ServerMachine:
    machine = ServerMachine(offer)
    play(machine, GREETING + script, answer)
    return machine


def test_a_whole_session() -> None:
    """RFC 1939 §10, with RETR dot-stuffed and its last line ended (§3)."""
    tell(
        LOGIN
        + """
C: STAT
E: StatAsked
S: +OK 2 46
C: LIST
E: ListAsked
S: +OK listing follows
S: 1 25
S: 2 21
S: .
C: LIST 1
E: ListAsked
S: +OK 1 25
C: LIST 3
E: ListAsked
S: -ERR no such message
C: RETR 1
E: RetrAsked
S: +OK message follows
S: Subject: one
S:
S: ..hidden
S: .
C: RETR 2
E: RetrAsked
S: +OK message follows
S: Subject: two
S:
S: no end
S: .
C: DELE 1
E: DeleAsked
S: +OK marked for removal
C: RSET
E: RsetAsked
S: +OK marked for removal
C: NOOP
S: +OK done
C: quit
E: QuitAsked
S: +OK bye
X:
"""
    )


def test_nothing_of_the_maildrop_before_login() -> None:
    """RFC 1939 §4, §5: TRANSACTION commands belong to the TRANSACTION state."""
    machine = ServerMachine(OFFER)
    machine.data_to_send()
    for word in ("STAT", "LIST", "RETR 1", "DELE 1"):
        play(machine, f"C: {word}\nS: -ERR not now", answer)
    play(machine, "C: UIDL\nS: -ERR too many errors, bye\nX:", answer)


def test_pass_only_after_user() -> None:
    """RFC 1939 §7: PASS follows USER; a failed one starts over."""
    tell(
        """
C: PASS secret
S: -ERR not now
C: USER kim
S: +OK now the password
C: PASS wrong one
E: LoginAsked
S: -ERR [AUTH] wrong name or password
C: PASS secret
S: -ERR not now
"""
        + LOGIN
    )


def test_capa_says_what_is_true_now() -> None:
    """RFC 2449 §5, §6; RFC 2595 §4: STLS is not announced after login."""
    common = """
S: TOP
S: UIDL
S: RESP-CODES
S: AUTH-RESP-CODE
S: PIPELINING
S: EXPIRE NEVER
S: LANG
S: UTF8 USER
S: USER
S: SASL PLAIN SCRAM-SHA-256
"""
    tell(
        "C: CAPA\nS: +OK capabilities follow"
        + common
        + "S: STLS\nS: IMPLEMENTATION Pyeonji\nS: .\n"
        + LOGIN
        + "C: CAPA\nS: +OK capabilities follow"
        + common
        + "S: IMPLEMENTATION Pyeonji\nS: .\n"
    )


def test_auth() -> None:
    """RFC 5034 §4: with and without initial response, cancelled, broken."""
    tell(
        """
C: AUTH
S: +OK mechanisms follow
S: PLAIN
S: SCRAM-SHA-256
S: .
C: AUTH GSSAPI
S: -ERR no such mechanism
C: AUTH PLAIN
E: AuthAsked
S: +␠
C: *
E: AuthCancelled
S: -ERR authentication cancelled
C: AUTH PLAIN
E: AuthAsked
S: +␠
C: !!!
E: AuthCancelled
S: -ERR authentication cancelled
C: AUTH PLAIN =
E: AuthAsked
S: -ERR [AUTH] wrong name or password
C: AUTH PLAIN AGtpbQBzZWNyZXQ=
E: AuthAsked
S: +OK the maildrop is yours
"""
    )


def test_apop_only_with_a_timestamp() -> None:
    """RFC 1939 §7: no timestamp in the banner, no APOP."""
    tell(
        """
C: APOP kim c4c9334bac560ecc979e58001b3e22fb
E: ApopAsked
S: -ERR [AUTH] wrong name or password
C: APOP kim short
S: -ERR bad argument
"""
    )
    machine = ServerMachine(Offer())
    play(
        machine,
        """
        S: +OK Pyeonji POP3 ready
        C: APOP kim c4c9334bac560ecc979e58001b3e22fb
        S: -ERR unknown command
        """,
        answer,
    )


def test_no_password_in_clear() -> None:
    """RFC 2595 §2.1: a server may refuse passwords until TLS stands."""
    tell(
        """
C: USER kim
S: -ERR not without TLS; use STLS first
C: STLS
E: StlsAsked
S: +OK begin TLS now
""",
        Offer(stls=True, user_pass=False, timestamp=OFFER.timestamp),
    )


def test_stls_forgets_what_was_said_in_clear() -> None:
    """RFC 2595 §4: after the handshake the session starts over, without STLS."""
    machine = tell("C: STLS\nE: StlsAsked\nS: +OK begin TLS now\n")
    machine.tls_started(Offer())
    play(machine, "C: STLS\nS: -ERR TLS cannot be started\n" + LOGIN, answer)


def test_octets_injected_before_tls_end_the_session() -> None:
    """RFC 2595 §4: what came in clear must not be read as if TLS protected it."""
    machine = ServerMachine(OFFER)
    machine.data_to_send()
    machine.receive_data(b"STLS\r\nUSER mallory\r\n")
    machine.next_event()
    assert not machine.start_tls()
    assert machine.data_to_send() == b""
    assert machine.next_event().value == "closed"  # type: ignore[union-attr]


def test_languages() -> None:
    """RFC 6856 §3: listing, choosing by range, an unknown one changes nothing."""
    tell(
        """
C: LANG
S: +OK languages follow
S: en English
S: ko 한국어
S: .
C: LANG ko-KR
S: +OK ko 언어를 바꾸었습니다
C: LANG uga
S: -ERR 그런 언어는 없습니다
C: NOOP
S: -ERR 지금은 안 됩니다
C: LANG *
S: +OK en language changed
"""
    )


def test_utf8_before_login_only_and_no_stls_after_it() -> None:
    """RFC 6856 §2, §2.1."""
    tell("C: UTF8\nS: +OK UTF-8 mode is on\nC: STLS\nS: -ERR TLS cannot be started\n")
    tell(LOGIN + "C: UTF8\nS: -ERR not now\n")


@pytest.mark.parametrize(
    "line", ["NOOP now", "RETR", "RETR x", "RETR -1", "TOP 1", "DELE 1 2", "LIST a"]
)
def test_arguments_must_fit(line: str) -> None:
    """RFC 1939 §3, §5."""
    tell(LOGIN + f"C: {line}\nS: -ERR bad argument\n")


def test_other_protocols_are_hung_up_on() -> None:
    """Words of HTTP or SMTP mean that a client was led to the wrong port."""
    tell("C: POST / HTTP/1.1\nS: -ERR too many errors, bye\nX:\n")
