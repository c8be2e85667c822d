"""What THREAD said last, kept for who asks the same again.

Nothing that threads are made of ever changes in a message. So the same messages
of a mailbox, told by the same names, give the same answer; clients ask for it
each time that they open a mailbox.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

MAX_OCTETS: Final = 4 << 20
"""Of all answers of a worker, and of what they are answers about."""

EACH_OCTETS: Final = 512
"""What one takes besides."""


@dataclass(frozen=True, slots=True)
class _Kept:
    uids: bytes
    names: bytes  # numbers, or b"" where uids are told
    written: bytes

    def __len__(self) -> int:
        return EACH_OCTETS + len(self.uids) + len(self.names) + len(self.written)


class KeptThreads:
    """The latest answers, those not asked for longest are forgotten first."""

    def __init__(self, max_octets: int = MAX_OCTETS) -> None:
        self._max_octets = max_octets
        self._octets = 0
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    def get(
        self, about: Hashable, uids: Sequence[int], names: Sequence[int]
    ) -> bytes | None:
        """The answer about these messages by these names, where it is known.

        Args:
            about: the mailbox, for ever, and how threads are made.
            uids: of the messages, ascending.
            names: as which they are told: uids or numbers.
        """
        kept = self._kept.get(about)
        if kept is None or kept.uids != _octets(uids):
            return None
        if kept.names != (b"" if names is uids else _octets(names)):
            return None
        self._kept.move_to_end(about)
        return kept.written

    def keep(
        self,
        about: Hashable,
        uids: Sequence[int],
        names: Sequence[int],
        written: bytes,
    ) -> None:
        """Remember an answer instead of the one before about the same."""
        told = b"" if names is uids else _octets(names)
        kept = _Kept(_octets(uids), told, written)
        before = self._kept.pop(about, None)
        self._octets -= len(before) if before is not None else 0
        if len(kept) > self._max_octets:
            return
        self._kept[about] = kept
        self._octets += len(kept)
        while self._octets > self._max_octets:
            self._octets -= len(self._kept.popitem(last=False)[1])


def _octets(numbers: Sequence[int]) -> bytes:
    return array("I", numbers).tobytes()
