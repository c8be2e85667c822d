"""The first process: binds, starts the workers, and starts again any that dies.

It does no mail work and opens no database, so nothing that comes from outside
can bring it down. The listening sockets stay open in it: connections that come
while a worker is being replaced wait in the kernel.

Workers hold the reading end of a pipe whose writing end only this process has:
when it is killed they see the end of file and stop. The lock on the data
folder is shared by all of them, so a next server waits until the last is gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.base.errors import PermanentError
from pyeonji.net.listener import bind
from pyeonji.serve.certificates import certificate_files
from pyeonji.serve.named_files import check_files
from pyeonji.serve.privileges import drop_privileges

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyeonji.serve.configuration import Configuration, ListenerSettings

LOCK_WAIT_S: Final = 15.0
"""How long a new server waits for the workers of a killed one to be gone."""

STOP_WAIT_S: Final = 30.0
"""How long workers may take to finish what is under way."""

RESTART_PAUSE_S: Final = 1.0
"""Before a worker that died young is started again."""

MAX_DESCRIPTORS: Final = 1 << 20
"""Files that a process asks to have open at most."""

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

log = structlog.get_logger("pyeonji.serve")


class CannotStart(PermanentError):
    """The server can't start; the message says why in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A listener of the configuration with this worker's socket of it."""

    settings: ListenerSettings
    socket: socket.socket


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStart:
    """All that a worker process is given."""

    configuration: Configuration
    number: int
    workers: int
    listeners: tuple[Bound, ...]
    certificate: tuple[Path, Path]
    ready: int  # write one octet here when every listener accepts
    life: int  # end of file here means that the supervisor is gone


@dataclass(slots=True)
class _Running:
    pid: int
    since: float = field(default_factory=time.monotonic)


class Supervisor:
    """Keeps N workers running until it is told to stop."""

    def __init__(
        self,
        configuration: Configuration,
        run_worker: Callable[[WorkerStart], int],
        *,
        on_ready: Callable[[dict[str, tuple[str, int]]], None],
    ) -> None:
        """Nothing is bound yet.

        Args:
            configuration: what to serve.
            run_worker: the body of a worker process; returns its exit code.
            on_ready: called once when every listener accepts, with the
                addresses that were bound, by listener name.
        """
        self._configuration = configuration
        self._run_worker = run_worker
        self._on_ready = on_ready
        self._count = configuration.workers or default_workers()
        self._sockets: list[tuple[ListenerSettings, list[socket.socket]]] = []
        self._workers: dict[int, _Running] = {}
        self._stopping = False
        self._died_since = 0.0
        self._ready = 0
        self._told_ready = False

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; 0 after an orderly end.

        Raises:
            PermanentError: nothing was started; the message says why.
        """
        lock = lock_data(self._configuration.data)
        self._bind()
        try:
            self._certificate = certificate_files(self._configuration)
        except OSError as error:
            raise CannotStart(f"certificate: {error}") from error
        raise_descriptors()
        drop_privileges(self._configuration)
        check_files(self._configuration)
        self._life_read, life_write = os.pipe()
        self._ready_read, self._ready_write = os.pipe()
        os.set_blocking(self._ready_read, False)
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        for number in range(self._count):
            self._start(number)
        try:
            return self._watch()
        finally:
            os.close(life_write)
            os.close(lock)

    # -- before the first worker

    def _bind(self) -> None:
        if not self._configuration.listeners:
            raise CannotStart(
                f"{self._configuration.file}: there is no [[listener]] to serve"
            )
        for settings in self._configuration.listeners:
            try:
                bound = bind(settings.host, settings.port, copies=self._count)
            except OSError as error:
                where = f"listener {settings.name}"
                raise CannotStart(f"{where}: {error.strerror or error}") from error
            self._sockets.append((settings, bound))

    # -- workers

    def _start(self, number: int) -> None:
        start = WorkerStart(
            configuration=self._configuration,
            number=number,
            workers=self._count,
            listeners=tuple(
                Bound(settings=settings, socket=bound[number])
                for settings, bound in self._sockets
            ),
            certificate=self._certificate,
            ready=self._ready_write,
            life=self._life_read,
        )
        pid = os.fork()
        if pid:
            self._workers[number] = _Running(pid)
            return
        code = 70
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            for _, bound in self._sockets:
                for other, each in enumerate(bound):
                    if other != number:
                        each.close()
            self._close_life_writer()
            code = self._run_worker(start)
        except BaseException as error:
            log.critical("worker.crashed", exc_info=error)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _close_life_writer(self) -> None:
        # every descriptor of this pipe's writing end but the supervisor's must go
        mine = os.fstat(self._life_read).st_ino
        for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - numbers
            number = int(name)
            if number == self._life_read:
                continue
            try:
                if os.fstat(number).st_ino == mine:
                    os.close(number)
            except OSError:
                continue

    def _watch(self) -> int:
        deadline = float("inf")
        while True:
            if not self._told_ready:
                self._tell_ready()
            # a short look at the pipe until all are ready, then only signals
            got = signal.sigtimedwait(SIGNALS, 1.0 if self._told_ready else 0.02)
            if got is not None:
                deadline = min(deadline, self._signalled(got.si_signo))
            if not self._replace_dead():
                return 1
            if self._stopping and not self._workers:
                return 0
            if time.monotonic() > deadline:
                self._stop(signal.SIGKILL)
                deadline = float("inf")

    def _tell_ready(self) -> None:
        self._ready += self._count_ready()
        if self._ready >= self._count:
            self._told_ready = True
            self._on_ready(self._addresses())
            notify_systemd("READY=1")

    def _replace_dead(self) -> bool:
        """Start dead workers again; False when they can't even start once."""
        for number, status in self._reap():
            if self._stopping:
                continue
            log.error("worker.died", worker=number, status=status)
            if not self._told_ready:
                self._stop(signal.SIGTERM)
                return False
            if time.monotonic() - self._died_since < RESTART_PAUSE_S:
                time.sleep(RESTART_PAUSE_S)
            self._start(number)
        return True

    def _signalled(self, number: int) -> float:
        """Act on a signal; returns by when the workers must be gone."""
        if number in (signal.SIGTERM, signal.SIGINT):
            self._stopping = True
            notify_systemd("STOPPING=1")
            self._stop(signal.SIGTERM)
            return time.monotonic() + STOP_WAIT_S
        if number == signal.SIGHUP:
            self._stop(signal.SIGHUP)
        return float("inf")

    def _stop(self, number: int) -> None:
        for running in self._workers.values():
            os.kill(running.pid, number)

    def _reap(self) -> list[tuple[int, int]]:
        ended = []
        for number, running in list(self._workers.items()):
            pid, status = os.waitpid(running.pid, os.WNOHANG)
            if pid:
                del self._workers[number]
                self._died_since = running.since
                ended.append((number, os.waitstatus_to_exitcode(status)))
        return ended

    def _count_ready(self) -> int:
        readable, _, _ = select.select([self._ready_read], [], [], 0)
        return len(os.read(self._ready_read, 4096)) if readable else 0

    def _addresses(self) -> dict[str, tuple[str, int]]:
        return {
            settings.name: bound[0].getsockname()[:2]
            for settings, bound in self._sockets
        }


