"""Asking DNS, the web and our own doors; the checks judge what came back."""

from __future__ import annotations

import asyncio
import contextlib
import os
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, TypeVar

import dns.reversename
import httpx

from pyeonji.mta.publish.records import ascii_name
from pyeonji.mta.publish.sts import PATH
from pyeonji.mta.trust.spf import SpfResult, check_spf
from pyeonji.serve.doctor.clock import clock_kept
from pyeonji.serve.doctor.facts import (
    AddressAsked,
    DomainAsked,
    DoorTried,
    HostAsked,
)
from pyeonji.serve.doctor.local import certificate_seen, disk_seen, queue_seen
from pyeonji.serve.hanging import hanging_seen
from pyeonji.serve.publishing import (
    addresses_of,
    domain_records,
    host_facts,
    sts_policy,
)
from pyeonji.serve.settings import KERNEL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pyeonji.base.clock import Clock
    from pyeonji.base.dns import DnsAnswer, Inquiry, Question
    from pyeonji.mta.publish.records import DkimKey
    from pyeonji.serve.configuration import Configuration, ListenerSettings
    from pyeonji.serve.publishing import Asker
    from pyeonji.storage.directory import Directory
    from pyeonji.storage.embedded import Store

T = TypeVar("T")

CONNECT_S: Final = 5.0
FETCH_S: Final = 10.0
MAX_FETCHED: Final = 64 * 1024
"""Octets of a policy that are read (RFC 8461 §3.2 wants 64 KB to be enough)."""

MAX_PTR: Final = 10
"""Names of one address that are followed."""


class NotFetched(Exception):
    """The web didn't give what was asked; the message says why."""


