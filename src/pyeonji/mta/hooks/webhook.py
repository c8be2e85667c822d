"""Telling web servers what became of letters: accepted, delivered, bounced, held.

Each event is one POST of JSON, signed: `Pyeonji-Signature: t=SECONDS,v1=HEX`, where
HEX is the HMAC-SHA256 of "SECONDS.BODY" under the shared secret. What is not
taken with 2xx is tried again, less and less often. A bounded number of events
waits, across restarts: they are news, the queue and `pyeonji trace` are the truth.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections import deque
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import httpx
import msgspec
import structlog

from pyeonji.base.clock import utc
from pyeonji.base.events import Happening
from pyeonji.storage.errors import StorageUnavailable
from pyeonji.storage.webhooks import WaitingEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.base.clock import Clock
    from pyeonji.base.events import LetterEvent
    from pyeonji.mta.hooks.options import WebhookOptions
    from pyeonji.storage.queue import NewLetter, QueuedLetter
    from pyeonji.storage.webhooks import WaitingEvents

MAX_WAITING: Final = 10_000
"""Events that wait for one server; more are dropped, and that is logged."""

MAX_OCTETS: Final = 32 * 1024 * 1024
"""Of the same."""

KEPT_S: Final = 86400.0
"""An event that is older is no news."""

TIME_S: Final = 10.0
"""For one answer, in all."""

FLUSH_S: Final = 1.0
"""What was not taken after so long is written down: that much a crash takes."""

BUSY: Final = frozenset({408, 429, 502, 503, 504})
"""Answers that say nothing of the event."""

_KINDS: Final = {
    Happening.DELIVERED: "delivered",
    Happening.RELAYED: "delivered",
    Happening.FAILED: "bounced",
    Happening.EXPIRED: "bounced",
}

log = structlog.get_logger("pyeonji.mta.webhook")


def signature(secret: bytes, unix_second: int, body: bytes) -> str:
    """What stands in Pyeonji-Signature."""
    signed = f"{unix_second}.".encode() + body
    return f"t={unix_second},v1={hmac.new(secret, signed, hashlib.sha256).hexdigest()}"


class Webhook:
    """Tells one server, one event after the other.

    What a server does not take at once is written down a moment later, and
    told after a restart.
    """

    def __init__(
        self, options: WebhookOptions, clock: Clock, kept: WaitingEvents | None = None
    ) -> None:
        self.options = options
        self._clock = clock
        self._kept = kept
        self._waiting: deque[WaitingEvent] = deque()
        self._octets = 0  # that wait
        self._dropped = 0
        self._is_loaded = kept is None
        self._unwritten: dict[str, WaitingEvent] = {}
        self._written: set[str] = set()
        self._gone: list[str] = []  # that were written and are over
        self._task: asyncio.Task[None] | None = None
        self._flusher: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Events that were not taken yet."""
        return len(self._waiting)

    def begin(self) -> None:
        """Go on with what waited when the server stopped."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def tell(self, event: WaitingEvent) -> None:
        """Queue an event; never waits."""
        full = len(self._waiting) >= MAX_WAITING or self._octets >= MAX_OCTETS
        if full:
            if not self._dropped:
                log.error("webhook.full", url=self.options.url)
            self._dropped += 1
            return
        self._put(event)
        if self._kept is not None:
            self._unwritten[event.id] = event
            self._flush_soon()
        self.begin()

    def _put(self, event: WaitingEvent) -> None:
        self._waiting.append(event)
        self._octets += len(event.body)

    async def close(self) -> None:
        """What waits is told after the next start."""
        for task in (self._task, self._flusher):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        self._task = self._flusher = None
        await self._flush()

    async def _run(self) -> None:
        await self._load()
        async with httpx.AsyncClient(
            timeout=TIME_S, trust_env=False, follow_redirects=False
        ) as client:
            while self._waiting:
                await self._send(client, self._waiting[0])
                self._over(self._waiting.popleft())
        self._task = None

    def _over(self, event: WaitingEvent) -> None:
        """An event was taken, or given up."""
        self._octets -= len(event.body)
        self._unwritten.pop(event.id, None)
        if event.id in self._written:
            self._written.discard(event.id)
            self._gone.append(event.id)
            self._flush_soon()
        if self._dropped and len(self._waiting) < MAX_WAITING // 2:
            log.error("webhook.dropped", url=self.options.url, events=self._dropped)
            self._dropped = 0

    async def _send(self, client: httpx.AsyncClient, event: WaitingEvent) -> None:
        """Until it is taken, too old, or refused too often.

        A server that is not there keeps all waiting, for a day at most; one that
        answers, but does not take this event, does not keep the others long.
        """
        pauses, refused, reason = self.options.retry_s, 0, "it is too old"
        for attempt in count():
            if self._clock.time() - event.at > KEPT_S:
                break
            reason, is_there = await self._post(client, event.body)
            if not reason:
                return
            refused += is_there
            if refused > len(pauses):
                break
            await asyncio.sleep(pauses[min(attempt, len(pauses) - 1)])
        log.warning(
            "webhook.given_up", url=self.options.url, event_id=event.id, reason=reason
        )

    async def _post(self, client: httpx.AsyncClient, body: bytes) -> tuple[str, bool]:
        """Why it was not taken, "" if it was; and whether that is the server's word."""
        second = int(self._clock.time())
        headers = {
            "Content-Type": "application/json",
            "Pyeonji-Signature": signature(self.options.secret, second, body),
        }
        try:
            async with (
                asyncio.timeout(TIME_S),
                client.stream(
                    "POST", self.options.url, content=body, headers=headers
                ) as answer,
            ):
                if answer.is_success:
                    return "", True
                is_there = answer.status_code not in BUSY
                return f"it said {answer.status_code}", is_there
        except (httpx.HTTPError, OSError) as error:
            return str(error) or type(error).__name__, False

    # -- what survives a restart

    async def _load(self) -> None:
        if self._is_loaded or self._kept is None:
            return
        since = self._clock.time() - KEPT_S
        try:
            known = await self._kept.waiting(self.options.url, since=since)
        except StorageUnavailable:
            log.exception("webhook.not_read", url=self.options.url)
            return
        self._is_loaded = True
        later, self._octets = list(self._waiting), 0
        here = {event.id for event in later}
        before = [event for event in known[:MAX_WAITING] if event.id not in here]
        self._waiting.clear()
        for event in [*before, *later]:
            self._put(event)
        self._written.update(event.id for event in before)

    def _flush_soon(self) -> None:
        if self._kept is not None and self._flusher is None:
            self._flusher = asyncio.get_running_loop().create_task(self._flush_later())

    async def _flush_later(self) -> None:
        await asyncio.sleep(FLUSH_S)
        await self._flush()
        self._flusher = None
        if self._unwritten or self._gone:
            self._flush_soon()

    async def _flush(self) -> None:
        """Write down what waits, and forget what does not any more."""
        if self._kept is None or not (self._unwritten or self._gone):
            return
        unwritten, self._unwritten = self._unwritten, {}
        gone, self._gone = self._gone, []
        self._written.update(unwritten)
        try:
            await self._kept.change(
                self.options.url, add=list(unwritten.values()), remove=gone
            )
        except (StorageUnavailable, asyncio.CancelledError) as error:
            self._unwritten = unwritten | self._unwritten
            self._gone = gone + self._gone
            if isinstance(error, asyncio.CancelledError):
                raise
            log.exception("webhook.not_written", url=self.options.url)


