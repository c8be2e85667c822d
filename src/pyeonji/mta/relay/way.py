"""The way of a letter to a domain: what decides whom we call, and how. Pure.

Letters that go the same way share connections; its `name` is the key. Routes
may hang on the recipient's domain or on the sender's, source addresses on the
sender's, and what is asked of TLS on the letter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyeonji.mta.options import EVERY_OTHER_DOMAIN
from pyeonji.storage.names import canonical_domain, domain_of
from pyeonji.storage.queue import TlsWish

if TYPE_CHECKING:
    from pyeonji.mta.options import Options, Route, Source
    from pyeonji.storage.queue import NewLetter


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How letters for a domain go."""

    domain: str  # of the recipients
    route: Route | None = None  # None: its MX decides
    source: Source | None = None  # the addresses to call from
    wish: TlsWish = TlsWish.USUAL
    strict: bool = False  # a certificate in any case, or the letter waits

    @property
    def name(self) -> str:
        """The same for ways that can share a connection."""
        if self.route is None:
            name = canonical_domain(self.domain)
        else:
            hosts = " ".join(f"{host}:{port}" for host, port in self.route.hosts)
            # a connection serves only routes that ask the same of it
            asked = f"{self.route.use_tls:d}{self.route.needs_tls:d}"
            name = f"route {hosts} {self.route.user} {asked}"
        if self.source is not None:
            name += f" from {self.source.name}"
        if self.wish is not TlsWish.USUAL:
            name += f" TLS {self.wish.value}"
        if self.strict:
            name += " strict"
        return name


def way(domain: str, letter: NewLetter | None, options: Options) -> Way:
    """The way of a letter to a domain.

    A route of the recipient's domain comes before one of the sender's domain,
    and that before the one for every other domain.

    Args:
        domain: of some of its recipients, canonical.
        letter: for its sender and his wishes; None: any.
        options: routes and sources.
    """
    sender, wish = "", TlsWish.USUAL
    if letter is not None:
        sender = domain_of(letter.reverse_path) if letter.reverse_path else ""
        wish = letter.tls_wish
        if wish is TlsWish.REQUIRED and not letter.reverse_path:
            wish = TlsWish.USUAL  # a report goes as well as it can (RFC 8689 §5)
    if domain in options.lenient and wish is TlsWish.USUAL:  # RFC 7672 §9.1
        wish = TlsWish.OPTIONAL
    strict = domain in options.strict  # RFC 7672 §6: the operator's word stands
    if strict and wish is TlsWish.OPTIONAL:
        wish = TlsWish.USUAL
    route = (
        options.routes.get(domain)
        or (options.sender_routes.get(sender) if sender else None)
        or options.routes.get(EVERY_OTHER_DOMAIN)
    )
    source = options.sources.get(sender) or options.sources.get(EVERY_OTHER_DOMAIN)
    strict = strict and route is None  # a route has settings of its own
    return Way(domain=domain, route=route, source=source, wish=wish, strict=strict)
