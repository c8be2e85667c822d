"""What strangers can cost: before login, memory and time are bounded whatever comes.

The doors stand on real sockets; the 60 seconds that a client has to log in are made
shorter by an option, and everything that is said has to end with them. Memory is what
the process takes on the way, the traced peak.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
import time
import tracemalloc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
import uvloop
from tests.transcripts.imap.tls_play import contexts

from pyeonji.mra import imap, pop3
from pyeonji.net.connection import TIMED_OUT_GRACE_S
from pyeonji.net.listener import Limits, Listener, bind, connection_ids
from pyeonji.storage.credentials import make_credentials
from pyeonji.storage.directory import Domain
from pyeonji.storage.embedded import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
    from pathlib import Path

    from pyeonji.net.connection import Connection, Door
    from pyeonji.storage.embedded import Store

LOGIN_S: Final = 0.5
"""Seconds to log in, instead of 60."""

GRACE_S: Final = TIMED_OUT_GRACE_S + 2
"""Time for the last words, and what a loaded machine may be late."""

MAX_PEAK_OCTETS: Final = 6 * 1024 * 1024
"""What one client may take: backlog, unsent octets, and what is being cut up."""

ADDRESS: Final = "kim@example.test"
PASSWORD: Final = "secret"


@dataclass(frozen=True, kw_only=True)
class Attack:
    """What is said again and again, from a thread of its own."""

    first: bytes = b""
    again: bytes = b""
    """Said until the connection ends."""
    every_s: float = 0.0
    reads: bool = True
    tls: bool = False
    """Begin TLS after `first`, which asks for it, and go on inside."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How it went."""

    seconds: float
    said: int
    heard: bytes


def hear(line: socket.socket, heard: bytearray) -> bool:
    """Take what is there; false at the end."""
    try:
        octets = line.recv(65536)
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    if len(heard) < 1_000_000:
        heard += octets
    return bool(octets)


def wrapped(line: socket.socket) -> socket.socket:
    line.settimeout(5)
    line.recv(4096)
    return contexts()[1].wrap_socket(line, server_hostname="localhost")


def run_attack(port: int, attack: Attack) -> Ended:
    """Say it until the server has had enough; at most ten seconds."""
    began = time.monotonic()
    heard = bytearray()
    said = 0
    line = socket.create_connection(("127.0.0.1", port), timeout=5)
    if not attack.reads:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    try:
        heard += line.recv(4096)
        line.sendall(attack.first)
        if attack.tls:
            line = wrapped(line)
        line.setblocking(False)
        said = flood(line, attack, heard, until=began + 10)
    finally:
        line.close()
    return Ended(seconds=time.monotonic() - began, said=said, heard=bytes(heard))


def flood(
    line: socket.socket, attack: Attack, heard: bytearray, *, until: float
) -> int:
    said, at = 0, 0
    octets = memoryview(attack.again)
    while time.monotonic() < until:
        if attack.reads and not hear(line, heard):
            break
        try:
            sent = line.send(octets[at:]) if octets else 0
        except (BlockingIOError, ssl.SSLWantWriteError):
            time.sleep(0.001)
            continue
        except OSError:
            while hear(line, heard):
                pass
            break
        said += sent
        at = (at + sent) % max(len(octets), 1)
        time.sleep(attack.every_s or 0.0001)
    return said


class House:
    """Both doors, their connections, and an account behind them."""

    def __init__(self, store: Store, ports: dict[str, int]) -> None:
        self.store = store
        self.ports = ports

    async def suffer(self, protocol: str, attack: Attack) -> tuple[Ended, int]:
        """Let it happen; gives what the process took at the peak."""
        gc.collect()
        tracemalloc.start(1)
        try:
            before, _ = tracemalloc.get_traced_memory()
            ended = await asyncio.to_thread(run_attack, self.ports[protocol], attack)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        return ended, peak - before - len(ended.heard)


