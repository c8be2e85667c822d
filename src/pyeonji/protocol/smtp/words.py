"""The words of SMTP that both sides and the rest of the system speak."""

from __future__ import annotations

from enum import Enum, StrEnum


class Verb(Enum):
    """A command (RFC 5321 §4.1.1 and the extensions named)."""

    HELO = b"HELO"
    EHLO = b"EHLO"
    LHLO = b"LHLO"  # RFC 2033 §4.1
    MAIL = b"MAIL"
    RCPT = b"RCPT"
    DATA = b"DATA"
    BDAT = b"BDAT"  # RFC 3030 §2
    RSET = b"RSET"
    VRFY = b"VRFY"
    EXPN = b"EXPN"
    HELP = b"HELP"
    NOOP = b"NOOP"
    QUIT = b"QUIT"
    AUTH = b"AUTH"  # RFC 4954 §4
    STARTTLS = b"STARTTLS"  # RFC 3207 §4
    ETRN = b"ETRN"  # RFC 1985 §5
    TURN = b"TURN"  # RFC 821 §3.8; allowed only after AUTH
    ATRN = b"ATRN"  # RFC 2645 §5.2
    XCLIENT = b"XCLIENT"  # Postfix's, only where a listener allows it
    VERB = b"VERB"  # sendmail's, never standardised

    __hash__ = object.__hash__  # members are single; Enum's own is slow Python


class Offer(StrEnum):
    """A service extension, by its EHLO keyword."""

    SIZE = "SIZE"  # RFC 1870
    PIPELINING = "PIPELINING"  # RFC 2920
    EIGHT_BIT_MIME = "8BITMIME"  # RFC 6152
    CHUNKING = "CHUNKING"  # RFC 3030
    BINARYMIME = "BINARYMIME"  # RFC 3030, only with CHUNKING
    SMTPUTF8 = "SMTPUTF8"  # RFC 6531, only with 8BITMIME
    ENHANCED_STATUS_CODES = "ENHANCEDSTATUSCODES"  # RFC 2034
    DSN = "DSN"  # RFC 3461
    AUTH = "AUTH"  # RFC 4954
    STARTTLS = "STARTTLS"  # RFC 3207
    REQUIRETLS = "REQUIRETLS"  # RFC 8689, only under TLS
    LIMITS = "LIMITS"  # RFC 9422
    MT_PRIORITY = "MT-PRIORITY"  # RFC 6710
    FUTURERELEASE = "FUTURERELEASE"  # RFC 4865, only at submission
    DELIVERBY = "DELIVERBY"  # RFC 2852
    ETRN = "ETRN"  # RFC 1985
    ATRN = "ATRN"  # RFC 2645
    VERB = "VERB"
    EXPN = "EXPN"
    HELP = "HELP"


class BodyType(StrEnum):
    """What BODY= says of the octets (RFC 6152 §3, RFC 3030 §3)."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT = "8BITMIME"
    BINARY = "BINARYMIME"


class Hello(StrEnum):
    """How the client said hello."""

    HELO = "HELO"
    EHLO = "EHLO"
    LHLO = "LHLO"


def with_protocol(*, hello: Hello, tls: bool, authenticated: bool, utf8: bool) -> str:
    """The WITH word of a Received field (RFC 3848, RFC 6531 §4.3).

    Args:
        hello: what the client said last.
        tls: the connection is encrypted.
        authenticated: the client has succeeded in AUTH.
        utf8: MAIL of this transaction had SMTPUTF8.
    """
    if hello is Hello.HELO:
        return "SMTP"
    lmtp = hello is Hello.LHLO
    name = ("UTF8LMTP" if lmtp else "UTF8SMTP") if utf8 else "LMTP" if lmtp else "ESMTP"
    return name + ("S" if tls else "") + ("A" if authenticated else "")
