"""APPENDs that are being kept while the client's next one is read already.

A client that sends many APPENDs without waiting would otherwise pay for a
commit each; so all that lie in the buffer share the storage's next commits.
Each is answered when it is stable, in the order in which they came. Whatever
else the client says is dealt with only after they all have been answered.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.mra.imap.errors import REFUSALS, refuse
from pyeonji.mra.imap.incoming import Unkeepable
from pyeonji.mra.imap.selected import Gone

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from pyeonji.mra.imap.incoming import Appending
    from pyeonji.mra.imap.session import Session

MAX_WAITING: Final = 64
"""APPENDs under way at once; then the client waits."""
MAX_WAITING_OCTETS: Final = 4 * 1024 * 1024
"""Their octets, which are in memory."""

_REFUSABLE: Final = tuple(REFUSALS)
log = structlog.get_logger("pyeonji.imap")


class Unanswered:
    """A session's APPENDs under way."""

    __slots__ = ("_answering", "_session", "_waiting", "octets")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._waiting: deque[tuple[Appending, asyncio.Task[bytes]]] = deque()
        self._answering: asyncio.Task[None] | None = None
        self.octets = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether another must wait."""
        return len(self._waiting) >= MAX_WAITING or self.octets >= MAX_WAITING_OCTETS

    def add(self, appending: Appending, keep: Coroutine[None, None, bytes]) -> None:
        """One more: `keep` returns the response code when it is stable."""
        self._waiting.append((appending, asyncio.create_task(keep)))
        self.octets += appending.octets
        if self._answering is None:
            self._answering = asyncio.create_task(self._answer_all())

    async def settle(self) -> None:
        """Return when all have been answered."""
        if self._answering is not None:
            await asyncio.wait((self._answering,))

    def stop(self) -> None:
        """The client is gone: what is under way is kept, nobody is told."""
        if self._answering is not None:
            self._answering.cancel()

    async def _answer_all(self) -> None:
        waiting = self._waiting
        try:
            while waiting:
                await asyncio.wait((waiting[0][1],))
                answers = []
                while waiting and waiting[0][1].done():
                    appending, task = waiting.popleft()
                    self.octets -= appending.octets
                    appending.abort()
                    answers.append(self._answer(appending.tag, task))
                await self._look()
                for answer in answers:
                    answer()
                self._session.connection.flush()
        finally:
            self._answering = None

    def _answer(self, tag: bytes, task: asyncio.Task[bytes]) -> Callable[[], None]:
        session = self._session
        error = task.exception()
        if error is None:
            code = task.result()
            return lambda: session.tagged(tag, b"OK", "Kept.", code)
        if isinstance(error, Unkeepable):
            text, code = str(error), error.code
            return lambda: session.tagged(tag, b"NO", text, code)
        if isinstance(error, _REFUSABLE):
            return lambda: refuse(session, tag, error)
        log.error("imap.append", connection=session.connection.id, exc_info=error)
        return lambda: session.tagged(tag, b"NO", "Something broke here.", b"SERVERBUG")

    async def _look(self) -> None:
        """Tell what is new before the answers that it belongs to."""
        try:
            await self._session.updates()
        except Gone:
            self._session.mailbox_gone()
        except _REFUSABLE:
            pass  # it is told the next time
