"""Telling web servers what became of letters: accepted, delivered, bounced, held.

Each event is one POST of JSON, signed: `Pyeonji-Signature: t=SECONDS,v1=HEX`, where
HEX is the HMAC-SHA256 of "SECONDS.BODY" under the shared secret. What is not
taken with 2xx is tried again for some minutes. Events wait in memory, a bounded
number of them: they are news, the queue and `pyeonji trace` are the truth.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import httpx
import msgspec
import structlog

from pyeonji.base.clock import utc
from pyeonji.base.events import Happening

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.base.clock import Clock
    from pyeonji.base.events import LetterEvent
    from pyeonji.mta.hooks.options import WebhookOptions
    from pyeonji.storage.queue import NewLetter, QueuedLetter

MAX_WAITING: Final = 10_000
"""Events that wait for one server; more are dropped, and that is logged."""

TIME_S: Final = 10.0

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
    """Tells one server, one event after the other."""

    def __init__(self, options: WebhookOptions, clock: Clock) -> None:
        self.options = options
        self._clock = clock
        self._waiting: deque[bytes] = deque()
        self._dropped = 0
        self._task: asyncio.Task[None] | None = None

    def tell(self, body: bytes) -> None:
        """Queue an event; never waits."""
        if len(self._waiting) >= MAX_WAITING:
            if not self._dropped:
                log.error("webhook.full", url=self.options.url)
            self._dropped += 1
            return
        self._waiting.append(body)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """What waits is lost."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        async with httpx.AsyncClient(
            timeout=TIME_S, trust_env=False, follow_redirects=False
        ) as client:
            while self._waiting:
                await self._send(client, self._waiting[0])
                self._waiting.popleft()
                if self._dropped and len(self._waiting) < MAX_WAITING // 2:
                    log.error(
                        "webhook.dropped", url=self.options.url, events=self._dropped
                    )
                    self._dropped = 0
        self._task = None

    async def _send(self, client: httpx.AsyncClient, body: bytes) -> None:
        reason = ""
        for pause in (*self.options.retry_s, None):
            second = int(self._clock.time())
            headers = {
                "Content-Type": "application/json",
                "Pyeonji-Signature": signature(self.options.secret, second, body),
            }
            try:
                answer = await client.post(
                    self.options.url, content=body, headers=headers
                )
                if answer.is_success:
                    return
                reason = f"it said {answer.status_code}"
            except (httpx.HTTPError, OSError) as error:
                reason = str(error) or type(error).__name__
            if pause is not None:
                await asyncio.sleep(pause)
        log.warning("webhook.given_up", url=self.options.url, reason=reason)


class Webhooks:
    """All servers that are told."""

    def __init__(self, options: Sequence[WebhookOptions], clock: Clock) -> None:
        self._hooks = [Webhook(each, clock) for each in options]
        self._clock = clock

    def __bool__(self) -> bool:
        """Whether anybody is told."""
        return bool(self._hooks)

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
        body = b""
        for hook in self._hooks:
            if kind in hook.options.events:
                body = body or msgspec.json.encode(
                    {
                        "id": secrets.token_hex(12),
                        "event": kind,
                        "at": utc(at).isoformat(),
                        "letter": letter,
                        "from": sender,
                        **more,
                    }
                )
                hook.tell(body)

    async def close(self) -> None:
        """End; what waits is lost."""
        for hook in self._hooks:
            await hook.close()
