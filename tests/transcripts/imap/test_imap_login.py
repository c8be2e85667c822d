"""Before login: greeting, capabilities, LOGIN, AUTHENTICATE."""

import base64
import dataclasses

import pytest
from tests.transcripts.imap.imap_play import BARE, OPTIONS, TLS, play

from pyeonji.protocol.imap.capabilities import after_login

BEFORE = "IMAP4rev1 IMAP4rev2 LITERAL- SASL-IR ID ENABLE IDLE"
AFTER = after_login(message_octets=OPTIONS.message_octets).decode("ascii")
IN_CLEAR = dataclasses.replace(OPTIONS, plaintext_auth=False)


def test_capability_noop_logout() -> None:
    """RFC 3501 §6.1."""
    play(
        f"""
        S: * OK [CAPABILITY {BEFORE} AUTH=<any>] Pyeonji.
        C: abcd CAPABILITY
        S: * CAPABILITY {BEFORE} AUTH=<any>
        S: abcd OK That is all.
        C: a2 noop
        S: a2 OK Done.
        C: A023 LOGOUT
        S: * BYE Until next time.
        S: A023 OK Logged out.
        """,
        log_in=False,
    )


def test_login() -> None:
    """RFC 3501 §6.2.3; what can be done now is said at once."""
    play(
        f"""
        S: * OK <any>
        C: a001 LOGIN kim@example.test secret
        S: a001 OK [CAPABILITY {AFTER}] Welcome.
        C: a002 LOGIN kim@example.test secret
        S: a002 BAD Not in state 'authenticated'.
        """,
        log_in=False,
    )


def test_login_with_literals() -> None:
    play(
        """
        S: * OK <any>
        C: A001 LOGIN {16}
        S: + Ready for the literal.
        C: kim@example.test {6}
        S: + Ready for the literal.
        C: secret
        S: A001 OK <any>
        """,
        log_in=False,
    )


def test_wrong_passwords_end_it() -> None:
    """The answer doesn't say what was wrong (RFC 5530 §3)."""
    wrong = "".join(
        f"""
        C: a{n} LOGIN {user} wrong
        S: a{n} NO [AUTHENTICATIONFAILED] Not accepted.
        """
        for n, user in enumerate(["kim@example.test", "nobody@example.test"] * 2)
    )
    play(
        f"""
        S: * OK <any>
        {wrong}
        C: z LOGIN kim@example.test ""
        S: z NO [AUTHENTICATIONFAILED] Not accepted.
        S: * BYE Too many attempts.
        """,
        log_in=False,
    )


@pytest.mark.way(TLS, "what is refused in clear is good inside TLS")
def test_secrets_in_tls() -> None:
    """No LOGINDISABLED, and no TLS in TLS (RFC 3501 §6.2.1)."""
    play(
        f"""
        S: * OK [CAPABILITY {BEFORE} AUTH=SCRAM-SHA-256 <any>] <any>
        C: a STARTTLS
        S: a BAD In TLS.
        C: b AUTHENTICATE PLAIN AGtpbUBleGFtcGxlLnRlc3QAc2VjcmV0
        S: b OK <any>
        """,
        log_in=False,
        options=IN_CLEAR,
    )


@pytest.mark.way(BARE, "the rule is about connections in clear")
def test_nothing_secret_in_clear() -> None:
    """LOGINDISABLED and PRIVACYREQUIRED (RFC 3501 §6.2.3, RFC 5530 §3)."""
    play(
        f"""
        S: * OK [CAPABILITY {BEFORE} LOGINDISABLED AUTH=SCRAM-SHA-256 <any>] <any>
        C: a LOGIN kim@example.test secret
        S: a NO [PRIVACYREQUIRED] Start TLS first.
        C: b AUTHENTICATE PLAIN AGtpbUBleGFtcGxlLnRlc3QAc2VjcmV0
        S: b NO [PRIVACYREQUIRED] Start TLS first.
        C: c STARTTLS
        S: c BAD TLS is not available.
        """,
        log_in=False,
        options=IN_CLEAR,
    )


def test_authenticate_plain() -> None:
    """RFC 3501 §6.2.2, RFC 4959 §3."""
    plain = base64.b64encode(b"\0kim@example.test\0secret").decode()
    play(
        f"""
        S: * OK <any>
        C: a AUTHENTICATE PLAIN
        S: +<any>
        C: *
        S: a BAD As you like.
        C: b AUTHENTICATE PLAIN
        S: +<any>
        C: no base64!
        S: b BAD Bad base64.
        C: c AUTHENTICATE NOSUCH
        S: c NO [CANNOT] Mechanism not offered.
        C: d AUTHENTICATE PLAIN
        S: +<any>
        C: {plain}
        S: d OK [CAPABILITY {AFTER}] Welcome.
        """,
        log_in=False,
    )
    play(
        f"""
        S: * OK <any>
        C: a AUTHENTICATE PLAIN {plain}
        S: a OK [CAPABILITY {AFTER}] Welcome.
        """,
        log_in=False,
    )


def test_three_bad_commands() -> None:
    """Who speaks another protocol is shown out."""
    play(
        """
        S: * OK <any>
        C: EHLO mx.example.test
        S: EHLO BAD No tag and command.
        C: a FOO
        S: a BAD Unknown command.
        C: a SELECT INBOX
        S: a BAD Not in state 'not authenticated'.
        S: * BYE Too many bad commands.
        """,
        log_in=False,
    )
