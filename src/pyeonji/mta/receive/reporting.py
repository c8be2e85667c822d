"""DMARC reports are sent once a day to the domains that want them (RFC 7489 §7.2)."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import structlog

from pyeonji.message.compose.errors import ComposeError
from pyeonji.mta.daily import Schedule, letter_of
from pyeonji.mta.reports.dmarc_out import DmarcReport, compose, destinations
from pyeonji.mta.trust.dmarc_discovery import NoAnswer, ask_record

if TYPE_CHECKING:
    from pyeonji.base.clock import Clock
    from pyeonji.base.dns import DnsAnswer, Inquiry
    from pyeonji.mta.daily import Reporting
    from pyeonji.storage.queue import NewLetter
    from pyeonji.storage.reports import SeenLetters

T = TypeVar("T")

Ask = Callable[[str, str], Awaitable["DnsAnswer"]]

log = structlog.get_logger("pyeonji.mta.receive")


class DmarcReporter:
    """Sends what was counted on the days before."""

    def __init__(
        self,
        *,
        store: SeenLetters,
        ask: Ask,
        clock: Clock,
        send: Callable[[NewLetter], Awaitable[None]],
        identity: Callable[[], Awaitable[Reporting]],
        is_local: Callable[[str], Awaitable[bool]],
    ) -> None:
        """Nothing is sent yet.

        Args:
            store: has the counts.
            ask: DNS.
            clock: the time.
            send: queues a letter of ours, signed (RFC 7489 §7.2.1.1).
            identity: who reports.
            is_local: whether a domain is ours: nobody reports to himself.
        """
        self._store = store
        self._ask = ask
        self._send = send
        self._identity = identity
        self._is_local = is_local
        self._schedule = Schedule(clock)

    async def run(self) -> None:
        """Report day by day, until cancelled; one worker does it for all."""
        await self._schedule.keep(self.report, log, "dmarc_reports.failed")

    async def report(self) -> int:
        """Send what is due now; how many letters went.

        Raises:
            StorageUnavailable.
        """
        sent = 0
        identity = await self._identity()
        for day, domain in await self._store.reportable(self._schedule.due_before()):
            try:
                sent += await self._report_one(day, domain, identity)
            except NoAnswer as error:
                if not self._schedule.too_old(day):
                    log.info("dmarc_report.later", domain=domain, reason=str(error))
                    continue
            await self._store.forget([(day, domain)])
        return sent

    async def _report_one(self, day: str, domain: str, identity: Reporting) -> int:
        """How many were told. Raises NoAnswer."""
        if await self._is_local(domain):
            return 0
        # the record as it is now: it may want no reports any more
        record = await self._answered(ask_record(domain))
        if record is None:
            return 0
        wanted = await self._answered(destinations(domain, record))
        if not wanted:
            return 0
        report = DmarcReport(
            domain=domain,
            day=day,
            record=record,
            counted=tuple(await self._store.seen(day, domain)),
            submitter=identity.submitter,
            contact=identity.contact,
            organization=identity.organization,
            token=secrets.token_hex(12),
        )
        told = 0
        for address in wanted:
            now = self._schedule.clock.time()
            try:
                octets = compose(report, address, now)
            except ComposeError as error:
                log.info("dmarc_report.not_sent", to=address, reason=str(error))
                continue
            facts = {"generated": "DMARC report"}
            await self._send(letter_of(report, address, octets, now, facts))
            told += 1
            log.info("dmarc_report.sent", domain=domain, day=day, to=address)
        return told

    async def _answered(self, inquiry: Inquiry[T]) -> T:
        try:
            question = next(inquiry)
            while True:
                question = inquiry.send(await self._ask(*question))
        except StopIteration as end:
            found: T = end.value
            return found
