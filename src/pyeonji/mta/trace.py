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
        tls: version and cipher as OpenSSL names it, for a comment;
            `cipher_clause` says it in IANA's words.
    """
    name = client_name if _PLAIN_NAME.fullmatch(client_name) else "unknown"
    literal = f"IPv6:{address}" if ":" in address else address
    clause = f"from {name} ([{literal}])" if literal else f"from {name}"
    if tls is not None:
        clause += f"\r\n\t(using {tls[0]} with cipher {tls[1]})"
    return clause


_KEY_EXCHANGE: Final = ("ECDHE-ECDSA-", "ECDHE-RSA-", "DHE-RSA-")
_CIPHER: Final = re.compile(r"(AES|CAMELLIA|ARIA)(128|256)-(?:(GCM|CCM8?)-?)?(SHA\d*)?")


@lru_cache(maxsize=64)
def cipher_clause(cipher: str) -> str:
    """The `tls` clause of a Received field (RFC 8314 §4.3).

    Args:
        cipher: OpenSSL's name of a suite; those of TLS 1.3 are IANA's too.

    Returns:
        The clause with IANA's name, "" for a suite that TLS 1.2 with forward
        secrecy does not have (it is in the comment of `from_clause` then).
    """
    name = cipher if cipher.startswith("TLS_") else _registered(cipher)
    return f"\r\n\ttls {name}" if _SUITE.fullmatch(name) else ""


_SUITE: Final = re.compile(r"TLS_[A-Z0-9_]{1,80}")


def _registered(cipher: str) -> str:
    """IANA's name of a TLS 1.2 suite."""
    for exchange in _KEY_EXCHANGE:
        if not cipher.startswith(exchange):
            continue
        kept = f"TLS_{exchange[:-1].replace('-', '_')}_WITH"
        rest = cipher.removeprefix(exchange)
        if rest == "CHACHA20-POLY1305":
            return f"{kept}_CHACHA20_POLY1305_SHA256"
        if match := _CIPHER.fullmatch(rest):
            name, bits, mode, digest = match.groups()
            mode = {None: "CBC", "CCM8": "CCM_8"}.get(mode, mode)
            return "_".join(filter(None, (kept, name, bits, mode, digest)))
    return ""


def received(
    *,
    origin: str,
    hostname: str,
    protocol: str,
    letter_id: LetterId,
    recipient: str,
    unix_second: int,
    cipher: str = "",
    priority: int = 0,
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
        cipher: the TLS suite, as OpenSSL names it; "" without TLS.
        priority: of the letter (RFC 6710 §4.1); 0 is not said.
    """
    whom = f"\r\n\tfor <{recipient}>" if recipient else ""
    tls = cipher_clause(cipher) if cipher else ""
    if priority:
        tls += f"\r\n\tpriority {priority}"
    return (
        f"Received: {origin}\r\n\tby {hostname} with {protocol} id {letter_id}"
        f"{whom}{tls};\r\n\t{date_time(unix_second)}\r\n"
    ).encode()
