"""Answers, forwards and redirects of letters that came (RFC 5322 §3.6.4 to §3.6.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.message import address as read_address
from pyeonji.message.compose.errors import BadValue, MissingField
from pyeonji.message.compose.fields import address_list, is_message_id, message_ids
from pyeonji.message.compose.letter import (
    bounded_references,
    date_field,
    needs_smtputf8,
    new_message_id,
    unique_addresses,
)
from pyeonji.message.compose.mailboxes import (
    Address,
    Group,
    Mailbox,
    check_value,
    mailboxes_of,
    wire_address,
)
from pyeonji.message.header import Header
from pyeonji.message.ids import parse_ids

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

_REPLY_SIGN: Final = re.compile(
    r"\s*(?:re|답장|회신)\s*(?:\[\d+\])?\s*[:：]\s*", re.IGNORECASE
)
_FORWARD_SIGN: Final = re.compile(
    r"\s*(?:fwd?|전달)\s*(?:\[\d+\])?\s*[:：]\s*", re.IGNORECASE
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")
_HEADER_END: Final = re.compile(rb"\r?\n\r?\n")
_TRACE: Final = re.compile(rb"(?:return-path|delivered-to)[ \t]*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the header of a reply takes from the letter that it answers."""

    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    subject: str
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]


def header_of(octets: bytes) -> Header:
    """The header of a whole message."""
    end = _HEADER_END.search(octets)
    return Header(octets[: end.start() + 2] if end else octets)


def typed_addresses(text: str, field: str) -> tuple[Address, ...]:
    """Addresses as a person types them, "이름 <a@b>, c@d".

    Raises:
        UnsafeValue: CR, LF or NUL in it.
        BadValue: one of them is no address.
    """
    check_value(field, text)
    found = written_addresses(
        read_address.parse_addresses(text.encode("utf-8", "replace"))
    )
    if not found:
        raise BadValue(field, f"{text[:80]!r} holds no address")
    for mailbox in mailboxes_of(found):
        if '"' in mailbox.address and '"' not in text:  # the reader was generous
            raise BadValue(field, f"{text[:80]!r} is not an address")
        wire_address(mailbox.address, field)
    return found


def written_addresses(
    found: Iterable[read_address.Mailbox | read_address.Group],
) -> tuple[Address, ...]:
    """Addresses that were read, as they can be written."""
    return tuple(
        Group(
            name=_one_line(one.display_name),
            members=tuple(_mailbox(member) for member in one.members),
        )
        if isinstance(one, read_address.Group)
        else _mailbox(one)
        for one in found
    )


def _mailbox(found: read_address.Mailbox) -> Mailbox:
    return Mailbox(address=found.address, name=_one_line(found.display_name))


