"""All that reading needs of a message, made once when it arrives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyeonji.message.address import Group
from pyeonji.message.date import parse_date
from pyeonji.message.envelope import addresses_of, envelope_of
from pyeonji.message.parts import pack
from pyeonji.message.scan import scan
from pyeonji.message.structure import body_structure
from pyeonji.message.text import normalise, preview
from pyeonji.message.thread import base_subject, message_id, references

if TYPE_CHECKING:
    from pyeonji.message.address import AddressList
    from pyeonji.message.scan import Octets


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What storage keeps beside the octets of a message.

    Made from the octets as they came in; trace headers that we put before
    them shift offsets but change nothing else here.
    """

    size_octets: int
    header_octets: int  # of them the header section, with its empty line
    envelope: bytes  # IMAP ENVELOPE, ready for the wire (RFC 3501 §7.4.2)
    body_structure: bytes  # IMAP BODYSTRUCTURE, ready for the wire
    parts: bytes  # packed part map; message.parts.unpack() reads it
    message_id: str  # "<…>" or ""
    references: str  # message ids, see message.thread.references
    sent_date: int | None  # Date in Unix seconds
    sent_day: int | None  # the day it says, since 1970, zone disregarded
    subject: str  # decoded, whole
    sort_subject: str  # base subject, casefolded (RFC 5256 §2.1)
    sort_from: str  # local part of the first mailbox, casefolded (RFC 5256 §3)
    sort_to: str
    sort_cc: str
    display_from: str  # name or address of the first, normalised (RFC 5957 §3)
    display_to: str
    preview: str  # first 200 characters of text (RFC 8970)


def prepare(octets: Octets) -> Prepared:
    """Read a message once for all; takes any octets, never raises."""
    root = scan(octets, all_lines=False)
    header = root.header
    people = {name: addresses_of(header, name) for name in (b"from", b"to", b"cc")}
    date_field = header.first(b"date")
    date = parse_date(date_field) if date_field is not None else None
    subject = header.text(b"subject").replace("\0", "")
    return Prepared(
        size_octets=len(octets),
        header_octets=root.body_start,
        envelope=envelope_of(header, people),
        body_structure=body_structure(root),
        parts=pack(root),
        message_id=message_id(header),
        references=references(header),
        sent_date=date.unix_seconds if date is not None else None,
        sent_day=date.day if date is not None else None,
        subject=subject,
        sort_subject=base_subject(subject),
        sort_from=_sort_key(people[b"from"]),
        sort_to=_sort_key(people[b"to"]),
        sort_cc=_sort_key(people[b"cc"]),
        display_from=display_key(people[b"from"]),
        display_to=display_key(people[b"to"]),
        preview=preview(octets, root),
    )


def _sort_key(addresses: AddressList) -> str:
    """Local part of the first address, casefolded, "" without one (RFC 5256 §3)."""
    for first in addresses[:1]:
        # ENVELOPE has the name of a group in the place of a local part
        name = first.display_name if isinstance(first, Group) else first.local_text
        return name.casefold().replace("\0", "")
    return ""


def display_key(addresses: AddressList) -> str:
    """Name of the first address, else the address itself (RFC 5957 §3).

    Normalised as texts that are searched are.
    """
    for first in addresses[:1]:
        if isinstance(first, Group):
            shown = first.display_name
        else:
            local, domain = first.local_text, first.domain_text
            shown = first.display_name or (f"{local}@{domain}" if domain else local)
        return normalise(shown).replace("\0", "")
    return ""
