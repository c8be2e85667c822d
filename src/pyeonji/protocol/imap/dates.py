"""Dates as IMAP writes them (RFC 3501 §9: date, date-time)."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_MONTHS: Final = (
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun",
    b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
)  # fmt: skip
_MONTH: Final = {name.lower(): number for number, name in enumerate(_MONTHS, 1)}
_DATE: Final = re.compile(rb"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})")
_DATE_TIME: Final = re.compile(
    rb"( [0-9]|[0-9]{1,2})-([A-Za-z]{3})-([0-9]{4}) "
    rb"([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"
)
_EPOCH: Final = date(1970, 1, 1).toordinal()
FIRST_SECOND: Final = -62135596800
LAST_SECOND: Final = 253402300799
"""What a date-time can say: the years 1 to 9999."""


def parse_date(text: bytes) -> int:
    """A date such as b"1-Feb-1994" in days since 1970. Raises ValueError."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError("bad date")
    month = _MONTH.get(found.group(2).lower())
    if month is None:
        raise ValueError("bad month")
    day = date(int(found.group(3)), month, int(found.group(1)))
    return day.toordinal() - _EPOCH


def parse_date_time(text: bytes) -> int:
    """A date-time such as b" 7-Feb-1994 21:52:25 -0800" in Unix seconds.

    Raises:
        ValueError: not a date-time, or no such moment.
    """
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        raise ValueError("bad date-time")
    day, month_name, year, hour, minute, second, sign, zone_h, zone_m = found.groups()
    month = _MONTH.get(month_name.lower())
    if month is None:
        raise ValueError("bad month")
    offset = timedelta(hours=int(zone_h), minutes=int(zone_m))
    if offset >= timedelta(days=1) or int(zone_m) > 59:
        raise ValueError("bad zone")
    moment = datetime(
        int(year),
        month,
        int(day),
        int(hour),
        int(minute),
        59 if second == b"60" else int(second),  # a leap second
        tzinfo=timezone(-offset if sign == b"-" else offset),
    )
    return int(moment.timestamp())


_MINUTES: Final = tuple(b" %02d:%02d:" % divmod(minute, 60) for minute in range(1440))
_SECONDS: Final = tuple(b"%02d +0000" % second for second in range(60))


@lru_cache(maxsize=4096)
def _day_text(day: int) -> bytes:
    when = date.fromordinal(day + _EPOCH)
    return b"%2d-%b-%04d" % (when.day, _MONTHS[when.month - 1], when.year)


def date_time(unix_time: int) -> bytes:
    """Unix seconds as a date-time in UTC, without its quotes."""
    day, seconds = divmod(min(max(unix_time, FIRST_SECOND), LAST_SECOND), 86400)
    return _day_text(day) + _MINUTES[seconds // 60] + _SECONDS[seconds % 60]


def date_times(unix_times: Iterable[int]) -> list[bytes]:
    """Many of them, quoted, as FETCH INTERNALDATE gives them."""
    day_text, minutes, seconds = _day_text, _MINUTES, _SECONDS
    return [
        b'"%b%b%b"'
        % (
            day_text(when // 86400),
            minutes[when % 86400 // 60],
            seconds[when % 60],
        )
        if FIRST_SECOND <= when <= LAST_SECOND
        else b'"%b"' % date_time(when)
        for when in unix_times
    ]
