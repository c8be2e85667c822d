"""One connection to a next hop: letters go down it, one after another."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from pyeonji.mta.queue.plan import Fate, Outcome, status_of
from pyeonji.mta.relay.fitting import PIECE_OCTETS, Hop, Unsuitable, fit, must_tell
from pyeonji.net.errors import Unreachable
from pyeonji.protocol.machine import CLOSED, NEED_DATA
from pyeonji.protocol.smtp.outcomes import (
    BodyWanted,
    ConnectionBroken,
    LetterDone,
    Verdict,
)
from pyeonji.protocol.smtp.words import Offer
from pyeonji.storage.names import domain_of
from pyeonji.storage.queue import TlsWish

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pyeonji.mta.options import Timeouts
    from pyeonji.protocol.smtp.client import ClientMachine
    from pyeonji.protocol.smtp.outcomes import Envelope
    from pyeonji.protocol.smtp.outcomes import Outcome as MachineOutcome
    from pyeonji.storage.content import StoredOctets
    from pyeonji.storage.queue import NewLetter, QueuedLetter

    SignAgain = Callable[[StoredOctets], Awaitable[StoredOctets]]

_FATES: Final = {
    Verdict.DONE: Fate.RELAYED,
    Verdict.LATER: Fate.LATER,
    Verdict.NEVER: Fate.NEVER,
}


class Stream(Protocol):
    """What carries a session: `net.dial.ClientStream`, or a turned connection."""

    async def read(self, timeout_s: float | None = None) -> bytes:
        """Octets; b"" at the end. Raises Unreachable."""

    def write(self, data: bytes) -> None:
        """Send, soon."""

    async def drain(self, timeout_s: float | None = None) -> None:
        """Wait while the peer is slow. Raises Unreachable."""

    def close(self) -> None:
        """Close after what was written has gone."""

    @property
    def closed(self) -> bool:
        """Whether the peer can't be spoken to any more."""


