"""Replies that we send, most of them encoded once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pyeonji.protocol.smtp.limits import MAX_REPLY_LINE_OCTETS

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Reply:
    """A code, an enhanced status ("" for none, RFC 3463) and a line of text."""

    code: int
    enhanced: str
    text: str


def encode(code: int, enhanced: str, *text: str, utf8: bool = False) -> bytes:
    """A reply as octets, a line for each text; no text can break out of its line.

    Args:
        code: 200 to 599.
        enhanced: "2.1.0", or "" for none (greeting, EHLO, 3yz).
        text: at least one; long ones are cut.
        utf8: other characters than ASCII may stand as they are, which only the
            answers to VRFY and EXPN may have (RFC 6531 §3.7.4.2).
    """
    status = enhanced + " " if enhanced else ""
    lines = []
    last = len(text) - 1
    for index, one in enumerate(text):
        mark = " " if index == last else "-"
        line = f"{code}{mark}{status}{_CONTROLS.sub(' ', one)}"
        octets = line.encode("utf-8" if utf8 else "ascii", "replace")
        if len(octets) > MAX_REPLY_LINE_OCTETS - 2:
            octets = octets[: MAX_REPLY_LINE_OCTETS - 2]
            octets = octets.decode("utf-8", "ignore").encode()
        lines.append(octets)
    lines.append(b"")
    return b"\r\n".join(lines)


_ENHANCED: Final = re.compile(rb"(?m)^(\d{3}[ -])[245]\.\d{1,3}\.\d{1,3} ")


def without_enhanced(octets: bytes) -> bytes:
    """A reply as a server without ENHANCEDSTATUSCODES gives it."""
    return _ENHANCED.sub(rb"\1", octets)


MAIL_OK: Final = encode(250, "2.1.0", "sender ok")
RCPT_OK: Final = encode(250, "2.1.5", "recipient ok")
LETTER_OK: Final = encode(250, "2.0.0", "letter accepted")
OK: Final = encode(250, "2.0.0", "ok")
GO_AHEAD: Final = encode(354, "", "end with a dot on a line of its own")
GOODBYE: Final = encode(221, "2.0.0", "goodbye")
TLS_GO: Final = encode(220, "2.0.0", "start TLS")
AUTH_OK: Final = encode(235, "2.7.0", "authenticated")
TURN_OK: Final = encode(250, "2.0.0", "ok, turning")
VERB_OK: Final = encode(250, "2.0.0", "verbose until the next letter")
VRFY_MAYBE: Final = encode(252, "2.1.5", "try it and see")

UNKNOWN: Final = encode(500, "5.5.1", "no such command")
TOO_LONG: Final = encode(500, "5.5.2", "line too long")
SYNTAX: Final = encode(501, "5.5.4", "syntax error in arguments")
NOT_OFFERED: Final = encode(502, "5.5.1", "not offered here")
WRONG_ORDER: Final = encode(503, "5.5.1", "not now")
NO_RECIPIENT: Final = encode(554, "5.5.1", "no valid recipients")
NO_RECIPIENT_LMTP: Final = encode(503, "5.5.1", "no valid recipients")
TOO_MANY_RECIPIENTS: Final = encode(452, "4.5.3", "too many recipients")
TOO_LARGE: Final = encode(552, "5.3.4", "letter too large")
BINARY_NEEDS_BDAT: Final = encode(503, "5.5.1", "BINARYMIME needs BDAT")
BARE_NEWLINE: Final = encode(
    554, "5.6.0", "bare CR or LF in the letter: lines end with CR LF"
)
BAD_BASE64: Final = encode(501, "5.5.2", "not base64")
CANCELLED: Final = encode(501, "5.7.0", "authentication cancelled")
AUTH_WRONG: Final = encode(535, "5.7.8", "authentication failed")
AUTH_MALFORMED: Final = encode(501, "5.5.2", "authentication response malformed")
AUTH_TOO_LONG: Final = encode(500, "5.5.6", "authentication line too long")
AUTH_AGAIN: Final = encode(503, "5.5.1", "already authenticated")
AUTH_NEEDED: Final = encode(530, "5.7.0", "authentication required")
AUTH_NEEDS_TLS: Final = encode(538, "5.7.11", "encryption required")
AUTH_UNKNOWN: Final = encode(504, "5.5.4", "no such mechanism")
TLS_NEEDED: Final = encode(530, "5.7.0", "say STARTTLS first")
BAD_BDAT: Final = encode(421, "4.5.4", "syntax error in BDAT")
NOT_SMTP: Final = encode(421, "4.7.0", "this is not SMTP")
TOO_MANY_ERRORS: Final = encode(421, "4.7.0", "too many errors")
TLS_INJECTED: Final = encode(421, "4.7.0", "octets in clear behind STARTTLS")

HELP: Final = {
    b"": (
        "commands: HELO EHLO LHLO MAIL RCPT DATA BDAT RSET VRFY EXPN",
        "commands: HELP NOOP QUIT AUTH STARTTLS ETRN TURN ATRN VERB",
        "HELP and a command says what it is for",
    ),
    b"HELO": ("HELO domain: say who you are, without extensions",),
    b"EHLO": ("EHLO domain: say who you are, see the extensions",),
    b"LHLO": ("LHLO domain: the same in LMTP",),
    b"MAIL": ("MAIL FROM:<address> [SIZE= BODY= ...]: begin a letter",),
    b"RCPT": ("RCPT TO:<address> [NOTIFY= ORCPT=]: name a recipient",),
    b"DATA": ("DATA: send the letter, end with a dot on a line of its own",),
    b"BDAT": ("BDAT octets [LAST]: send a piece of the letter",),
    b"RSET": ("RSET: forget the letter begun",),
    b"VRFY": ("VRFY address: is there such a mailbox",),
    b"EXPN": ("EXPN address: who is behind an alias or list",),
    b"HELP": ("HELP [command]: this",),
    b"NOOP": ("NOOP: nothing",),
    b"QUIT": ("QUIT: goodbye",),
    b"AUTH": ("AUTH mechanism [response]: prove who you are",),
    b"STARTTLS": ("STARTTLS: encrypt what follows",),
    b"ETRN": ("ETRN domain: send the letters that wait for it",),
    b"TURN": ("TURN: turn the roles, after AUTH",),
    b"ATRN": ("ATRN [domains]: turn the roles, after AUTH",),
    b"VERB": ("VERB: tell the progress of the next letter",),
}
"""Texts of HELP, by upper-case command."""
