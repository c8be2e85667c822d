"""TLS reports are sent once a day to the domains that want them (RFC 8460)."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.base.errors import PyeonjiError
from pyeonji.mta.reports.tls_out import (
    GZIP,
    TlsReport,
    compose,
    destinations,
    mailbox,
)
from pyeonji.net.https import RequestFailed, WebAnswer
from pyeonji.storage.errors import StorageUnavailable
from pyeonji.storage.queue import TLS_WISH, BodyType, NewLetter, Recipient, TlsWish

if TYPE_CHECKING:
    from pyeonji.base.clock import Clock
    from pyeonji.net.https import Ask
    from pyeonji.storage.tls import ResultStore

LOOK_S: Final = 900.0
"""How often it is looked whether there is something to report."""

SPREAD_S: Final = 4 * 3600.0
"""Reports leave within so long after midnight UTC (RFC 8460 §4.1)."""

GIVE_UP_S: Final = 86400.0
"""After that, what could not be sent is forgotten (RFC 8460 §5.5)."""

DAY_S: Final = 86400.0

Post = Callable[[str, bytes, str], Awaitable[WebAnswer]]
"""Posts octets of a media type to a URL; raises RequestFailed."""

log = structlog.get_logger("pyeonji.mta.relay")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """Who reports: our domain, an address in it, and our name."""

    submitter: str
    contact: str
    organization: str


class TlsReporter:
    """Sends what was counted on the days before."""

    def __init__(
        self,
        *,
        store: ResultStore,
        ask: Ask,
        clock: Clock,
        post: Post,
        send: Callable[[NewLetter], Awaitable[None]],
        identity: Callable[[], Awaitable[Reporting]],
    ) -> None:
        """Nothing is sent yet.

        Args:
            store: has the counts.
            ask: DNS.
            clock: the time.
            post: for https: addresses.
            send: queues a letter of ours, signed (RFC 8460 §3).
            identity: who reports.
        """
        self._store = store
        self._ask = ask
        self._clock = clock
        self._post = post
        self._send = send
        self._identity = identity
        self._delay = random.uniform(0, SPREAD_S)

    async def run(self) -> None:
        """Report day by day, until cancelled; one worker does it for all."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.report()
            except PyeonjiError:
                log.exception("tls_reports.failed")

    async def report(self) -> int:
        """Send what is due now; how many reports went.

        Raises:
            StorageUnavailable.
        """
        now = self._clock.time()
        today = _day(now)
        if now % DAY_S < self._delay:  # the night is not over yet
            today = _day(now - DAY_S)
        sent = 0
        identity = await self._identity()
        for day, domain in await self._store.reportable(today):
            went = await self._report_one(day, domain, identity)
            too_old = day < _day(now - DAY_S - GIVE_UP_S)
            if went is None and not too_old:
                continue  # tried again later
            sent += went or 0
            await self._store.forget_results([(day, domain)])
        return sent

    async def _report_one(
        self, day: str, domain: str, identity: Reporting
    ) -> int | None:
        """How many were told; None: nobody could be told just now."""
        answer = await self._ask(f"_smtp._tls.{domain}", "TXT")
        wanted = destinations(answer.records)
        if not wanted:
            return None if answer.status.value == "failed" else 0
        report = TlsReport(
            domain=domain,
            day=day,
            counted=tuple(await self._store.results(day, domain)),
            submitter=identity.submitter,
            contact=identity.contact,
            organization=identity.organization,
            token=secrets.token_hex(12),
        )
        told = 0
        for uri in wanted:
            try:
                await self._tell(report, uri)
                told += 1
            except StorageUnavailable:
                raise
            except PyeonjiError as error:
                log.info("tls_report.not_sent", to=uri, reason=str(error))
        return told or None

    async def _tell(self, report: TlsReport, uri: str) -> None:
        """Raises RequestFailed, ComposeError, StorageUnavailable."""
        address = mailbox(uri)
        if address:
            now = self._clock.time()
            await self._send(report_letter(report, address, now))
        else:
            answer = await self._post(uri, report.packed(), GZIP)
            if answer.status // 100 != 2:
                raise RequestFailed(f"{uri} answers {answer.status}")
        log.info("tls_report.sent", domain=report.domain, day=report.day, to=uri)


def report_letter(report: TlsReport, to: str, now: float) -> NewLetter:
    """It goes whatever TLS comes to (RFC 8460 §3); nobody is told of failures."""
    return NewLetter(
        reverse_path=report.contact,
        recipients=(Recipient(address=to, notify="NEVER"),),
        content=compose(report, to, now),
        prefix=b"",
        body_type=BodyType.SEVEN_BIT,
        accepted_at=now,
        message_id=f"<{report.id}>",
        facts={"generated": "TLS report", TLS_WISH: TlsWish.OPTIONAL.value},
    )


def _day(now: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(now))