def _one_line(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()


def _usable(header: Header, *names: bytes) -> tuple[Mailbox, ...]:
    """Mailboxes of some fields that can be written again."""
    kept = []
    for name in names:
        for value in header.all(name):
            listed = written_addresses(read_address.parse_addresses(value))
            for mailbox in mailboxes_of(listed):
                try:
                    wire_address(mailbox.address)
                except BadValue:
                    continue
                kept.append(mailbox)
    return tuple(kept)


def answer(
    header: Header, *, ourselves: Sequence[str] = (), everyone: bool = False
) -> Answer:
    """Say who gets a reply, and what it refers to (RFC 5322 §3.6.2, §3.6.4).

    Args:
        header: of the letter that is answered.
        ourselves: our addresses, who need no copy.
        everyone: also those in To and Cc.

    Raises:
        MissingField: there is nobody to answer.
    """
    ours = {one.lower() for one in ourselves}
    authors = _usable(header, b"from")
    to = _usable(header, b"reply-to") or authors
    if authors and ours and all(one.address.lower() in ours for one in authors):
        to = _usable(header, b"to") or to  # our own letter: on to whom it went
    if not to:
        raise MissingField("From")
    cc: list[Mailbox] = []
    if everyone:
        seen = ours | {one.address.lower() for one in to}
        for mailbox in _usable(header, b"to", b"cc"):
            if mailbox.address.lower() not in seen:
                seen.add(mailbox.address.lower())
                cc.append(mailbox)
    parents, chain = thread_of(header)
    return Answer(
        to=to,
        cc=tuple(cc),
        subject=reply_subject(header.text(b"subject")),
        in_reply_to=parents,
        references=chain,
    )


def thread_of(header: Header) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """In-Reply-To and References of an answer to a letter (RFC 5322 §3.6.4)."""

    def ids(name: bytes) -> list[str]:
        found = parse_ids(header.first(name) or b"")
        return [one for one in found if is_message_id(one)]

    parents = ids(b"message-id")[:1]
    chain = ids(b"references")
    if not chain and len(ids(b"in-reply-to")) == 1:
        chain = ids(b"in-reply-to")
    return tuple(parents), bounded_references([*chain, *parents])


def reply_subject(subject: str) -> str:
    """With one "Re: " before it, however many there were."""
    return "Re: " + _without(subject, _REPLY_SIGN)


def forward_subject(subject: str) -> str:
    """With one "Fwd: " before it, however many there were."""
    return "Fwd: " + _without(subject, _FORWARD_SIGN)


def _without(subject: str, sign: re.Pattern[str]) -> str:
    text = _one_line(subject)
    position = 0
    while match := sign.match(text, position):
        position = match.end()
    return text[position:]


def quoted(text: str, author: str, date: str) -> str:
    """A text as it is quoted in an answer: "> " before each line."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
    marked = [(">" if line.startswith(">") else "> ") + line for line in lines]
    opening = f"{_one_line(date)}, {_one_line(author)}:"
    return "\n".join([opening, *(line.rstrip() for line in marked), ""])


def forwarded(text: str, header: Header) -> str:
    """A text as it is forwarded within another."""
    names = ((b"from", "From"), (b"date", "Date"), (b"subject", "Subject"),
             (b"to", "To"), (b"cc", "Cc"))  # fmt: skip
    lines = ["-------- 전달된 편지 / Forwarded message --------"]
    for key, name in names:
        value = _one_line(header.text(key))
        if value:
            lines.append(f"{name}: {value}")
    return "\n".join([*lines, "", text])


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirected:
    """A letter with a Resent block on top, and its envelope."""

    octets: bytes
    reverse_path: str
    recipients: tuple[str, ...]
    message_id: str  # Resent-Message-ID
    eight_bit: bool
    smtputf8: bool


def redirect(
    octets: bytes,
    *,
    resent_from: Mailbox,
    to: Sequence[Address],
    cc: Sequence[Address] = (),
    bcc: Sequence[Address] = (),
    date: datetime,
    token: str,
) -> Redirected:
    """Put a Resent block on top of a letter that stays as it is (RFC 5322 §3.6.6).

    Return-Path and Delivered-To of its last delivery are taken away.

    Raises:
        MissingField: no recipient.
        BadValue, UnsafeValue: not an address.
    """
    if not (to or cc or bcc):
        raise MissingField("Resent-To, Resent-Cc or Resent-Bcc")
    message_id = new_message_id(token, resent_from.address.rpartition("@")[2])
    fields = [
        ("Resent-Date", date_field("Resent-Date", date)),
        ("Resent-From", address_list("Resent-From", [resent_from])),
    ]
    for name, addresses in (("Resent-To", to), ("Resent-Cc", cc)):
        if addresses:
            fields.append((name, address_list(name, addresses)))
    fields.append(("Resent-Message-ID", message_ids("Resent-Message-ID", [message_id])))
    recipients = unique_addresses(mailboxes_of([*to, *cc, *bcc]))
    reverse_path = wire_address(resent_from.address)
    message = without_delivery(octets)
    head = header_of(message).octets
    return Redirected(
        octets=b"".join([*(field for _, field in fields), message]),
        reverse_path=reverse_path,
        recipients=recipients,
        message_id=message_id,
        eight_bit=not message[len(head) :].isascii(),
        smtputf8=needs_smtputf8(fields)
        or not head.isascii()
        or not "".join((reverse_path, *recipients)).isascii(),
    )


def without_delivery(octets: bytes) -> bytes:
    """A message without the fields that its last delivery put on top."""
    position = 0
    while _TRACE.match(octets, position):
        position = octets.find(b"\n", position) + 1 or len(octets)
        while octets[position : position + 1] in (b" ", b"\t"):
            position = octets.find(b"\n", position) + 1 or len(octets)
    return octets[position:] if position else octets