class Session:
    """A greeted connection; after AUTH and STARTTLS if there were any."""

    def __init__(
        self,
        stream: Stream,
        machine: ClientMachine,
        *,
        remote: str,
        timeouts: Timeouts,
        facts: dict[str, str],
        keeps_secret: bool = False,
    ) -> None:
        """Take over a connection.

        Args:
            stream: carries octets.
            machine: has said hello.
            remote: the next hop's name and address, for reports.
            timeouts: of RFC 5321 §4.5.3.2.
            facts: of the connection, for the letters' journeys.
            keeps_secret: it may carry letters whose sender requires TLS.
        """
        self._keeps_secret = keeps_secret
        self.remote = remote
        self.facts = facts
        self.letters = 0  # sent so far
        self._transactions = 0
        self._stream = stream
        self._machine = machine
        self._timeouts = timeouts
        self._over = False

    @property
    def usable(self) -> bool:
        """Whether another letter can be tried (RFC 9422 §4.1: MAILMAX)."""
        most = self._machine.max_transactions
        used_up = most is not None and self._transactions >= most
        return not (self._over or used_up or self._stream.closed)

    async def send(
        self,
        letter: QueuedLetter,
        octets: StoredOctets,
        indexes: Sequence[int],
        now: float,
        sign_again: SignAgain | None = None,
    ) -> list[Outcome]:
        """Hand a letter over for some of its recipients.

        In one transaction, or in several where the next hop takes no more
        recipients at once (RFC 9422 §4.2, RFC 5321 §4.5.3.1.10). Never raises for
        what a peer does: that is in the outcomes. A letter that has to be
        converted is signed again by `sign_again`. `now` is Unix seconds.
        """
        self.letters += 1
        outcomes: dict[int, Outcome] = {}
        waiting = list(indexes)
        while waiting:
            part = self._part(letter, waiting)
            done = await self._send_part(letter, octets, part, now, sign_again)
            outcomes |= {one.index: one for one in done}
            again = _refused_as_too_many(done)
            waiting = [i for i in waiting if i in again or i not in outcomes]
            if waiting and not self.usable:
                status, reason = "4.5.3", "the next hop takes no more letters now"
                if self._over:
                    status, reason = "4.4.2", "the connection broke before"
                outcomes |= {
                    i: self._outcome(i, Fate.LATER, status, reason, ours=True)
                    for i in waiting
                    if i not in outcomes
                }
                break
        return [outcomes[i] for i in indexes]

    def _part(self, letter: QueuedLetter, waiting: Sequence[int]) -> list[int]:
        """As many recipients as one transaction may have (RFC 9422 §4.2, §4.3)."""
        most = self._machine.max_recipients or len(waiting)
        most_domains = self._machine.max_domains or len(waiting)
        part: list[int] = []
        domains: set[str] = set()
        for index in waiting:
            domain = domain_of(letter.recipients[index].address)
            if len(part) == most:
                break
            if domain in domains or len(domains) < most_domains:
                domains.add(domain)
                part.append(index)
        return part

    async def _send_part(
        self,
        letter: QueuedLetter,
        octets: StoredOctets,
        indexes: Sequence[int],
        now: float,
        sign_again: SignAgain | None,
    ) -> list[Outcome]:
        """One transaction."""
        self._transactions += 1
        try:
            self._check_wish(letter.letter)
            envelope, fitting = await self._fit(letter, octets, indexes, now)
            if sign_again is not None and fitting.body is not octets.body:
                fitting = await sign_again(fitting)
                envelope = replace(envelope, size_octets=len(fitting))
        except Unsuitable as error:
            return [
                self._outcome(i, Fate.NEVER, error.status, str(error), ours=True)
                for i in indexes
            ]
        tell = must_tell(letter, self._machine, now)
        try:
            done = await self._transact(envelope, fitting)
        except Unreachable as error:
            self._over = True
            return [
                self._outcome(i, Fate.LATER, "4.4.2", str(error), ours=True)
                for i in indexes
            ]
        return [
            self._read(index, one, tell=tell)
            for index, one in zip(indexes, done.outcomes, strict=True)
        ]

    def _check_wish(self, letter: NewLetter) -> None:
        """Whether this connection may carry it (RFC 8689 §4.2.1).

        Connections are made for such letters; only one that was turned is not.
        Reports go as well as they can (RFC 8689 §5).

        Raises:
            Unsuitable: it may not.
        """
        required = letter.tls_wish is TlsWish.REQUIRED and letter.reverse_path
        if required and not self._keeps_secret:
            raise Unsuitable(
                "5.7.30", f"{self.remote} was not asked for TLS as REQUIRETLS needs it"
            )

    async def quit(self) -> None:
        """Say goodbye, if there is anybody; never raises."""
        try:
            if not self._over and not self._stream.closed:
                self._over = True
                self._machine.quit()
                await event_of(self._stream, self._machine, 5.0)
        except Unreachable:
            pass
        finally:
            self._stream.close()

    async def _transact(self, envelope: Envelope, octets: StoredOctets) -> LetterDone:
        """Conduct one transaction to its end. Raises Unreachable."""
        machine, timeouts = self._machine, self._timeouts
        machine.send_letter(envelope)
        wait = timeouts.mail
        position, size = 0, len(octets)
        while True:
            event = await event_of(self._stream, machine, wait)
            match event:
                case BodyWanted() if position < size:
                    end = position + PIECE_OCTETS
                    last = end >= size  # and the final dot goes in the same write
                    wait = timeouts.data_termination if last else timeouts.data_block
                    machine.send_body(octets.slice(position, end), last=last)
                    position = end
                case BodyWanted():
                    wait = timeouts.data_termination
                    machine.end_body()
                case LetterDone():
                    return event
                case ConnectionBroken(reason=reason):
                    raise Unreachable(reason)
                case _ if event is CLOSED:
                    raise Unreachable("connection closed")
                case _:
                    raise Unreachable(f"unexpected {type(event).__name__}")

    async def _fit(
        self,
        letter: QueuedLetter,
        octets: StoredOctets,
        indexes: Sequence[int],
        now: float,
    ) -> tuple[Envelope, StoredOctets]:
        """See `fit`; a large letter is looked at beside the loop."""
        hop = Hop(machine=self._machine, name=self.remote)
        if isinstance(octets.body, bytes):
            return fit(letter, octets, indexes, hop, now)
        return await asyncio.to_thread(fit, letter, octets, indexes, hop, now)

    def _read(self, index: int, one: MachineOutcome, *, tell: bool) -> Outcome:
        reply = one.reply
        fate = _FATES[one.verdict]
        text = reply.text if reply.code else " ".join(reply.lines)
        status = status_of(reply.code, reply.enhanced)
        outcome = self._outcome(index, fate, status, text)
        return replace(outcome, tell=True) if tell else outcome

    def _outcome(
        self, index: int, fate: Fate, status: str, reply: str, *, ours: bool = False
    ) -> Outcome:
        return Outcome(
            index=index,
            fate=fate,
            status=status,
            reply=reply,
            remote="" if ours else self.remote.partition(" ")[0],
            reports_itself=self._machine.offers(Offer.DSN),
            facts=self.facts,
        )


def _refused_as_too_many(done: Sequence[Outcome]) -> set[int]:
    """Recipients that a transaction had no room for, while it took others.

    They are tried at once (RFC 5321 §4.5.3.1.10): each time some are taken, so
    this comes to an end.
    """
    if not any(one.fate is Fate.RELAYED for one in done):
        return set()
    return {
        one.index
        for one in done
        if one.fate is Fate.LATER
        and one.reply[:3] in ("452", "552")
        and one.status in _TOO_MANY
    }


_TOO_MANY: Final = frozenset({"4.0.0", "4.5.3", "5.0.0", "5.5.3"})


async def event_of(stream: Stream, machine: ClientMachine, timeout_s: float) -> Any:
    """The machine's next event, whatever octets that takes.

    Raises:
        Unreachable: the peer was silent or went away.
    """
    while True:
        event = machine.next_event()
        if said := machine.data_to_send():
            stream.write(said)
            await stream.drain(timeout_s)
        if event is not NEED_DATA:
            return event
        data = await stream.read(timeout_s)
        if data:
            machine.receive_data(data)
        else:
            machine.receive_eof()
