"""A letter made to fit what the next hop offers; or the word that it cannot be.

Pure. What is converted is the body, part by part (`message.convert`); header
fields are the sender's and stay as they are. Where octets over 127 are left
that the next hop does not take, the letter goes back (RFC 6152 §3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pyeonji.base.errors import PyeonjiError
from pyeonji.message.convert import Hindrance, to_seven_bit
from pyeonji.message.scan import scan
from pyeonji.mta.forward.forwarding import FORWARDED_AS
from pyeonji.protocol.smtp.outcomes import Envelope, RecipientWanted
from pyeonji.protocol.smtp.wishes import By
from pyeonji.protocol.smtp.words import BodyType, Offer
from pyeonji.storage.queue import TlsWish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.protocol.smtp.client import ClientMachine
    from pyeonji.storage.content import StoredOctets
    from pyeonji.storage.queue import NewLetter, QueuedLetter, Recipient, Wishes

PIECE_OCTETS: Final = 64 * 1024
"""Octets of a letter looked at, or handed to the machine, at a time."""


class Unsuitable(PyeonjiError):
    """The next hop lacks what the letter needs; `status` says what (RFC 3463)."""

    def __init__(self, status: str, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """A next hop that has answered EHLO."""

    machine: ClientMachine
    name: str  # for reports

    def offers(self, *wanted: Offer) -> bool:
        """Whether it has all of them."""
        return all(self.machine.offers(one) for one in wanted)


def fit(
    letter: QueuedLetter,
    octets: StoredOctets,
    indexes: Sequence[int],
    hop: Hop,
    now: float,
) -> tuple[Envelope, StoredOctets]:
    """Envelope and octets as the next hop takes them.

    Args:
        letter: what came in, and how it was declared.
        octets: of the letter; a large one is read through, so not on the loop.
        indexes: its recipients beyond this hop.
        hop: what it offers.
        now: Unix seconds.

    Raises:
        Unsuitable: it lacks what cannot be done without.
    """
    new = letter.letter
    recipients = [letter.recipients[i] for i in indexes]
    reverse_path = _sender(new, recipients)
    ascii_only = _is_ascii(octets)
    utf8 = new.smtputf8 and (
        _path_is_utf8(reverse_path, recipients)
        or (not ascii_only and _header_is_utf8(octets))
    )
    if utf8 and not hop.offers(Offer.SMTPUTF8):  # RFC 6531 §3.5
        raise Unsuitable("5.6.7", f"{hop.name} does not take SMTPUTF8")
    body_type = BodyType(new.body_type.value)
    if _has_nul(octets):  # so it is neither 7bit nor 8bit (RFC 2045 §2.8)
        body_type = BodyType.BINARY
    if not _takes(hop, body_type, ascii_only=ascii_only):
        octets, body_type = _converted(octets, hop)
    elif body_type is BodyType.SEVEN_BIT and not ascii_only:
        body_type = BodyType.EIGHT_BIT  # nobody declared it: it is what it is
    elif body_type is BodyType.EIGHT_BIT and ascii_only:
        body_type = BodyType.SEVEN_BIT  # declared, and not needed
    limit = hop.machine.max_size_octets
    if limit and len(octets) > limit:  # RFC 1870 §6.1
        raise Unsuitable(
            "5.3.4", f"{hop.name} takes {limit} octets, the letter {len(octets)}"
        )
    by = _by(new.wishes, hop, now)
    tells_late = by is not None and not hop.offers(Offer.DELIVERBY)
    envelope = Envelope(
        reverse_path=reverse_path,
        recipients=tuple(
            RecipientWanted(
                address=r.address,
                notify=_with_delay(r.notify) if tells_late else r.notify,
                orcpt=_orcpt(r.original),
            )
            for r in recipients
        ),
        size_octets=len(octets),
        body_type=body_type,
        smtputf8=utf8,
        ret=new.ret,
        envid=new.envid,
        requiretls=new.tls_wish is TlsWish.REQUIRED,
        priority=new.wishes.priority or None,
        by=by,
        auth="",  # AUTH=<>: we vouch for nobody (RFC 4954 §5)
    )
    return envelope, octets


def must_tell(letter: QueuedLetter, machine: ClientMachine, now: float) -> bool:
    """Whether the sender hears of the relaying though he did not ask for it.

    He asked for a trace, or the next hop won't tell him when it is late
    (RFC 2852 §4.1.4).
    """
    wishes = letter.letter.wishes
    unknown = not machine.offers(Offer.DELIVERBY)
    return wishes.by_trace or (wishes.deliver_by > now and unknown)


def _by(wishes: Wishes, hop: Hop, now: float) -> By | None:
    """BY as it stands now (RFC 2852 §4.1.4).

    Raises:
        Unsuitable: the next hop would not send it back in time.
    """
    if not wishes.deliver_by:
        return None
    left = int(wishes.deliver_by - now)
    if wishes.by_return:
        if left <= 0:
            raise Unsuitable("5.4.7", "delivery time expired")
        if not hop.offers(Offer.DELIVERBY) or hop.machine.min_by_s > left:
            raise Unsuitable(
                "5.3.3", f"{hop.name} does not promise delivery within {left} s"
            )
    return By(seconds=left, by_return=wishes.by_return, by_trace=wishes.by_trace)


def _with_delay(notify: str) -> str:
    """NOTIFY for a next hop that knows of no time (RFC 2852 §4.1.4.2)."""
    if not notify:
        return "FAILURE,DELAY"
    if notify == "NEVER" or "DELAY" in notify:
        return notify
    return f"{notify},DELAY"


def _is_ascii(octets: StoredOctets) -> bool:
    body = octets.body
    if isinstance(body, bytes):
        return octets.prefix.isascii() and body.isascii()
    starts = range(0, len(octets), PIECE_OCTETS)
    return all(octets.slice(at, at + PIECE_OCTETS).isascii() for at in starts)


def _has_nul(octets: StoredOctets) -> bool:
    """Whether a NUL is in it; a next hop that drops it might find an end there."""
    body = octets.body
    if isinstance(body, bytes):
        return b"\0" in body
    starts = range(0, len(octets), PIECE_OCTETS)
    return any(b"\0" in octets.slice(at, at + PIECE_OCTETS) for at in starts)


def _sender(new: NewLetter, recipients: Sequence[Recipient]) -> str:
    """The sender, or the address that leads back to him where an alias forwards."""
    if any(one.accepted for one in recipients):
        return new.facts.get(FORWARDED_AS, new.reverse_path)
    return new.reverse_path


def _path_is_utf8(reverse_path: str, recipients: Sequence[Recipient]) -> bool:
    """Whether the envelope needs SMTPUTF8 for these recipients."""
    return not (
        reverse_path.isascii() and all(one.address.isascii() for one in recipients)
    )


def _header_is_utf8(octets: StoredOctets) -> bool:
    """Whether the header does, also that of a part or an enclosed message.

    That is what SMTPUTF8 is about, not the text (RFC 6531 §3.4).
    """
    body = octets.body
    return not octets.prefix.isascii() or any(
        not body[part.header_start : part.body_start].isascii()
        for part in scan(body).walk()
    )


def _takes(hop: Hop, body_type: BodyType, *, ascii_only: bool) -> bool:
    """Whether the next hop takes the octets as they are."""
    if body_type is BodyType.BINARY:
        return hop.offers(Offer.BINARYMIME, Offer.CHUNKING)
    return ascii_only or hop.offers(Offer.EIGHT_BIT_MIME)


def _converted(octets: StoredOctets, hop: Hop) -> tuple[StoredOctets, BodyType]:
    """The letter in 7 bits; header fields stay where the next hop takes 8.

    Raises:
        Unsuitable: octets over 127 are left, and it takes none (RFC 6152 §3).
    """
    converted = to_seven_bit(octets.body[:])
    eight_bit = hop.offers(Offer.EIGHT_BIT_MIME)
    for one in converted.obstacles:
        if one.hindrance is Hindrance.HEADER and eight_bit:
            continue  # only line ends or NULs had to go
        raise Unsuitable(
            "5.6.3",
            f"{hop.name} does not take the letter as it is, and"
            f" {f'part {one.path}' if one.path else 'it'} cannot be changed:"
            f" {one.hindrance.value}",
        )
    body_type = BodyType.EIGHT_BIT if converted.obstacles else BodyType.SEVEN_BIT
    return replace(octets, body=converted.octets), body_type


def _orcpt(original: str) -> str:
    kind, semicolon, address = original.partition(";")
    return original if semicolon and kind and address else ""
