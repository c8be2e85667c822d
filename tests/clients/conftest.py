"""One server for all tests of a session: several programs use it at the same time."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.running import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.clients)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Keeps secrets for CRAM-MD5 and APOP; kim writes, lee and others read."""
    with Server(accounts=("kim", "lee"), legacy=True) as running:
        yield running
        running.verify()


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
        path = shutil.which(str(words[0]))
        assert path, f"{words[0]} is not installed (tests/clients/packages.txt)"
        done = subprocess.run(
            [path, *words[1:]],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            check=False,
            cwd=self.home,
            env={
                "HOME": str(self.home),
                "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
                "LC_ALL": "C.UTF-8",
                "TERM": "xterm",
                **environment,
            },
        )
        told = done.stdout.decode(errors="replace")
        assert done.returncode in codes, f"{words[0]}: {done.returncode}\n{told}"
        return told

    def write(self, name: str, text: str | bytes, mode: int = 0o600) -> Path:
        """A file in the home."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return path


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    """An empty home, and a way to run programs in it."""
    return Programs(tmp_path)
