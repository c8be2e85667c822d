"""Parsing modifiers of SELECT, FETCH and STORE (RFC 7162 §7, RFC 9394 §4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.protocol.imap.commands.sync import Resync, UidBatches
from pyeonji.protocol.imap.tokens import BadSyntax, ClientBug

if TYPE_CHECKING:
    from pyeonji.protocol.imap.sequences import SequenceSet
    from pyeonji.protocol.imap.tokens import Arguments


def select_parameters(arguments: Arguments) -> tuple[bool, Resync | None]:
    """SP "(" select-param … ")": whether CONDSTORE is there, and QRESYNC."""
    condstore = False
    resync: Resync | None = None
    arguments.space()
    arguments.expect(b"(")
    while True:
        match arguments.word():
            case b"CONDSTORE":
                condstore = True
            case b"QRESYNC" if resync is None:
                resync = _resync(arguments)
            case _:
                raise BadSyntax("unknown SELECT parameter")
        if arguments.take(b")"):
            return condstore, resync
        arguments.space()


def _resync(arguments: Arguments) -> Resync:
    arguments.space()
    arguments.expect(b"(")
    uid_validity = _nonzero(arguments.number(), "uidvalidity")
    arguments.space()
    mod_seq = _nonzero(arguments.number64(), "mod-sequence")
    known: SequenceSet | None = None
    numbers: SequenceSet | None = None
    number_uids: SequenceSet | None = None
    if not arguments.take(b")"):
        arguments.space()
        if arguments.peek() != 0x28:
            known = _plain_set(arguments)
            if not arguments.take(b")"):
                arguments.space()
                numbers, number_uids = _match_data(arguments)
                arguments.expect(b")")
        else:
            numbers, number_uids = _match_data(arguments)
            arguments.expect(b")")
    return Resync(
        uid_validity=uid_validity,
        mod_seq=mod_seq,
        known_uids=known,
        numbers=numbers,
        number_uids=number_uids,
    )


def _nonzero(number: int, what: str) -> int:
    if not number:
        raise BadSyntax(f"{what} may not be 0")
    return number


def _plain_set(arguments: Arguments) -> SequenceSet:
    """A set without "*" (RFC 7162 §7, known-uids)."""
    found = arguments.sequence_set()
    if not found.pairs or found.has_star():
        raise BadSyntax("only numbers are allowed here")
    return found


def _match_data(arguments: Arguments) -> tuple[SequenceSet, SequenceSet]:
    """Sequence numbers and their uids: as many, both ascending."""
    arguments.expect(b"(")
    numbers = _plain_set(arguments)
    arguments.space()
    uids = _plain_set(arguments)
    arguments.expect(b")")
    if _ascending(numbers) != _ascending(uids):
        raise BadSyntax("not as many numbers as uids")
    return numbers, uids


def _ascending(numbers: SequenceSet) -> int:
    """How many numbers there are; they must ascend."""
    count = last = 0
    for low, high in numbers.pairs:
        if low <= last or high < low:
            raise BadSyntax("numbers do not ascend")
        count += high - low + 1
        last = high
    return count


def fetch_modifiers(
    arguments: Arguments, *, by_uid: bool
) -> tuple[int | None, bool, tuple[int, int] | None]:
    """SP "(" fetch-modifier … ")": CHANGEDSINCE, VANISHED and PARTIAL."""
    changed_since: int | None = None
    vanished = False
    partial: tuple[int, int] | None = None
    arguments.space()
    arguments.expect(b"(")
    while True:
        match arguments.word():
            case b"CHANGEDSINCE" if changed_since is None:
                arguments.space()
                changed_since = arguments.number64()
            case b"VANISHED" if by_uid:
                vanished = True
            case b"PARTIAL" if by_uid and partial is None:
                arguments.space()
                partial = partial_range(arguments)
            case _:
                raise BadSyntax("unknown FETCH modifier")
        if arguments.take(b")"):
            break
        arguments.space()
    if vanished and changed_since is None:
        raise BadSyntax("VANISHED needs CHANGEDSINCE")  # RFC 7162 §3.2.6
    return changed_since, vanished, partial


def partial_range(arguments: Arguments) -> tuple[int, int]:
    """Two positions counted from 1, or from the end where negative.

    The one that comes first in the mailbox is first in the result.
    """
    sign = -1 if arguments.take(b"-") else 1
    first = sign * _nonzero(arguments.number(), "a position")
    arguments.expect(b":")
    if sign < 0:
        arguments.expect(b"-")
    second = sign * _nonzero(arguments.number(), "a position")
    return min(first, second), max(first, second)


def unchanged_since(arguments: Arguments) -> int:
    """The "(UNCHANGEDSINCE" SP mod-sequence ")" of STORE."""
    arguments.expect(b"(")
    if arguments.word() != b"UNCHANGEDSINCE":
        raise BadSyntax("unknown STORE modifier")
    arguments.space()
    found = arguments.number64()
    arguments.expect(b")")
    return found


def parse_uid_batches(tag: bytes, arguments: Arguments) -> UidBatches:
    """UIDBATCHES SP size [SP first ":" last] (RFC 10022 §4)."""
    arguments.space()
    size = arguments.number()
    batches: tuple[int, int] | None = None
    if not arguments.at_end():
        arguments.space()
        first = arguments.number()
        arguments.expect(b":")
        batches = (first, arguments.number())
    arguments.end()
    if size == 0 or (batches is not None and batches[0] == 0):
        raise ClientBug("a batch is not zero")
    if batches is not None and batches[1] < batches[0]:  # RFC 10022 §3.1.5
        raise ClientBug("the first batch is the lower one")
    return UidBatches(tag=tag, size=size, batches=batches)
