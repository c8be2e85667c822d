"""Dates of the Date field: read generously, written without locale.

No calendar library: days are counted by arithmetic, so any year from 0 to
9999 works and nothing depends on where the program runs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pyeonji.message.parameters import strip_comments

MAX_DATE_OCTETS: Final = 200
"""Octets of a value that are looked at."""

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
                  "Oct", "Nov", "Dec")  # fmt: skip
_DAYS: Final = ("Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed")  # day 0 was a Thursday
_MONTH: Final = {name.lower().encode(): n + 1 for n, name in enumerate(_MONTHS)}

# RFC 5322 §3.3, §4.3, and what is found: no comma, no weekday, seconds or
# zone missing, a dash for a blank, dots in the time, a weekday in any language.
_DATE = re.compile(
    rb"[^0-9]{0,40}?(\d{1,2})(?:st|nd|rd|th)?[ \t\r\n.-]+"
    rb"([A-Za-z]{3})[a-z]*[ \t\r\n.,-]+"
    rb"(\d{2,5})[ \t\r\n,]+"
    rb"(\d{1,2})[ \t]*[:.][ \t]*(\d{1,2})(?:[ \t]*[:.][ \t]*(\d{1,2})(?:\.\d+)?)?"
    rb"[ \t\r\n]*([AaPp][Mm])?[ \t\r\n]*"
    rb"(?:(?:GMT|UTC?)?([+-]\d{1,4}|[+-]\d\d:\d\d)|([A-Za-z]{1,5}))?",
)
# asctime(3), ctime(3): "Sun Nov  6 08:49:37 1994", with or without a zone
_ASCTIME = re.compile(
    rb"[^0-9]{0,40}?\b([A-Za-z]{3})[a-z]*[ \t\r\n]+(\d{1,2}),?[ \t\r\n]+"
    rb"(?:(\d{4}),?[ \t\r\n]+)?"
    rb"(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?[ \t\r\n]*"
    rb"(?:([+-]\d{4})|([A-Za-z]{1,5}))?[ \t\r\n]*(\d{4})?",
)
# RFC 3339 and its like: "2026-11-24T04:00:00+09:00"
_ISO = re.compile(
    rb"[^0-9]{0,40}?(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})[Tt \t]+"
    rb"(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,]\d+)?)?[ \t]*"
    rb"(?:([+-]\d{2}:?\d{2})|([A-Za-z]{1,5}))?",
)
# Military letters other than Z say nothing reliable (RFC 5322 §4.3).
_ZONES: Final = {
    b"ut": 0, b"utc": 0, b"gmt": 0, b"z": 0,
    b"est": -300, b"edt": -240, b"cst": -360, b"cdt": -300,
    b"mst": -420, b"mdt": -360, b"pst": -480, b"pdt": -420,
    b"kst": 540, b"jst": 540, b"bst": 60, b"cet": 60, b"cest": 120, b"met": 60,
    b"mest": 120, b"eet": 120, b"eest": 180, b"wet": 0, b"west": 60, b"msk": 180,
    b"hst": -600, b"akst": -540, b"akdt": -480,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Date:
    """A moment, and how it was written.

    `day` counts days since 1970-01-01 as written, zone disregarded, as IMAP's
    SENTON wants (RFC 3501 §6.4.4).
    """

    unix_seconds: int
    offset_minutes: int
    day: int


def parse_date(octets: bytes) -> Date | None:
    """Read a date (RFC 5322 §3.3, §4.3; others as found), or None; any octets."""
    value = octets[:MAX_DATE_OCTETS]
    date = _read(value)
    if date is None and b"(" in value:
        date = _read(strip_comments(value))
    return date


def _read(value: bytes) -> Date | None:
    match = _DATE.match(value)
    if match is not None:
        day, month, year, hour, minute, second, half, digits, name = match.groups()
        number = _MONTH.get(month.lower())
        if number is not None:
            clock = _clock(hour, minute, second, half)
            return _date(_year(year), number, int(day), clock, digits, name)
    match = _ASCTIME.match(value)
    if match is not None:
        month, day, early, hour, minute, second, digits, name, late = match.groups()
        number, year = _MONTH.get(month.lower()), late or early
        if number is not None and year is not None:
            clock = _clock(hour, minute, second, None)
            return _date(int(year), number, int(day), clock, digits, name)
    match = _ISO.match(value)
    if match is not None:
        year, month, day, hour, minute, second, digits, name = match.groups()
        clock = _clock(hour, minute, second, None)
        return _date(int(year), int(month), int(day), clock, digits, name)
    return None


def _year(digits: bytes) -> int:
    """Two and three digits are obsolete years (RFC 5322 §4.3)."""
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    if len(digits) == 3 or (len(digits) == 5 and year < 20000):
        return year + 1900 if year < 1000 else year
    return year


def _clock(
    hour: bytes, minute: bytes, second: bytes | None, half: bytes | None
) -> tuple[int, int, int]:
    hours = int(hour)
    if half is not None and 1 <= hours <= 12:
        hours = hours % 12 + (12 if half in {b"PM", b"pm", b"Pm", b"pM"} else 0)
    return hours, int(minute), int(second or 0)


def _date(
    year: int,
    month: int,
    day: int,
    clock: tuple[int, int, int],
    digits: bytes | None,
    zone: bytes | None,
) -> Date | None:
    hour, minute, second = clock
    if hour > 24 or minute > 59 or second > 60:
        return None
    if not (1 <= month <= 12 and 1 <= day <= days_in_month(year, month)):
        return None
    if year > 9999:
        return None
    days = days_from_civil(year, month, day)
    offset = _offset(digits, zone)
    seconds = days * 86400 + hour * 3600 + minute * 60 + min(second, 59)
    return Date(seconds - offset * 60, offset, days)


def _offset(digits: bytes | None, zone: bytes | None) -> int:
    if digits is None:
        return _ZONES.get(zone.lower(), 0) if zone else 0
    number = digits[1:].replace(b":", b"")
    if len(number) <= 2:
        number += b"00"
    minutes = int(number[:-2]) * 60 + int(number[-2:])
    if minutes >= 24 * 60:
        return 0
    return -minutes if digits[:1] == b"-" else minutes


def days_in_month(year: int, month: int) -> int:
    """Days of a month in the Gregorian calendar."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in {4, 6, 9, 11} else 31


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a date in the Gregorian calendar."""
    # the year begins in March, so that the leap day is its last
    shifted = year - (month <= 2)
    era, of_era = divmod(shifted, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return (
        era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + day_of_year - 719468
    )


def civil_from_days(days: int) -> tuple[int, int, int]:
    """Year, month and day of a count of days since 1970-01-01."""
    era, of_era = divmod(days + 719468, 146097)
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    day_of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return year + era * 400 + (month <= 2), month, day


def format_date(unix_seconds: int, offset_minutes: int = 0) -> str:
    """Write a date as RFC 5322 §3.3 wants it, e.g. `Tue, 24 Nov 2026 13:00:00 +0900`.

    Args:
        unix_seconds: the moment.
        offset_minutes: what the zone is ahead of UTC; less than a day.
    """
    days, rest = divmod(unix_seconds + offset_minutes * 60, 86400)
    year, month, day = civil_from_days(days)
    hour, rest = divmod(rest, 3600)
    sign = "-" if offset_minutes < 0 else "+"
    zone_hours, zone_minutes = divmod(abs(offset_minutes), 60)
    return (
        f"{_DAYS[days % 7]}, {day:02d} {_MONTHS[month - 1]} {year:04d} "
        f"{hour:02d}:{rest // 60:02d}:{rest % 60:02d} "
        f"{sign}{zone_hours:02d}{zone_minutes:02d}"
    )
