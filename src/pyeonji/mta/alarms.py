"""Telling the postmaster that something is wrong: a log line, a letter."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.mta.trace import date_time
from pyeonji.storage.errors import StorageUnavailable
from pyeonji.storage.names import domain_of
from pyeonji.storage.queue import NewLetter, Recipient

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyeonji.base.clock import Clock
    from pyeonji.storage.queue import Queue, QueuedLetter

QUIET_S: Final = 3600.0
"""The same alarm is not raised again before."""

MAX_REMEMBERED: Final = 10_000

log = structlog.get_logger("pyeonji.mta.alarms")


class Alarms:
    """Raises alarms of one worker."""

    def __init__(
        self,
        *,
        queue: Queue,
        take: Callable[[QueuedLetter], None],
        clock: Clock,
        hostname: str,
    ) -> None:
        """Nothing is told yet.

        Args:
            queue: where letters to the postmaster go.
            take: hands a queued letter to the runner.
            clock: the time.
            hostname: ours.
        """
        self._queue = queue
        self._take = take
        self._clock = clock
        self._hostname = hostname
        self._raised: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def raise_(self, account: str, what: str, advice: str) -> bool:
        """Tell that an account does something it should not; once an hour.

        Returns:
            Whether this was told now.
        """
        now = self._clock.time()
        key = account, what.rstrip("0123456789 ")[:20]
        if now - self._raised.get(key, -QUIET_S) < QUIET_S:
            return False
        self._raised[key] = now
        self._raised.move_to_end(key)
        while len(self._raised) > MAX_REMEMBERED:
            self._raised.popitem(last=False)
        log.warning("alarm.account", account=account, reason=what)
        postmaster = f"postmaster@{domain_of(account)}"
        letter = NewLetter(
            reverse_path="",
            recipients=(Recipient(address=postmaster, notify="NEVER"),),
            content=self._written(postmaster, account, what, advice, now),
            prefix=b"",
            smtputf8=not account.isascii(),
            accepted_at=now,
            facts={"generated": "alarm"},
        )
        try:
            self._take(await self._queue.accept(letter))
        except StorageUnavailable:
            log.exception("alarm.not_kept", account=account)
        return True

    def _written(
        self, postmaster: str, account: str, what: str, advice: str, now: float
    ) -> bytes:
        # Auto-Submitted: nobody's autoresponder answers
        return (
            f"From: Pyeonji <postmaster@{self._hostname}>\r\n"
            f"To: <{postmaster}>\r\n"
            f"Subject: {account}: look at this account\r\n"
            f"Date: {date_time(int(now))}\r\n"
            f"Message-ID: <{secrets.token_hex(12)}@{self._hostname}>\r\n"
            "Auto-Submitted: auto-generated\r\n"
            "MIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: 8bit\r\n"
            "\r\n"
            f"{account}: {what}.\r\n"
            "\r\n"
            f"{advice}\r\n"
        ).encode()
