"""What a milter wants changed of a letter, as it comes; all of it bounded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyeonji.base.limits import MAX_MESSAGE_OCTETS
from pyeonji.mta.hooks import editing
from pyeonji.mta.hooks.session import (
    MAX_ADDED_OCTETS,
    Edit,
    Envelope,
    Insert,
    Verdict,
)
from pyeonji.mta.policy.decision import Decision, quarantine, strongest
from pyeonji.protocol.milter.packets import Actions
from pyeonji.protocol.milter.replies import (
    BadMilter,
    BodyReplaced,
    HeaderAdded,
    HeaderChanged,
    Quarantined,
    RecipientAdded,
    RecipientRemoved,
    Reply,
    SenderChanged,
)
from pyeonji.protocol.smtp.body import has_bare_newline
from pyeonji.protocol.smtp.options import Options
from pyeonji.protocol.smtp.parameters import read_mail, read_recipient

if TYPE_CHECKING:
    from pyeonji.protocol.smtp.events import MailAsked, RecipientAsked

MAX_CHANGES: Final = 10_000
"""Packets with changes of one letter; a body has MAX_CHANGES * 64 KiB of room."""

MAX_RECIPIENTS_CHANGED: Final = 1000
"""Recipients that one milter may add to a letter and remove."""

_BARE: Final = re.compile(rb"\r\n|\r|\n")
_READER: Final = Options(hostname="", max_message_octets=MAX_MESSAGE_OCTETS)

_NEEDS: Final = {
    HeaderAdded: Actions.ADD_HEADERS,
    HeaderChanged: Actions.CHANGE_HEADERS,
    BodyReplaced: Actions.CHANGE_BODY,
    Quarantined: Actions.QUARANTINE,
    RecipientAdded: Actions.ADD_RECIPIENTS,
    RecipientRemoved: Actions.REMOVE_RECIPIENTS,
    SenderChanged: Actions.CHANGE_SENDER,
}


class Changes:
    """Those of one letter."""

    def __init__(self, rule: str, allowed: Actions) -> None:
        """Nothing is changed.

        Args:
            rule: the milter's name, for reasons.
            allowed: what it may do; one that does more is out of order.
        """
        self._rule = rule
        self._allowed = allowed
        self._count = 0
        self._added = b""
        self._edits: list[Edit] = []
        self._inserts: list[Insert] = []
        self._header_octets = 0
        self._body: list[bytes] | None = None
        self._body_octets = 0
        self._recipients: list[RecipientAsked | str] = []
        self._sender: MailAsked | None = None
        self._quarantined: Decision | None = None

    def take(self, reply: Reply) -> bool:
        """Whether this was a change and more may come.

        Raises:
            BadMilter: too much, or what it may not.
        """
        needed = _NEEDS.get(type(reply))
        if needed is None:
            return False
        if not needed & self._allowed:
            words = (needed.name or "").lower().replace("_", " ")
            raise BadMilter(f"wants to {words}, which it may not here")
        self._count += 1
        if self._count > MAX_CHANGES:
            raise BadMilter("too many changes")
        match reply:
            case HeaderAdded(name, value, index):
                self._add(editing.field(name, value), index)
            case HeaderChanged(name, value, index):
                self._edits.append(Edit(name=name, index=index, value=value or None))
            case BodyReplaced(octets):
                self._replace(octets)
            case Quarantined(reason):
                self._quarantined = quarantine(self._rule, reason or "quarantined")
            case _:
                self._change_envelope(reply)
        return True

    def _add(self, field: bytes, index: int | None) -> None:
        self._header_octets += len(field)
        if self._header_octets > MAX_ADDED_OCTETS:
            raise BadMilter("too much header")
        if index is None or index <= 1:
            # on top, where signatures that are there stay whole
            self._added = field + self._added
        else:
            self._inserts.append(Insert(field=field, behind=index - 1))

    def _replace(self, octets: bytes) -> None:
        self._body = self._body or []
        self._body.append(octets)
        self._body_octets += len(octets)
        if self._body_octets > MAX_MESSAGE_OCTETS:
            raise BadMilter("too large a body")

    def _change_envelope(self, reply: Reply) -> None:
        match reply:
            case SenderChanged(path, parameters):
                self._sender = _sender(path, parameters)
            case RecipientAdded(path, parameters):
                self._recipients.append(_recipient(path, parameters))
            case RecipientRemoved(path):
                self._recipients.append(_recipient(path, b"").path)
        if len(self._recipients) > MAX_RECIPIENTS_CHANGED:
            raise BadMilter("too many recipients")

    def verdict(self, decision: Decision | None, otherwise: Decision | None) -> Verdict:
        """All of it, once the last word was said.

        Args:
            decision: what the last word means.
            otherwise: holds where the envelope cannot be changed as it wants.
        """
        envelope = None
        if self._sender is not None or self._recipients:
            envelope = Envelope(
                rule=self._rule,
                sender=self._sender,
                recipients=tuple(self._recipients),
                otherwise=otherwise,
            )
        if self._quarantined is not None:
            decision = strongest((decision, self._quarantined))
        return Verdict(
            decision=decision,
            added=self._added,
            edits=tuple(self._edits),
            inserts=tuple(self._inserts),
            body=None if self._body is None else _lines(b"".join(self._body)),
            envelope=envelope,
        )


def _sender(path: bytes, parameters: bytes) -> MailAsked:
    words = parameters.split()
    if not path.isascii() and b"SMTPUTF8" not in [word.upper() for word in words]:
        words.append(b"SMTPUTF8")
    found = read_mail(b" ".join([b"<" + path + b">", *words]), _READER)
    if isinstance(found, bytes):
        raise BadMilter("wants a sender that SMTP does not have")
    return found


def _recipient(path: bytes, parameters: bytes) -> RecipientAsked:
    whole = b"<" + path + b">"
    if parameters:
        whole += b" " + parameters
    found = read_recipient(whole, _READER, utf8=True)
    if isinstance(found, bytes):
        raise BadMilter("names a recipient that SMTP does not have")
    return found


def _lines(body: bytes) -> bytes:
    """A body whose lines all end in CRLF: nothing can hide a command in it."""
    if has_bare_newline(body):
        body = _BARE.sub(b"\r\n", body)
    return body if body.endswith(b"\r\n") or not body else body + b"\r\n"
