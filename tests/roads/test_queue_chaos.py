"""The queue when the machine fails it: killed at any sync, disks that refuse.

The worker runs under strace, which kills it at, or fails, the system calls that
matter. Whatever was accepted must reach the next hop: at least once, and twice
only where the worker died with the letter under way.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyeonji.storage.embedded.verify import verify

ROOT = Path(__file__).parents[2]
SYNCS = "fsync,fdatasync"


def may_trace() -> bool:
    """Some containers forbid it; a strace that is not there is a failure below."""
    if shutil.which("strace") is None:
        return True
    tried = subprocess.run(
        ["strace", "-f", "-e", "inject=fsync:error=EIO", "true"],
        capture_output=True,
        check=False,
    )
    return tried.returncode == 0


pytestmark = [
    pytest.mark.clients,  # strace is a Debian package
    pytest.mark.skipif(not may_trace(), reason="this machine lets nobody trace"),
    pytest.mark.timeout(120),
]


class Sink(threading.Thread):
    """A next hop that counts the recipients of the letters it said 250 to."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(daemon=True)
        self.taken: Counter[str] = Counter()
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=[connection], daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rwb", buffering=0) as wire:
            try:
                self._converse(wire)
            except OSError:
                return

    def _converse(self, wire: socket.SocketIO) -> None:
        token = ""
        wire.write(b"220 sink\r\n")
        while line := wire.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                token = line.partition(b"<")[2].partition(b"@")[0].decode()
            if verb == b"DATA":
                wire.write(b"354 go\r\n")
                octets = b""
                while (line := wire.readline()) not in {b".\r\n", b""}:
                    octets += line
                if not line:  # it died in the middle
                    return
                self.count(octets, token)
            wire.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")

    def count(self, octets: bytes, token: str) -> None:
        """A letter came, for the recipient named last."""
        self.taken[token] += 1

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    made.start()
    yield made
    made.close()


def run(data: Path, sink: Sink, count: int, name: str, *inject: str) -> list[list[str]]:
    """What a worker said until its end; `inject` as strace has it."""
    traced = ["strace", "-f", "-qq", "-o", "/dev/null"] if inject else []
    for one in inject:
        traced += ["-e", f"inject={one}"]
    worker = [sys.executable, "-m", "tests.roads.queue_worker"]
    done = subprocess.run(
        [*traced, *worker, str(data), str(sink.port), str(count), name],
        capture_output=True,
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    said = done.stdout.decode().splitlines()
    assert inject or done.returncode == 0, done.stderr.decode()[-2000:]
    return [line.split() for line in said]


def test_killed_at_any_sync(tmp_path: Path, sink: Sink) -> None:
    """SIGKILL in the middle of the n-th sync: accepting, counting, settling."""
    accepted: list[str] = []
    kills = 0
    for moment in (3, 4, 5, 6, 7, 8, 10, 13, 17, 22, 28, 35):
        # several threads sync, and strace counts for each of them
        said = run(
            tmp_path, sink, 12, f"k{moment}", f"{SYNCS}:signal=KILL:when={moment}"
        )
        accepted += [words[1] for words in said if words[0] == "A"]
        kills += ["E"] not in said
        problems = [one.what for one in verify(tmp_path).problems]
        assert problems == []
    said = run(tmp_path, sink, 0, "last")
    assert said == [["E"]]
    assert kills >= 5
    assert len(accepted) > 30
    lost = [token for token in accepted if not sink.taken[token]]
    assert lost == []
    twice = [token for token, count in sink.taken.items() if count > 1]
    assert len(twice) <= kills * 4  # no more than were under way


@pytest.mark.parametrize(
    "failing",
    [
        f"{SYNCS}:error=EIO:when=3..23+5",
        f"{SYNCS}:error=EIO:when=6..14",
        "pwrite64:error=ENOSPC:when=40..90",
        "pwrite64:error=EIO:when=41..91+10",
    ],
)
def test_disks_that_fail(tmp_path: Path, sink: Sink, failing: str) -> None:
    """Refused or kept, never both; all goes on when the disk does."""
    run(tmp_path, sink, 1, "first")  # the files are there
    said = run(tmp_path, sink, 40, "f", failing)
    accepted = [words[1] for words in said if words[0] == "A"]
    refused = [words[1] for words in said if words[0] == "R"]
    run(tmp_path, sink, 0, "last")
    assert len(accepted) + len(refused) == 40
    assert accepted
    assert refused
    assert [token for token in accepted if not sink.taken[token]] == []
    assert [token for token, count in sink.taken.items() if count > 4] == []
    assert [one.what for one in verify(tmp_path).problems] == []
