"""The Received field that each letter gets on top (RFC 5321 §4.4)."""

from __future__ import annotations

import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyeonji.base.ids import LetterId

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip

_PLAIN_NAME: Final = re.compile(r"[\w.\-:\[\]]{1,255}")
"""What a client may call itself here: no octet that could break the field."""


@lru_cache(maxsize=4)
def date_time(unix_second: int) -> str:
    """A moment as RFC 5322 §3.3 writes it, in UTC."""
    t = time.gmtime(unix_second)
    return (
        f"{_DAYS[t.tm_wday]}, {t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year} "
        f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} +0000"
    )


@lru_cache(maxsize=1024)
def from_clause(client_name: str, address: str, tls: tuple[str, str] | None) -> str:
    """Who called: the name it gave, its address, and how TLS was made.

    Args:
        client_name: of HELO; shown as "unknown" if it could not stand there.
        address: IP address of the peer; "" where there is none.
        tls: version and cipher, for a comment. LIBERTY: the clause of RFC 8314
            §4.3 wants IANA's names, which OpenSSL does not give for TLS 1.2.
    """
    name = client_name if _PLAIN_NAME.fullmatch(client_name) else "unknown"
    literal = f"IPv6:{address}" if ":" in address else address
    clause = f"from {name} ([{literal}])" if literal else f"from {name}"
    if tls is not None:
        clause += f"\r\n\t(using {tls[0]} with cipher {tls[1]})"
    return clause


def received(
    *,
    origin: str,
    hostname: str,
    protocol: str,
    letter_id: LetterId,
    recipient: str,
    unix_second: int,
) -> bytes:
    """Write the field, CRLF at its end.

    Args:
        origin: a `from_clause`.
        hostname: ours.
        protocol: WITH word (RFC 3848).
        letter_id: of the queue.
        recipient: the only one there is, else "": several would tell each
            other's names (RFC 5321 §7.2).
        unix_second: now.
    """
    whom = f"\r\n\tfor <{recipient}>" if recipient else ""
    return (
        f"Received: {origin}\r\n\tby {hostname} with {protocol} id {letter_id}{whom};"
        f"\r\n\t{date_time(unix_second)}\r\n"
    ).encode()
