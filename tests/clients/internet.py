"""A small Internet on loopback: signed and plain zones, exchangers, a web server.

nsd answers for the zones, unbound validates them and is what a server asks;
exchangers (aiosmtpd) listen on port 25 of loopback addresses of their own, the
web server for MTA-STS policies on port 443 of another. So it needs root.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import dns.dnssec
import dns.zone
from aiosmtpd.controller import Controller
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.unit.mta.authority import Signed

SIGNED: Final = "signed.test"
PLAIN: Final = "plain.test"
WAIT_S: Final = 20.0
_NETWORK: Final = f"127.{100 + os.getpid() % 100}.{os.getpid() // 100 % 250}"


def address(number: int) -> str:
    """A loopback address that is ours alone."""
    return f"{_NETWORK}.{number}"


@dataclass
class Exchanger:
    """Takes mail at port 25; `heard` are the commands, `taken` the letters."""

    shown: Signed | None
    address: str
    heard: list[str] = field(default_factory=list)
    taken: list[tuple[bool, bytes]] = field(default_factory=list)  # TLS, octets

    def __post_init__(self) -> None:
        context = self.shown.context() if self.shown is not None else None
        self._controller = Controller(
            self, hostname=self.address, port=25, tls_context=context
        )

    # names that aiosmtpd asks for

    async def handle_MAIL(  # noqa: N802
        self, _: object, __: object, envelope: Any, sender: str, options: list[str]
    ) -> str:
        self.heard.append(f"MAIL {sender}")
        envelope.mail_from = sender
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, _: object, session: Any, envelope: Any) -> str:  # noqa: N802
        self.taken.append((session.ssl is not None, envelope.original_content))
        return "250 OK"

    def start(self) -> None:
        """Listen."""
        self._controller.start()

    def stop(self) -> None:
        """End."""
        self._controller.stop()

    def got(self, token: str) -> bool:
        """Whether a letter has come, and then over TLS."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            for tls, octets in self.taken:
                if token.encode() in octets:
                    return tls
            time.sleep(0.05)
        raise AssertionError(f"nothing came: {self.heard}")


class Web:
    """A server of MTA-STS policies by host name; `policies` may change."""

    def __init__(self, shown: Signed, policies: Mapping[str, str]) -> None:
        self.policies = dict(policies)
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer((address(200), 443), _Pages)
        self._server.socket = shown.context().wrap_socket(
            self._server.socket, server_side=True
        )
        self._server.web = self  # type: ignore[attr-defined]

    def start(self) -> None:
        """Listen."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """End; once more does nothing."""
        self._server.shutdown()
        self._server.server_close()


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        web: Web = self.server.web  # type: ignore[attr-defined]
        host = self.headers["Host"]
        web.asked.append(host)
        text = web.policies.get(host)
        if text is None or self.path != "/.well-known/mta-sts.txt":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Names:
    """nsd with two zones, of which one is signed; unbound, which knows its key."""

    def __init__(
        self,
        signed: str,
        plain: str = "",
        forged: Mapping[str, str] | None = None,
        *,
        usual: str = "",
    ) -> None:
        """Nothing runs yet.

        Args:
            signed: lines of the signed zone.
            plain: lines of the other.
            forged: texts that are changed in the signed zone after it was signed.
            usual: an address where unbound listens at port 53, too.
        """
        self._usual = usual
        self.folder = Path(tempfile.mkdtemp(prefix="pyeonji-dns-"))
        self.folder.chmod(0o755)
        self.port = _free_port()
        self._authority_port = _free_port()
        text, key = _sign(signed)
        for before, after in (forged or {}).items():
            assert before in text, text
            text = text.replace(before, after)
        (self.folder / SIGNED).write_text(text)
        (self.folder / PLAIN).write_text(_HEAD.format(zone=PLAIN) + plain)
        self._key = key
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        try:
            self._start("nsd", "-d", "-c", self._nsd())
            self._start("unbound", "-d", "-p", "-c", self._unbound())
            for port in (self._authority_port, self.port):
                self._wait(port)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(WAIT_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, name: str, *words: str | Path) -> None:
        path = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
        assert path, f"{name} is not installed (tests/clients/packages.txt)"
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen([path, *words], stdout=log, stderr=log)
            )

    def _wait(self, port: int) -> None:
        deadline = time.monotonic() + WAIT_S
        while True:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    return
            logs = "".join(x.read_text() for x in self.folder.glob("*.log"))
            assert time.monotonic() < deadline, logs
            time.sleep(0.05)

    def _nsd(self) -> Path:
        zones = "".join(
            f"zone:\n  name: {zone}\n  zonefile: {self.folder / zone}\n"
            for zone in (SIGNED, PLAIN)
        )
        return self._write(
            "nsd.conf",
            f"""server:
  ip-address: 127.0.0.1@{self._authority_port}
  username: ""
  zonesdir: "{self.folder}"
  pidfile: ""
  database: ""
  xfrdfile: ""
  zonelistfile: "{self.folder}/zone.list"
  xfrdir: "{self.folder}"
  verbosity: 1
remote-control:
  control-enable: no
{zones}""",
        )

    def _unbound(self) -> Path:
        stubs = "".join(
            f"stub-zone:\n  name: {zone}\n"
            f"  stub-addr: 127.0.0.1@{self._authority_port}\n"
            for zone in (SIGNED, PLAIN)
        )
        usual = f"\n  interface: {self._usual}@53" if self._usual else ""
        return self._write(
            "unbound.conf",
            f"""server:
  interface: 127.0.0.1@{self.port}{usual}
  username: ""
  chroot: ""
  directory: "{self.folder}"
  pidfile: ""
  use-syslog: no
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  local-zone: "test." nodefault
  module-config: "validator iterator"
  trust-anchor: "{self._key}"
  val-log-level: 2
remote-control:
  control-enable: no
{stubs}""",
        )

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path


_HEAD: Final = """$ORIGIN {zone}.
$TTL 300
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
ns IN A 127.0.0.1
"""


def _sign(lines: str) -> tuple[str, str]:
    """The zone with its signatures, and its key as a trust anchor."""
    zone = dns.zone.from_text(_HEAD.format(zone=SIGNED) + lines, relativize=False)
    private = ec.generate_private_key(ec.SECP256R1())
    key = dns.dnssec.make_dnskey(private.public_key(), "ECDSAP256SHA256", flags=257)
    dns.dnssec.sign_zone(zone, keys=[(private, key)], lifetime=86400)
    return zone.to_text(relativize=False), f"{SIGNED}. DNSKEY {key.to_text()}"


def _free_port() -> int:
    """One that is free for TCP and UDP of 127.0.0.1."""
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        port = int(tcp.getsockname()[1])
        udp.bind(("127.0.0.1", port))
        return port
