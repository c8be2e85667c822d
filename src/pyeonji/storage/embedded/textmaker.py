"""Texts made by a process of their own, so that nobody else waits for them.

It is started when there is something to make, reads accounts' files, writes
nothing, and goes when it was not asked for a while. Its standard input is a
socket to the process that started it; when that one ends, in whatever way, the
socket does too, and so does this. When this one ends, who asked makes the texts
itself.

A request is a path and numbers of messages; the answer is frames of what
`make_texts` gives, and an empty one. A frame is its length in four octets, and
MessagePack.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from pyeonji.storage.embedded.mail_schema import MIGRATIONS
from pyeonji.storage.embedded.sqlite import Database, errors_named, one, open_to_read
from pyeonji.storage.embedded.texts import Made, in_portions
from pyeonji.storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

AT_ONCE: Final = 20
"""Messages of a frame."""

LONGEST_WAIT_S: Final = 60.0
"""For the next frame; whoever is slower is given up."""

OTHERS_WAIT_S: Final = 2.0
"""How long one waits for another's texts before making its own itself."""

IDLE_S: Final = 20.0
"""A process that nobody asked for so long goes."""

PAUSE_S: Final = 60.0
"""After one that went wrong, none is started for so long."""

MAX_FRAME: Final = 1 << 30
MAX_OPEN: Final = 4
"""Accounts' files that the process keeps open."""

_PROGRAM: Final = "from pyeonji.storage.embedded.textmaker import main; main()"

Request = tuple[str, list[int]]

_encoder: Final = msgspec.msgpack.Encoder()
_requests: Final = msgspec.msgpack.Decoder(Request)
_answers: Final = msgspec.msgpack.Decoder(Made)


class TextMaker:
    """The other process, as threads of this one ask it; one at a time."""

    def __init__(self, niceness: int) -> None:
        self._niceness = niceness
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._used = 0.0
        self._not_before = 0.0
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the store is being closed."""
        return self._closed

    @property
    def running(self) -> bool:
        """Whether asking costs no start."""
        return self._process is not None

    def make(self, path: Path, messages: Sequence[int]) -> Iterator[Made]:
        """Texts of messages of an account's file; fewer where it went wrong.

        Take all of them, or close the generator.
        """
        if not self._lock.acquire(timeout=OTHERS_WAIT_S):
            return
        whole = False
        try:
            with contextlib.suppress(OSError, msgspec.MsgspecError, EOFError):
                if (connection := self._started()) is not None:
                    send(connection, _encoder.encode((str(path), messages)))
                    while frame := receive(connection):
                        yield _answers.decode(frame)
                    whole = True
        finally:
            self._used = time.monotonic()
            if not whole:
                self._not_before = self._used + PAUSE_S
                self._stop()
            self._lock.release()

    def _started(self) -> socket.socket | None:
        if self._socket is not None:
            return self._socket
        if self._closed or time.monotonic() < self._not_before:
            return None
        ours, its = socket.socketpair()
        ours.settimeout(LONGEST_WAIT_S)
        self._socket = ours
        with its:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", "-c", _PROGRAM, str(self._niceness)],
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
            )
        return ours

    def _stop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # it has nothing to lose
            process.wait()

    def rest(self) -> None:
        """Let the process go if it was not asked for a while."""
        if self._process is None or time.monotonic() - self._used < IDLE_S:
            return
        if self._lock.acquire(blocking=False):
            self._stop()
            self._lock.release()

    def close(self) -> None:
        """No process from now on; who waits for one is told that it is gone."""
        self._closed = True
        with contextlib.suppress(OSError, AttributeError):
            self._socket.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
        with self._lock:
            self._stop()


@dataclass(frozen=True, slots=True)
class Makers:
    """Those of one store: for what nobody waits for, and for what somebody does."""

    background: TextMaker = field(default_factory=lambda: TextMaker(niceness=10))
    asked: TextMaker = field(default_factory=lambda: TextMaker(niceness=0))

    def rest(self) -> bool:
        """Let processes go that were not asked for a while; whether any is left."""
        self.background.rest()
        self.asked.rest()
        return self.background.running or self.asked.running

    def close(self) -> None:
        """No processes from now on."""
        self.background.close()
        self.asked.close()


def send(connection: socket.socket, octets: bytes) -> None:
    """Send a frame. Raises OSError."""
    connection.sendall(len(octets).to_bytes(4, "big") + octets)


def receive(connection: socket.socket) -> bytes:
    """The next frame. Raises OSError, EOFError."""
    length = int.from_bytes(_exactly(connection, 4), "big")
    if length > MAX_FRAME:
        raise EOFError
    return _exactly(connection, length)


def _exactly(connection: socket.socket, number: int) -> bytes:
    octets = bytearray(number)
    view = memoryview(octets)
    while view:
        got = connection.recv_into(view)
        if not got:
            raise EOFError
        view = view[got:]
    return bytes(octets)


# -- the other process


class _Files:
    """Accounts' files that were asked for last, opened for reading only."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, Database] = OrderedDict()

    def of(self, path: str) -> Database:
        if path not in self._open:
            self._open[path] = open_to_read(path)
            if len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(path)
        connection = self._open[path]
        # a program that was put in its place may be newer than who asks
        if one(connection, "PRAGMA user_version")[0] != len(MIGRATIONS):
            raise EOFError
        return connection


def serve(connection: socket.socket) -> None:
    """Answer until the other end is gone. Raises EOFError, and what went wrong."""
    files = _Files()
    while True:
        path, messages = _requests.decode(receive(connection))
        blobs = Path(path).parent / "blobs"
        for made in in_portions(files.of(path), blobs, messages, AT_ONCE):
            send(connection, _encoder.encode(made))
        send(connection, b"")


def main() -> None:
    """The process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    os.nice(int(sys.argv[1]))
    wrong = (StorageUnavailable, EOFError, msgspec.MsgspecError)
    with (
        contextlib.suppress(*wrong),
        errors_named(),
        socket.socket(fileno=0) as connection,
    ):
        serve(connection)
