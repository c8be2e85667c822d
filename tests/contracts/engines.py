"""Every engine is opened the same way and checked when it is closed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.patience import until

from pyeonji.base.clock import Clock
from pyeonji.message.prepare import Prepared, prepare
from pyeonji.protocol.sasl.steps import ScramKeys
from pyeonji.storage.directory import Account, Credentials, Domain
from pyeonji.storage.embedded import Store, open_store
from pyeonji.storage.embedded.account import EmbeddedAccount
from pyeonji.storage.embedded.verify import verify
from pyeonji.storage.mailboxes import Delivery, NewMessage
from pyeonji.storage.queue import NewLetter, Recipient

KEYS = ScramKeys(salt=b"s" * 16, iterations=4096, stored_key=b"k", server_key=b"v")
CREDENTIALS = Credentials(password_hash="$x", scram_sha1=KEYS, scram_sha256=KEYS)


def letter(number: int = 1, text: str = "hello", size: int = 0) -> bytes:
    """A whole message; `size` pads it."""
    head = (
        f"From: Lee <lee@example.test>\r\nTo: kim@example.test\r\n"
        f"Subject: Letter {number}\r\nMessage-ID: <{number}@example.test>\r\n"
        "Date: Tue, 24 Nov 2026 04:00:00 +0000\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
    ).encode()
    return head + text.encode() + b"\r\n" + b"x" * 70 * (size // 70)


PREPARED: dict[bytes, Prepared] = {}


def new_message(octets: bytes, **wanted: Any) -> NewMessage:
    prepared = PREPARED.setdefault(octets, prepare(octets))
    values: dict[str, Any] = {"internal_date": 1_700_000_000, **wanted}
    return NewMessage(content=octets, prepared=prepared, **values)


def delivery(account: Account, number: int, **wanted: Any) -> Delivery:
    octets = wanted.pop("octets", None) or letter(number)
    values: dict[str, Any] = {
        "mailbox": "INBOX",
        "content": octets,
        "prefix": b"Return-Path: <>\r\n",
        "prepared": prepare(octets),
        "internal_date": 1_700_000_000,
        "delivery_id": str(number),
        **wanted,
    }
    return Delivery(account_id=account.id, **values)


def new_letter(number: int = 1, **wanted: Any) -> NewLetter:
    values: dict[str, Any] = {
        "reverse_path": "lee@example.test",
        "recipients": (Recipient(address="kim@example.test"),),
        "content": letter(number),
        "prefix": b"Received: here\r\n",
        "accepted_at": time.time(),
        **wanted,
    }
    return NewLetter(**values)


@dataclass
class World:
    """An open store with a domain and an account."""

    store: Store
    account: Account
    mail: EmbeddedAccount

    async def is_tidy(self) -> None:
        """Return when what was removed is gone from the file, too."""
        left = "SELECT count(*) FROM garbage"
        await until(lambda: not self.mail.file.reader.execute(left).get)


@dataclass
class Engine:
    """Opens stores of one engine over one folder."""

    data: Path
    clock: Clock

    def run(self, test: Callable[[World], Awaitable[Any]], **options: Any) -> Any:
        """Run a test in an open world; all invariants are recomputed after it."""

        async def main() -> Any:
            store = await self.open(**options)
            try:
                account = await store.directory.account_at("kim@example.test")
                if account is None:
                    await store.directory.add_domain(Domain(name="example.test"))
                    account = await store.directory.add_account(
                        "kim@example.test", CREDENTIALS
                    )
                world = World(store, account, await store.mail.account(account.id))
                return await asyncio.wait_for(test(world), 60)
            finally:
                await store.close()

        result = asyncio.run(main())
        assert [p.what for p in verify(self.data).problems] == []
        return result

    async def open(self, **options: Any) -> Store:
        return await open_store(
            self.data, **{"worker": 0, "clock": self.clock, **options}
        )