def default_workers() -> int:
    """How many workers serve best when the file doesn't say."""
    return 1


def lock_data(data: Path) -> int:
    """Take the data folder for one server; returns the descriptor that holds it.

    Raises:
        CannotStart: another server has it, or it can't be made.
    """
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        run = data / "run"
        run.mkdir(exist_ok=True, mode=0o700)
        lock = os.open(run / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CannotStart(f"data folder {data}: {error.strerror}") from error
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
            if _lives(owner) or time.monotonic() > deadline:
                raise CannotStart(
                    f"data folder {data}: another server (process {owner}) uses it"
                ) from None
            time.sleep(0.05)
        else:
            os.ftruncate(lock, 0)
            os.pwrite(lock, b"%d\n" % os.getpid(), 0)
            return lock


def _lives(pid: str) -> bool:
    """Whether the supervisor named in the lock still runs."""
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except OSError:
        return False
    return True


def raise_descriptors() -> None:
    """Let the server have as many files open as it may.

    A connection takes one, an account that is written six.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS
    if most != resource.RLIM_INFINITY:
        wanted = min(most, MAX_DESCRIPTORS)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def notify_systemd(state: str) -> None:
    """Tell systemd how we are, where it asked to be told (sd_notify)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        try:
            notify.sendto(state.encode(), address)
        except OSError as error:
            log.warning("systemd.unreachable", reason=str(error))
