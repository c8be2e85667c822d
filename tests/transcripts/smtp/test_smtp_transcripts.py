"""SMTP and LMTP as they stand on the wire, from the server's side."""

from __future__ import annotations

from typing import Any

import pytest
from tests.transcripts.player import play

from pyeonji.protocol.smtp import events as ev
from pyeonji.protocol.smtp.options import Options
from pyeonji.protocol.smtp.server import ServerMachine
from pyeonji.protocol.smtp.words import Offer

TOLD = (
    ev.BodyChunk
    | ev.TransactionDropped
    | ev.AuthCancelled
    | ev.ErrorsMounting
    | ev.Quit
)


def run(script: str, **options: Any) -> None:
    machine = ServerMachine(Options(hostname="mx.test", **options))
    machine.greet()

    def answer(event: Any) -> None:
        if isinstance(event, ev.RecipientAsked) and event.path.startswith("no"):
            machine.reply(550, "5.1.1", "no such mailbox")
        elif isinstance(event, ev.AuthAsked) and event.initial is None:
            machine.challenge(b"")
        elif isinstance(event, ev.AuthAsked | ev.AuthResponse):
            machine.authenticated("kim")
        elif isinstance(event, ev.LetterReceived):
            machine.progress("kept")
            machine.accept()
        elif not isinstance(event, TOLD):
            machine.accept()

    play(machine, answer, script)


def test_a_letter() -> None:
    """RFC 5321 §D.1."""
    run(
        """
        S: 220 mx.test ESMTP Pyeonji
        C: HELO c.test
        E: HelloGiven
        S: 250 mx.test
        C: MAIL FROM:<kim@x.test>
        E: MailAsked
        S: 250 2.1.0 *
        C: RCPT TO:<lee@x.test>
        E: RecipientAsked(path='lee@x.test', notify='', orcpt='')
        S: 250 2.1.5 *
        C: RCPT TO:<nobody@x.test>
        E: RecipientAsked
        S: 550 5.1.1 no such mailbox
        C: DATA
        S: 354 *
        C: Subject: hi
        C: .
        E: LetterReceived(octets=b'Subject: hi\\r\\n')
        S: 250 2.0.0 *
        C: QUIT
        E: Quit
        S: 221 2.0.0 *
        """
    )


def test_pipelined_with_nobody_accepted() -> None:
    """DATA without recipients is 554 (RFC 5321 §4.2.2, RFC 2920 §3.1)."""
    run(
        """
        S: 220 *
        C: EHLO c.test
        E: HelloGiven
        S: 250-mx.test
        S: 250 ENHANCEDSTATUSCODES
        C: MAIL FROM:<>
        C: RCPT TO:<nobody@x.test>
        C: DATA
        C: RSET
        E: MailAsked
        E: RecipientAsked
        E: TransactionDropped
        S: 250 2.1.0 *
        S: 550 5.1.1 *
        S: 554 5.5.1 no valid recipients
        S: 250 2.0.0 ok
        """,
        offers=frozenset({Offer.ENHANCED_STATUS_CODES}),
    )


def test_lmtp_answers_for_each_recipient() -> None:
    """RFC 2033 §4.2; HELO and EHLO are unknown there (§4.1)."""
    run(
        """
        S: 220 mx.test LMTP Pyeonji
        C: EHLO c.test
        S: 500 *
        C: LHLO c.test
        E: HelloGiven
        S: 250 mx.test
        C: MAIL FROM:<>
        C: RCPT TO:<a@x.test>
        C: RCPT TO:<b@x.test>
        C: DATA
        C: hi
        C: .
        E: MailAsked
        E: RecipientAsked
        E: RecipientAsked
        E: LetterReceived
        S: 250 *
        S: 250 *
        S: 250 *
        S: 354 *
        S: 250 letter accepted
        S: 250 letter accepted
        """,
        lmtp=True,
        offers=frozenset(),
    )


def test_lmtp_with_nobody_accepted() -> None:
    """DATA is 503; BDAT LAST has no reply at all (RFC 2033 §4.2, §4.3)."""
    run(
        """
        S: 220 *
        C: LHLO c.test
        E: HelloGiven
        S: 250-mx.test
        S: 250 CHUNKING
        C: MAIL FROM:<>
        C: RCPT TO:<no@x.test>
        C: DATA
        C: BDAT 4
        C: hi
        C: BDAT 4 LAST
        C: hi
        C: NOOP
        E: MailAsked
        E: RecipientAsked
        E: TransactionDropped
        S: 250 *
        S: 550 *
        S: 503 no valid recipients
        S: 503 no valid recipients
        S: 250 ok
        """,
        lmtp=True,
        offers=frozenset({Offer.CHUNKING}),
    )


