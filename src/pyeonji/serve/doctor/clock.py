"""What the kernel knows of the clock: asked of nobody else."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

from pyeonji.serve.doctor.facts import ClockKept

_UNSYNCHRONISED: Final = 0x40  # STA_UNSYNC
_TIME_ERROR: Final = 5
_LONG: Final = ctypes.c_long


class _Timex(ctypes.Structure):
    """`struct timex` of <sys/timex.h>, with room for what the kernel adds."""

    _fields_ = (
        ("modes", ctypes.c_uint),  # 0: nothing is changed
        ("offset", _LONG),
        ("freq", _LONG),
        ("maxerror", _LONG),  # microseconds
        ("esterror", _LONG),
        ("status", ctypes.c_int),
        ("rest", _LONG * 64),
    )


def clock_kept() -> ClockKept | None:
    """Whether a time service keeps the clock right; None: the kernel won't say.

    chrony, ntpd and systemd-timesyncd tell the kernel; only Linux is asked.
    """
    if not sys.platform.startswith("linux"):
        return None
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return None
    seen = _Timex()
    state: int = adjtimex(ctypes.byref(seen))
    if state < 0:
        return None
    kept = state != _TIME_ERROR and not seen.status & _UNSYNCHRONISED
    return ClockKept(kept=kept, error_s=seen.maxerror / 1e6)
