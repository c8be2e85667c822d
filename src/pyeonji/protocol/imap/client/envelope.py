"""ENVELOPE as a client sees it (RFC 3501 §7.4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pyeonji.base.limits import MAX_ADDRESSES
from pyeonji.message.words import decode_words
from pyeonji.protocol.imap.client.values import items, string

_FIELDS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address structure, octets as they came.

    A group begins with `host` None and its name as `mailbox`, and ends with
    both None (RFC 3501 §7.4.2).
    """

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None

    @property
    def display_name(self) -> str:
        """The name, decoded; "" if there is none."""
        return decode_words(self.name) if self.name else ""

    @property
    def address(self) -> str:
        """local@domain; "" for the ends of a group."""
        if self.mailbox is None or self.host is None:
            return ""
        return (self.mailbox + b"@" + self.host).decode("utf-8", "replace")

    @property
    def begins_group(self) -> bool:
        """Whether this is no address but the name of a group."""
        return self.host is None and self.mailbox is not None

    @property
    def ends_group(self) -> bool:
        """Whether this is no address but the end of a group."""
        return self.host is None and self.mailbox is None


Addresses = tuple[Address, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The fields of a header that lists of messages show."""

    date: bytes | None
    subject: bytes | None
    from_: Addresses
    sender: Addresses
    reply_to: Addresses
    to: Addresses
    cc: Addresses
    bcc: Addresses
    in_reply_to: bytes | None
    message_id: bytes | None

    @property
    def subject_text(self) -> str:
        """The subject, decoded; "" if there is none."""
        return decode_words(self.subject) if self.subject else ""


def read_envelope(value: object) -> Envelope | None:
    """An envelope from a FETCH item; None where the server gave none."""
    if not isinstance(value, list):
        return None
    fields = value[:_FIELDS] + [None] * (_FIELDS - len(value))
    addresses = [_addresses(field) for field in fields[2:8]]
    return Envelope(
        date=string(fields[0]),
        subject=string(fields[1]),
        from_=addresses[0],
        sender=addresses[1],
        reply_to=addresses[2],
        to=addresses[3],
        cc=addresses[4],
        bcc=addresses[5],
        in_reply_to=string(fields[8]),
        message_id=string(fields[9]),
    )


def _addresses(value: object) -> Addresses:
    found = []
    for item in items(value)[:MAX_ADDRESSES]:
        if not isinstance(item, list):
            continue
        name, route, mailbox, host = (item[:4] + [None] * 4)[:4]
        found.append(
            Address(
                name=string(name),
                route=string(route),
                mailbox=string(mailbox),
                host=string(host),
            )
        )
    return tuple(found)
