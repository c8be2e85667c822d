"""What MAIL may ask of the way: priority, a later release, a time to be there by.

MT-PRIORITY (RFC 6710), FUTURERELEASE (RFC 4865), DELIVERBY (RFC 2852).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

MAX_BY_S: Final = 999_999_999
"""Of BY, in both directions (RFC 2852 §4)."""

_PRIORITY: Final = re.compile(rb"-[1-9]|[0-9]")  # RFC 6710 §7
_BY: Final = re.compile(rb"([+-]?[0-9]{1,9});([NRnr])([Tt]?)")
_FOR: Final = re.compile(rb"[1-9][0-9]{0,8}")  # RFC 4865 §3
_UNTIL: Final = re.compile(
    rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """HOLDFOR or HOLDUNTIL: when a letter is to be released."""

    seconds: int = 0  # from now on; 0: `until` says it
    until: float = 0.0  # Unix seconds

    def released_at(self, now: float) -> float:
        """When that is."""
        return now + self.seconds if self.seconds else self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """BY: within how many seconds a letter is to be there, and what if it is not."""

    seconds: int
    by_return: bool = False  # R: it comes back; else N: the sender is told
    by_trace: bool = False  # T: each relaying is told


def read_priority(value: bytes | None) -> int | None:
    """-9 to 9; None: it is none."""
    if value is None or not _PRIORITY.fullmatch(value):
        return None
    return int(value)


def read_by(value: bytes | None) -> By | None:
    """BY's value; returning needs time (RFC 2852 §4)."""
    match = _BY.fullmatch(value or b"")
    if match is None:
        return None
    seconds, by_return = int(match[1]), match[2].upper() == b"R"
    if by_return and seconds <= 0:
        return None
    return By(seconds=seconds, by_return=by_return, by_trace=bool(match[3]))


def write_by(by: By) -> bytes:
    """BY's value; what is beyond the range is cut to it."""
    seconds = max(-MAX_BY_S, min(by.seconds, MAX_BY_S))
    mode = b"R" if by.by_return else b"N"
    return b"%d;%b%b" % (seconds, mode, b"T" if by.by_trace else b"")


def read_hold_for(value: bytes | None) -> Hold | None:
    """HOLDFOR's value."""
    if value is None or not _FOR.fullmatch(value):
        return None
    return Hold(seconds=int(value))


def read_hold_until(value: bytes | None) -> Hold | None:
    """HOLDUNTIL's value, a time in UTC (RFC 4865 §3)."""
    text = (value or b"").upper()
    if not _UNTIL.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text.decode())
    except ValueError:  # no such day
        return None
    return Hold(until=moment.astimezone(UTC).timestamp())


def write_time(moment: float) -> str:
    """A time as HOLDUNTIL has it."""
    return f"{datetime.fromtimestamp(int(moment), UTC):%Y-%m-%dT%H:%M:%SZ}"
