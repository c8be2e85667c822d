"""What may follow what (RFC 5321 §4.1.4): the table, and nothing else moves a state."""

from __future__ import annotations

from enum import Enum
from typing import Final

from pyeonji.protocol.smtp.words import Verb


class State(Enum):
    """Where a conversation stands, as the server sees it."""

    START = "start"  # no HELO yet
    READY = "ready"  # said hello, no transaction
    MAIL = "mail"  # the reverse path is accepted
    RECIPIENTS = "recipients"  # one recipient at least is accepted
    CHUNKS = "chunks"  # BDAT has begun and LAST not come
    TURNED_AWAY = "turned away"  # greeted with 554: waits for QUIT
    TURNED = "turned"  # roles are turned
    CLOSED = "closed"

    __hash__ = object.__hash__  # members are single; Enum's own is slow Python


_ALWAYS: Final = (
    Verb.RSET,
    Verb.VRFY,
    Verb.EXPN,
    Verb.HELP,
    Verb.NOOP,
    Verb.QUIT,
    Verb.HELO,
    Verb.EHLO,
    Verb.LHLO,
    Verb.VERB,
)
_HELLO: Final = (Verb.HELO, Verb.EHLO, Verb.LHLO)


def _table() -> dict[tuple[State, Verb], State]:
    table: dict[tuple[State, Verb], State] = {
        (State.START, Verb.STARTTLS): State.START,
        (State.READY, Verb.STARTTLS): State.START,
        (State.READY, Verb.AUTH): State.READY,
        (State.START, Verb.XCLIENT): State.START,
        (State.READY, Verb.XCLIENT): State.START,
        (State.READY, Verb.MAIL): State.MAIL,
        (State.READY, Verb.ETRN): State.READY,
        (State.READY, Verb.TURN): State.TURNED,
        (State.READY, Verb.ATRN): State.TURNED,
        (State.MAIL, Verb.RCPT): State.RECIPIENTS,
        (State.RECIPIENTS, Verb.RCPT): State.RECIPIENTS,
        (State.RECIPIENTS, Verb.DATA): State.READY,
        (State.RECIPIENTS, Verb.BDAT): State.CHUNKS,
        (State.CHUNKS, Verb.BDAT): State.CHUNKS,
        (State.TURNED_AWAY, Verb.QUIT): State.CLOSED,
    }
    for state in (State.START, State.READY, State.MAIL, State.RECIPIENTS, State.CHUNKS):
        table.update({(state, verb): state for verb in _ALWAYS})
        table.update({(state, verb): State.READY for verb in _HELLO})
        table[state, Verb.RSET] = State.START if state is State.START else State.READY
        table[state, Verb.QUIT] = State.CLOSED
    return table


NEXT: Final = _table()
"""The state after a command was answered with success; pairs not here: 503."""
