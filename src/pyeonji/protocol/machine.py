"""What all machines have in common: values in place of exceptions for 'not yet'."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, Literal, Protocol


class Status(Enum):
    """What `next_event` returns when it has no event."""

    NEED_DATA = "need data"  # the peer has to say more
    PAUSED = "paused"  # TLS or a compression layer must come first
    MORE = "more"  # nothing to answer in much that came; ask again after others
    CLOSED = "closed"  # the conversation is over; send what is left and close


NEED_DATA: Final[Literal[Status.NEED_DATA]] = Status.NEED_DATA
PAUSED: Final[Literal[Status.PAUSED]] = Status.PAUSED
MORE: Final[Literal[Status.MORE]] = Status.MORE
CLOSED: Final[Literal[Status.CLOSED]] = Status.CLOSED


class Machine(Protocol):
    """One side of a conversation."""

    def receive_data(self, data: bytes) -> None:
        """Take octets from the peer; any length, cut anywhere."""

    def receive_eof(self) -> None:
        """The peer will send no more."""

    def next_event(self) -> Any:
        """The next event, or why there is none now.

        An event that asks something must be answered before the next call.
        """

    def data_to_send(self) -> bytes:
        """What to send now; each octet is given once."""
