"""One connection to a next hop: letters go down it, one after another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from pyeonji.base.errors import PyeonjiError
from pyeonji.message.convert import Hindrance, to_seven_bit
from pyeonji.mta.queue.plan import Fate, Outcome, status_of
from pyeonji.mta.receive.inspect import header_end
from pyeonji.net.errors import Unreachable
from pyeonji.protocol.machine import CLOSED, NEED_DATA
from pyeonji.protocol.smtp.outcomes import (
    BodyWanted,
    ConnectionBroken,
    Envelope,
    LetterDone,
    RecipientWanted,
    Verdict,
)
from pyeonji.protocol.smtp.words import BodyType, Offer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mta.options import Timeouts
    from pyeonji.protocol.smtp.client import ClientMachine
    from pyeonji.protocol.smtp.outcomes import Outcome as MachineOutcome
    from pyeonji.storage.content import StoredOctets
    from pyeonji.storage.queue import QueuedLetter

PIECE_OCTETS: Final = 64 * 1024
"""Octets of a letter handed to the machine at a time."""

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


class Unsuitable(PyeonjiError):
    """The next hop lacks what the letter needs; `status` says what (RFC 3463)."""

    def __init__(self, status: str, text: str) -> None:
        super().__init__(text)
        self.status = status


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
    ) -> None:
        """Take over a connection.

        Args:
            stream: carries octets.
            machine: has said hello.
            remote: the next hop's name and address, for reports.
            timeouts: of RFC 5321 §4.5.3.2.
            facts: of the connection, for the letters' journeys.
        """
        self.remote = remote
        self.facts = facts
        self.letters = 0  # sent so far
        self._stream = stream
        self._machine = machine
        self._timeouts = timeouts
        self._over = False

    @property
    def usable(self) -> bool:
        """Whether another letter can be tried."""
        return not self._over and not self._stream.closed

    async def send(
        self, letter: QueuedLetter, octets: StoredOctets, indexes: Sequence[int]
    ) -> list[Outcome]:
        """Hand a letter over for some of its recipients, in one transaction.

        Never raises for what a peer does: that is in the outcomes.
        """
        self.letters += 1
        try:
            envelope, octets = self._fit(letter, octets, indexes)
        except Unsuitable as error:
            return [
                self._outcome(i, Fate.NEVER, error.status, str(error), ours=True)
                for i in indexes
            ]
        try:
            done = await self._transact(envelope, octets)
        except Unreachable as error:
            self._over = True
            return [
                self._outcome(i, Fate.LATER, "4.4.2", str(error), ours=True)
                for i in indexes
            ]
        return [
            self._read(index, one)
            for index, one in zip(indexes, done.outcomes, strict=True)
        ]

    async def quit(self) -> None:
        """Say goodbye, if there is anybody; never raises."""
        try:
            if self.usable:
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
                    wait = timeouts.data_block
                    machine.send_body(octets.slice(position, position + PIECE_OCTETS))
                    position += PIECE_OCTETS
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

    def _fit(
        self, letter: QueuedLetter, octets: StoredOctets, indexes: Sequence[int]
    ) -> tuple[Envelope, StoredOctets]:
        """Make envelope and octets fit what the next hop offers.

        Raises:
            Unsuitable: it lacks what cannot be done without.
        """
        machine, new = self._machine, letter.letter
        recipients = [letter.recipients[i] for i in indexes]
        head = octets.slice(0, PIECE_OCTETS)
        utf8 = _needs_utf8(letter, indexes, head)
        if utf8 and not machine.offers(Offer.SMTPUTF8):  # RFC 6531 §3.5
            raise Unsuitable("5.6.7", f"{self.remote} does not take SMTPUTF8")
        body_type = BodyType(new.body_type.value)
        if not self._takes(body_type, octets):
            octets = _seven_bit(
                octets, self.remote, declared=body_type is not BodyType.SEVEN_BIT
            )
            body_type = BodyType.SEVEN_BIT
        limit = machine.max_size_octets
        if limit and len(octets) > limit:  # RFC 1870 §6.1
            raise Unsuitable(
                "5.3.4", f"{self.remote} takes {limit} octets, the letter {len(octets)}"
            )
        envelope = Envelope(
            reverse_path=new.reverse_path,
            recipients=tuple(
                RecipientWanted(
                    address=r.address, notify=r.notify, orcpt=_orcpt(r.original)
                )
                for r in recipients
            ),
            size_octets=len(octets),
            body_type=body_type,
            smtputf8=utf8,
            ret=new.ret,
            envid=new.envid,
            auth="",  # AUTH=<>: we vouch for nobody (RFC 4954 §5)
        )
        return envelope, octets

    def _takes(self, body_type: BodyType, octets: StoredOctets) -> bool:
        """Whether the next hop takes the octets as they are."""
        offers = self._machine.offers
        if body_type is BodyType.BINARY:
            return bool(offers(Offer.BINARYMIME)) and bool(offers(Offer.CHUNKING))
        if offers(Offer.EIGHT_BIT_MIME):
            return True
        if isinstance(octets.body, bytes):
            return octets.body.isascii()
        return body_type is BodyType.SEVEN_BIT  # a large one is believed

    def _read(self, index: int, one: MachineOutcome) -> Outcome:
        reply = one.reply
        fate = _FATES[one.verdict]
        text = reply.text if reply.code else " ".join(reply.lines)
        return self._outcome(index, fate, status_of(reply.code, reply.enhanced), text)

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


def _orcpt(original: str) -> str:
    kind, semicolon, address = original.partition(";")
    return original if semicolon and kind and address else ""


def _needs_utf8(letter: QueuedLetter, indexes: Sequence[int], head: bytes) -> bool:
    """Whether the letter really uses SMTPUTF8 for these recipients."""
    if not letter.letter.smtputf8:
        return False
    end = header_end(head)
    return not (
        letter.letter.reverse_path.isascii()
        and all(letter.recipients[i].address.isascii() for i in indexes)
        and (head if end < 0 else head[:end]).isascii()
    )


def _seven_bit(octets: StoredOctets, remote: str, *, declared: bool) -> StoredOctets:
    """The letter in 7 bits (RFC 6152 §3).

    Octets over 127 in a header have no encoding, and a letter that never said
    it was 8-bit has been sent so all its way: those go on as they are.

    Raises:
        Unsuitable: a part may not be changed.
    """
    converted = to_seven_bit(octets.body[:])
    hard = [o for o in converted.obstacles if o.hindrance is not Hindrance.HEADER]
    if hard and declared:
        raise Unsuitable(
            "5.6.3",
            f"{remote} takes 7 bits only, and part {hard[0].path or 'of it'} of the"
            f" letter cannot be changed: {hard[0].hindrance.value}",
        )
    return replace(octets, body=converted.octets)
