"""What SEARCH and SORT answer: SEARCH, SORT and ESEARCH responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap import responses
from pyeonji.protocol.imap.commands import ReturnOption
from pyeonji.protocol.imap.sequences import runs, write_ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyeonji.protocol.imap.commands import Returns

_WHOLE: Final = (ReturnOption.ALL, ReturnOption.COUNT)
_SOME: Final = (ReturnOption.MIN, ReturnOption.MAX, ReturnOption.PARTIAL)


def plain(word: bytes, found: Sequence[int], mod_seq: int = 0) -> bytes:
    """A SEARCH or SORT response; `mod_seq` where MODSEQ was asked for."""
    numbers = b" %d" * len(found) % tuple(found)
    if mod_seq and found:
        return b"* %b%b (MODSEQ %d)\r\n" % (word, numbers, mod_seq)
    return b"* %b%b\r\n" % (word, numbers)


def window(partial: tuple[int, int], count: int) -> tuple[int, int]:
    """Where in so many results a partial range begins and ends (RFC 9394 §3.1)."""
    low, high = sorted(map(abs, partial))
    if partial[0] > 0:
        start, stop = low - 1, high
    else:
        start, stop = count - high, count - low + 1
    start = min(max(start, 0), count)
    return start, min(max(stop, start), count)


def picked(returns: Returns, count: int) -> list[int] | None:
    """Which of so many results are kept by SAVE and looked at for MODSEQ.

    None: all of them (RFC 5182 §2.4, RFC 9394 §3.2, RFC 4731 §3.2).
    """
    if any(option in returns for option in _WHOLE):
        return None
    if not any(option in returns for option in _SOME):
        return None
    chosen: set[int] = set()
    if count and ReturnOption.MIN in returns:
        chosen.add(0)
    if count and ReturnOption.MAX in returns:
        chosen.add(count - 1)
    if returns.partial is not None:
        chosen.update(range(*window(returns.partial, count)))
    return sorted(chosen)


def correlator(tag: bytes, mailbox: bytes = b"") -> bytes:
    """A search correlator; `mailbox` is what `correlated_mailbox` gives."""
    return b"(TAG %b%b)" % (responses.string(tag), mailbox)


def correlated_mailbox(name: bytes, uid_validity: int) -> bytes:
    """The part of a correlator that names a mailbox (RFC 7377 §2.1)."""
    return b" MAILBOX %b UIDVALIDITY %d" % (name, uid_validity)


def extended(
    correlated: bytes,
    found: Sequence[int],
    returns: Returns,
    *,
    by_uid: bool,
    mod_seq: int = 0,
    scores: Sequence[int] = (),
) -> bytes:
    """An ESEARCH response (RFC 4731 §3.1, RFC 5267 §3.1), b"" if only SAVE is asked.

    Args:
        correlated: the search correlator.
        found: numbers or uids in the order asked for.
        returns: what was asked for.
        by_uid: `found` are uids.
        mod_seq: the highest of the messages told, where MODSEQ was searched for.
        scores: relevancy of each of `found`.
    """
    if returns.options == {ReturnOption.SAVE}:
        return b""
    pieces = [b"* ESEARCH ", correlated, b" UID" if by_uid else b""]
    if found:
        if ReturnOption.MIN in returns:
            pieces.append(b" MIN %d" % found[0])
        if ReturnOption.MAX in returns:
            pieces.append(b" MAX %d" % found[-1])
        if ReturnOption.ALL in returns:
            pieces.append(b" ALL " + number_set(found))
    if ReturnOption.COUNT in returns:
        pieces.append(b" COUNT %d" % len(found))
    if returns.partial is not None:
        start, stop = window(returns.partial, len(found))
        part = number_set(found[start:stop]) if start < stop else b"NIL"
        pieces.append(b" PARTIAL (%d:%d %b)" % (*returns.partial, part))
        scores = scores[start:stop]
    if ReturnOption.RELEVANCY in returns:
        pieces.append(b" RELEVANCY (%b)" % b" ".join(b"%d" % one for one in scores))
    if mod_seq and found:
        pieces.append(b" MODSEQ %d" % mod_seq)
    pieces.append(b"\r\n")
    return b"".join(pieces)


def number_set(numbers: Iterable[int]) -> bytes:
    """Numbers in their order as a sequence set; ranges only ascend (RFC 5267 §3.2)."""
    return write_ranges(runs(numbers))
