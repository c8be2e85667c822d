"""A real server for tests: `pyeonji serve` with its own folder and ports.

    with Server() as server:
        smtplib.SMTP(HOST, server.port("smtp")).sendmail(…)

It is made and asked by its command line only, as an operator would; commands that
only prepare and wait run in this process, which has everything imported. The
certificate is a fresh self-signed one, good for 127.0.0.1 and localhost;
`server.certificate` is what a client must trust.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from tests.patience import wait_until
from typer.testing import CliRunner

from pyeonji.serve.certificates import make_self_signed
from pyeonji.serve.cli import app

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from typer.testing import Result

HOST: Final = "127.0.0.1"
DOMAIN: Final = "example.test"
PASSWORD: Final = "편지 letter"
PROGRAM: Final = Path(
    os.environ.get("PYEONJI_PROGRAM") or Path(sys.executable).parent / "pyeonji"
)
READY_WAIT_S: Final = 30.0
STOP_WAIT_S: Final = 40.0

LISTENERS: Final = (
    ("smtp", "starttls"),
    ("submission", "starttls"),
    ("submission", "implicit"),
    ("lmtp", "none"),
    ("imap", "starttls"),
    ("imap", "implicit"),
    ("pop3", "starttls"),
    ("pop3", "implicit"),
)


class Ports:
    """Free ports of loopback, kept from others until `close`.

    The kernel gives a port out once only while our socket is bound to it; the
    server, which shares ports among its workers (SO_REUSEPORT), may bind it too.
    """

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    def take(self) -> int:
        """One more port."""
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((HOST, 0))
        self._sockets.append(bound)
        return int(bound.getsockname()[1])

    def close(self) -> None:
        """Give all back."""
        for bound in self._sockets:
            bound.close()
        self._sockets.clear()


class CommandFailed(AssertionError):
    """A command of `pyeonji` ended with another code than was expected."""


class Server:
    """One server with a domain and accounts; runs inside `with`.

    Args:
        accounts: local parts; all have PASSWORD. The first reads postmaster's mail.
        extra: more TOML, behind the listeners ([[route]], [queue], …).
        legacy: also keep secrets for APOP and CRAM-MD5.
        channel_binding: offer SCRAM-*-PLUS under TLS 1.3 too.
        tls: more lines of [tls].
        workers: processes; 0 leaves the choice to the server.
        ready_s: how long a start may take.
    """

    def __init__(
        self,
        *,
        accounts: Iterable[str] = ("kim", "lee"),
        extra: str = "",
        legacy: bool = False,
        channel_binding: bool = False,
        workers: int = 0,
        log_level: str = "info",
        tls: str = "",
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pyeonji-test-"))
        self.data = self.folder / "data"
        self.certificate = self.folder / "cert.pem"
        self.log_file = self.folder / "serve.log"
        self.config = self.folder / "pyeonji.toml"
        self._accounts = tuple(accounts)
        self._reserved = Ports()
        self._ports = {each: self._reserved.take() for each in LISTENERS}
        self._process: subprocess.Popen[bytes] | None = None
        self._made = False
        key = self.folder / "key.pem"
        make_self_signed(f"mail.{DOMAIN}", self.certificate, key)
        self._tls_lines = tls
        auth = [f"legacy = {str(legacy).lower()}"]
        auth += ["channel_binding = true"] if channel_binding else []
        self.config.write_text(self._settings(key, extra, auth, workers, log_level))

    def _settings(
        self, key: Path, extra: str, auth: list[str], workers: int, log_level: str
    ) -> str:
        lines = [f'hostname = "mail.{DOMAIN}"', f'data = "{self.data}"']
        lines += [f"workers = {workers}"] if workers else []
        lines += ["[tls]", f'certificate = "{self.certificate}"', f'key = "{key}"']
        lines += [self._tls_lines]
        lines += ["[auth]", *auth]
        lines += ["[log]", f'level = "{log_level}"']
        for (protocol, tls), port in self._ports.items():
            lines += ["[[listener]]", f'protocol = "{protocol}"', f'tls = "{tls}"']
            lines += [f'address = "{HOST}:{port}"']
        return "\n".join([*lines, extra, ""])

    def __enter__(self) -> Self:
        try:
            self.furnish()
            self.start()
        except BaseException:
            self._tell_log()
            self._erase()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is not None:
                self._tell_log()
                self.kill()
            elif self._process is not None:
                self.stop()
        finally:
            self._erase()

    def port(self, protocol: str, tls: str = "") -> int:
        """The port of a listener; without `tls` the one that begins in clear."""
        clear = "none" if protocol == "lmtp" else "starttls"
        return self._ports[protocol, tls or clear]

    # -- the command line

    def run(
        self, *words: str, stdin: str | bytes = "", code: int = 0, timeout_s: float = 60
    ) -> bytes:
        """Run `pyeonji --config … words`; what it printed.

        Raises:
            CommandFailed: it ended with another code than `code`.
        """
        given = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [PROGRAM, "--config", self.config, *words],
            input=given,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        if done.returncode != code:
            told = (done.stdout + done.stderr).decode(errors="replace")
            raise CommandFailed(f"{' '.join(words)}: exit {done.returncode}\n{told}")
        return done.stdout

    def run_here(self, *words: str, stdin: str = "") -> str:
        """The same without a process of its own, which is a hundred times cheaper.

        Not where the configuration has `user`: commands become that one.
        """
        done: list[Result] = []

        def work() -> None:  # a thread: this one may have a loop that runs
            words_all = ["--config", str(self.config), *words]
            done.append(CliRunner().invoke(app, words_all, input=stdin))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if done[0].exit_code != 0:
            why = done[0].exception
            raise CommandFailed(f"{' '.join(words)}: {why!r}\n{done[0].output}")
        return done[0].stdout

    def run_json(self, *words: str) -> Any:
        """The same for a command with --json."""
        return json.loads(self.run(*words, "--json"))

    def furnish(self) -> None:
        """Make the domain and the accounts, once."""
        if not self._made:
            self.run_here("domain", "add", DOMAIN)
            for name in self._accounts:
                self.add_account(name)
            self._made = True

    def add_account(self, name: str, *options: str) -> str:
        """Make an account; its address."""
        address = name if "@" in name else f"{name}@{DOMAIN}"
        self.run_here(
            "account", "add", address, "--password-stdin", *options, stdin=PASSWORD
        )
        return address

    def verify(self) -> None:
        """`pyeonji verify` must find nothing."""
        self.run("verify")

    def letters(self, *words: str) -> Any:
        """What `queue list` shows."""
        return json.loads(self.run_here("queue", "list", "--json", *words))

    def wait_until_queue_is_empty(self, limit_s: float = 90) -> None:
        """Return when every letter has reached all its recipients."""
        wait_until(
            lambda: not self.letters(),
            lambda: f"they wait: {self.letters()[:3]}\n{self.log()}",
            limit_s=limit_s,
            every_s=0.05,
        )

    # -- life and death

    def start(self) -> None:
        """Start, and wait for `ready`."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "--config", self.config, "serve"],
                stdout=subprocess.PIPE,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        impatient = threading.Timer(READY_WAIT_S, self._kill_group)
        impatient.start()
        assert self._process.stdout is not None
        first = self._process.stdout.readline()
        impatient.cancel()
        if first != b"ready\n":
            raise AssertionError(f"serve said {first!r} instead of ready\n{self.log()}")

    def stop(self) -> None:
        """SIGTERM; it must finish what is under way and exit with 0."""
        process = self._running()
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"serve did not stop\n{self.log()}") from None
        self._forget()
        assert code == 0, f"serve ended with {code}\n{self.log()}"

    def kill(self) -> None:
        """SIGKILL to all its processes at once; nothing is finished."""
        if self._process is not None:
            self._kill_group()
            self._process.wait()
            self._forget()

    def restart(self) -> None:
        """Stop in good order and start again."""
        self.stop()
        self.start()

    def reload(self) -> None:
        """SIGHUP: configuration and certificate are read again."""
        self._running().send_signal(signal.SIGHUP)

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the server was not started"
        return self._process

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._running().pid, signal.SIGKILL)

    def _forget(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.stdout is not None:
            process.stdout.close()

    # -- looking from outside

    @property
    def pid(self) -> int:
        """The supervisor."""
        return self._running().pid

    def worker_pids(self) -> list[int]:
        """The worker processes that live now."""
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in listed.split()]

    def rss_octets(self) -> int:
        """Resident memory of all its processes, file pages that they map left out."""
        return sum(_private_octets(pid) for pid in [self.pid, *self.worker_pids()])

    def log(self) -> str:
        """The last of what it logged."""
        try:
            return self.log_file.read_text(errors="replace")[-20_000:]
        except FileNotFoundError:
            return ""

    def tls_context(self) -> ssl.SSLContext:
        """For clients: trusts this server's certificate, and checks it."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def _tell_log(self) -> None:
        sys.stderr.write(f"--- {self.log_file}\n{self.log()}\n")

    def _erase(self) -> None:
        self.kill()
        self._reserved.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _private_octets(pid: int) -> int:
    """RssAnon: what a process itself has filled."""
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0
