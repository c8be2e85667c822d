"""From a destination to a session: routes, MX, a call."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, TypeVar

from pyeonji.mta.queue.plan import Fate
from pyeonji.mta.relay.calling import Caller, CallFailed
from pyeonji.mta.relay.dane import look_up
from pyeonji.mta.relay.nexthop import NoNextHop, by_route, next_hops, secured
from pyeonji.mta.relay.results import ignore
from pyeonji.mta.relay.way import way
from pyeonji.net.dial import connect

if TYPE_CHECKING:
    import ssl

    from pyeonji.base.dns import Inquiry
    from pyeonji.mta.options import Options
    from pyeonji.mta.relay.calling import Dial
    from pyeonji.mta.relay.dane import Dane
    from pyeonji.mta.relay.nexthop import Target
    from pyeonji.mta.relay.policies import StsPolicies
    from pyeonji.mta.relay.results import Note
    from pyeonji.mta.relay.session import Session
    from pyeonji.mta.relay.way import Way
    from pyeonji.net.dial import ClientStream
    from pyeonji.net.dns import Resolver
    from pyeonji.storage.queue import NewLetter

T = TypeVar("T")


async def dial(
    address: str, port: int, context: ssl.SSLContext, timeout_s: float, source: str
) -> ClientStream:
    """The usual way to call somebody. Raises Unreachable, TlsFailed."""
    return await connect(
        address,
        port,
        tls="starttls",
        context=context,
        source_address=source or None,
        timeout_s=timeout_s,
    )


class Relay:
    """Finds out who takes mail for a domain, and calls them."""

    def __init__(
        self,
        options: Options,
        resolver: Resolver,
        dial: Dial = dial,
        *,
        note: Note = ignore,
        policies: StsPolicies | None = None,
    ) -> None:
        """Nothing is called yet.

        Args:
            options: routes, ports, timeouts.
            resolver: answers `next_hops`.
            dial: opens connections.
            note: counts what TLS came to.
            policies: MTA-STS of domains; None: it is not looked at.
        """
        self._policies = policies
        self._options = options
        self._resolver = resolver
        self._caller = Caller(options, dial, self._tlsa, note)

    def way(self, domain: str, letter: NewLetter | None = None) -> Way:
        """How a letter goes to a canonical domain."""
        return way(domain, letter, self._options)

    async def call(self, way: Way) -> Session:
        """A session with a host that takes mail for the way's domain.

        Raises:
            CallFailed: there is none, for now or for ever.
        """
        if way.route is not None:
            targets = by_route(way.route)
            if self._options.dane and self._resolver.validating:
                targets = await self._resolver_says(secured(targets))
            return await self._caller.call(targets, way)
        found = await self._resolver_says(
            next_hops(
                way.domain,
                port=self._options.relay_port,
                hostname=self._options.hostname,
                own_endpoints=self._options.own_endpoints,
                shuffle=random.shuffle,
            )
        )
        if isinstance(found, NoNextHop):
            fate = Fate.NEVER if found.permanent else Fate.LATER
            raise CallFailed(fate, found.status, found.text)
        policy = await self._policies.policy(way.domain) if self._policies else None
        return await self._caller.call(found, way, policy)

    async def _tlsa(self, target: Target) -> Dane | None:
        """Secure TLSA records of a host. Raises Unreadable."""
        if not self._options.dane:
            return None
        return await self._resolver_says(look_up(target.bases, target.port))

    async def _resolver_says(self, inquiry: Inquiry[T]) -> T:
        """Conduct an inquiry."""
        try:
            question = next(inquiry)
            while True:
                question = inquiry.send(await self._resolver.ask(*question))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
