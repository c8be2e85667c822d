"""TLS reports are sent once a day to the domains that want them (RFC 8460)."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog

from pyeonji.base.errors import PyeonjiError
from pyeonji.mta.daily import Schedule, letter_of
from pyeonji.mta.reports.tls_out import (
    GZIP,
    TlsReport,
    compose,
    destinations,
    mailbox,
)
from pyeonji.net.https import RequestFailed, WebAnswer
from pyeonji.storage.errors import StorageUnavailable
from pyeonji.storage.queue import TLS_WISH, TlsWish

if TYPE_CHECKING:
    from pyeonji.base.clock import Clock
    from pyeonji.mta.daily import Reporting
    from pyeonji.net.https import Ask
    from pyeonji.storage.queue import NewLetter
    from pyeonji.storage.tls import ResultStore

Post = Callable[[str, bytes, str], Awaitable[WebAnswer]]
"""Posts octets of a media type to a URL; raises RequestFailed."""

log = structlog.get_logger("pyeonji.mta.relay")


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
        self._post = post
        self._send = send
        self._identity = identity
        self._schedule = Schedule(clock)

    async def run(self) -> None:
        """Report day by day, until cancelled; one worker does it for all."""
        await self._schedule.keep(self.report, log, "tls_reports.failed")

    async def report(self) -> int:
        """Send what is due now; how many reports went.

        Raises:
            StorageUnavailable.
        """
        sent = 0
        # of days that were only counted because nobody was to be told
        old = [
            each
            for each in await self._store.reportable(self._schedule.due_before())
            if self._schedule.too_old(each[0])
        ]
        await self._store.note_reported(old)
        identity = await self._identity()
        for day, domain in await self._store.reportable(self._schedule.due_before()):
            went = await self._report_one(day, domain, identity)
            if went is None:
                continue  # tried again later, until it is too old
            sent += went
            await self._store.note_reported([(day, domain)])
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
            now = self._schedule.clock.time()
            await self._send(report_letter(report, address, now))
        else:
            answer = await self._post(uri, report.packed(), GZIP)
            if answer.status // 100 != 2:
                raise RequestFailed(f"{uri} answers {answer.status}")
        log.info("tls_report.sent", domain=report.domain, day=report.day, to=uri)


def report_letter(report: TlsReport, to: str, now: float) -> NewLetter:
    """It goes whatever TLS comes to (RFC 8460 §3); nobody is told of failures."""
    facts = {"generated": "TLS report", TLS_WISH: TlsWish.OPTIONAL.value}
    return letter_of(report, to, compose(report, to, now), now, facts)
