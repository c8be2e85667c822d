"""SMTP doors, queue and mailboxes with the real engine, on loopback."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any, Self

from pyeonji.base.clock import Clock, SetClock
from pyeonji.base.ids import letter_ids
from pyeonji.mda.aliases import Aliases
from pyeonji.mda.deliver import Deliverer
from pyeonji.mta.forward.forwarding import Forwarding
from pyeonji.mta.forward.srs import Srs
from pyeonji.mta.options import Options
from pyeonji.mta.queue.runner import Runner
from pyeonji.mta.receive.checking import Checker
from pyeonji.mta.receive.judging import Judge
from pyeonji.mta.receive.receiver import DoorKind, Receiver
from pyeonji.mta.relay.relay import Relay
from pyeonji.mta.signing.keys import Sealing
from pyeonji.mta.signing.signer import Signer
from pyeonji.net.connection import Connection
from pyeonji.net.dns import Resolver
from pyeonji.net.tls import server_context
from pyeonji.serve.certificates import make_self_signed
from pyeonji.storage.credentials import make_credentials
from pyeonji.storage.directory import Account, Alias, Domain
from pyeonji.storage.embedded import Store, open_store

PASSWORD = "correct horse"


class House:
    """One worker: `port` is for strangers, `submission` for users."""

    def __init__(
        self,
        folder: Path,
        options: Options,
        *,
        tls: bool = False,
        legacy: bool = False,
        judge: Callable[[Clock], Judge] | None = None,
        checker: Callable[[Clock], Checker] | None = None,
    ) -> None:
        self.judge = judge
        self.checker = checker
        self.folder = folder
        self.options = options
        self.clock = SetClock()
        self.legacy = legacy
        self.context: ssl.SSLContext | None = None
        if tls:
            certificate, key = folder / "c.pem", folder / "k.pem"
            make_self_signed("mx.example.test", certificate, key)
            self.context = server_context(certificate, key)

    async def __aenter__(self) -> Self:
        self.store: Store = await open_store(
            self.folder / "data", worker=0, clock=self.clock
        )
        directory = self.store.directory
        await directory.add_domain(Domain(name="example.test"))
        self.kim = await self.add("kim@example.test", name="Kim")
        aliases = Aliases(directory, hostname=self.options.hostname)
        deliverer = Deliverer(aliases, self.store.mail)
        self.sealing = Sealing(self.store.sealer.seal, self.store.sealer.unseal)
        self.signer = Signer(directory.dkim_keys, self.sealing)
        self.forwarding = Forwarding(
            Srs(self.store.sealer.secret_for("srs")),
            expand=aliases.expand,
            is_local=aliases.is_local,
            hostname=self.options.hostname,
            authserv_id=self.options.hostname,
            signer=self.signer,
        )
        expand = self.forwarding.expanding(self.clock.time)
        self.runner = Runner(
            options=self.options,
            queue=self.store.queue,
            clock=self.clock,
            relay=Relay(self.options, Resolver(["127.0.0.1:1"])),
            deliver=deliverer.deliver,
            sync=self.store.mail.sync,
            expand=expand,
            is_local=aliases.is_local,
            suppressions=self.store.suppressions,
            office=self.store.office,
            signer=self.signer,
        )
        self.authenticator = self.store.authenticator(legacy=self.legacy)
        self.receiver = Receiver(
            options=self.options,
            directory=directory,
            queue=self.store.queue,
            suppressions=self.store.suppressions,
            has_room=deliverer.has_room,
            office=self.store.office,
            authenticator=self.authenticator,
            expand=expand,
            is_local=aliases.is_local,
            clock=self.clock,
            next_id=letter_ids(0, lambda: int(self.clock.time() * 1000)),
            take=self.runner.take,
            runner=self.runner,
            policy=self.judge(self.clock) if self.judge is not None else None,
            signer=self.signer,
            forwarding=self.forwarding,
            checker=self.checker(self.clock) if self.checker is not None else None,
        )
        self.runner.start()
        self.connections: set[Connection] = set()
        self.servers: list[asyncio.Server] = []
        self.port = await self.listen(DoorKind(plaintext_auth=True))
        self.submission = await self.listen(
            DoorKind(submission=True, plaintext_auth=True)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.connections):
            connection.abort()
        await asyncio.sleep(0)
        await self.runner.stop(2.0)
        self.authenticator.close()
        await self.store.close()

    async def listen(self, kind: DoorKind, peer: tuple[str, int] | None = None) -> int:
        numbers = count(1)
        loop = asyncio.get_running_loop()

        def connection() -> Connection:
            made = Connection(
                lambda c: self.receiver.door(c, kind),
                connection_id=f"c{next(numbers)}",
                loop=loop,
                tls_context=self.context,
                on_end=self.connections.discard,
                peer=peer,
            )
            self.connections.add(made)
            return made

        server = await loop.create_server(connection, "127.0.0.1", 0)
        self.servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def add(self, address: str, **wanted: Any) -> Account:
        credentials = await asyncio.to_thread(make_credentials, PASSWORD)
        return await self.store.directory.add_account(address, credentials, **wanted)

    async def alias(self, address: str, *targets: str) -> None:
        await self.store.directory.add_alias(Alias(address=address, targets=targets))

    async def inbox(self, account: Account, name: str = "INBOX") -> list[bytes]:
        """What stands in a mailbox, once nothing is under way."""
        await asyncio.sleep(0.02)
        async with asyncio.timeout(60):
            await self.runner.idle()
        opened = await self.store.mail.account(account.id)
        box = await opened.mailbox(name)
        uids = await opened.uids(box.id)
        return [octets.whole() for _, octets in await opened.octets(box.id, uids)]


def play(
    folder: Path,
    scene: Callable[[House], Awaitable[None]],
    *,
    tls: bool = False,
    judge: Callable[[Clock], Judge] | None = None,
    checker: Callable[[Clock], Checker] | None = None,
    **more: Any,
) -> None:
    """Run a scene in a house of its own."""

    async def run() -> None:
        options = Options(hostname="mx.example.test", sync_pause=0.05, **more)
        async with House(
            folder, options, tls=tls, judge=judge, checker=checker
        ) as house:
            await scene(house)

    asyncio.run(run())


class Client:
    """Speaks SMTP line by line, so that tests read as the wire."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int) -> Client:
        client = cls(*await asyncio.open_connection("127.0.0.1", port))
        assert (await client.reply()).startswith("220 ")
        return client

    async def reply(self) -> str:
        """One reply, all its lines."""
        lines = []
        while True:
            async with asyncio.timeout(60):
                line = (await self.reader.readline()).decode()
            lines.append(line.rstrip("\r\n"))
            if line[3:4] != "-":
                return "\n".join(lines)

    async def say(self, line: str | bytes, expected: str) -> str:
        """Send a line; its reply begins as expected."""
        octets = line.encode() if isinstance(line, str) else line
        self.writer.write(octets + b"\r\n")
        reply = await self.reply()
        assert reply.startswith(expected), f"{line!r}: {reply}"
        return reply

    async def login(self, user: str = "kim@example.test") -> None:
        """AUTH PLAIN."""
        from base64 import b64encode

        token = b64encode(f"\0{user}\0{PASSWORD}".encode()).decode()
        await self.say(f"AUTH PLAIN {token}", "235")

    async def letter(
        self,
        sender: str,
        recipient: str,
        octets: bytes = b"Subject: x\r\n\r\nhello\r\n",
        expected: str = "250 2.0.0",
    ) -> str:
        """One transaction."""
        await self.say(f"MAIL FROM:<{sender}>", "250")
        await self.say(f"RCPT TO:<{recipient}>", "250")
        await self.say("DATA", "354")
        return await self.say(octets + b".", expected)

    async def close(self) -> None:
        self.writer.close()
