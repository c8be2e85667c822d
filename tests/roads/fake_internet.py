"""A small Internet on loopback: one name server, many domains, each with its host.

    with Internet(living=140, slow=20, grey=20, refusing=10, silent=10) as internet:
        …  # internet.dns.server, internet.port, internet.arrived

A domain is named for how its host behaves, as "slow7.test"; its host has an
address of its own, and all listen on one port.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from tests.unit.serve.fake_dns import FakeDns, Zone

from pyeonji.base.ids import letter_ids
from pyeonji.storage.embedded import letters
from pyeonji.storage.embedded.sqlite import connect
from pyeonji.storage.queue import NewLetter, Recipient

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

NETWORKS: Final = {"living": 100, "slow": 101, "grey": 102, "refusing": 103}
SILENT_NETWORK: Final = 104
GREETING_WAIT_S: Final = 2.0  # of slow ones
REPLY_WAIT_S: Final = 0.3  # of slow ones
OCTETS: Final = b"Subject: x\r\n\r\n" + b"a line that is not very long\r\n" * 80
PORTS: Final = range(13_000, 32_000)  # below those that the kernel gives to clients

TROUBLED: Final = {"slow": 20, "grey": 20, "refusing": 10, "silent": 10}
LIVING: Final = 140


class Internet:
    """All hosts in one thread; runs inside `with`."""

    def __init__(self, **how_many: int) -> None:
        self.port = _free_port()
        self.arrived: Counter[str] = Counter()  # kind -> letters taken
        self.first_at: dict[str, float] = {}  # kind -> time.monotonic()
        self.last_at: dict[str, float] = {}
        self.recipients: Counter[str] = Counter()  # address -> how often
        self.put_off: set[str] = set()  # recipients that greylisting has seen
        self.addresses: dict[str, str] = {}
        self._silent: list[socket.socket] = []
        zone: Zone = {}
        for kind, count in how_many.items():
            for number in range(count):
                domain = f"{kind}{number}.test"
                network = NETWORKS.get(kind, SILENT_NETWORK)
                address = f"127.{network}.{number // 250}.{number % 250 + 1}"
                self.addresses[domain] = address
                zone[domain, "MX"] = [f"10 mx.{domain}."]
                zone[f"mx.{domain}", "A"] = [address]
        self.domains = list(self.addresses)
        self.dns = FakeDns(zone)
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self.dns.__enter__()
        for domain, address in self.addresses.items():
            if domain.startswith("silent"):
                self._silence(address)
            elif not domain.startswith("refusing"):
                self._servers.append(self._listen(address, kind_of(domain)))
        self._thread.start()
        return self

    def settings(self, *retry: str) -> str:
        """TOML for a server that lives in this Internet."""
        waits = ", ".join(f'"{wait}"' for wait in retry)
        lines = ["[dns]", f'servers = ["{self.dns.server}"]']
        lines += ["[relay]", f"port = {self.port}"]
        return "\n".join([*lines, "[queue]", f"retry = [{waits}]", ""])

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        for each in self._silent:
            each.close()
        self.dns.__exit__(None, None, None)

    def note(self, kind: str, recipients: list[str]) -> None:
        """A host of that kind has taken a letter."""
        now = time.monotonic()
        self.first_at.setdefault(kind, now)
        self.last_at[kind] = now
        self.arrived[kind] += 1
        self.recipients.update(recipients)

    def _listen(self, address: str, kind: str) -> asyncio.Server:
        made = self._loop.create_server(
            lambda: Host(self, kind), address, self.port, backlog=200
        )
        return self._loop.run_until_complete(made)

    def _silence(self, address: str) -> None:
        """A host whose queue of callers is full: it does not answer at all."""
        listening = socket.create_server((address, self.port), backlog=0)
        self._silent.append(listening)
        for _ in range(3):
            caller = socket.socket()
            caller.setblocking(False)
            with suppress(BlockingIOError):
                caller.connect((address, self.port))
            self._silent.append(caller)

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.1)


class Host(asyncio.Protocol):
    """An SMTP server that counts letters and keeps none."""

    def __init__(self, internet: Internet, kind: str) -> None:
        self._internet = internet
        self._kind = kind
        self._rest = b""
        self._in_data = False
        self._to: list[str] = []
        self._free_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._say(b"220 here ESMTP\r\n", GREETING_WAIT_S)

    def data_received(self, data: bytes) -> None:
        lines = (self._rest + data).split(b"\r\n")
        self._rest = lines.pop()
        said = [reply for line in lines if (reply := self._hear(line))]
        if said:
            self._say(b"".join(said), REPLY_WAIT_S * len(said))

    def _say(self, octets: bytes, wait_s: float) -> None:
        if self._kind != "slow":
            self._transport.write(octets)
            return
        loop = self._internet._loop
        self._free_at = max(self._free_at, loop.time()) + wait_s
        loop.call_at(self._free_at, self._transport.write, octets)

    def _hear(self, line: bytes) -> bytes:
        if self._in_data:
            if line != b".":
                return b""
            self._in_data = False
            self._internet.note(self._kind, self._to)
            self._to = []
            return b"250 taken\r\n"
        verb = line[:4].upper()
        if verb == b"EHLO":
            return b"250-here\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
        if verb == b"RCPT":
            return self._recipient(line[9:-1].decode())
        if verb == b"DATA":
            self._in_data = bool(self._to)
            return b"354 go on\r\n" if self._to else b"503 nobody\r\n"
        if verb == b"QUIT":
            self._transport.write(b"221 bye\r\n")
            self._transport.close()
            return b""
        if verb in {b"RSET", b"MAIL"}:
            self._to = []
        return b"250 yes\r\n"

    def _recipient(self, address: str) -> bytes:
        if self._kind == "grey" and address not in self._internet.put_off:
            self._internet.put_off.add(address)
            return b"450 4.7.1 greylisted, come again\r\n"
        self._to.append(address)
        return b"250 yes\r\n"


def kind_of(domain: str) -> str:
    """How the host of a domain behaves."""
    return domain.partition(".")[0].rstrip("0123456789")


def fill(data: Path, domains: Sequence[str], each: int) -> None:
    """Make the queue file of the first worker: so many letters to each domain."""
    (data / "queue").mkdir(parents=True, exist_ok=True)
    file = connect(data / "queue" / "0.db", letters.MIGRATIONS, synchronous="OFF")
    now = time.time()
    next_id = letter_ids(0, lambda: int(now * 1000))
    jobs = [
        letters.Accept(
            next_id(),
            NewLetter(
                reverse_path="",
                recipients=(Recipient(address=f"r{number}@{domain}"),),
                content=OCTETS,
                prefix=b"Received: from x\r\n",
                accepted_at=now,
            ),
        )
        for number in range(each)
        for domain in domains
    ]
    file.execute("BEGIN")
    letters.run_all(file, jobs, [])
    file.execute("COMMIT")
    file.close()


def _free_port() -> int:
    for port in PORTS:
        with socket.socket() as tried:
            try:
                tried.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")
