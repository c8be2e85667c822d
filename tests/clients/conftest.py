"""One server for all tests of a session: several programs use it at the same time."""

from __future__ import annotations

import gc
import os
import pty
import re
import select
import shutil
import subprocess
import threading
import uuid
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.clients.letters import SENDER, password_of
from tests.clients.postfix import Postfix
from tests.clients.postfix_settings import free_ports, routes
from tests.running import DOMAIN, Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).parent
STILL_S = 0.1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.clients)


@pytest.fixture(autouse=True, scope="module")
def strangers_rubbish() -> Iterator[None]:
    """What libraries of others leave open goes here, not in somebody else's test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Keeps secrets for CRAM-MD5 and APOP; kim writes, lee and others read."""
    with Server(accounts=("kim", "lee"), legacy=True) as running:
        yield running
        running.verify()


@pytest.fixture(scope="session")
def postfix() -> Iterator[Postfix]:
    """A Postfix whose doors are routes of a server of ours, `house`."""
    ports = free_ports()
    with Server(accounts=("kim", "lee"), extra=routes(ports)) as running:
        words = ("account", "add", SENDER, "--password-stdin")
        running.run(*words, stdin=password_of(SENDER))
        with Postfix(running, ports) as its_peer:
            yield its_peer
        running.verify()


@pytest.fixture(scope="session")
def house(postfix: Postfix) -> Server:
    """Our server beside Postfix; SENDER writes there."""
    return postfix.server


@pytest.fixture
def reader(server: Server) -> str:
    """The address of a new account, whose mailboxes no other test sees."""
    return server.add_account(f"reader{uuid.uuid4().hex[:12]}")


@pytest.fixture
def ascii_reader(server: Server) -> str:
    """The same for programs that can write only ASCII, also in a password."""
    address = f"ascii{uuid.uuid4().hex[:12]}@{DOMAIN}"
    password = password_of(address)
    server.run("account", "add", address, "--password-stdin", stdin=password)
    return address


class Programs:
    """Runs programs in a home of their own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(
        self,
        *words: str | Path,
        stdin: bytes = b"",
        codes: tuple[int, ...] = (0,),
        timeout_s: float = 30,
        **environment: str,
    ) -> str:
        """Run one; what it printed. A program that is not there is a failure."""
        done = subprocess.run(
            self._found(*words),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            check=False,
            cwd=self.home,
            env=self._environment(environment),
        )
        told = done.stdout.decode(errors="replace")
        assert done.returncode in codes, f"{words[0]}: {done.returncode}\n{told}"
        return told

    def run_in_terminal(
        self,
        *words: str | Path,
        answers: Sequence[tuple[str, str]] = (),
        timeout_s: float = 30,
        **environment: str,
    ) -> str:
        """Run one that wants a screen.

        Args:
            words: program and arguments.
            answers: (pattern of what it shows, keys that are pressed then), in order;
                without them its keys come from its configuration.
            timeout_s: then it is killed.
            environment: more of it.
        """
        ours, its = pty.openpty()
        running = subprocess.Popen(
            self._found(*words),
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
            cwd=self.home,
            env=self._environment({"LINES": "24", "COLUMNS": "80", **environment}),
        )
        os.close(its)
        told: list[bytes] = []
        waiting = list(answers)
        looker = threading.Thread(target=_look, args=(ours, told, waiting))
        looker.start()
        try:
            code = running.wait(timeout_s)
        except subprocess.TimeoutExpired:
            running.kill()
            code = running.wait()
        finally:
            looker.join()
            os.close(ours)
        screen = b"".join(told).decode(errors="replace")
        assert not waiting, f"{words[0]}: never said {waiting[0][0]}\n{screen}"
        assert code == 0, f"{words[0]}: {code}\n{screen}"
        return screen

    def _found(self, *words: str | Path) -> list[str | Path]:
        path = shutil.which(str(words[0]))
        assert path, f"{words[0]} is not installed (tests/clients/packages.txt)"
        return [path, *words[1:]]

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm",
            **more,
        }

    def write(self, name: str, text: str | bytes, mode: int = 0o600) -> Path:
        """A file in the home."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return path


def _look(terminal: int, told: list[bytes], waiting: list[tuple[str, str]]) -> None:
    """Read the screen; when it shows what keys wait for and is still, press them.

    Programs throw away what was typed before they asked.
    """
    seen = b""
    with suppress(OSError):  # EIO: nobody has the other end any more
        while True:
            moving, _, _ = select.select([terminal], [], [], STILL_S)
            if moving:
                if not (octets := os.read(terminal, 65536)):
                    break
                told.append(octets)
                seen += octets
            elif waiting and re.search(waiting[0][0].encode(), seen):
                os.write(terminal, waiting.pop(0)[1].encode())
                seen = b""


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    """An empty home, and a way to run programs in it."""
    return Programs(tmp_path)
