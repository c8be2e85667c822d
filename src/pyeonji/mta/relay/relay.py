"""From a destination to a session: routes, MX, a call."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from pyeonji.mta.options import EVERY_OTHER_DOMAIN
from pyeonji.mta.queue.plan import Fate
from pyeonji.mta.relay.calling import Caller, CallFailed
from pyeonji.mta.relay.nexthop import NoNextHop, by_route, next_hops
from pyeonji.net.dial import connect
from pyeonji.storage.names import canonical_domain

if TYPE_CHECKING:
    import ssl

    from pyeonji.mta.options import Options, Route
    from pyeonji.mta.relay.calling import Dial
    from pyeonji.mta.relay.nexthop import NextHops
    from pyeonji.mta.relay.session import Session
    from pyeonji.net.dial import ClientStream
    from pyeonji.net.dns import Resolver


async def dial(
    address: str, port: int, context: ssl.SSLContext, timeout_s: float
) -> ClientStream:
    """The usual way to call somebody. Raises Unreachable, TlsFailed."""
    return await connect(
        address, port, tls="starttls", context=context, timeout_s=timeout_s
    )


class Relay:
    """Finds out who takes mail for a domain, and calls them."""

    def __init__(self, options: Options, resolver: Resolver, dial: Dial = dial) -> None:
        """Nothing is called yet.

        Args:
            options: routes, ports, timeouts.
            resolver: answers `next_hops`.
            dial: opens connections.
        """
        self._options = options
        self._resolver = resolver
        self._caller = Caller(options, dial)

    def route(self, domain: str) -> Route | None:
        """The route of a canonical domain, or None: its MX decides."""
        routes = self._options.routes
        return routes.get(domain) or routes.get(EVERY_OTHER_DOMAIN)

    def destination(self, domain: str) -> str:
        """A name that domains with the same next hop share."""
        route = self.route(domain)
        if route is None:
            return canonical_domain(domain)
        hosts = " ".join(f"{host}:{port}" for host, port in route.hosts)
        # a connection serves only routes that ask the same of it
        return f"route {hosts} {route.user} {route.use_tls:d}{route.needs_tls:d}"

    async def call(self, domain: str) -> Session:
        """A session with a host that takes mail for the domain.

        Raises:
            CallFailed: there is none, for now or for ever.
        """
        route = self.route(domain)
        if route is not None:
            return await self._caller.call(by_route(route), route)
        found = await self._search(domain)
        if isinstance(found, NoNextHop):
            fate = Fate.NEVER if found.permanent else Fate.LATER
            raise CallFailed(fate, found.status, found.text)
        return await self._caller.call(found, None)

    async def _search(self, domain: str) -> NextHops | NoNextHop:
        search = next_hops(
            domain,
            port=self._options.relay_port,
            hostname=self._options.hostname,
            own_endpoints=self._options.own_endpoints,
            shuffle=random.shuffle,
        )
        try:
            question = next(search)
            while True:
                question = search.send(await self._resolver.ask(*question))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