class Webhooks:
    """All servers that are told."""

    def __init__(
        self,
        options: Sequence[WebhookOptions],
        clock: Clock,
        kept: WaitingEvents | None = None,
    ) -> None:
        self._hooks = [Webhook(each, clock, kept) for each in options]
        for hook in self._hooks:
            hook.begin()

    def __bool__(self) -> bool:
        """Whether anybody is told."""
        return bool(self._hooks)

    @property
    def waiting(self) -> int:
        """Events that some server has not taken yet."""
        return sum(hook.waiting for hook in self._hooks)

    def taken(self, letter: NewLetter) -> None:
        """A letter was accepted, or is held."""
        facts: dict[str, Any] = {
            "to": [each.address for each in letter.recipients[:100]],
            "facts": letter.facts,
        }
        self._tell(
            "held" if letter.held else "accepted",
            letter.id or "",
            letter.reverse_path,
            letter.accepted_at,
            facts,
        )

    def ended(self, letter: QueuedLetter, events: Sequence[LetterEvent]) -> None:
        """What became of its recipients."""
        for event in events:
            kind = _KINDS.get(event.kind)
            if kind is not None:
                facts = {"to": [event.recipient], "facts": event.facts}
                reverse_path = letter.letter.reverse_path
                self._tell(kind, letter.id, reverse_path, event.at, facts)

    def _tell(
        self, kind: str, letter: str, sender: str, at: float, more: dict[str, Any]
    ) -> None:
        event: WaitingEvent | None = None
        for hook in self._hooks:
            if kind in hook.options.events:
                if event is None:
                    event = _event(kind, letter, sender, at, more)
                hook.tell(event)

    async def close(self) -> None:
        """End; what waits is told after the next start."""
        for hook in self._hooks:
            await hook.close()


def _event(
    kind: str, letter: str, sender: str, at: float, more: dict[str, Any]
) -> WaitingEvent:
    name = secrets.token_hex(12)
    body = msgspec.json.encode(
        {
            "id": name,
            "event": kind,
            "at": utc(at).isoformat(),
            "letter": letter,
            "from": sender,
            **more,
        }
    )
    return WaitingEvent(id=name, at=at, body=body)