def test_verbose_letter() -> None:
    """VERB: 050 lines for the letter that follows, and no longer."""
    letter = """
        C: MAIL FROM:<kim@x.test>
        C: RCPT TO:<lee@x.test>
        C: DATA
        C: .
        E: MailAsked
        E: RecipientAsked
        E: LetterReceived
        S: 250 *
        S: 250 *
        S: 354 *
    """
    run(
        f"""
        S: 220 *
        C: HELO c.test
        E: HelloGiven
        S: 250 *
        C: VERB
        E: VerboseAsked
        S: 250 2.0.0 *
        {letter}
        S: 050 kept
        S: 250 2.0.0 *
        {letter}
        S: 250 2.0.0 *
        """
    )


def test_authentication() -> None:
    """RFC 4954 §4: cancelled, broken, then right; then no second time."""
    run(
        """
        S: 220 *
        C: EHLO c.test
        E: HelloGiven
        S: 250-mx.test
        S: 250 AUTH PLAIN
        C: AUTH NTLM
        S: 504 *
        C: AUTH PLAIN
        E: AuthAsked(mechanism='PLAIN', initial=None)
        S: 334 *
        C: *
        E: AuthCancelled
        S: 501 *
        C: AUTH PLAIN
        E: AuthAsked
        S: 334 *
        C: AAA
        E: AuthCancelled
        S: 501 *
        C: AUTH PLAIN A
        S: 501 *
        C: AUTH PLAIN =
        E: AuthAsked(mechanism='PLAIN', initial=b'')
        S: 235 *
        C: AUTH PLAIN
        S: 503 *
        """,
        plaintext_auth=True,
        offers=frozenset({Offer.AUTH}),
        mechanisms=("PLAIN",),
    )


def test_a_response_too_long_ends_the_exchange() -> None:
    """RFC 4954 §4: 500, with 5.5.6."""
    long = "A" * 12288
    run(
        f"""
        S: 220 *
        C: EHLO c.test
        E: HelloGiven
        S: 250-mx.test
        S: 250-ENHANCEDSTATUSCODES
        S: 250 AUTH SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN
        C: AUTH PLAIN
        E: AuthAsked
        S: 334 *
        C: {long}
        E: AuthCancelled
        S: 500 5.5.6 *
        """,
        offers=frozenset({Offer.ENHANCED_STATUS_CODES, Offer.AUTH}),
        plaintext_auth=True,
    )


WRONG_ORDER = ["MAIL FROM:<a@x.test>", "RCPT TO:<a@x.test>", "DATA", "ETRN x.test"]


@pytest.mark.parametrize("command", [*WRONG_ORDER, "AUTH PLAIN", "TURN", "ATRN"])
def test_before_hello(command: str) -> None:
    """RFC 5321 §4.1.4."""
    run(f"S: 220 *\nC: {command}\nS: 503 5.5.1 not now")


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("NOOP", "250 2.0.0 *"),
        ("NOOP with words", "250 2.0.0 *"),
        ("HELP MAIL", "214 2.0.0 MAIL *"),
        ("HELP NONE", "504 5.5.4 *"),
        ("RSET", "250 2.0.0 *"),
        ("RSET now", "501 5.5.4 *"),
        ("XYZZY", "500 5.5.1 *"),
        ("EHLO", "501 5.5.4 *"),
        ("EHLO a b", "501 5.5.4 *"),
        ("TURN", "502 5.5.1 *"),
        ("ATRN", "530 5.7.0 *"),
        ("AUTH PLAIN", "502 5.5.1 *"),
        ("VRFY", "501 5.5.4 *"),
        ("LHLO c.test", "500 5.5.1 *"),
        ("ETRN", "501 5.5.4 *"),
        ("STARTTLS x", "501 5.5.4 *"),
        ("MAIL FROM:", "501 5.5.4 *"),
        ("MAIL FROM: kim@x.test", "501 5.5.4 *"),
        ("MAIL FROM:<kim>", "501 5.1.7 *"),
        ("MAIL FROM:<@x.test>", "501 5.1.7 *"),
        ("MAIL FROM:<;id;>", "501 5.1.7 *"),
        ("MAIL FROM:<a@x..test>", "501 5.1.7 *"),
        ("MAIL FROM:<a@[300.1.1.1]>", "501 5.1.7 *"),
        ("MAIL FROM:<김@x.test>", "550 5.6.7 *"),
        (f"MAIL FROM:<{'a' * 65}@x.test>", "501 5.1.7 *"),
        (f"MAIL FROM:<a@{'b' * 64}.test>", "501 5.1.7 *"),
        ("MAIL FROM:<a@x.test> FOO=1", "555 5.5.4 *"),
        ("MAIL FROM:<a@x.test> SIZE=x", "501 5.5.4 *"),
        ("MAIL FROM:<a@x.test> SIZE=1 SIZE=1", "501 5.5.4 *"),
        ("MAIL FROM:<a@x.test> SIZE=99999999999", "552 5.3.4 *"),
        ("MAIL FROM:<a@x.test> RET=ALL", "501 5.5.4 *"),
        ("MAIL FROM:<a@x.test> ENVID=a+zz", "501 5.5.4 *"),
        ("MAIL FROM:<a@x.test> ENVID=a+0D+0A", "501 5.5.4 *"),
        ("MAIL FROM:<a@x.test>SIZE=1", "501 5.5.4 *"),
        ("NOOP " + "x" * 2048, "500 5.5.2 *"),
    ],
)
def test_answered_by_the_machine_alone(command: str, reply: str) -> None:
    """Syntax and what isn't offered need nobody (RFC 5321 §4.2.4)."""
    run(f"S: 220 *\nC: HELO c\nE: HelloGiven\nS: 250 *\nC: {command}\nS: {reply}")


