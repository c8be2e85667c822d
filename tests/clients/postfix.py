"""A private Postfix: the other house of mail, as next hop of ours and as sender to us.

    ports = free_ports()
    with Server(extra=routes(ports)) as server, Postfix(server, ports) as postfix:
        …

It listens on loopback, once for each of DOORS, and looks nothing up in DNS. The
people of each door's domain have Maildirs below its folder. All it sends to
example.test goes to `server`. It needs root, as every Postfix does.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import smtplib
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from tests.clients.letters import on_the_wire, token_of
from tests.clients.postfix_settings import (
    CLEAR_READER,
    DOORS,
    MAIN,
    NAME,
    PEOPLE,
    SERVICES,
)
from tests.running import DOMAIN, HOST, Server

from pyeonji.serve.certificates import make_self_signed

if TYPE_CHECKING:
    from collections.abc import Mapping

AHN: Final = "ahn@all.test"
WAIT_S: Final = 20.0


def program(name: str) -> str:
    """Its path; a program that is not there is a failure."""
    path = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert path, f"{name} is not installed (tests/clients/packages.txt)"
    return path


class Postfix:
    """One instance; runs inside `with`.

    `answers` says what the policy service tells the doors about a recipient: one
    answer for each RCPT, then always "dunno" (access(5) has the words).
    """

    def __init__(self, server: Server, ports: Mapping[str, int]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pyeonji-postfix-"))
        self.ports = ports
        self.answers: dict[str, list[str]] = {}
        self.server = server
        self._policy = _Policy((HOST, ports["policy"]), _Asked)
        self._policy.answers = self.answers
        self._master: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        threading.Thread(target=self._policy.serve_forever, daemon=True).start()
        try:
            self._write()
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    # -- what it has got, and done

    def log(self) -> str:
        """All it logged."""
        log = self.folder / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    def logged(self, *words: str) -> list[str]:
        """The lines that have all these words, when there is one."""
        deadline = time.monotonic() + WAIT_S
        while True:
            lines = [
                line
                for line in self.log().splitlines()
                if all(word in line for word in words)
            ]
            if lines:
                return lines
            assert time.monotonic() < deadline, f"no {words}:\n{self.log()[-5000:]}"
            time.sleep(0.1)

    def arrived(self, to: str, token: str) -> bytes:
        """The letter with this token in somebody's Maildir, when it has come."""
        name, _, domain = to.partition("@")
        maildir = self.folder / "mail" / domain / name
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            for file in maildir.glob("new/*"):
                octets = on_the_wire(file.read_bytes())
                if token_of(octets) == token:
                    return octets
            time.sleep(0.05)
        raise AssertionError(f"{to} did not get it:\n{self.log()[-5000:]}")

    def reports(self, to: str, token: str) -> list[bytes]:
        """The reports about the letter with this token, when there is one."""
        name, _, domain = to.partition("@")
        deadline = time.monotonic() + WAIT_S
        while True:
            letters = [
                on_the_wire(file.read_bytes())
                for file in (self.folder / "mail" / domain / name).glob("new/*")
            ]
            found = [
                octets
                for octets in letters
                if b"message/delivery-status" in octets and token.encode() in octets
            ]
            if found:
                return found
            assert time.monotonic() < deadline, f"no report:\n{self.log()[-5000:]}"
            time.sleep(0.05)

    def send(
        self,
        sender: str,
        to: list[str],
        letter: bytes,
        options: tuple[str, ...] = ("BODY=8BITMIME",),
        for_each: tuple[str, ...] = (),
    ) -> None:
        """Give it a letter to carry, as one of its users."""
        with smtplib.SMTP(HOST, self.ports["all.test"], timeout=WAIT_S) as client:
            client.sendmail(sender, to, letter, options, for_each)

    def wait_until_queue_is_empty(self) -> None:
        """Return when it has done with every letter."""
        deadline = time.monotonic() + WAIT_S
        folders = [self.folder / "queue" / name for name in ("incoming", "active")]
        folders += [self.folder / "queue" / name for name in ("maildrop", "deferred")]
        while any(file.is_file() for each in folders for file in each.rglob("*")):
            assert time.monotonic() < deadline, f"letters wait:\n{self.log()[-5000:]}"
            time.sleep(0.05)

    # -- its folder, its life

    def _write(self) -> None:
        assert os.geteuid() == 0, "Postfix runs only when root starts it"
        self.folder.chmod(0o755)
        owner = pwd.getpwnam("postfix")
        etc = self.folder / "etc"
        for name in ("etc", "queue", "data", "mail"):
            (self.folder / name).mkdir()
        for name in ("data", "mail"):
            os.chown(self.folder / name, owner.pw_uid, owner.pw_gid)
        make_self_signed(NAME, self.folder / "cert.pem", self.folder / "key.pem")
        (etc / "main.cf").write_text(
            MAIN.format(
                folder=self.folder,
                host=HOST,
                name=NAME,
                domain=DOMAIN,
                certificate=self.server.certificate,
                policy=self.ports["policy"],
                doors=" ".join(DOORS),
                uid=owner.pw_uid,
                gid=owner.pw_gid,
            )
        )
        doors = []
        for domain, settings in DOORS.items():
            doors += [f"{HOST}:{self.ports[domain]} inet n - n - - smtpd"]
            doors += [f"  -o {key}={value}" for key, value in settings.items()]
        (etc / "master.cf").write_text("\n".join([*doors, SERVICES]))
        (etc / "mailboxes").write_text(
            "".join(f"{p}@{d} {d}/{p}/\n" for p in PEOPLE for d in DOORS)
        )
        ours = f"[{HOST}]:{self.server.port('smtp')}"
        (etc / "transport").write_text(
            f"{CLEAR_READER} clear:{ours}\n{DOMAIN} smtp:{ours}\n"
        )

    def _start(self) -> None:
        etc = self.folder / "etc"
        subprocess.run([program("postfix"), "-c", etc, "check"], check=True)
        words = [program("postconf"), "-c", str(etc), "-hx", "daemon_directory"]
        daemons = subprocess.run(words, check=True, capture_output=True, text=True)
        # not `postfix start-fg`, which has a shell between us and the master
        self._master = subprocess.Popen(
            [f"{daemons.stdout.strip()}/master", "-c", etc, "-d"],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + WAIT_S
        for domain in DOORS:
            while True:
                assert self._master.poll() is None, f"it ended:\n{self.log()}"
                with socket.socket() as tried:
                    if tried.connect_ex((HOST, self.ports[domain])) == 0:
                        break
                assert time.monotonic() < deadline, f"it does not start:\n{self.log()}"
                time.sleep(0.05)

    def _end(self) -> None:
        if self._master is not None and self._master.poll() is None:
            self._master.send_signal(signal.SIGTERM)
            try:
                self._master.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                os.killpg(self._master.pid, signal.SIGKILL)
                self._master.wait()
        self._policy.shutdown()
        self._policy.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)


class _Policy(socketserver.ThreadingTCPServer):
    """SMTPD_POLICY_README: attributes, an empty line; an action, an empty line."""

    daemon_threads = True
    allow_reuse_address = True
    answers: dict[str, list[str]]


class _Asked(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        recipient = ""
        for line in self.rfile:
            key, _, value = line.decode().strip().partition("=")
            if key == "recipient":
                recipient = value
            if not key:
                assert isinstance(self.server, _Policy)
                answers = self.server.answers.get(recipient)
                action = answers.pop(0) if answers else "dunno"
                self.wfile.write(f"action={action}\n\n".encode())
