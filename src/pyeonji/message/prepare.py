"""All that reading needs of a message, made once when it arrives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What storage keeps beside the octets of a message.

    Made from the octets as they came in; trace headers that we put before
    them shift offsets but change nothing else here.
    """

    size_octets: int
    envelope: bytes  # IMAP ENVELOPE, ready for the wire (RFC 3501 §7.4.2)
    body_structure: bytes  # IMAP BODYSTRUCTURE, ready for the wire
    parts: bytes  # packed part map; message.parts.unpack() reads it
    message_id: str  # "<…>" or ""
    references: str  # message ids of References and In-Reply-To, space-joined
    sent_date: int | None  # Date in Unix seconds
    sent_day: int | None  # the day it says, since 1970, zone disregarded
    subject: str  # decoded, whole
    sort_subject: str  # base subject, casefolded (RFC 5256 §2.1)
    sort_from: str  # local part of the first mailbox, casefolded (RFC 5256 §3)
    sort_to: str
    sort_cc: str
    preview: str  # first 200 characters of text (RFC 8970)
