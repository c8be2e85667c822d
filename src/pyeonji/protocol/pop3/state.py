"""What a POP3 client may say when, as a table."""

from __future__ import annotations

from enum import Enum
from typing import Final


class State(Enum):
    """How far a session has come (RFC 1939 §3).

    NAMED and SASL are parts of the AUTHORIZATION state: a name was given and
    its password is awaited, or an AUTH exchange is under way. CLOSED follows
    any last reply.
    """

    AUTHORIZATION = "authorization"
    NAMED = "named"
    SASL = "sasl"
    TRANSACTION = "transaction"
    UPDATE = "update"
    CLOSED = "closed"


class Verb(Enum):
    """Command keywords, as they are compared (upper case)."""

    USER = b"USER"
    PASS = b"PASS"
    APOP = b"APOP"
    AUTH = b"AUTH"
    CAPA = b"CAPA"
    STLS = b"STLS"
    UTF8 = b"UTF8"
    LANG = b"LANG"
    QUIT = b"QUIT"
    STAT = b"STAT"
    LIST = b"LIST"
    UIDL = b"UIDL"
    RETR = b"RETR"
    TOP = b"TOP"
    DELE = b"DELE"
    NOOP = b"NOOP"
    RSET = b"RSET"


_A, _N, _S, _T, _U, _C = State

NEXT: Final[dict[tuple[State, Verb], tuple[State, State]]] = {
    # (state, command): (after +OK, after -ERR); a pair not here is refused
    (_A, Verb.USER): (_N, _A),
    (_A, Verb.APOP): (_T, _A),
    (_A, Verb.AUTH): (_T, _A),
    (_A, Verb.CAPA): (_A, _A),
    (_A, Verb.STLS): (_A, _A),  # RFC 2595 §4: in AUTHORIZATION only
    (_A, Verb.UTF8): (_A, _A),  # RFC 6856 §2
    (_A, Verb.LANG): (_A, _A),
    (_A, Verb.QUIT): (_C, _C),  # RFC 1939 §4: no UPDATE from here
    # RFC 1939 §7: PASS only right after USER. LIBERTY: CAPA, LANG and UTF8 may
    # stand between, since they say nothing about who logs in.
    (_N, Verb.USER): (_N, _A),
    (_N, Verb.PASS): (_T, _A),
    (_N, Verb.APOP): (_T, _A),
    (_N, Verb.AUTH): (_T, _A),
    (_N, Verb.CAPA): (_N, _N),
    (_N, Verb.UTF8): (_N, _N),
    (_N, Verb.LANG): (_N, _N),
    (_N, Verb.QUIT): (_C, _C),
    (_S, Verb.AUTH): (_T, _A),  # the end of the exchange
    (_T, Verb.CAPA): (_T, _T),
    (_T, Verb.LANG): (_T, _T),
    (_T, Verb.STAT): (_T, _T),
    (_T, Verb.LIST): (_T, _T),
    (_T, Verb.UIDL): (_T, _T),
    (_T, Verb.RETR): (_T, _T),
    (_T, Verb.TOP): (_T, _T),
    (_T, Verb.DELE): (_T, _T),
    (_T, Verb.NOOP): (_T, _T),
    (_T, Verb.RSET): (_T, _T),
    (_T, Verb.QUIT): (_U, _U),
    (_U, Verb.QUIT): (_C, _C),  # said when the deletions are done, or not
}
