"""What a door looks at before it takes a letter: size of the header, loops.

Pure, and only the header block is looked at. Anything else in a letter is the
sender's business: 8-bit octets, NUL, missing fields are all taken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.base.limits import MAX_HEADER_OCTETS
from pyeonji.storage.names import canonical
from pyeonji.storage.queue import TlsWish

if TYPE_CHECKING:
    from collections.abc import Container

_RECEIVED: Final = re.compile(rb"(?:^|\n)received[ \t]*:", re.IGNORECASE)
_DELIVERED_TO: Final = re.compile(
    rb"(?:^|\n)delivered-to[ \t]*:[ \t]*([^\r\n]{1,1000})", re.IGNORECASE
)
_MESSAGE_ID: Final = re.compile(
    rb"(?:^|\n)message-id[ \t]*:\s{0,100}(<[^>\r\n]{1,998}>)", re.IGNORECASE
)

_TLS_REQUIRED: Final = re.compile(
    rb"(?:^|\n)tls-required[ \t]*:((?:[^\r\n]|\r\n[ \t]){0,100})(?=\r\n)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is not taken, in a reply's words."""

    code: int
    status: str
    text: str


def header_end(octets: bytes | bytearray, start: int = 0) -> int:
    """Offset of the first octet after the header block's empty line.

    Args:
        octets: a message, or its beginning.
        start: octets searched before and known to hold no end.

    Returns:
        The offset, or -1 when the end is not among them.
    """
    if octets.startswith(b"\r\n"):
        return 2
    end = octets.find(b"\r\n\r\n", max(start - 3, 0))
    return -1 if end < 0 else end + 4


def inspect_header(
    header: bytes, *, max_received: int, recipients: Container[str]
) -> Refusal | None:
    """Refuse what loops or cannot be read.

    Args:
        header: the block, or the whole of a message that has no body.
        max_received: Received fields that count as a loop (RFC 5321 §6.3).
        recipients: canonical addresses it is to be delivered to here: a
            letter that was delivered to one of them before is looping.
    """
    if len(header) > MAX_HEADER_OCTETS:
        return Refusal(552, "5.3.4", "header block too large")
    # most headers show by plain searches that there is nothing to look at
    lower = header.lower()
    if lower.count(b"received") > max_received:
        count = sum(1 for _ in _RECEIVED.finditer(header))
        if count > max_received:
            return Refusal(554, "5.4.6", f"routing loop: {count} Received fields")
    if b"delivered-to" not in lower:
        return None
    for match in _DELIVERED_TO.finditer(header):
        address = match[1].decode("utf-8", "replace").strip().strip("<>")
        if canonical(address) in recipients:
            return Refusal(554, "5.4.6", "mail forwarding loop: delivered here before")
    return None


def message_id(header: bytes) -> str:
    """The Message-ID as it stands, "" without one (for the letter's journey)."""
    lower = header.lower()
    first = lower.startswith(b"message-id")
    at = 0 if first else lower.find(b"\nmessage-id")
    match = _MESSAGE_ID.search(header, at) if at >= 0 else None
    return match[1].decode("utf-8", "replace") if match else ""


def tls_wish(header: bytes, *, required: bool) -> TlsWish:
    """What a letter's sender wants of TLS (RFC 8689 §4.1).

    Args:
        header: the block.
        required: MAIL had REQUIRETLS; then the field says nothing.
    """
    if required:
        return TlsWish.REQUIRED
    if b"tls-required" not in header.lower():
        return TlsWish.USUAL
    found = [match[1].strip().lower() for match in _TLS_REQUIRED.finditer(header)]
    # one field, and no other value is defined (RFC 8689 §3)
    return TlsWish.OPTIONAL if found == [b"no"] else TlsWish.USUAL
