"""Debian's Knot on loopback: a name server whose zone takes updates."""

from __future__ import annotations

import base64
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
from tests.running import HOST

if TYPE_CHECKING:
    from types import TracebackType

READY_S: Final = 15.0


class Knot:
    """Runs inside `with`; `key` may change TXT records of the zone, nobody else.

    Args:
        port: of loopback, for TCP and UDP.
        zone: its name.
        records: lines of the zone's file, beside SOA and NS.
    """

    def __init__(self, port: int, zone: str, records: list[str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pyeonji-knot-"))
        (self.folder / "db").mkdir()
        self.port, self.zone = port, zone
        secret = base64.b64encode(secrets.token_bytes(32)).decode()
        self.key = self.folder / "update.key"
        self.key.write_text(  # as tsig-keygen writes it
            f'key "acme.{zone}" {{\n\talgorithm hmac-sha256;\n'
            f'\tsecret "{secret}";\n}};\n'
        )
        file = self.folder / "zone"
        lines = [f"{zone}. 60 SOA ns.{zone}. root.{zone}. 1 600 600 600 60"]
        lines += [f"{zone}. 60 NS ns.{zone}.", *records]
        file.write_text("\n".join([*lines, ""]))
        self._config = self.folder / "knot.conf"
        self._config.write_text(f"""
server:
    rundir: "{self.folder}"
    listen: "{HOST}@{port}"
database:
    storage: "{self.folder}/db"
key:
  - id: acme.{zone}
    algorithm: hmac-sha256
    secret: {secret}
acl:
  - id: acme
    key: acme.{zone}
    action: update
    update-type: TXT
zone:
  - domain: {zone}
    file: "{file}"
    zonefile-sync: -1
    journal-content: all
    acl: acme
""")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def server(self) -> str:
        return f"{HOST}:{self.port}"

    def __enter__(self) -> Self:
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["knotd", "-c", self._config], stdout=log, stderr=log
            )
        deadline = time.monotonic() + READY_S
        while not self._answers():
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.1)
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
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        question = dns.message.make_query(self.zone, "SOA")
        try:
            answer = dns.query.tcp(question, HOST, 1.0, self.port)
        except (OSError, EOFError, dns.exception.DNSException):
            return False
        return answer.rcode() == dns.rcode.NOERROR and bool(answer.answer)

    def texts(self, name: str) -> set[str]:
        """The TXT records of a name."""
        question = dns.message.make_query(name, "TXT")
        answer = dns.query.tcp(question, HOST, 5.0, self.port)
        return {
            b"".join(record.strings).decode()
            for each in answer.answer
            if each.rdtype == dns.rdatatype.TXT
            for record in each
        }
