"""What policy asks DNS: lists, a client's name, whether SPF vouches; all in time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog

from pyeonji.base.networks import parsed
from pyeonji.mta.policy.lists import DnsList, domain_to_ask, is_sound, look_up
from pyeonji.mta.trust.iprev import IprevResult, check_iprev
from pyeonji.mta.trust.spf import SpfResult, check_spf

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pyeonji.base.clock import Clock
    from pyeonji.base.dns import DnsAnswer, Inquiry
    from pyeonji.mta.hooks.session import Peer
    from pyeonji.mta.policy.lists import Listing

    Ask = Callable[[str, str], Awaitable[DnsAnswer]]

T = TypeVar("T")

SOUND_S: Final = 3600.0
"""How long a list is believed after it did not list the test point."""

log = structlog.get_logger("pyeonji.mta.policy")


async def drive(inquiry: Inquiry[Any], ask: Ask) -> Any:
    """Ask DNS what an inquiry wants to know."""
    try:
        question = next(inquiry)
        while True:
            question = inquiry.send(await ask(*question))
    except StopIteration as end:
        return end.value


class Asking:
    """The questions of one worker."""

    def __init__(self, ask: Ask | None, clock: Clock, time_s: float) -> None:
        """Nothing is asked yet.

        Args:
            ask: DNS; None: nothing is asked, and nothing known.
            clock: the time.
            time_s: for each question, or all lists together.
        """
        self._ask = ask
        self._clock = clock
        self._time_s = time_s
        self._sound: dict[str, tuple[float, bool]] = {}

    async def listings(
        self, what: str, lists: Sequence[DnsList]
    ) -> tuple[Listing, ...]:
        """On which of these lists it is; those that do not answer in time are not."""
        return await self._listings([(what, one, "") for one in lists])

    async def domain_listings(
        self, names: dict[str, str], lists: Sequence[DnsList]
    ) -> tuple[Listing, ...]:
        """On which lists these domains are, each list asked for what it is meant for.

        Args:
            names: domains, by NAMES; one that is none is not asked for.
            lists: of domains.
        """
        asked = {name: domain_to_ask(text) for name, text in names.items() if text}
        return await self._listings(
            [
                (asked[name], one, name)
                for one in lists
                for name in one.names
                if asked.get(name)
            ]
        )

    async def _listings(
        self, questions: Sequence[tuple[str, DnsList, str]]
    ) -> tuple[Listing, ...]:
        if self._ask is None or not questions:
            return ()
        tasks = [asyncio.ensure_future(self._listing(*one)) for one in questions]
        done, late = await asyncio.wait(tasks, timeout=self._time_s)
        for task in late:
            task.cancel()
        results = (task.result() for task in tasks if task in done)
        return tuple(each for each in results if each is not None)

    async def _listing(self, what: str, dns_list: DnsList, name: str) -> Listing | None:
        if self._ask is None or not what:
            return None
        found: Listing | None = await drive(look_up(what, dns_list, name), self._ask)
        # only a list that says "listed" must prove that it does not always
        if found is None or not await self._is_sound(dns_list):
            return None
        return found

    async def name_of(self, address: str) -> str:
        """A client's name, which leads back to it; "" without one, or too late."""
        found = parsed(address)
        if self._ask is None or found is None or found.is_loopback:
            return ""
        verdict = await self._in_time(check_iprev(found))
        passed = verdict is not None and verdict.result is IprevResult.PASS
        return verdict.name if verdict is not None and passed else ""

    async def _in_time(self, inquiry: Inquiry[T]) -> T | None:
        """What an inquiry comes to; None: DNS took longer than it may here."""
        assert self._ask is not None  # noqa: S101 - who calls has looked
        work = asyncio.ensure_future(drive(inquiry, self._ask))
        done, _ = await asyncio.wait({work}, timeout=self._time_s)
        if not done:
            work.cancel()
            return None
        found: T = work.result()
        return found

    async def vouched(self, peer: Peer, reverse_path: str) -> str:
        """The sender's domain, if SPF of it lets this client send; else ""."""
        address = parsed(peer.address)
        if self._ask is None or address is None:
            return ""
        spf = check_spf(
            address,
            helo=peer.helo,
            mail_from=reverse_path,
            receiver=peer.hostname,
            unix_second=int(self._clock.time()),
        )
        verdict = await self._in_time(spf)
        passed = verdict is not None and verdict.result is SpfResult.PASS
        return verdict.domain if verdict is not None and passed else ""

    async def _is_sound(self, dns_list: DnsList) -> bool:
        now = self._clock.monotonic()
        known = self._sound.get(dns_list.zone)
        if known is not None and now - known[0] < SOUND_S:
            return known[1]
        assert self._ask is not None  # noqa: S101 - _listing has looked
        sound: bool = await drive(is_sound(dns_list), self._ask)
        self._sound[dns_list.zone] = (now, sound)
        if not sound:
            log.warning("policy.list_is_dead", zone=dns_list.zone)
        return sound
