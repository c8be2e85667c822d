"""aioimaplib, for programs with asyncio; above all it waits for news."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from tests.clients.letters import (
    BODIES,
    KOREAN_UTF_7,
    deliver,
    letter,
    new_token,
    password_of,
    put,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.running import Server


@asynccontextmanager
async def logged_in(server: Server, user: str) -> AsyncIterator[Any]:
    import aioimaplib

    client = aioimaplib.IMAP4_SSL(
        "localhost",
        server.port("imap", "implicit"),
        ssl_context=server.tls_context(),
        timeout=20,
    )
    await client.wait_hello_from_server()
    good(await client.login(user, password_of(user)))
    yield client
    good(await client.logout())


def good(response: Any) -> list[bytes]:
    result, lines = response
    assert result == "OK", lines
    return list(lines)


def test_every_letter_comes(server: Server, ascii_reader: str) -> None:
    sent = [letter(name, new_token()) for name in BODIES]
    put(server, ascii_reader, *sent)

    async def run() -> None:
        async with logged_in(server, ascii_reader) as client:
            good(await client.select())
            for uid, octets in enumerate(sent, 1):
                lines = good(await client.uid("fetch", str(uid), "(BODY.PEEK[])"))
                assert lines[1] == octets
            [unseen, *_] = good(await client.uid_search("UNSEEN"))
            assert unseen.split() == [b"%d" % uid for uid in range(1, len(sent) + 1)]

    asyncio.run(run())


def test_a_mailbox_with_a_korean_name(server: Server, ascii_reader: str) -> None:
    """Made, filled, listed, copied and moved into, deleted."""

    async def run() -> None:
        name = f'"{KOREAN_UTF_7}"'
        token = new_token()
        async with logged_in(server, ascii_reader) as client:
            good(await client.create(name))
            good(await client.append(letter("euc-kr", token), name, r"(\Flagged)"))
            good(await client.append(letter("dots", new_token())))
            listed = good(await client.list('""', "*"))
            assert any(KOREAN_UTF_7.encode() in line for line in listed)
            good(await client.select())
            good(await client.uid("store", "1", "+FLAGS", r"(\Answered $Work)"))
            good(await client.uid("copy", "1", name))
            good(await client.uid("move", "1", name))
            [status, *_] = good(await client.status(name, "(MESSAGES UNSEEN)"))
            assert b"MESSAGES 3" in status
            good(await client.select(name))
            [found, *_] = good(await client.uid_search("KEYWORD $Work"))
            assert found.split() == [b"2", b"3"]
            [found, *_] = good(await client.uid_search(f"SUBJECT {token} FLAGGED"))
            assert found.split() == [b"1"]
            good(await client.uid("store", "2", "+FLAGS", r"(\Deleted)"))
            good(await client.expunge())
            [found, *_] = good(await client.uid_search("ALL"))
            assert found.split() == [b"1", b"3"]
            good(await client.close())
            good(await client.delete(name))
            listed = good(await client.list('""', "*"))
            assert not any(KOREAN_UTF_7.encode() in line for line in listed)

    asyncio.run(run())


def test_idle(server: Server, ascii_reader: str) -> None:
    """Mail, flags and removals are pushed while it waits (RFC 2177)."""
    put(server, ascii_reader, letter("plain", new_token()))

    async def pushed(client: Any, enough: Callable[[bytes], bool]) -> None:
        async with asyncio.timeout(15):
            while not any(enough(line) for line in await client.wait_server_push()):
                pass

    async def run() -> None:
        async with (
            logged_in(server, ascii_reader) as client,
            logged_in(server, ascii_reader) as other,
        ):
            good(await client.select())
            good(await other.select())
            idle = await client.idle_start(timeout=30)
            assert client.has_pending_idle()
            news = letter("dots", new_token())
            await asyncio.to_thread(deliver, server, ascii_reader, news)
            await pushed(client, lambda line: line == b"2 EXISTS")
            good(await other.uid("store", "1", "+FLAGS", r"(\Seen)"))
            await pushed(client, lambda line: rb"\Seen" in line)
            good(await other.uid("store", "1", "+FLAGS", r"(\Deleted)"))
            good(await other.expunge())
            await pushed(client, lambda line: line == b"1 EXPUNGE")
            client.idle_done()
            good(await asyncio.wait_for(idle, 10))
            [found, *_] = good(await client.uid_search("ALL"))
            assert found.split() == [b"2"]

    asyncio.run(run())
