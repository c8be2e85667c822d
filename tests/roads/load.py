"""Clients that send without pause and keep a ledger of what was promised."""

from __future__ import annotations

import random
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.running import HOST

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGE_OCTETS: Final = 300 * 1024
"""More than what is kept in a database row: such letters are files."""

PAUSE_S: Final = 0.1
"""After a connection broke, before the next one."""


@dataclass
class Ledger:
    """Tokens of letters by recipient: answered 250, or begun and never answered."""

    promised: dict[str, list[str]] = field(default_factory=dict)
    open: dict[str, list[str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, token: str, recipients: Sequence[str]) -> None:
        """A letter is about to be sent: from now on it may arrive."""
        with self.lock:
            for recipient in recipients:
                self.open.setdefault(recipient, []).append(token)

    def promise(self, token: str, recipients: Sequence[str]) -> None:
        """The server said 250: from now on it must arrive."""
        with self.lock:
            for recipient in recipients:
                self.promised.setdefault(recipient, []).append(token)

    def promises(self) -> int:
        """How many deliveries are owed."""
        with self.lock:
            return sum(map(len, self.promised.values()))


class Sender(threading.Thread):
    """One connection at a time to a door, letter after letter, until `halt`.

    LMTP answers for each recipient (RFC 2033 §4.2), SMTP once.
    """

    def __init__(
        self,
        number: int,
        port: int,
        recipients: Sequence[str],
        ledger: Ledger,
        *,
        lmtp: bool = False,
        pause_s: float = 0.0,
    ) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._recipients = recipients
        self._ledger = ledger
        self._lmtp = lmtp
        self._pause_s = pause_s
        self._chance = random.Random(number)
        self._number = number
        self._count = 0
        self._halted = threading.Event()

    def halt(self) -> None:
        """Finish the letter that is under way, then end."""
        self._halted.set()

    def run(self) -> None:
        """Send; a broken connection is what this test is about."""
        while not self._halted.is_set():
            try:
                with socket.create_connection((HOST, self._port), 10) as connection:
                    connection.settimeout(10)
                    self._talk(connection)
            except OSError:
                self._halted.wait(PAUSE_S)

    def _talk(self, connection: socket.socket) -> None:
        replies = connection.makefile("rb")
        _expect(replies, 220)
        connection.sendall(b"LHLO load\r\n" if self._lmtp else b"EHLO load\r\n")
        _expect(replies, 250)
        while not self._halted.is_set():
            self._send(connection, replies)
            if self._pause_s:
                self._halted.wait(self._pause_s)
        connection.sendall(b"QUIT\r\n")
        _expect(replies, 221)

    def _send(self, connection: socket.socket, replies: _Replies) -> None:
        chance = self._chance
        self._count += 1
        token = f"t{self._number}x{self._count}"
        most = len(self._recipients)
        recipients = chance.sample(
            self._recipients, 1 if chance.random() < 0.8 else most
        )
        words = b"MAIL FROM:<load@example.test>\r\n"
        words += b"".join(b"RCPT TO:<%s>\r\n" % r.encode() for r in recipients)
        connection.sendall(words + b"DATA\r\n")
        for _ in range(1 + len(recipients)):
            _expect(replies, 250)
        _expect(replies, 354)
        self._ledger.begin(token, recipients)
        connection.sendall(self._octets(token) + b".\r\n")
        if self._lmtp:
            for recipient in recipients:
                _expect(replies, 250)
                self._ledger.promise(token, [recipient])
        else:
            _expect(replies, 250)
            self._ledger.promise(token, recipients)

    def _octets(self, token: str) -> bytes:
        large = self._chance.random() < 0.03
        size = LARGE_OCTETS if large else self._chance.randrange(100, 6000)
        line = b"%s the body of a letter under load, line by line\r\n" % token.encode()
        return (
            b"From: load@example.test\r\nSubject: %s\r\n\r\n" % token.encode()
            + line * (size // len(line) + 1)
        )


class BadReply(OSError):
    """Not what was expected: the connection is given up, as if it had broken."""


def _expect(replies: _Replies, code: int) -> None:
    while True:
        line = replies.readline()
        if not line.startswith(b"%d" % code):
            raise BadReply(line)
        if line[3:4] != b"-":
            return


if TYPE_CHECKING:
    from typing import BinaryIO as _Replies
