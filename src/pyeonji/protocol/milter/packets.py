"""What an MTA says to a milter."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION: Final = 6
MAX_CHUNK: Final = 65535
"""Octets of a body in one packet."""

MAX_VALUE: Final = 60_000
"""Octets of a header field, a name or a macro in one packet; more is cut."""


class Actions(IntFlag):
    """What a milter may do to a letter (SMFIF)."""

    ADD_HEADERS = 0x01
    CHANGE_BODY = 0x02
    ADD_RECIPIENTS = 0x04
    REMOVE_RECIPIENTS = 0x08
    CHANGE_HEADERS = 0x10
    QUARANTINE = 0x20
    CHANGE_SENDER = 0x40
    ADD_RECIPIENTS_PARAMETERS = 0x80
    SET_SYMBOLS = 0x100


class Steps(IntFlag):
    """What a milter does not want to hear, or not to answer (SMFIP)."""

    NO_CONNECT = 0x01
    NO_HELO = 0x02
    NO_MAIL = 0x04
    NO_RCPT = 0x08
    NO_BODY = 0x10
    NO_HEADERS = 0x20
    NO_END_OF_HEADERS = 0x40
    SILENT_HEADER = 0x80
    NO_UNKNOWN = 0x100
    NO_DATA = 0x200
    SKIP = 0x400
    REFUSED_RECIPIENTS = 0x800
    SILENT_CONNECT = 0x1000
    SILENT_HELO = 0x2000
    SILENT_MAIL = 0x4000
    SILENT_RCPT = 0x8000
    SILENT_DATA = 0x10000
    SILENT_UNKNOWN = 0x20000
    SILENT_END_OF_HEADERS = 0x40000
    SILENT_BODY = 0x80000
    LEADING_SPACE = 0x100000


STEPS: Final = ~Steps.REFUSED_RECIPIENTS & Steps(0x1FFFFF)
"""All that we can do."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What both sides agreed on."""

    actions: Actions
    steps: Steps


def packet(command: bytes, data: bytes = b"") -> bytes:
    """A packet as it goes out."""
    return struct.pack("!I", len(data) + 1) + command + data


def _text(text: str | bytes) -> bytes:
    octets = text.encode("utf-8", "replace") if isinstance(text, str) else text
    return octets.replace(b"\0", b"?")[:MAX_VALUE] + b"\0"


def negotiate(actions: Actions) -> bytes:
    """The first thing said: what the milter may do here."""
    return packet(b"O", struct.pack("!III", VERSION, actions, STEPS))


def macros(command: bytes, values: Mapping[str, str]) -> bytes:
    """Macros for the command that follows; long names in braces."""
    data = command
    for name, value in values.items():
        data += _text(name if len(name) == 1 else f"{{{name}}}") + _text(value)
    return packet(b"D", data)


def connect(hostname: str, address: str, port: int) -> bytes:
    """Who is connected; an unknown name is the address in brackets."""
    if not address:
        return packet(b"C", _text(hostname or "unknown") + b"U")
    family = b"6" if ":" in address else b"4"
    name = hostname or f"[{address}]"
    return packet(b"C", _text(name) + family + struct.pack("!H", port) + _text(address))


def helo(name: str) -> bytes:
    """HELO or EHLO."""
    return packet(b"H", _text(name))


def mail(reverse_path: str) -> bytes:
    """MAIL."""
    return packet(b"M", _text(f"<{reverse_path}>"))


def rcpt(recipient: str) -> bytes:
    """RCPT."""
    return packet(b"R", _text(f"<{recipient}>"))


def data() -> bytes:
    """DATA."""
    return packet(b"T")


def header(name: bytes, value: bytes) -> bytes:
    """A field; lines of a folded value end in LF alone."""
    return packet(b"L", _text(name) + _text(value.replace(b"\r\n", b"\n")))


def end_of_headers() -> bytes:
    """The empty line."""
    return packet(b"N")


def body(chunk: bytes) -> bytes:
    """A piece of the body, MAX_CHUNK octets at most."""
    return packet(b"B", chunk)


def end_of_body() -> bytes:
    """The letter is whole: now changes and the last word come."""
    return packet(b"E")


def abort() -> bytes:
    """Forget the letter; no answer."""
    return packet(b"A")


def quit_() -> bytes:
    """Goodbye; no answer."""
    return packet(b"Q")


def next_connection() -> bytes:
    """That client is gone, another may follow; no answer."""
    return packet(b"K")