def test_names_in_utf8_only_for_who_reads_it() -> None:
    """RFC 6531 §3.7.4: VRFY and EXPN with SMTPUTF8 alone, whatever MAIL said."""
    offers = frozenset(
        {
            Offer.EIGHT_BIT_MIME,
            Offer.SMTPUTF8,
            Offer.ENHANCED_STATUS_CODES,
            Offer.EXPN,
        }
    )
    machine = ServerMachine(Options(hostname="mx", offers=offers))

    def answer(event: Any) -> None:
        if isinstance(event, ev.VerifyAsked | ev.ExpandAsked):
            machine.reply(250, "2.1.5", f"<{event.text}>")
        elif isinstance(event, ev.RecipientAsked):
            machine.reply(550, "5.1.1", f"no {event.path}")
        else:
            machine.accept()

    play(
        machine,
        answer,
        """
        C: EHLO c
        C: MAIL FROM:<김@x.test> SMTPUTF8
        C: RCPT TO:<이@x.test>
        C: VRFY 김@x.test
        C: VRFY 김@x.test smtputf8
        C: EXPN 김@x.test
        C: VRFY kim@x.test
        E: HelloGiven
        E: MailAsked
        E: RecipientAsked
        E: VerifyAsked(text='김@x.test')
        E: VerifyAsked(text='김@x.test')
        E: ExpandAsked
        E: VerifyAsked
        S: 250-mx
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-ENHANCEDSTATUSCODES
        S: 250 EXPN
        S: 250 2.1.0 sender ok
        S: 550 5.1.1 no ?@x.test
        S: 252 2.6.8 the answer needs SMTPUTF8
        S: 250 2.1.5 <김@x.test>
        S: 252 2.6.8 the answer needs SMTPUTF8
        S: 250 2.1.5 <kim@x.test>
        """,
    )


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("kim@x.test", "kim@x.test"),
        ("kim+work@[192.0.2.1]", "kim+work@[192.0.2.1]"),
        ("kim@[IPv6:2001:db8::1]", "kim@[IPv6:2001:db8::1]"),
        ("@a.test,@b.test:kim@x.test", "kim@x.test"),
        ('"kim"@x.test', "kim@x.test"),
        (r'"k\im"@x.test', "kim@x.test"),
        ('"a b"@x.test', '"a b"@x.test'),
        (r'"a\"> b"@x.test', r'"a\"> b"@x.test'),
        ("", ""),
    ],
)
def test_paths(written: str, path: str) -> None:
    """RFC 5321 §4.1.2: routes go, needless quotes go, literals stay."""
    machine = ServerMachine(Options(hostname="mx"))
    machine.receive_data(f"HELO c\r\nMAIL FROM:<{written}>\r\n".encode())
    machine.next_event()
    machine.accept()
    assert machine.next_event() == ev.MailAsked(reverse_path=path)


def test_xclient_only_where_it_is_allowed() -> None:
    """Postfix's command is unknown to all whom the operator did not list."""
    run(
        """
        S: 220 mx.test ESMTP Pyeonji
        C: XCLIENT ADDR=192.0.2.7
        S: 502 5.5.1 not offered here
        """
    )


def test_xclient_values() -> None:
    """Values are xtext; an address of IPv6 has a prefix."""
    run(
        """
        S: 220 mx.test ESMTP Pyeonji
        C: XCLIENT ADDR=IPV6:2001:db8::7 PORT=4711 NAME=[UNAVAILABLE] HELO=a+2Bb
        E: ClientTold(name='', address='2001:db8::7', port=4711, helo='a+b', login=None)
        S: 250 2.0.0 ok
        C: XCLIENT
        S: 501 5.5.4 *
        C: XCLIENT ADDR=nowhere
        S: 501 5.5.4 *
        C: XCLIENT PORT=99999
        S: 501 5.5.4 *
        C: XCLIENT COLOUR=red
        S: 501 5.5.4 *
        C: XCLIENT LOGIN=kim@a.test
        S: 501 5.5.4 *
        """,
        xclient=True,
    )


def test_xclient_login() -> None:
    """Only where the operator trusts the proxy so far."""
    run(
        """
        S: 220 mx.test ESMTP Pyeonji
        C: XCLIENT LOGIN=kim@a.test
        E: ClientTold(name=None, address=None, port=None, helo=None, login='kim@a.test')
        S: 250 2.0.0 ok
        C: XCLIENT ADDR=192.0.2.7 LOGIN=[UNAVAILABLE]
        E: ClientTold(name=None, address='192.0.2.7', port=None, helo=None, login=None)
        S: 250 2.0.0 ok
        """,
        xclient=True,
        xclient_login=True,
    )
