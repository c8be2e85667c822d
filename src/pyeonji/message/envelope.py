"""The IMAP ENVELOPE of a message, ready for the wire (RFC 3501 §7.4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.base.limits import MAX_ADDRESSES
from pyeonji.message.address import AddressList, Group, Mailbox, parse_addresses
from pyeonji.message.wire import nstring, string
from pyeonji.message.words import unfold

if TYPE_CHECKING:
    from pyeonji.message.header import Header


def addresses_of(header: Header, name: bytes) -> AddressList:
    """The addresses of all fields of that lower-case name, MAX_ADDRESSES at most."""
    values = header.all(name)
    if not values:
        return []
    found = parse_addresses(values[0])
    for value in values[1:]:
        if len(found) >= MAX_ADDRESSES:
            break
        found += parse_addresses(value)
    return found[:MAX_ADDRESSES]


def envelope(header: Header) -> bytes:
    """ENVELOPE octets: fields unfolded but not decoded, parentheses included."""
    return envelope_of(
        header,
        {name: addresses_of(header, name) for name in (b"from", b"to", b"cc")},
    )


def envelope_of(header: Header, known: dict[bytes, AddressList]) -> bytes:
    """ENVELOPE octets where From, To and Cc have been parsed already."""
    senders = address_structure(known[b"from"])
    sender = _or_else(header, b"sender", senders)
    reply_to = _or_else(header, b"reply-to", senders)
    bcc = address_structure(addresses_of(header, b"bcc"))
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        nstring(header.unfolded(b"date")),
        nstring(header.unfolded(b"subject")),
        senders,
        sender,
        reply_to,
        address_structure(known[b"to"]),
        address_structure(known[b"cc"]),
        bcc,
        nstring(header.unfolded(b"in-reply-to")),
        nstring(header.unfolded(b"message-id")),
    )


def _or_else(header: Header, name: bytes, otherwise: bytes) -> bytes:
    """Sender and Reply-To are From where they are missing or empty."""
    value = header.first(name)
    if value is None or not unfold(value):
        return otherwise
    written = address_structure(addresses_of(header, name))
    return otherwise if written == b"NIL" else written


def address_structure(addresses: AddressList) -> bytes:
    """A parenthesised list of address structures, or NIL for none."""
    if not addresses:
        return b"NIL"
    written = []
    for entry in addresses:
        if isinstance(entry, Group):
            written.append(b"(NIL NIL %b NIL)" % string(entry.name))
            written += [_mailbox(member) for member in entry.members]
            written.append(b"(NIL NIL NIL NIL)")
        else:
            written.append(_mailbox(entry))
    return b"(%b)" % b"".join(written)


def _mailbox(mailbox: Mailbox) -> bytes:
    # NIL for mailbox or host would mean a group (RFC 3501 §7.4.2)
    return b"(%b %b %b %b)" % (
        nstring(mailbox.name),
        nstring(mailbox.route),
        string(mailbox.local),
        string(mailbox.domain),
    )
