"""A next hop that follows a script: what it offers and what it answers."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import Self


@dataclass
class Taken:
    """A letter that the next hop took."""

    mail: str
    rcpt: list[str]
    octets: bytes
    tls: bool


@dataclass
class Hop:
    """Listens on loopback while in `async with`.

    `script` gives replies by verb, used up in order; without one the usual
    reply goes out. "DROP" closes the connection instead, "." is the end of data.
    """

    script: dict[str, list[str]] = field(default_factory=dict)
    offers: tuple[str, ...] = ("PIPELINING", "8BITMIME", "DSN", "SIZE 1000000")
    tls: ssl.SSLContext | None = None
    taken: list[Taken] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    connections: int = 0
    address: str = "127.0.0.1"
    port: int = 0  # 0: any

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, self.address, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    def _reply(self, verb: str, usual: str) -> str:
        waiting = self.script.get(verb)
        return waiting.pop(0) if waiting else usual

    async def _talk(  # noqa: C901 - a script from top to bottom
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        rcpt: list[str] = []
        tls, mail = False, ""
        writer.write(f"{self._reply('CONNECT', '220 hop.test hello')}\r\n".encode())
        while line := (await reader.readline()).decode():
            line = line.rstrip("\r\n")
            self.heard.append(line)
            verb = line.split(" ")[0].upper()
            usual = {"QUIT": "221 bye", "DATA": "354 go on"}.get(verb, "250 2.0.0 ok")
            if verb == "EHLO":
                offers = [*self.offers]
                if self.tls is not None and not tls:
                    offers.append("STARTTLS")
                lines = ["hop.test", *offers]
                usual = "\r\n".join(
                    f"250{'-' if i < len(lines) - 1 else ' '}{text}"
                    for i, text in enumerate(lines)
                )
            if verb == "DATA" and not rcpt:
                usual = "554 5.5.1 no recipients"
            if verb == "STARTTLS":
                usual = "220 2.0.0 go"
            reply = self._reply(verb, usual)
            if reply == "DROP":
                return
            writer.write(reply.encode() + b"\r\n")
            if verb == "MAIL":
                mail, rcpt = line, []
            elif verb == "RCPT" and reply.startswith("2"):
                rcpt.append(line)
            elif verb == "STARTTLS" and reply.startswith("220") and self.tls:
                await writer.start_tls(self.tls)
                tls = True
            elif verb == "DATA" and reply.startswith("3"):
                octets = b""
                while (data := await reader.readline()) != b".\r\n":
                    if not data:
                        return
                    octets += data[1:] if data.startswith(b".") else data
                reply = self._reply(".", "250 2.0.0 taken")
                if reply == "DROP":
                    return
                if reply.startswith("2"):
                    self.taken.append(Taken(mail, rcpt, octets, tls))
                writer.write(reply.encode() + b"\r\n")
            elif verb == "QUIT":
                return
