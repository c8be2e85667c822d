"""What a milter says to an MTA."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import Enum
from typing import Final

from pyeonji.protocol.milter.packets import VERSION, Actions, Steps, Terms

MAX_PACKET: Final = 1024 * 1024
"""Octets of one packet that we take."""


class BadMilter(Exception):
    """What came breaks the protocol; nothing more can be read of it."""


class Word(Enum):
    """A reply without anything more."""

    CONTINUE = b"c"
    ACCEPT = b"a"
    REJECT = b"r"
    TEMPFAIL = b"t"
    DISCARD = b"d"
    PROGRESS = b"p"
    SKIP = b"s"
    FAIL_CONNECTION = b"f"
    SHUTDOWN = b"4"


@dataclass(frozen=True, slots=True)
class ReplyCode:
    """A reply of the milter's own words."""

    code: int
    status: str
    text: str


@dataclass(frozen=True, slots=True)
class HeaderAdded:
    """A new field; None is "anywhere".

    `index` is where it stands: the MTA's own Received has 0, what the milter
    was shown begins at 1.
    """

    name: bytes
    value: bytes
    index: int | None


@dataclass(frozen=True, slots=True)
class HeaderChanged:
    """The `index`-th field of a name gets another value; b"" removes it."""

    name: bytes
    value: bytes
    index: int


@dataclass(frozen=True, slots=True)
class BodyReplaced:
    """A piece of a new body."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Keep the letter apart."""

    reason: str


@dataclass(frozen=True, slots=True)
class RecipientAdded:
    """One more recipient; `parameters` are those of RCPT."""

    path: bytes
    parameters: bytes = b""


@dataclass(frozen=True, slots=True)
class RecipientRemoved:
    """Somebody shall not have the letter."""

    path: bytes


@dataclass(frozen=True, slots=True)
class SenderChanged:
    """Another reverse path; `parameters` are those of MAIL."""

    path: bytes
    parameters: bytes = b""


Reply = (
    Word
    | ReplyCode
    | HeaderAdded
    | HeaderChanged
    | BodyReplaced
    | Quarantined
    | RecipientAdded
    | RecipientRemoved
    | SenderChanged
)

_REPLY: Final = re.compile(
    rb"([45]\d\d)(?:[ -]([245]\.\d{1,3}\.\d{1,3}))?[ -]?([^\x00]*)\x00?", re.DOTALL
)
_NAME: Final = re.compile(rb"[!-9;-~]{1,200}")


class Incoming:
    """Cuts what comes into packets."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take octets."""
        self._buffer += data

    def next(self) -> tuple[bytes, bytes] | None:
        """The next packet's command and data, or None: more must come.

        Raises:
            BadMilter: a length that none has.
        """
        buffer = self._buffer
        if len(buffer) < 5:
            return None
        length = int.from_bytes(buffer[:4])
        if not 1 <= length <= MAX_PACKET:
            raise BadMilter(f"a packet of {length} octets")
        if len(buffer) < 4 + length:
            return None
        command, data = bytes(buffer[4:5]), bytes(buffer[5 : 4 + length])
        del buffer[: 4 + length]
        return command, data


def read_terms(command: bytes, data: bytes, offered: Actions) -> Terms:
    """The milter's side of the negotiation.

    Raises:
        BadMilter: it is none, or of another version.
    """
    if command != b"O" or len(data) < 12:
        raise BadMilter("no negotiation")
    version, actions, steps = struct.unpack_from("!III", data)
    if not 2 <= version <= VERSION:
        raise BadMilter(f"version {version}")
    # many ask for all there is and use little of it: what it may not do is an
    # error when it does it
    return Terms(Actions(actions & offered), Steps(steps & 0x1FFFFF))


def read(command: bytes, data: bytes) -> Reply:
    """One reply.

    Raises:
        BadMilter: unknown, or not as it must be.
    """
    try:
        return Word(command)
    except ValueError:
        pass
    match command:
        case b"y":
            return _reply_code(data)
        case b"h":
            name, value = _field(data)
            return HeaderAdded(name, value, None)
        case b"i" | b"m":
            if len(data) < 4:
                raise BadMilter("no index")
            name, value = _field(data[4:])
            index = int.from_bytes(data[:4])
            if command == b"i":
                return HeaderAdded(name, value, index)
            return HeaderChanged(name, value, max(index, 1))
        case b"b":
            return BodyReplaced(data)
        case b"q":
            reason = data.partition(b"\0")[0].decode("utf-8", "replace")
            return Quarantined(reason)
        case _:
            return _envelope(command, data)


def _envelope(command: bytes, data: bytes) -> Reply:
    path, parameters = _path(data)
    match command:
        case b"+":
            return RecipientAdded(path)
        case b"2":
            return RecipientAdded(path, parameters)
        case b"-":
            return RecipientRemoved(path)
        case b"e":
            return SenderChanged(path, parameters)
        case _:
            raise BadMilter(f"reply {command!r}")


def _reply_code(data: bytes) -> ReplyCode:
    found = _REPLY.fullmatch(data)
    if found is None:
        raise BadMilter("a reply code that SMTP does not have")
    # several lines: the later ones say their code again
    lines = re.split(rb"\r?\n", found[3])
    rest = [re.sub(rb"^[45]\d\d[ -](?:[45]\.\d+\.\d+ )?", b"", x) for x in lines[1:]]
    text = b" ".join([lines[0], *rest]).decode("utf-8", "replace").strip()
    code = int(found[1])
    status = found[2].decode() if found[2] else f"{code // 100}.7.1"
    if status[0] != str(code // 100):
        status = f"{code // 100}.7.1"
    return ReplyCode(code, status, text)


def _path(data: bytes) -> tuple[bytes, bytes]:
    """A path without its brackets, and the parameters behind it."""
    path, _, rest = data.partition(b"\0")
    path = path.strip()
    if path.startswith(b"<") and path.endswith(b">"):
        path = path[1:-1]
    return path, rest.partition(b"\0")[0].strip()


def _field(data: bytes) -> tuple[bytes, bytes]:
    name, zero, rest = data.partition(b"\0")
    value = rest.partition(b"\0")[0]
    if not zero or _NAME.fullmatch(name) is None:
        raise BadMilter("a header field without a proper name")
    return name, value
