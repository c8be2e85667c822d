"""What else a client says: responses, broken commands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IdleEnded:
    """The client stopped idling; `properly` if it said DONE."""

    properly: bool


@dataclass(frozen=True, slots=True)
class SaslResponse:
    """What the client answered a challenge; None: it gave up with "*"."""

    octets: bytes | None
    malformed: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A command that cannot be carried out; answer `tag` `status` [`code`] `text`.

    `tag` is b"*" where there was none to read. A `fatal` one ends the
    conversation: the machine is closed.
    """

    tag: bytes
    status: bytes  # b"BAD" or b"NO"
    text: str
    code: bytes = b""
    fatal: bool = False
