"""Debian's pebble, a certificate authority for tests, on loopback."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import httpx
from tests.running import HOST, Ports
from tests.unit.serve.fake_dns import FakeDns

from pyeonji.serve.certificates import make_self_signed

if TYPE_CHECKING:
    from types import TracebackType

READY_S = 15.0


class Pebble:
    """Runs inside `with`; asks a name server of its own, where all is loopback.

    Args:
        http_port: where it looks for HTTP-01.
        tls_port: where it looks for TLS-ALPN-01.
        names: that it finds in DNS.
        life_s: how long its certificates are good.
        resolver: "ADDRESS:PORT" of another name server that it asks; then it also
            wants each name to be proved again.

    It refuses a fifth of all nonces, as no real authority does for long.
    """

    def __init__(
        self,
        *,
        http_port: int,
        tls_port: int,
        names: list[str],
        life_s: int = 157766400,
        resolver: str = "",
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pyeonji-pebble-"))
        self._ports = Ports()
        self.port, self.management = self._ports.take(), self._ports.take()
        self.ca = self.folder / "pebble.pem"
        key = self.folder / "pebble.key"
        make_self_signed("localhost", self.ca, key)
        settings = {
            "listenAddress": f"{HOST}:{self.port}",
            "managementListenAddress": f"{HOST}:{self.management}",
            "certificate": str(self.ca),
            "privateKey": str(key),
            "httpPort": http_port,
            "tlsPort": tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
            "certificateValidityPeriod": life_s,
        }
        self._file = self.folder / "pebble.json"
        self._file.write_text(json.dumps({"pebble": settings}))
        self.dns = FakeDns({(name, "A"): [HOST] for name in names})
        self._resolver = resolver or self.dns.server
        self._more = {"PEBBLE_AUTHZREUSE": "0"} if resolver else {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def directory(self) -> str:
        return f"https://localhost:{self.port}/dir"

    def free_ports(self) -> None:
        """Let its ports be bound, by it or by nobody."""
        self._ports.close()

    def __enter__(self) -> Self:
        self.free_ports()
        self.dns.__enter__()
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["pebble", "-config", self._file, "-dnsserver", self._resolver],
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    "PEBBLE_VA_NOSLEEP": "1",
                    "PEBBLE_WFE_NONCEREJECT": "20",
                    **self._more,
                },
            )
        deadline = time.monotonic() + READY_S
        while True:
            try:
                self.root()
            except httpx.TransportError:
                assert time.monotonic() < deadline, self.log()
                time.sleep(0.1)
            else:
                return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self.dns.__exit__(kind, error, trace)
        shutil.rmtree(self.folder, ignore_errors=True)

    def root(self) -> str:
        """The certificate at the top of its chains."""
        context = ssl.create_default_context(cafile=str(self.ca))
        with httpx.Client(verify=context) as asking:
            said = asking.get(f"https://localhost:{self.management}/roots/0")
        return said.raise_for_status().text

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-5000:]
