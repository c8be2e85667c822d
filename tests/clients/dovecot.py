"""A private Debian Dovecot, for our own client to speak with."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from tests.running import HOST, PASSWORD, Ports

from pyeonji.mua.agent.profiles import Server as Where
from pyeonji.serve.certificates import make_self_signed

if TYPE_CHECKING:
    from pyeonji.mua.agent.profiles import Tls

MAX_USERS: Final = 40
READY_WAIT_S: Final = 10.0
STOP_WAIT_S: Final = 10.0
LISTENERS: Final[tuple[tuple[str, Tls], ...]] = (
    ("imap", "starttls"),
    ("imap", "implicit"),
    ("pop3", "starttls"),
    ("pop3", "implicit"),
)

_AS_ANYBODY: Final = """
default_login_user = {user}
default_internal_user = {user}
default_internal_group = {group}
service anvil {{
 chroot =
}}
service imap-login {{
 chroot =
}}
service pop3-login {{
 chroot =
}}
"""
"""Dovecot changes to users of its own only when root has started it."""


class Dovecot:
    """Runs inside `with`; users come by `new_user`."""

    def __init__(self, mechanisms: str) -> None:
        path = shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        assert path, "dovecot is not installed (tests/clients/packages.txt)"
        self._program = path
        self.folder = Path(tempfile.mkdtemp(prefix="dovecot-test-"))
        self.folder.chmod(0o755)  # its mail processes are another user
        self.certificate = self.folder / "cert.pem"
        self._reserved = Ports()
        self._ports = {each: self._reserved.take() for each in LISTENERS}
        make_self_signed("localhost", self.certificate, self.folder / "key.pem")
        # all at once: it reads the file again only when the second has changed
        self._users = [f"user{number}" for number in range(MAX_USERS)]
        lines = [f"{user}:{{PLAIN}}{PASSWORD}:::::\n" for user in self._users]
        (self.folder / "users").write_text("".join(lines))
        self.config = self.folder / "dovecot.conf"
        self.config.write_text(self._settings(mechanisms))

    def _settings(self, mechanisms: str) -> str:
        owner, group, more = "mail", "mail", ""
        if os.geteuid() != 0:
            owner, group = self.folder.owner(), self.folder.group()
            more = _AS_ANYBODY.format(user=owner, group=group)
        store = self.folder / "mail"
        store.mkdir()
        shutil.chown(store, owner, group)
        port = self._ports
        return f"""
protocols = imap pop3
listen = {HOST}
base_dir = {self.folder}/run
state_dir = {self.folder}/state
log_path = {self.folder}/dovecot.log
ssl = required
ssl_cert = <{self.certificate}
ssl_key = <{self.folder}/key.pem
auth_failure_delay = 0
auth_mechanisms = {mechanisms}
first_valid_uid = 1
mail_uid = {owner}
mail_gid = {group}
mail_home = {store}/%n
mail_location = maildir:~/Maildir:LAYOUT=fs
namespace inbox {{
 inbox = yes
 separator = /
 mailbox Sent {{
  auto = create
  special_use = \\Sent
 }}
}}
passdb {{
 driver = passwd-file
 args = username_format=%u {self.folder}/users
}}
userdb {{
 driver = passwd-file
 args = username_format=%u {self.folder}/users
}}
service imap-login {{
 inet_listener imap {{
  port = {port["imap", "starttls"]}
 }}
 inet_listener imaps {{
  port = {port["imap", "implicit"]}
 }}
}}
service pop3-login {{
 inet_listener pop3 {{
  port = {port["pop3", "starttls"]}
 }}
 inet_listener pop3s {{
  port = {port["pop3", "implicit"]}
 }}
}}
{more}"""

    def __enter__(self) -> Self:
        # Dovecot binds without SO_REUSEPORT: the ports cannot stay reserved
        self._reserved.close()
        self._process = subprocess.Popen(
            [self._program, "-F", "-c", self.config], stdin=subprocess.DEVNULL
        )
        try:
            for port in self._ports.values():
                self._wait_for(port)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_for(self, port: int) -> None:
        deadline = time.monotonic() + READY_WAIT_S
        while True:
            assert self._process.poll() is None, f"dovecot ended\n{self.log()}"
            try:
                socket.create_connection((HOST, port), 1).close()
            except OSError:
                assert time.monotonic() < deadline, f"no dovecot\n{self.log()}"
                time.sleep(0.05)
            else:
                return

    def new_user(self) -> str:
        """Somebody with PASSWORD whose mailboxes are empty; up to MAX_USERS."""
        return self._users.pop()

    def where(self, protocol: str, tls: Tls) -> Where:
        """What our client needs to know; the certificate is checked."""
        return Where(host="localhost", port=self._ports[protocol, tls], tls=tls)

    def log(self) -> str:
        """What it logged."""
        try:
            return (self.folder / "dovecot.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""
