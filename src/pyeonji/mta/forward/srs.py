"""SRS: the sender's address, rewritten so that bounces find back.

The Sender Rewriting Scheme is a convention, not a standard::

    kim@a.example                  forwarded by b.example:
    SRS0=HHHHHH=TT=a.example=kim@b.example    forwarded on by c.example:
    SRS1=HHHHHH=b.example==HHHHHH=TT=a.example=kim@c.example

HHHHHH proves that we made it, TT is the day. A chain of forwarders does not
make it longer: the second one names the first, who knows the rest.
"""

from __future__ import annotations

import base64
import hmac
import re
from typing import Final

VALID_DAYS: Final = 21
"""How long bounces may take; queues give up after some five days."""

MAX_LOCAL: Final = 240
"""Octets of a local part that we make; RFC 5321 §4.5.3.1.1 promises 64 only."""

_DAY_S: Final = 86400
_DAYS: Final = 1024  # two letters of base32
_BASE32: Final = "abcdefghijklmnopqrstuvwxyz234567"
_HASH: Final = 6
_SEPARATORS: Final = "=+-"
_SRS: Final = re.compile(r"SRS[01][=+-]", re.IGNORECASE)
_ATOMS: Final = re.compile(r"[^\s()<>\[\]:;@\\,.\"]+(?:\.[^\s()<>\[\]:;@\\,.\"]+)*")
_QUOTED: Final = re.compile(r"\\(.)", re.DOTALL)


class Srs:
    """Makes such addresses and reads its own."""

    def __init__(self, secret: bytes) -> None:
        """Take the secret that proves them; another one makes all old ones void."""
        self._secret = secret

    def forward(self, address: str, domain: str, now: float) -> str:
        """The sender's address as a forwarder gives it.

        Args:
            address: the reverse path, not null.
            domain: ours, where bounces come in.
            now: Unix seconds.

        Returns:
            The new address; the old one when it has no domain or the new one
            would be too long.
        """
        local, at, of = address.rpartition("@")
        if not at:
            return address
        local = _unquoted(local)
        kind = local[:5].upper()
        if kind[:4] == "SRS0" and kind[4:] in _SEPARATORS and kind[4:]:
            made = self._second(of, local[4:])
        elif kind[:4] == "SRS1" and kind[4:] in _SEPARATORS and kind[4:]:
            _, _, known = local[5:].partition("=")
            host, separator, rest = known.partition("=")
            if not separator or rest[:1] not in _SEPARATORS or not rest:
                made = self._first(of, local, now)  # somebody's own idea of SRS
            else:
                made = self._second(host, rest)
        else:
            made = self._first(of, local, now)
        if len(made.encode()) > MAX_LOCAL:
            return address
        return f"{_quoted(made)}@{domain}"

    def reverse(self, address: str, now: float) -> str | None:
        """Where a bounce to an address of ours goes; None: we did not make it.

        Args:
            address: in a domain of ours.
            now: Unix seconds.
        """
        local = _unquoted(address.rpartition("@")[0])
        if not is_srs(address):
            return None
        digest, _, rest = local[5:].partition("=")
        if local[3] == "1":
            host, _, known = rest.partition("=")
            if not known or not self._proves(digest, host, known):
                return None
            return f"{_quoted(f'SRS0{known}')}@{host}"
        day, _, rest = rest.partition("=")
        host, separator, original = rest.partition("=")
        if not separator or not host or not original:
            return None
        if not self._proves(digest, day, host, original):
            return None
        if not _is_recent(day, now):
            return None
        return f"{_quoted(original)}@{host}"

    def _first(self, host: str, local: str, now: float) -> str:
        number = int(now // _DAY_S) % _DAYS
        day = _BASE32[number >> 5] + _BASE32[number & 31]
        return f"SRS0={self._hash(day, host, local)}={day}={host}={local}"

    def _second(self, host: str, rest: str) -> str:
        return f"SRS1={self._hash(host, rest)}={host}={rest}"

    def _hash(self, *parts: str) -> str:
        # some hosts change the case of what they bounce
        octets = "\n".join(part.lower() for part in parts).encode()
        digest = hmac.digest(self._secret, octets, "sha256")
        return base64.b32encode(digest)[:_HASH].decode("ascii").lower()

    def _proves(self, digest: str, *parts: str) -> bool:
        expected = self._hash(*parts).encode()
        return hmac.compare_digest(digest.lower().encode(), expected)


def is_srs(address: str) -> bool:
    """Whether an address looks like one that a forwarder made."""
    return _SRS.match(address.removeprefix('"')) is not None


def _is_recent(day: str, now: float) -> bool:
    first, second = (_BASE32.find(each) for each in day.lower()[:2].ljust(2))
    if len(day) != 2 or first < 0 or second < 0:
        return False
    age = (int(now // _DAY_S) - (first << 5 | second)) % _DAYS
    return age <= VALID_DAYS


def _unquoted(local: str) -> str:
    if len(local) < 2 or not (local.startswith('"') and local.endswith('"')):
        return local
    return _QUOTED.sub(r"\1", local[1:-1])


def _quoted(local: str) -> str:
    if _ATOMS.fullmatch(local):
        return local
    escaped = local.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
