r"""Plays IMAP conversations against the real door, shell and storage.

A script has lines `C: …` (the client says), `S: …` (it must hear exactly this
next), with a number for further clients (`C2:`, `S2:`) or the name of another
account of `accounts` (`Clee:`, `Slee:`), and `#` for remarks.
HIGHESTMODSEQ and MAILBOXID, which every SELECT tells, may be left out of a script.
Lines end in CRLF on the wire. Holes in what is heard: `<n>` a number, `<any>`
anything, `<keep>` a number that `@` stands for in later lines of any client;
`<all>` first in a line passes over lines until one matches its rest.
A script fails if something is left unsaid.

All tests of this folder play twice, against the bare door and over TLS on real
sockets (tls_play); those marked `way(name, reason)` one way only.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.transcripts.imap.imap_talker import ADDRESS, PASSWORD, WAIT_S, Talker
from tests.transcripts.imap.tls_play import listening

from pyeonji.base.clock import SetClock
from pyeonji.mra.imap import Options, door
from pyeonji.net.connection import Connection
from pyeonji.storage.authentication import Authenticator
from pyeonji.storage.credentials import make_credentials
from pyeonji.storage.directory import Domain
from pyeonji.storage.embedded import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from pyeonji.mra.imap import ImapDoor
    from pyeonji.storage.embedded import Store
    from pyeonji.storage.mailboxes import AccountStore

BARE: Final = "bare"
TLS: Final = "tls"
WAY: contextvars.ContextVar[str] = contextvars.ContextVar("way", default=BARE)
"""How clients come to the door; the tests of this folder go both ways."""

LETTER = b"""\
Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)
From: Terry Gray <gray@example.test>
Subject: IMAP4rev1 WG mtg summary and minutes
To: imap@example.test
cc: minutes@example.test, "John K" <klensin@example.test>
Message-Id: <B27397-0100000@example.test>
MIME-Version: 1.0
Content-Type: TEXT/PLAIN; CHARSET=US-ASCII

Hello Joe, do you think we can meet at 3:30 tomorrow?
""".replace(b"\n", b"\r\n")

PARTED = b"""\
From: kim@example.test
Subject: =?utf-8?B?7Y647KeA?=
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b

one
--b
Content-Type: message/rfc822

Subject: inner
X-Inner: yes

inner text
--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

7Y647KeA
--b--
""".replace(b"\n", b"\r\n")


class MemoryTransport(asyncio.Transport):
    """What a connection writes is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol: Connection | None = None
        self.heard = bytearray()
        self.closed = False
        self.paused = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.7", 40000) if name == "peername" else default

    def set_write_buffer_limits(
        self, high: int | None = None, low: int | None = None
    ) -> None:
        """Nothing is ever too much."""

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        assert not self.closed
        self.heard += data

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            assert self.protocol is not None
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()


class Client(Talker):
    """One connection."""

    def __init__(self, make_door: Callable[[Connection], ImapDoor]) -> None:
        self.transport = MemoryTransport()
        self.connection = Connection(
            make_door, connection_id="test", loop=asyncio.get_running_loop()
        )
        self.transport.protocol = self.connection
        self.connection.connection_made(self.transport)

    def say(self, octets: bytes) -> None:
        if not self.transport.closed:
            self.connection.data_received(octets)

    async def settle(self) -> None:
        async with asyncio.timeout(WAIT_S):
            while self.connection.busy:  # noqa: ASYNC110 - the shell has no event
                await asyncio.sleep(0.001)


class Stage:
    """A system with one account, and as many clients as wanted."""

    def __init__(
        self,
        folder: Path,
        store: Store,
        account: AccountStore,
        options: Options,
    ) -> None:
        self.folder = folder
        self.store = store
        self.account = account
        self.clock = SetClock()

        async def no_sleep(_: float) -> None:
            pass

        self._come: Callable[[], Talker] | None = None
        self.make_door = door(
            options,
            store.directory,
            store.mail,
            Authenticator(
                store.directory,
                sealer=store.sealer,
                clock=self.clock,
                legacy=True,
                sleep=no_sleep,
            ),
            spool=store.mail.spool,
            clock=self.clock,
        )

    def client(self) -> Any:
        """One more client; it comes the way of the test."""
        return Client(self.make_door) if self._come is None else self._come()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Stage]:
        """Let clients come."""
        if WAY.get() == BARE:
            yield self
            return
        async with listening(self.make_door) as self._come:
            yield self