async def fetch(url: str) -> tuple[str, str]:
    """A small document and the Date that its server said.

    Raises:
        NotFetched: no answer in time, a bad certificate, not 200 or 204, too long.
    """
    try:
        async with (
            asyncio.timeout(FETCH_S),
            httpx.AsyncClient(timeout=FETCH_S, trust_env=False) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code not in (200, 204):
                raise NotFetched(f"HTTP {response.status_code}")
            body = b""
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > MAX_FETCHED:
                    raise NotFetched("too long")
            return body.decode("utf-8", "replace"), response.headers.get("date", "")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise NotFetched(str(error) or type(error).__name__) from error


class Gatherer:
    """Collects the facts of one run."""

    def __init__(
        self,
        configuration: Configuration,
        store: Store,
        asker: Asker,
        clock: Clock,
        *,
        fetch: Callable[[str], Awaitable[tuple[str, str]]] = fetch,
        smtp_port: int = 25,
    ) -> None:
        """Nothing is asked yet.

        Args:
            configuration: the operator's.
            store: what is kept.
            asker: DNS.
            clock: ours, which is compared with the world's.
            fetch: gets a small document from the web; raises NotFetched.
            smtp_port: of other servers; another one only in tests.
        """
        self._smtp_port = smtp_port
        self._addresses: list[str] | None = None
        self._configuration = configuration
        self._store = store
        self._asker = asker
        self._clock = clock
        self._fetch = fetch

    async def domain(self, name: str, dkim: Sequence[DkimKey]) -> DomainAsked:
        """A domain of ours, as the world sees it."""
        configuration = self._configuration
        addresses = await self._own_addresses()
        expected = domain_records(configuration, addresses, name, dkim)
        ascii_domain = ascii_name(name)
        questions = {(each.name, each.kind) for each in expected}
        questions |= {
            (each.name, kind)
            for each in expected
            if each.kind == "CNAME"
            for kind in ("A", "AAAA")
        }
        questions.add((f"_mta-sts.{ascii_domain}", "TXT"))
        policy, served, why = sts_policy(configuration), None, ""
        if policy:
            try:
                served, _ = await self._fetch(f"https://mta-sts.{ascii_domain}{PATH}")
            except NotFetched as error:
                why = str(error)
        return DomainAsked(
            name=ascii_domain,
            expected=tuple(expected),
            answers=await self._answers(sorted(questions)),
            addresses=tuple(addresses),
            sts_expected=policy,
            sts_served=served,
            sts_error=why,
            spf=await self._spf(ascii_domain, addresses),
            unread_reports=await self._unread(name),
            has_postmaster=await _reader(self._store.directory, f"postmaster@{name}"),
        )

    async def host(self, domains: Sequence[str]) -> HostAsked:
        """This host, as the world and as itself sees it."""
        configuration = self._configuration
        hostname = configuration.hostname
        addresses = await self._own_addresses()
        both = [(hostname, "A"), (hostname, "AAAA")]
        # all at once: where nobody answers, each takes its whole time
        (
            answers,
            seen_addresses,
            doors,
            (skew, source),
            (outbound, outbound_at),
        ) = await asyncio.gather(
            self._answers(both),
            asyncio.gather(*(self._address(each) for each in addresses)),
            self._doors(addresses),
            self._skew(),
            self._outbound(),
        )
        needed = [hostname]
        facts = host_facts(configuration, addresses)
        for name in map(ascii_name, domains):
            needed += [f"mta-sts.{name}"] if configuration.mta_sts else []
            needed += [f"autoconfig.{name}"] if facts.web else []
        return HostAsked(
            hostname=hostname,
            now=self._clock.time(),
            addresses=tuple(seen_addresses),
            hostname_answers={kind: answers[hostname, kind] for _, kind in both},
            doors=tuple(doors),
            certificate=await certificate_seen(
                configuration, tuple(needed), self._clock.time()
            ),
            disk=disk_seen(configuration),
            queue=await queue_seen(self._store, self._clock.time()),
            hanging=hanging_seen(configuration.data),
            outbound=outbound,
            outbound_at=outbound_at,
            skew_s=skew,
            clock_source=source,
            clock=clock_kept() if source == KERNEL else None,
        )

    # -- DNS

    async def _own_addresses(self) -> list[str]:
        """Asked once: where DNS is dead each question takes its whole time."""
        if self._addresses is None:
            self._addresses = await addresses_of(self._configuration, self._asker)
        return self._addresses

    async def _answers(
        self, questions: Sequence[Question]
    ) -> dict[Question, DnsAnswer]:
        found = await asyncio.gather(*(self._asker.ask(*each) for each in questions))
        return dict(zip(questions, found, strict=True))

    async def _address(self, address: str) -> AddressAsked:
        pointer = dns.reversename.from_address(address).to_text(omit_final_dot=True)
        reverse = await self._asker.ask(pointer, "PTR")
        kind = "AAAA" if ip_address(address).version == 6 else "A"
        names = [text.rstrip(".").lower() for text in reverse.records[:MAX_PTR]]
        forward = await self._answers([(name, kind) for name in names])
        lists: tuple[str, ...] = ()
        if ip_address(address).is_global:
            lists = self._configuration.doctor.blocklists
        stem = pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
        listed = await self._answers([(f"{stem}.{each}", "A") for each in lists])
        return AddressAsked(
            address=address,
            reverse=reverse,
            forward={name: each.records for (name, _), each in forward.items()},
            listed=dict(zip(lists, listed.values(), strict=True)),
        )

    async def _spf(self, domain: str, addresses: Sequence[str]) -> dict[str, str]:
        """What receivers' SPF makes of each of our addresses."""
        found = {}
        for address in addresses:
            inquiry = check_spf(
                ip_address(address),
                helo=self._configuration.hostname,
                mail_from=f"postmaster@{domain}",
                receiver=self._configuration.hostname,
                unix_second=int(self._clock.time()),
            )
            verdict = await self._answered(inquiry)
            passed = verdict.result is SpfResult.PASS
            found[address] = "" if passed else f"{verdict.result}, {verdict.reason}"
        return found

    async def _answered(self, inquiry: Inquiry[T]) -> T:
        try:
            question = next(inquiry)
            while True:
                question = inquiry.send(await self._asker.ask(*question))
        except StopIteration as end:
            found: T = end.value
            return found

    # -- doors

    async def _doors(self, addresses: Sequence[str]) -> list[DoorTried]:
        """Each listener by the address it is bound to, and by the public ones."""
        tries = []
        for listener in self._configuration.listeners:
            if not listener.port:
                continue
            for host in _hosts(listener, addresses):
                tries.append(_tried(listener, host))  # noqa: PERF401 - two loops
        return list(await asyncio.gather(*tries))

    async def _outbound(self) -> tuple[str | None, str]:
        """Whether a well-known server answers at port 25; None: not tried."""
        name = self._configuration.doctor.outbound
        if not name:
            return None, ""
        for text in (await self._asker.ask(name, "MX")).records[:1]:
            host = text.split()[-1].rstrip(".")
            for address in (await self._asker.ask(host, "A")).records[:1]:
                return await _called(address, self._smtp_port), host
        return None, name

    # -- people

    async def _unread(self, name: str) -> tuple[str, ...]:
        """Report addresses in our domains that nobody has."""
        reports = self._configuration.reports
        directory = self._store.directory
        unread = []
        wanted = (
            reports.dmarc_address(name),
            reports.failure_address(name),
            reports.tls_address(name),
        )
        for address in set(wanted):
            domain = address.rpartition("@")[2]
            if not address or await directory.domain(domain) is None:
                continue
            if not await _reader(directory, address):
                unread.append(address)
        return tuple(sorted(unread))

    # -- the clock

    async def _skew(self) -> tuple[float | None, str]:
        source = self._configuration.doctor.clock
        if not source or source == KERNEL:
            return None, source
        before = self._clock.time()
        try:
            _, date = await self._fetch(source)
            there = parsedate_to_datetime(date).timestamp()
        except (NotFetched, ValueError):
            return None, source
        after = self._clock.time()
        # Date has whole seconds, and was said some time between the two
        return _outside(there, before - 1.0, after), source


def _outside(there: float, earliest: float, latest: float) -> float:
    if there < earliest:
        return earliest - there
    return min(0.0, latest - there)


def _hosts(listener: ListenerSettings, addresses: Sequence[str]) -> list[str]:
    """Where a listener must answer."""
    everywhere = {"0.0.0.0": ("127.0.0.1", 4), "::": ("::1", 6)}  # noqa: S104
    if listener.host not in everywhere:
        return [listener.host]
    own, version = everywhere[listener.host]
    public = [each for each in addresses if ip_address(each).version == version]
    return [own, *public]


async def _tried(listener: ListenerSettings, host: str) -> DoorTried:
    at = f"[{host}]:{listener.port}" if ":" in host else f"{host}:{listener.port}"
    error = await _called(host, listener.port)
    return DoorTried(name=listener.name, at=at, error=error)


async def _called(host: str, port: int) -> str:
    """Why nobody answers; "" somebody does."""
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    except TimeoutError:
        return "no answer"
    except OSError as failed:
        # asyncio's own words have the address in them once more
        return os.strerror(failed.errno) if failed.errno else type(failed).__name__
    return ""


async def _reader(directory: Directory, address: str) -> bool:
    """Whether somebody gets mail for an address of ours."""
    if await directory.account_at(address) or await directory.alias(address):
        return True
    local, _, name = address.rpartition("@")
    domain = await directory.domain(name)
    if domain is None:
        return False
    if local == "postmaster" and domain.administrator is not None:
        return True
    return domain.catch_all is not None
