"""Asking DNS: answers are kept for their time to live."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver

from pyeonji.base.dns import DnsAnswer, DnsStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.base.clock import Clock
    from pyeonji.base.dns import Question

MAX_CACHED: Final = 10_000
MAX_CACHED_OCTETS: Final = 16 * 1024 * 1024
"""Of all answers together: a stranger's domain can have many large ones."""

MAX_TTL_S: Final = 3600.0
NEGATIVE_TTL_S: Final = 300.0
FAILURE_TTL_S: Final = 10.0
QUERY_TIMEOUT_S: Final = 15.0


class Resolver:
    """Asks the system's resolver or given servers; remembers answers."""

    def __init__(
        self,
        servers: Sequence[str] = (),
        *,
        validating: bool = False,
        clock: Clock | None = None,
    ) -> None:
        """Nothing is asked yet.

        Args:
            servers: "ADDRESS" or "ADDRESS:PORT"; none: the system's.
            validating: the operator says that they validate DNSSEC, and that
                nobody stands between; of others the AD bit is not believed
                (RFC 7672 §2.1.1).
            clock: for tests; default the monotonic one.
        """
        self._servers = tuple(servers)
        self.validating = validating and bool(servers)
        self._monotonic = clock.monotonic if clock is not None else time.monotonic
        self._cache: OrderedDict[tuple[str, str], tuple[float, DnsAnswer]] = (
            OrderedDict()
        )
        self._octets = 0
        self._asking: dict[Question, asyncio.Task[DnsAnswer]] = {}
        self._resolver: dns.asyncresolver.Resolver | None = None

    async def ask(self, name: str, kind: str) -> DnsAnswer:
        """Ask for records of a name; never raises.

        Equal questions at the same time are asked once.

        Args:
            name: with or without final dot, U-labels allowed.
            kind: "A", "AAAA", "MX", "TXT", "PTR", "TLSA", …
        """
        key = (name.rstrip(".").lower(), kind)
        kept = self._cache.get(key)
        if kept is not None and kept[0] > self._monotonic():
            return kept[1]
        under_way = self._asking.get(key)
        if under_way is None:
            # a task of its own: others wait for it, whoever of them gives up
            under_way = asyncio.get_running_loop().create_task(self._find(key))
            self._asking[key] = under_way
            under_way.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(under_way)

    def known(self, name: str, kind: str) -> DnsAnswer | None:
        """What is remembered of a question, without asking."""
        kept = self._cache.get((name.rstrip(".").lower(), kind))
        if kept is None or kept[0] <= self._monotonic():
            return None
        return kept[1]

    async def _find(self, key: Question) -> DnsAnswer:
        answer, ttl = await self._ask(*key)
        self._remember(key, answer, ttl)
        return answer

    def _remember(self, key: Question, answer: DnsAnswer, ttl: float) -> None:
        self._forget(key)
        self._cache[key] = (self._monotonic() + min(ttl, MAX_TTL_S), answer)
        self._octets += _size(answer)
        while len(self._cache) > MAX_CACHED or self._octets > MAX_CACHED_OCTETS:
            self._forget(next(iter(self._cache)))

    def _forget(self, key: Question) -> None:
        kept = self._cache.pop(key, None)
        if kept is not None:
            self._octets -= _size(kept[1])

    async def _ask(self, name: str, kind: str) -> tuple[DnsAnswer, float]:
        try:
            question = dns.name.from_text(
                name + ".",
                idna_codec=dns.name.IDNA_2008_UTS_46 if not name.isascii() else None,
            )
            found = await self._backend().resolve(
                question,
                kind,
                search=False,
                raise_on_no_answer=False,
                lifetime=QUERY_TIMEOUT_S,
            )
        except dns.resolver.NXDOMAIN:
            return DnsAnswer(status=DnsStatus.NO_NAME), NEGATIVE_TTL_S
        except (
            dns.name.LabelTooLong,
            dns.name.NameTooLong,
            dns.name.EmptyLabel,
            dns.name.IDNAException,
        ):
            return DnsAnswer(status=DnsStatus.NO_NAME), NEGATIVE_TTL_S
        except (dns.exception.DNSException, OSError, EOFError, ValueError):
            return DnsAnswer(status=DnsStatus.FAILED), FAILURE_TTL_S
        authentic = self.validating and bool(found.response.flags & dns.flags.AD)
        canonical_name = found.canonical_name.to_text(omit_final_dot=True).lower()
        if found.rrset is None:
            answer = DnsAnswer(
                status=DnsStatus.NO_DATA,
                canonical_name=canonical_name,
                authentic=authentic,
            )
            return answer, NEGATIVE_TTL_S
        records = tuple(
            b"".join(r.strings).decode("utf-8", "replace")
            if r.rdtype == dns.rdatatype.TXT
            else r.to_text()
            for r in found
        )
        answer = DnsAnswer(
            status=DnsStatus.FOUND,
            records=records,
            canonical_name=canonical_name,
            authentic=authentic,
        )
        return answer, float(found.rrset.ttl)

    def _backend(self) -> dns.asyncresolver.Resolver:
        if self._resolver is None:
            if self._servers:
                resolver = dns.asyncresolver.Resolver(configure=False)
                resolver.nameservers = [nameserver(text) for text in self._servers]
            else:
                try:
                    resolver = dns.asyncresolver.Resolver()
                except dns.resolver.NoResolverConfiguration:
                    resolver = dns.asyncresolver.Resolver(configure=False)
                    resolver.nameservers = ["127.0.0.1"]
            resolver.use_edns(0, dns.flags.DO, 1232)
            resolver.flags = dns.flags.RD | dns.flags.AD
            self._resolver = resolver
        return self._resolver


def _size(answer: DnsAnswer) -> int:
    return sum(map(len, answer.records)) + len(answer.canonical_name)


def a_labels(name: str) -> str:
    """A domain in lower case, as DNS has it; "" if it can't be one."""
    try:
        codec = dns.name.IDNA_2008_UTS_46 if not name.isascii() else None
        text = dns.name.from_text(name.rstrip(".") + ".", idna_codec=codec).to_text()
    except (dns.exception.DNSException, UnicodeError):
        return ""
    return text.rstrip(".").lower()


def nameserver(text: str) -> dns.nameserver.Nameserver:
    """A server of `[dns] servers`."""
    host, colon, port = text.rpartition(":")
    if not colon or ("]" not in host and ":" in host):  # a bare IPv6 address
        host, port = text, "53"
    return dns.nameserver.Do53Nameserver(host.strip("[]"), int(port))
