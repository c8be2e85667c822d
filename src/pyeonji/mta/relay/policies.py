"""MTA-STS policies of other domains: found, fetched, kept, refreshed (RFC 8461).

A policy that was seen once stays in force until its time is over, whatever
becomes of its TXT record or its web server (RFC 8461 §3.3): otherwise whoever
can cut these off could make us forget it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.mta.relay.sts import (
    PolicyRefused,
    StsPolicy,
    read_policy,
    read_record,
)
from pyeonji.net.dns import a_labels
from pyeonji.net.https import RequestFailed, WebAnswer
from pyeonji.storage.errors import StorageUnavailable
from pyeonji.storage.tls import KeptPolicy, Policy, PolicyStore, TlsResult

if TYPE_CHECKING:
    from pyeonji.base.clock import Clock
    from pyeonji.mta.relay.results import Note
    from pyeonji.net.https import Ask

Fetch = Callable[[str], Awaitable[WebAnswer]]

RETRY_S: Final = 300.0
"""A policy that could not be fetched is not tried again before (RFC 8461 §3.3)."""

REFRESH_AFTER: Final = 0.5
"""Part of its life after which a policy is fetched anew, while it still holds."""

REFRESH_WITHIN_S: Final = 86400.0
"""A policy is looked at once a day, however long it may be kept (RFC 8461 §10.2)."""

LOOK_S: Final = 3600.0
"""How often it is looked which policies are to be fetched anew."""

MAX_KNOWN: Final = 10_000
"""Domains remembered in memory; the others' policies are on the disk."""

log = structlog.get_logger("pyeonji.mta.relay")


class StsPolicies:
    """What domains say of their hosts."""

    def __init__(
        self,
        *,
        ask: Ask,
        store: PolicyStore,
        clock: Clock,
        note: Note,
        fetch: Fetch,
    ) -> None:
        """Nothing is fetched yet.

        Args:
            ask: DNS.
            store: keeps policies.
            clock: the time.
            note: takes failures to fetch, for reports.
            fetch: gets a URL, of at most MAX_POLICY_OCTETS; raises RequestFailed.
        """
        self._ask = ask
        self._store = store
        self._clock = clock
        self._note = note
        self._get_url = fetch
        self._known: OrderedDict[str, KeptPolicy] = OrderedDict()
        self._failed: OrderedDict[tuple[str, str], tuple[float, str, str]] = (
            OrderedDict()
        )
        self._fetching: dict[str, asyncio.Task[KeptPolicy | None]] = {}

    async def policy(self, domain: str) -> StsPolicy | None:
        """The policy of a domain in force now, or None.

        Waits for a policy that was not known before; never raises.
        """
        name = a_labels(domain)
        if not name or domain.startswith("["):
            return None
        kept = await self._kept(name)
        answer = await self._ask(f"_mta-sts.{name}", "TXT")
        announced = read_record(answer.records)
        now = self._clock.time()
        in_force = kept if kept is not None and kept.expires_at > now else None
        if announced is None:
            return _read(in_force)
        if in_force is None or in_force.id != announced:
            fetched = await self._fetch(name, announced)
            in_force = fetched or in_force
        elif _is_old(in_force, now):
            _ = self._begin(name, announced)  # the letter does not wait for it
        return _read(in_force)

    async def refresh(self) -> None:
        """Fetch anew what will expire; forget what has expired long ago."""
        now = self._clock.time()
        try:
            for kept in await self._store.policies(now + REFRESH_WITHIN_S * 400):
                if kept.expires_at > now and _is_old(kept, now):
                    answer = await self._ask(f"_mta-sts.{kept.domain}", "TXT")
                    announced = read_record(answer.records)
                    if announced is not None:
                        await self._fetch(kept.domain, announced)
            await self._store.drop_policies(now)
        except StorageUnavailable:
            log.exception("sts.not_refreshed")

    async def keep_fresh(self) -> None:
        """Refresh now and then, until cancelled; one worker does it for all."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.refresh()

    async def _kept(self, name: str) -> KeptPolicy | None:
        """What is known of a domain, also if it has expired."""
        if name in self._known:
            self._known.move_to_end(name)
            return self._known[name]
        try:
            kept = await self._store.policy(name)
        except StorageUnavailable:
            log.exception("sts.unavailable", domain=name)
            return None
        if kept is not None:  # else another worker may find one yet
            self._remember(name, kept)
        return kept

    def _remember(self, name: str, kept: KeptPolicy) -> None:
        self._known[name] = kept
        self._known.move_to_end(name)
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    def _begin(self, name: str, announced: str) -> asyncio.Task[KeptPolicy | None]:
        """Fetch, once at a time for each domain."""
        task = self._fetching.get(name)
        if task is None:
            task = asyncio.ensure_future(self._get(name, announced))
            self._fetching[name] = task
            task.add_done_callback(lambda _: self._fetching.pop(name, None))
        return task

    async def _fetch(self, name: str, announced: str) -> KeptPolicy | None:
        failed = self._failed.get((name, announced))
        if failed is not None and failed[0] > self._clock.time():
            self._tell(name, failed[1], failed[2])
            return None
        return await asyncio.shield(self._begin(name, announced))

    async def _get(self, name: str, announced: str) -> KeptPolicy | None:
        """Fetch and keep a policy; None: there is none that can be used."""
        try:
            octets = await self._download(name)
            policy = read_policy(octets)
        except (RequestFailed, PolicyRefused) as error:
            failure = "sts-policy-invalid"
            if isinstance(error, RequestFailed):
                failure = "sts-policy-fetch-error"
                if error.untrusted:
                    failure = "sts-webpki-invalid"
            log.info("sts.no_policy", domain=name, reason=str(error))
            until = self._clock.time() + RETRY_S
            self._failed[name, announced] = (until, failure, str(error))
            while len(self._failed) > MAX_KNOWN:
                self._failed.popitem(last=False)
            self._tell(name, failure, str(error))
            return None
        kept = KeptPolicy(
            domain=name,
            id=announced,
            octets=octets,
            fetched_at=self._clock.time(),
            max_age_s=policy.max_age_s,
        )
        log.info("sts.policy", domain=name, mode=policy.mode.value, id=announced)
        self._remember(name, kept)
        try:
            await self._store.keep_policy(kept)
        except StorageUnavailable:
            log.exception("sts.not_kept", domain=name)
        return kept

    async def _download(self, name: str) -> bytes:
        """The policy file (RFC 8461 §3.3). Raises RequestFailed."""
        url = f"https://mta-sts.{name}/.well-known/mta-sts.txt"
        answer = await self._get_url(url)
        if answer.status != 200:
            raise RequestFailed(f"{url} answers {answer.status}")
        if answer.media_type != "text/plain":
            raise RequestFailed(f"{url} is {answer.media_type}, not text/plain")
        return answer.octets

    def _tell(self, name: str, failure: str, reason: str) -> None:
        self._note(
            TlsResult(
                domain=name, policy=Policy(kind="sts"), failure=failure, reason=reason
            )
        )


def _is_old(kept: KeptPolicy, now: float) -> bool:
    """Whether it is time to fetch it anew."""
    return now > kept.fetched_at + min(kept.max_age_s * REFRESH_AFTER, REFRESH_WITHIN_S)


def _read(kept: KeptPolicy | None) -> StsPolicy | None:
    if kept is None:
        return None
    try:
        return read_policy(kept.octets)
    except PolicyRefused:  # kept by a version that read it otherwise
        return None