@contextlib.asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    store = await open_store(folder, worker=0)
    authenticator = store.authenticator(legacy=True)
    await store.directory.add_domain(Domain(name="example.test"))
    credentials = make_credentials(PASSWORD, sealer=store.sealer)
    await store.directory.add_account(ADDRESS, credentials)
    makers: dict[str, Callable[[Connection], Door]] = {
        "imap": imap.door(
            imap.Options(plaintext_auth=True, login_timeout_s=LOGIN_S),
            store.directory,
            store.mail,
            authenticator,
            spool=store.mail.spool,
        ),
        "pop3": pop3.door(
            pop3.Options(plaintext_auth=True, apop=True, login_timeout_s=LOGIN_S),
            store.directory,
            store.mail,
            authenticator,
        ),
    }
    new_id = connection_ids(0)
    listeners: dict[str, Listener] = {}
    ports: dict[str, int] = {}
    for name, make in makers.items():
        (bound,) = bind("127.0.0.1", 0, copies=1)
        ports[name] = bound.getsockname()[1]
        listeners[name] = Listener(
            name,
            bound,
            make,
            tls_context=contexts()[0],
            implicit_tls=False,
            busy=b"",
            limits=Limits(),
            new_id=new_id,
        )
        await listeners[name].start()
    try:
        yield House(store, ports)
    finally:
        for listener in listeners.values():
            listener.stop_accepting()
            for connection in list(listener.connections):
                connection.abort()
        await asyncio.sleep(0.05)
        authenticator.close()
        await store.close()


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """In the loop that the server runs in."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scene())


def many(line: bytes) -> bytes:
    return line * (65536 // len(line))


ATTACKS: Final[dict[str, dict[str, Attack]]] = {
    "imap": {
        "silence": Attack(),
        "a line without end": Attack(first=b"a LOGIN ", again=b"x" * 65536),
        "parentheses": Attack(first=b"a ID ", again=b"(" * 65536),
        "CR alone": Attack(first=b"a NOOP", again=b"\r" * 65536),
        "braces": Attack(first=b"a LOGIN ", again=b"{1}{2+}" * 9000),
        "a huge literal": Attack(
            first=b"a LOGIN {99999999999999999+}\r\n", again=many(b"x LOGOUT\r\n")
        ),
        "literals": Attack(again=many(b"a LOGIN {4000+}\r\n" + b"x" * 4000 + b"\r\n")),
        "a message": Attack(
            first=b"a APPEND INBOX {99999999999+}\r\n", again=many(b"x LOGOUT\r\n")
        ),
        "commands": Attack(again=many(b"a NOOP\r\n")),
        "answers not read": Attack(again=many(b"a CAPABILITY\r\n"), reads=False),
        "bad commands": Attack(again=many(b"a FETCH 1 ALL\r\n")),
        "cancelled logins": Attack(again=many(b"a AUTHENTICATE PLAIN\r\n*\r\n")),
        "a response without end": Attack(
            first=b"a AUTHENTICATE PLAIN\r\n", again=b"A" * 65536
        ),
        "one octet at a time": Attack(again=b"a NOOP\r\n", every_s=0.02),
        "no handshake": Attack(first=b"a STARTTLS\r\n"),
        "a slow handshake": Attack(
            first=b"a STARTTLS\r\n", again=b"\x16\x03\x01\x02\x00\x01", every_s=0.05
        ),
        "inside TLS": Attack(
            first=b"a STARTTLS\r\n", again=b"a NOOP\r\n", every_s=0.02, tls=True
        ),
        "answers not read, in TLS": Attack(
            first=b"a STARTTLS\r\n",
            again=many(b"a CAPABILITY\r\n"),
            reads=False,
            tls=True,
        ),
    },
    "pop3": {
        "silence": Attack(),
        "a line without end": Attack(first=b"USER ", again=b"x" * 65536),
        "CR alone": Attack(first=b"USER x", again=b"\r" * 65536),
        "commands": Attack(again=many(b"CAPA\r\n")),
        "answers not read": Attack(again=many(b"CAPA\r\n"), reads=False),
        "bad commands": Attack(again=many(b"RETR 1\r\n")),
        "names": Attack(again=many(b"USER kim@example.test\r\n")),
        "cancelled logins": Attack(again=many(b"AUTH PLAIN\r\n*\r\n")),
        "a response without end": Attack(first=b"AUTH PLAIN\r\n", again=b"A" * 65536),
        "one octet at a time": Attack(again=b"CAPA\r\n", every_s=0.02),
        "no handshake": Attack(first=b"STLS\r\n"),
        "inside TLS": Attack(first=b"STLS\r\n", again=b"CAPA\r\n", every_s=0.02,
                             tls=True),
        "answers not read, in TLS": Attack(
            first=b"STLS\r\n", again=many(b"CAPA\r\n"), reads=False, tls=True
        ),
    },
}  # fmt: skip


def cases() -> Iterator[Any]:
    for protocol, attacks in ATTACKS.items():
        for name in attacks:
            yield pytest.param(protocol, name, id=f"{protocol}: {name}")


@pytest.mark.parametrize(("protocol", "name"), list(cases()))
def test_a_stranger_costs_little(tmp_path: Path, protocol: str, name: str) -> None:
    """Ended by the deadline or before, in bounded memory, and nobody logged in."""

    async def run() -> None:
        async with house(tmp_path) as system:
            ended, peak = await system.suffer(protocol, ATTACKS[protocol][name])
            print(f"{protocol} {name}: {ended.seconds:.2f} s, {ended.said} octets"
                  f" said, peak {peak / 1e6:.2f} MB")  # fmt: skip
            assert ended.seconds < LOGIN_S + GRACE_S
            assert peak < MAX_PEAK_OCTETS
            assert b"BYE Goodbye" not in ended.heard  # LOGOUT was no command
            assert b"SERVERBUG" not in ended.heard

    play(run)


async def rounds(port: int, until: asyncio.Event) -> list[float]:
    """Seconds that an honest stranger waits for the greeting and an answer."""
    waited = []
    while not until.is_set():
        began = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        writer.write(b"a NOOP\r\n")
        await reader.readline()
        writer.close()
        waited.append(time.monotonic() - began)
        await asyncio.sleep(0.05)
    return waited


@pytest.mark.parametrize("name", ["commands", "answers not read", "a huge literal"])
def test_others_are_served_meanwhile(tmp_path: Path, name: str) -> None:
    """One who shouts does not keep others waiting."""

    async def run() -> None:
        async with house(tmp_path) as system:
            over = asyncio.Event()
            watching = asyncio.create_task(rounds(system.ports["imap"], over))
            attack = ATTACKS["imap"][name]
            await asyncio.gather(*(
                asyncio.to_thread(run_attack, system.ports["imap"], attack)
                for _ in range(2)
            ))  # fmt: skip
            over.set()
            waited = await watching
            assert len(waited) > 2
            assert max(waited) < 0.5, waited

    play(run)


HIDDEN: Final = b"\r\nx LOGIN kim@example.test secret\r\ny CAPABILITY\r\n"


def literal(size: int) -> bytes:
    """A literal that is full of commands, the right login among them."""
    octets = (HIDDEN * (size // len(HIDDEN) + 1))[:size]
    return b"{%d+}\r\n%b" % (size, octets)


REFUSED: Final = (
    b"a LOGIN " + literal(5000) + b"\r\n",  # more than may come before login
    b"a LOGIN " + literal(2000) + b" " + literal(3000) + b"\r\n",
    b"a ID (" + literal(10) * 5 + b")\r\n",  # more literals than may come
    b"a APPEND INBOX " + literal(300_000) + b"\r\n",  # not now
    b"a NOSUCH " + literal(500) + b"\r\n",
    b"nonsense" + literal(500) + b"\r\n",
    b"a UID NOSUCH " + literal(500) + b" (x " + literal(500) + b")\r\n",
)


@pytest.mark.parametrize("piece", [1, 7, 4096, 1_000_000])
def test_nothing_of_a_refused_literal_is_executed(tmp_path: Path, piece: int) -> None:
    """RFC 7888 §4; what follows it is a command again."""

    def talk(port: int, told: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.recv(4096)
            for at in range(0, len(told), piece):
                line.sendall(told[at : at + piece])
            heard = b""
            while not heard.endswith(b"z OK Done.\r\n"):
                octets = line.recv(65536)
                assert octets, heard
                heard += octets
            return heard

    async def run() -> None:
        async with house(tmp_path) as system:
            for refused in REFUSED:
                if len(refused) > 20_000 and piece < 100:
                    continue
                heard = await asyncio.to_thread(
                    talk, system.ports["imap"], refused + b"z NOOP\r\n"
                )
                first, last, rest = heard.split(b"\r\n")
                assert first.split(b" ")[1] in {b"BAD", b"NO"}, heard
                assert first.split(b" ")[0] in {b"a", b"*", b"nonsense"}, heard
                assert (last, rest) == (b"z OK Done.", b"")

    play(run)
