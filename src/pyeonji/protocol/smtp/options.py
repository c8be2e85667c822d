"""What a listener's configuration means to the server machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pyeonji.base.limits import MAX_MESSAGE_OCTETS, MAX_RECIPIENTS
from pyeonji.protocol.smtp.wishes import write_time
from pyeonji.protocol.smtp.words import Offer
from pyeonji.protocol.smtp.xclient import attributes

ALL_OFFERS: Final = frozenset(Offer)
"""STARTTLS belongs only where a certificate is, AUTH where accounts may enter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One listener's manners; shared by all its machines."""

    hostname: str
    lmtp: bool = False
    max_message_octets: int = MAX_MESSAGE_OCTETS
    max_recipients: int = MAX_RECIPIENTS
    offers: frozenset[Offer] = ALL_OFFERS
    mechanisms: tuple[str, ...] = ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN")
    plaintext_auth: bool = False  # AUTH also without TLS
    auth_required: bool = False  # submission: MAIL only after AUTH (RFC 6409 §4.3)
    tls_required: bool = False  # nothing but hello and STARTTLS before TLS
    xclient: bool = False  # the client may say for whom it speaks
    xclient_login: bool = False  # … and who has logged in there
    banner: str = "Pyeonji"
    max_hold_s: int = 0  # the longest HOLDFOR; 0: FUTURERELEASE is not offered
    max_hold_until: float = 0.0  # the latest HOLDUNTIL, Unix seconds

    def __post_init__(self) -> None:
        """Extensions that need another are not offered alone."""
        offers = self.offers
        if Offer.CHUNKING not in offers:
            offers -= {Offer.BINARYMIME}  # RFC 3030 §3
        if Offer.EIGHT_BIT_MIME not in offers:
            offers -= {Offer.SMTPUTF8}  # RFC 6531 §3.1
        if not self.max_hold_s:
            offers -= {Offer.FUTURERELEASE}
        object.__setattr__(self, "offers", offers)


def extension_lines(options: Options, *, tls: bool) -> tuple[str, ...]:
    """What EHLO lists behind the greeting (RFC 5321 §4.1.1.1)."""
    offers = options.offers
    lines = [
        str(offer)
        for offer in (
            Offer.PIPELINING,
            Offer.EIGHT_BIT_MIME,
            Offer.SMTPUTF8,
            Offer.CHUNKING,
            Offer.BINARYMIME,
            Offer.ENHANCED_STATUS_CODES,
            Offer.DSN,
            Offer.ETRN,
            Offer.ATRN,
            Offer.VERB,
            Offer.EXPN,
            Offer.HELP,
        )
        if offer in offers
    ]
    if Offer.SIZE in offers:
        lines.insert(1, f"SIZE {options.max_message_octets}")
    if Offer.LIMITS in offers:
        lines.append(f"LIMITS RCPTMAX={options.max_recipients}")
    if Offer.MT_PRIORITY in offers:
        lines.append("MT-PRIORITY")
    if Offer.DELIVERBY in offers:
        lines.append("DELIVERBY")
    if Offer.FUTURERELEASE in offers:  # RFC 4865 §3
        until = write_time(options.max_hold_until)
        lines.append(f"FUTURERELEASE {options.max_hold_s} {until}")
    if Offer.REQUIRETLS in offers and tls:  # RFC 8689 §2
        lines.append("REQUIRETLS")
    if Offer.STARTTLS in offers and not tls:
        lines.append("STARTTLS")
    if Offer.AUTH in offers and options.mechanisms and (tls or options.plaintext_auth):
        lines.append("AUTH " + " ".join(options.mechanisms))
    if options.xclient:
        lines.append("XCLIENT " + " ".join(attributes(login=options.xclient_login)))
    return tuple(lines)
