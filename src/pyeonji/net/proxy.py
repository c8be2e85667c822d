"""The PROXY protocol, versions 1 and 2: who is behind a load balancer.

Such a header stands before everything else of a connection, TLS included. It
is read only from the networks that the operator lists; from those it must
come. What to do next is told by the pure `Header`; `receive` takes exactly the
header's octets from a socket, so that TLS can begin right behind it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import Final

SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
MAX_V1_OCTETS: Final = 107
"""The longest line of version 1, CRLF included."""

MAX_V2_OCTETS: Final = 4096
"""Addresses and TLVs of version 2 that we read; more is refused."""

HEADER_TIME_S: Final = 5.0
"""How long a load balancer may take for its header."""

_V1: Final = re.compile(
    rb"PROXY (TCP4|TCP6) ([0-9A-Fa-f:.]{2,45}) ([0-9A-Fa-f:.]{2,45})"
    rb" (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})\r\n"
)
_V1_UNKNOWN: Final = re.compile(rb"PROXY UNKNOWN(?: [\x20-\x7e]*)?\r\n")
_ADDRESSES: Final = {0x1: (4, 12), 0x2: (16, 36)}  # family: address, block


class BadHeader(ValueError):
    """What came is no header of the PROXY protocol."""


@dataclass(frozen=True, slots=True)
class Source:
    """Who called the load balancer."""

    address: str
    port: int


@dataclass(slots=True)
class Header:
    """Reads a header that comes in pieces.

    `wants` says how many octets surely belong to it still (of a line it is
    how far to look); 0: it is whole, and `source` tells who it is (None: the
    connection's own peer, as in health checks).
    """

    octets: bytes = b""
    source: Source | None = None
    whole: bool = False

    def take_from(self, seen: bytes) -> int:
        """How many of the octets that wait belong to the header.

        Args:
            seen: what waits, not empty; nothing of it was taken yet.

        Raises:
            BadHeader: they are no header.
        """
        have = len(self.octets)
        together = self.octets + seen
        if together[: len(SIGNATURE)] == SIGNATURE[: len(together)]:
            end = self._end_of_v2(together)
        elif together[:6] == b"PROXY "[: len(together)]:
            end = self._end_of_v1(together)
        else:
            raise BadHeader("neither version 1 nor 2")
        taken = min(end, len(together)) - have
        self.octets = together[: have + taken]
        if len(self.octets) == end and not self._is_short(end):
            self.source = _v2(self.octets) if self._is_v2() else _v1(self.octets)
            self.whole = True
        return taken

    def _is_v2(self) -> bool:
        return self.octets[:1] == SIGNATURE[:1]

    def _is_short(self, end: int) -> bool:
        """Whether the end that was found is only that of a piece."""
        if self._is_v2():
            return end < 16 or len(self.octets) < 16 + _length(self.octets)
        return not self.octets.endswith(b"\r\n")

    @staticmethod
    def _end_of_v2(together: bytes) -> int:
        if len(together) < 16:
            return 16 if len(together) > len(SIGNATURE) else len(SIGNATURE)
        length = _length(together)
        if length > MAX_V2_OCTETS:
            raise BadHeader(f"{length} octets are too many")
        return 16 + length

    @staticmethod
    def _end_of_v1(together: bytes) -> int:
        end = together.find(b"\r\n", 0, MAX_V1_OCTETS)
        if end >= 0:
            return end + 2
        if len(together) >= MAX_V1_OCTETS:
            raise BadHeader("the line is too long")
        return len(together)


def _length(octets: bytes) -> int:
    return int.from_bytes(octets[14:16])


def _v1(line: bytes) -> Source | None:
    if _V1_UNKNOWN.fullmatch(line):
        return None
    found = _V1.fullmatch(line)
    if found is None:
        raise BadHeader("version 1 in a form that it does not have")
    version = 4 if found[1] == b"TCP4" else 6
    try:
        source = ipaddress.ip_address(found[2].decode())
        target = ipaddress.ip_address(found[3].decode())
    except ValueError as error:
        raise BadHeader(str(error)) from None
    port = int(found[4])
    if source.version != version or target.version != version or port > 65535:
        raise BadHeader("an address of another family")
    return Source(str(source), port)


def _v2(octets: bytes) -> Source | None:
    version, command = octets[12] >> 4, octets[12] & 0xF
    family, kind = octets[13] >> 4, octets[13] & 0xF
    if version != 2 or command > 1:
        raise BadHeader("neither LOCAL nor PROXY of version 2")
    if command == 0 or family not in _ADDRESSES or kind != 1:
        return None  # LOCAL, or not TCP: the connection speaks for itself
    size, block = _ADDRESSES[family]
    if len(octets) < 16 + block:
        raise BadHeader("too short for its addresses")
    address = str(ipaddress.ip_address(octets[16 : 16 + size]))
    at = 16 + 2 * size
    return Source(address, int.from_bytes(octets[at : at + 2]))


async def receive(waiting: socket.socket) -> Source | None:
    """Take a header from a non-blocking socket, and nothing behind it.

    Raises:
        BadHeader: it is none, or the peer is gone.
        TimeoutError: it takes too long.
        OSError: the connection is lost.
    """
    header = Header()
    async with asyncio.timeout(HEADER_TIME_S):
        while not header.whole:
            await _readable(waiting)
            try:
                seen = waiting.recv(MAX_V2_OCTETS, socket.MSG_PEEK)
            except BlockingIOError:
                continue
            if not seen:
                raise BadHeader("closed before the header")
            waiting.recv(header.take_from(seen))
    return header.source


async def _readable(waiting: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def seen() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(waiting, seen)
    try:
        await ready
    finally:
        loop.remove_reader(waiting)
