"""NOTIFY where one script is not enough: other workers, too much news."""

import asyncio

import pytest
from tests.transcripts.imap.imap_play import Client, beside, stage

from pyeonji.mra.imap import notifier


async def listening(client: Client, command: bytes) -> None:
    await client.log_in()
    heard = await client.ask(command)
    assert heard.endswith(b"OK As you wish.\r\n"), heard


def test_news_from_another_worker() -> None:
    """What another process does is told too, without a command (RFC 5465 §3.1)."""

    async def run() -> None:
        async with stage() as first, beside(first) as second:
            client = first.client()
            wanted = b"(MessageNew MessageExpunge MailboxName)"
            await listening(client, b"a NOTIFY SET (PERSONAL %b)\r\n" % wanted)
            other = second.client()
            await other.log_in()
            await other.ask(b"a CREATE There\r\n")
            assert await client.line() == rb'* LIST (\HasNoChildren) "/" There'
            message = b"Subject: one\r\n\r\nbody\r\n"
            await other.ask(b"b APPEND There {%d+}\r\n%b\r\n" % (len(message), message))
            assert await client.line() == b"* STATUS There (MESSAGES 1 UIDNEXT 2)"
            client.transport.close()
            other.transport.close()
            await asyncio.sleep(0)

    asyncio.run(run())


def test_too_much_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """NOTIFICATIONOVERFLOW is as NOTIFY NONE (RFC 5465 §5.8)."""
    monkeypatch.setattr(notifier, "MAX_NEWS", 1)

    async def run() -> None:
        async with stage() as system:
            client = system.client()
            await listening(client, b"a NOTIFY SET (PERSONAL (MailboxName))\r\n")
            await system.account.create("a/b")  # makes "a", too
            heard = await client.line()
            assert heard.startswith(b"* OK [NOTIFICATIONOVERFLOW] ")
            await system.account.create("e")
            assert await client.ask(b"b NOOP\r\n") == b"b OK Done.\r\n"
            client.transport.close()
            await asyncio.sleep(0)

    asyncio.run(run())


def test_too_many_mailboxes(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than the server watches is a NO (RFC 5465 §3.1)."""
    monkeypatch.setattr(notifier, "MAX_WATCHED", 2)

    async def run() -> None:
        async with stage() as system:
            client = system.client()
            await client.log_in()
            heard = await client.ask(b"a NOTIFY SET (PERSONAL (MailboxName))\r\n")
            assert heard.startswith(b"a NO [NOTIFICATIONOVERFLOW] ")
            heard = await client.ask(
                b"b NOTIFY SET (MAILBOXES INBOX (MailboxName))\r\n"
            )
            assert heard == b"b OK As you wish.\r\n"
            client.transport.close()
            await asyncio.sleep(0)

    asyncio.run(run())
