"""Mail servers that can't be installed beside Postfix, in a folder that is their world.

`tests/clients/unpack` puts their files into `.strangers`; each running one gets a
copy of its program with the libraries it needs, devices, users and a host name of
its own, and is started there by chroot(8). Only root can.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from tests.clients.letters import on_the_wire
from tests.running import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

UNPACKED: Final = Path(__file__).parents[2] / ".strangers"
WAIT_S: Final = 20.0

USERS: Final = ("Debian-exim", "mail", "opensmtpd", "opensmtpq", "vmail")
FIRST_ID: Final = 50_000


class Chrooted:
    """One server in its folder; runs inside `with`.

    Args:
        name: its host name, also in its certificate.
        program: path below `.strangers`, as "usr/sbin/exim4".
        arguments: of the program.
        ports: where it listens when it is there.
        more: other programs that it needs; with "/" before them from this machine.
    """

    def __init__(
        self,
        name: str,
        program: str,
        arguments: Sequence[str],
        ports: Sequence[int],
        more: Sequence[str] = (),
    ) -> None:
        assert os.geteuid() == 0, "chroot(8) works only for root"
        self.folder = Path(tempfile.mkdtemp(prefix="pyeonji-stranger-"))
        self.folder.chmod(0o755)
        self.name = name
        self._command = [f"/{program}", *arguments]
        self._ports = ports
        self._process: subprocess.Popen[bytes] | None = None
        for file in (program, *more):
            self._bring(file)
        self._furnish(name)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    # -- what it has got, and said

    def arrived(self, token: str) -> bytes:
        """The letter with this token in the Maildir that all share."""
        return self._when(token, lambda octets: b"/delivery-status" not in octets)

    def report(self, token: str) -> bytes:
        """The report about the letter with this token."""
        return self._when(token, lambda octets: b"/delivery-status" in octets)

    def _when(self, token: str, is_it: Callable[[bytes], bool]) -> bytes:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            for file in (self.folder / "mail/all").glob("new/*"):
                octets = on_the_wire(file.read_bytes())
                if token.encode() in octets and is_it(octets):
                    return octets
            time.sleep(0.05)
        raise AssertionError(f"{token} has not come:\n{self.log()[-5000:]}")

    def log(self) -> str:
        """All it logged."""
        logs = sorted(self.folder.glob("log/*"))
        return "\n".join(each.read_text(errors="replace") for each in logs)

    def logged(self, *words: str) -> str:
        """The line that has all these words, when there is one."""
        deadline = time.monotonic() + WAIT_S
        while True:
            for line in self.log().splitlines():
                if all(word in line for word in words):
                    return line
            assert time.monotonic() < deadline, f"no {words}:\n{self.log()[-5000:]}"
            time.sleep(0.1)

    # -- its world

    def run(self, *words: str) -> None:
        """Run another program there."""
        subprocess.run(["chroot", self.folder, *words], check=True, timeout=WAIT_S)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """A file of its world."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def room(self, path: str, owner: str, mode: int = 0o755) -> None:
        """A folder of its world."""
        (self.folder / path).mkdir(parents=True, exist_ok=True)
        self.give(path, owner, mode)

    def give(self, path: str, owner: str, mode: int) -> None:
        """Say whose a file or folder is."""
        number = FIRST_ID + USERS.index(owner) if owner != "root" else 0
        os.chown(self.folder / path, number, number)
        (self.folder / path).chmod(mode)

    def _bring(self, file: str) -> None:
        """A program and its libraries."""
        source = UNPACKED / file  # what begins with "/" stands for itself
        assert source.exists(), f"{file} is not there: run tests/clients/unpack"
        self._copy(source, self.folder / file.lstrip("/"))
        told = subprocess.run(
            ["ldd", source], capture_output=True, text=True, check=False
        )
        for library in re.findall(r"(/\S+) \(0x", told.stdout):
            self._copy(Path(library), self.folder / library.lstrip("/"))

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy(source, target)
            target.chmod(source.stat().st_mode)

    def _furnish(self, name: str) -> None:
        numbered = [(user, FIRST_ID + i) for i, user in enumerate(USERS)]
        users = [f"{user}:x:{i}:{i}::/mail:/bin/false" for user, i in numbered]
        groups = [f"{user}:x:{i}:" for user, i in numbered]
        self.write("etc/passwd", "\n".join(["root:x:0:0::/:/bin/false", *users, ""]))
        self.write("etc/group", "\n".join(["root:x:0:", *groups, ""]))
        self.write("etc/hosts", f"{HOST} {name} localhost\n")
        self.write("etc/resolv.conf", f"nameserver {HOST}\nlookup file\n")
        self.write("etc/services", "smtp 25/tcp\nsmtps 465/tcp\nsubmission 587/tcp\n")
        self.write("etc/nsswitch.conf", "hosts: files\npasswd: files\ngroup: files\n")
        self._certify(name)
        self.room("tmp", "root", 0o1777)
        self.room("run", "root")
        self.room("log", "Debian-exim")
        self.room("mail", "vmail")
        self.room("dev", "root")
        for device, minor in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
            path = self.folder / "dev" / device
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, minor))
            path.chmod(0o666)

    def _certify(self, name: str) -> None:
        """A self-signed certificate."""
        key, certificate = self.folder / "etc/key.pem", self.folder / "etc/cert.pem"
        words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes"]
        words += ["-subj", f"/CN={name}", "-days", "30"]
        subprocess.run(
            [*words, "-keyout", key, "-out", certificate],
            check=True,
            stderr=subprocess.DEVNULL,
        )

    def _start(self) -> None:
        with (self.folder / "log/said").open("ab") as said:
            self._process = subprocess.Popen(
                ["chroot", self.folder, *self._command],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
                env={"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C"},
            )
        deadline = time.monotonic() + WAIT_S
        for port in self._ports:
            while True:
                assert self._process.poll() is None, f"it ended:\n{self.log()}"
                with socket.socket() as tried:
                    if tried.connect_ex((HOST, port)) == 0:
                        break
                assert time.monotonic() < deadline, f"it does not start:\n{self.log()}"
                time.sleep(0.05)

    def _end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
