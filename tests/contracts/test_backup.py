"""A backup is whole, whatever goes on meanwhile; the next one writes what is new."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contracts.engines import letter, new_message

from pyeonji.storage.credentials import make_credentials
from pyeonji.storage.directory import Domain
from pyeonji.storage.embedded import Store, open_store
from pyeonji.storage.embedded.backup import Copied, _copy_file, back_up
from pyeonji.storage.embedded.verify import verify
from pyeonji.storage.errors import StorageUnavailable

LARGE = 600_000
CHANCE = random.Random(1)  # what is random is not packed


async def filled(data: Path, *sizes: int) -> Store:
    store = await open_store(data, worker=0)
    if await store.directory.domain("example.test") is None:
        await store.directory.add_domain(Domain(name="example.test"))
        credentials = make_credentials("letter")
        await store.directory.add_account("kim@example.test", credentials)
    await append(store, *sizes)
    return store


async def append(store: Store, *sizes: int) -> None:
    account = await store.directory.account_at("kim@example.test")
    assert account is not None
    mail = await store.mail.account(account.id)
    inbox = await mail.mailbox("INBOX")
    for size in sizes:
        octets = letter() + CHANCE.randbytes(size // 2).hex().encode()
        spool = store.mail.spool()  # a large one becomes a file
        spool.write(octets)
        message = replace(new_message(octets), content=await spool.finish())
        await mail.append(inbox.id, [message])


def messages(data: Path) -> int:
    report = verify(data)
    assert not report.problems  # files without a message may be there (repair)
    return report.messages


def test_a_backup_is_all_that_is_kept(tmp_path: Path) -> None:
    """Databases, large messages and the key; nothing of a running server."""
    data, copy = tmp_path / "data", tmp_path / "copy"

    async def fill() -> None:
        store = await filled(data, 10, LARGE)
        first = await asyncio.to_thread(back_up, data, copy)  # it runs meanwhile
        await append(store, LARGE)
        second = await asyncio.to_thread(back_up, data, copy)
        # secret.key and two messages; what is there is not copied again
        assert (first.files, second.files) == (3, 1)
        await store.close()

    asyncio.run(fill())
    assert messages(copy) == messages(data) == 3
    assert (copy / "secret.key").read_bytes() == (data / "secret.key").read_bytes()
    assert not (copy / "run").exists()

    async def read() -> None:
        store = await open_store(copy, worker=0)
        account = await store.directory.account_at("kim@example.test")
        assert account is not None
        mail = await store.mail.account(account.id)
        inbox = await mail.mailbox("INBOX")
        found = await mail.octets(inbox.id, await mail.uids(inbox.id))
        assert [len(octets) > LARGE for _, octets in found] == [False, True, True]
        await store.close()

    asyncio.run(read())


def test_what_is_gone_leaves_the_next_backup(tmp_path: Path) -> None:
    """Removed accounts are not kept in it for ever."""
    data, copy = tmp_path / "data", tmp_path / "copy"

    async def main() -> None:
        store = await filled(data, LARGE)
        await asyncio.to_thread(back_up, data, copy)
        account = await store.directory.account_at("kim@example.test")
        assert account is not None
        await store.directory.remove_account(account.id)
        await store.mail.erase(account.id)
        await asyncio.to_thread(back_up, data, copy)
        await store.close()

    asyncio.run(main())
    assert messages(copy) == 0
    assert not list((copy / "accounts").iterdir())


def test_a_backup_of_busy_mailboxes_is_whole(tmp_path: Path) -> None:
    """Letters that come meanwhile are in it or not, but never half."""
    data, copy = tmp_path / "data", tmp_path / "copy"
    ended = threading.Event()

    async def main() -> None:
        store = await filled(data, 10)

        async def come() -> None:
            while not ended.is_set():
                await append(store, 10, LARGE)

        coming = asyncio.ensure_future(come())
        for _ in range(3):
            await asyncio.to_thread(back_up, data, copy)
            assert await asyncio.to_thread(messages, copy) >= 1
        ended.set()
        await coming
        await store.close()

    asyncio.run(main())


def test_a_file_with_the_number_of_one_that_went(tmp_path: Path) -> None:
    """It is another file, though both have two names; nor is the old copy needed."""
    first, copied = tmp_path / "first", Copied()
    first.write_bytes(b"one")
    (tmp_path / "first too").hardlink_to(first)
    _copy_file(first, tmp_path / "a", copied)
    _copy_file(tmp_path / "first too", tmp_path / "b", copied)
    assert (tmp_path / "a").samefile(tmp_path / "b")

    first.write_bytes(b"two")
    os.utime(first, ns=(1, 1))  # as a new file has a time of its own
    _copy_file(first, tmp_path / "c", copied)
    assert (tmp_path / "c").read_bytes() == b"two"

    (tmp_path / "c").unlink()
    _copy_file(tmp_path / "first too", tmp_path / "d", copied)
    assert (tmp_path / "d").read_bytes() == b"two"


def test_no_data_no_backup(tmp_path: Path) -> None:
    """An error of the disk is told as one."""
    with pytest.raises(StorageUnavailable, match="none: No such file"):
        back_up(tmp_path / "none", tmp_path / "copy")
