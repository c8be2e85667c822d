"""DMARC reports are sent once a day to the domains that want them (RFC 7489 §7.2)."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from pyeonji.base.errors import PyeonjiError
from pyeonji.message.compose.errors import ComposeError
from pyeonji.mta.reports.dmarc_out import DmarcReport, compose, destinations
from pyeonji.mta.trust.dmarc_discovery import NoAnswer, ask_record
from pyeonji.storage.queue import BodyType, NewLetter, Recipient

if TYPE_CHECKING:
    from pyeonji.base.clock import Clock
    from pyeonji.base.dns import DnsAnswer, Inquiry
    from pyeonji.mta.relay.reporting import Reporting
    from pyeonji.storage.reports import SeenLetters

T = TypeVar("T")

LOOK_S: Final = 900.0
"""How often it is looked whether there is something to report."""

SPREAD_S: Final = 4 * 3600.0
"""Reports leave within so long after midnight UTC: not all the world's at once."""

GIVE_UP_S: Final = 2 * 86400.0
"""After that, what could not be sent is forgotten."""

DAY_S: Final = 86400.0

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
        self._clock = clock
        self._send = send
        self._identity = identity
        self._is_local = is_local
        self._delay = random.uniform(0, SPREAD_S)

    async def run(self) -> None:
        """Report day by day, until cancelled; one worker does it for all."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.report()
            except PyeonjiError:
                log.exception("dmarc_reports.failed")

    async def report(self) -> int:
        """Send what is due now; how many letters went.

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
            try:
                sent += await self._report_one(day, domain, identity)
            except NoAnswer as error:
                if day >= _day(now - GIVE_UP_S):
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
            now = self._clock.time()
            try:
                octets = compose(report, address, now)
            except ComposeError as error:
                log.info("dmarc_report.not_sent", to=address, reason=str(error))
                continue
            await self._send(_letter(report, address, octets, now))
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


def _letter(report: DmarcReport, to: str, octets: bytes, now: float) -> NewLetter:
    """Nobody is told of failures: the reverse path reads reports itself."""
    return NewLetter(
        reverse_path=report.contact,
        recipients=(Recipient(address=to, notify="NEVER"),),
        content=octets,
        prefix=b"",
        body_type=BodyType.SEVEN_BIT,
        accepted_at=now,
        message_id=f"<{report.id}>",
        facts={"generated": "DMARC report"},
    )


def _day(now: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(now))