OPTIONS = Options(hostname="mx.example.test", plaintext_auth=True)


@contextlib.asynccontextmanager
async def stage(options: Options = OPTIONS) -> AsyncIterator[Stage]:
    with tempfile.TemporaryDirectory() as folder:
        store = await open_store(Path(folder), worker=0, workers=2)
        try:
            await store.directory.add_domain(Domain(name="example.test"))
            account = await store.directory.add_account(
                ADDRESS,
                make_credentials(PASSWORD, sealer=store.sealer),
            )
            kept = await store.mail.account(account.id)
            async with Stage(Path(folder), store, kept, options).open() as system:
                yield system
        finally:
            await store.close()


@contextlib.asynccontextmanager
async def beside(first: Stage) -> AsyncIterator[Stage]:
    """Another worker on the same data."""
    store = await open_store(first.folder, worker=1, workers=2)
    try:
        account = await store.mail.account(first.account.id)
        async with Stage(first.folder, store, account, OPTIONS).open() as system:
            yield system
    finally:
        await store.close()


def play(
    script: str,
    *,
    log_in: bool = True,
    options: Options = OPTIONS,
    accounts: Sequence[str] = (),
    **limits: int,
) -> None:
    """Play a script; see the module's text.

    Args:
        script: what is said and heard.
        log_in: clients are logged in when they come.
        options: the listener's.
        accounts: local parts of further accounts; "boss" is an administrator.
        limits: quotas of kim's account.
    """
    asyncio.run(
        _play(script, log_in=log_in, options=options, accounts=accounts, limits=limits)
    )


async def _furnish(
    system: Stage, accounts: Sequence[str], limits: Mapping[str, int]
) -> None:
    directory = system.store.directory
    for name in accounts:
        await directory.add_account(
            f"{name}@example.test",
            make_credentials(PASSWORD, sealer=system.store.sealer),
            administrator=name == "boss",
        )
    kim = await directory.account(system.account.id)
    if limits and kim is not None:
        quotas: dict[str, Any] = dict(limits)
        await directory.update_account(replace(kim, **quotas))


_OF_SELECT = re.compile(
    rb"\* OK \[(HIGHESTMODSEQ|MAILBOXID) [^]]+\] (?:So far|This one)\."
)
_HOLES = {"<n>": b"[0-9]+", "<any>": b".*", "<keep>": b"(?P<keep>[0-9]+)"}


def _pattern(expected: str) -> bytes:
    pieces = re.split("(<n>|<any>|<keep>)", expected)
    return b"".join(
        _HOLES.get(piece) or re.escape(piece.encode("utf-8")) for piece in pieces
    )


async def _hear(client: Talker, text: str) -> bytes | None:
    """A line that must be as `text`; gives what it keeps."""
    heard = await client.line()
    while (told := _OF_SELECT.fullmatch(heard)) and told[1].decode() not in text:
        heard = await client.line()
    found = re.fullmatch(_pattern(text), heard, re.DOTALL)
    assert found, f"expected {text!r}, heard {heard!r}"
    return found.groupdict().get("keep")


async def _play(
    script: str,
    *,
    log_in: bool,
    options: Options,
    accounts: Sequence[str],
    limits: Mapping[str, int],
) -> None:
    async with stage(options) as system:
        await _furnish(system, accounts, limits)
        clients: dict[str, Talker] = {}
        kept = b"@"
        for line in script.splitlines():
            who, _, text = line.strip().partition(":")
            text = text.removeprefix(" ")
            if not who or who.startswith("#"):
                continue
            number = who[1:]
            if number not in clients:
                clients[number] = system.client()
                if log_in:
                    name = number if number.isalpha() else "kim"
                    await clients[number].log_in(f"{name}@example.test")
            client = clients[number]
            if who[0] == "C":
                await client.settle()
                assert not client.transport.heard, (line, client.transport.heard)
                text = text.replace("(@", "(" + kept.decode())
                client.say(text.encode("utf-8") + b"\r\n")
                await client.settle()
            elif text.startswith("<all>"):
                wanted = _pattern(text.removeprefix("<all>"))
                while not re.fullmatch(wanted, await client.line(), re.DOTALL):
                    pass
            else:
                kept = await _hear(client, text) or kept
        await asyncio.sleep(0.01)
        for client in clients.values():
            await client.settle()
            assert not client.transport.heard, f"unsaid: {client.transport.heard!r}"
            client.transport.close()
        await asyncio.sleep(0)
