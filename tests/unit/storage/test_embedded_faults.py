"""Disks that fail, files that are older, and what is found to be wrong."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from pyeonji.base.ids import Uid
from pyeonji.message.prepare import prepare
from pyeonji.protocol.sasl.steps import ScramKeys
from pyeonji.storage.directory import Credentials, Domain
from pyeonji.storage.embedded import Store, accountfile, open_store, runs
from pyeonji.storage.embedded import store as embedded_store
from pyeonji.storage.embedded.account import EmbeddedAccount
from pyeonji.storage.embedded.sqlite import connect
from pyeonji.storage.embedded.verify import repair, verify
from pyeonji.storage.errors import NoMoreUids, StorageUnavailable
from pyeonji.storage.mailboxes import FlagChange, NewMessage
from pyeonji.storage.query import BodyContains, TextContains
from pyeonji.storage.queue import NewLetter, Recipient

KEYS = ScramKeys(salt=b"s" * 16, iterations=4096, stored_key=b"k", server_key=b"v")
OCTETS = b"Subject: a\r\n\r\nb\r\n"
MESSAGE = NewMessage(content=OCTETS, prepared=prepare(OCTETS), internal_date=1)
LETTER = NewLetter(
    reverse_path="",
    recipients=(Recipient(address="k@x.test"),),
    content=OCTETS,
    prefix=b"",
    accepted_at=1.0,
)


def run(data: Path, test: Callable[[Store, EmbeddedAccount], Awaitable[Any]]) -> None:
    async def main() -> None:
        store = await open_store(data, worker=0)
        try:
            account = await store.directory.account_at("k@x.test")
            if account is None:
                await store.directory.add_domain(Domain(name="x.test"))
                kept = Credentials(password_hash="", scram_sha1=KEYS, scram_sha256=KEYS)
                account = await store.directory.add_account("k@x.test", kept)
            await test(store, await store.mail.account(account.id))
        finally:
            await store.close()

    asyncio.run(main())


def test_a_failed_sync_is_said_and_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No OK after a failed fdatasync; the next one writes everything anew."""
    failing = [True]
    real = os.fdatasync

    def broken(descriptor: int) -> None:
        if failing[0]:
            raise OSError(errno.EIO, "broken disk")
        real(descriptor)

    async def test(_: Store, mail: EmbeddedAccount) -> None:
        box = (await mail.mailbox("INBOX")).id
        await mail.append(box, [MESSAGE])
        monkeypatch.setattr(os, "fdatasync", broken)
        with pytest.raises(StorageUnavailable, match="broken disk"):
            await mail.append(box, [MESSAGE])
        # never believed without a checkpoint; here that fails too
        monkeypatch.setattr(
            accountfile.AccountFile, "_checkpoint_all", lambda _: broken(0)
        )
        with pytest.raises(StorageUnavailable):
            await mail.sync()
        monkeypatch.undo()
        failing[0] = False
        await mail.sync()
        log = mail.file.path.with_name("mail.db-wal")
        assert log.stat().st_size == 0
        await mail.append(box, [MESSAGE])

    run(tmp_path, test)
    assert verify(tmp_path).clean


def test_a_full_disk_refuses_letters(tmp_path: Path) -> None:
    """Nothing is kept of a letter that was refused; later ones go in."""

    async def test(store: Store, _: EmbeddedAccount) -> None:
        queue = store.queue
        await queue.accept(LETTER)
        writer = queue._writer
        pages = writer.pragma("page_count")
        writer.execute(f"PRAGMA max_page_count = {pages}")
        large = os.urandom(200_000)
        results = await asyncio.gather(
            *(
                queue.accept(
                    NewLetter(
                        reverse_path="",
                        recipients=LETTER.recipients,
                        content=large,
                        prefix=b"",
                        accepted_at=1.0,
                    )
                )
                for _ in range(3)
            ),
            return_exceptions=True,
        )
        assert all(isinstance(result, StorageUnavailable) for result in results)
        assert len(await store.office.summaries()) == 1
        await queue.accept(LETTER)
        assert len(await store.office.summaries()) == 2

    run(tmp_path, test)
    assert verify(tmp_path).clean


def test_a_broken_account_file_refuses(tmp_path: Path) -> None:
    """An error of SQLite is StorageUnavailable, never its own."""

    async def test(store: Store, mail: EmbeddedAccount) -> None:
        box = (await mail.mailbox("INBOX")).id
        await mail.append(box, [MESSAGE])
        writer = mail.file._writer
        assert writer is not None
        writer.execute("PRAGMA query_only = ON")
        with pytest.raises(StorageUnavailable):
            await mail.append(box, [MESSAGE])
        assert await mail.append(box, [MESSAGE]) == [2]

    run(tmp_path, test)


def test_old_files_are_migrated(tmp_path: Path) -> None:
    """Each migration runs once, in order; a newer file is refused."""
    path = tmp_path / "a.db"
    first = "CREATE TABLE a (x); INSERT INTO a VALUES (1)"

    def second(connection: Any) -> None:
        connection.execute("ALTER TABLE a ADD COLUMN y DEFAULT 2")

    connect(path, [first], synchronous="FULL").close()
    for _ in range(2):
        connection = connect(path, [first, second], synchronous="FULL")
        assert connection.execute("SELECT * FROM a").fetchall() == [(1, 2)]
        assert connection.pragma("user_version") == 2
        connection.close()
    with pytest.raises(StorageUnavailable, match="newer"):
        connect(path, [first], synchronous="FULL")

    def bad(connection: Any) -> None:
        connection.execute("CREATE TABLE b (x)")
        connection.execute("nonsense")

    with pytest.raises(StorageUnavailable):
        connect(path, [first, second, bad], synchronous="FULL")
    connection = connect(path, [first, second], synchronous="FULL")
    assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("a",)]
    connection.close()


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        ("UPDATE mailboxes SET unseen = unseen + 1 WHERE name = 'INBOX'", "counters"),
        ("UPDATE account SET octets = 5", "usage"),
        ("UPDATE mailboxes SET uid_next = 1", "next"),
        ("DELETE FROM bodies WHERE message = 1", "lost its message"),
        ("UPDATE account SET next_message = 1", "numbered above"),
        ("INSERT INTO log VALUES (1, 99, 1, 1, 1, NULL)", "expunged"),
        (
            "UPDATE marks SET mod_seqs = unhex(substr(hex(mod_seqs), 1, 16)"  # noqa: ISC004
            " || '00000000000003E8' || substr(hex(mod_seqs), 33))",
            "above its highest",
        ),
        ("UPDATE marks SET flags = unhex('0000' || substr(hex(flags), 5))", "marks"),
        ("DELETE FROM marks", "no marks"),
        ("UPDATE marks SET flags = substr(flags, 1, 3)", "cut short"),
        ("UPDATE entries SET keywords = 'a' WHERE uid = 2", "whether it has keywords"),
        ("DELETE FROM log", "not in the log"),
    ],
)
def test_damage_is_found_and_mended(tmp_path: Path, damage: str, what: str) -> None:
    """Every counter is computed anew; repair makes it true again."""

    async def test(_: Store, mail: EmbeddedAccount) -> None:
        box = (await mail.mailbox("INBOX")).id
        await mail.append(box, [MESSAGE] * 3)
        await mail.store_flags(box, [(2, 2)], FlagChange.ADD, 1)

    run(tmp_path, test)
    assert verify(tmp_path).clean
    (path,) = tmp_path.glob("accounts/*/mail.db")
    connection = apsw.Connection(str(path))
    connection.execute(damage)
    connection.close()
    assert any(what in problem.what for problem in verify(tmp_path).problems)
    assert repair(tmp_path).problems == []


def test_damaged_octets_are_found(tmp_path: Path) -> None:
    """Packed bodies by zstd's checksum, all else by its CRC-32; stray files too."""
    long = OCTETS + b"and so on\r\n" * 4000
    large = NewMessage(content=long, prepared=prepare(long), internal_date=1)

    async def test(_: Store, mail: EmbeddedAccount) -> None:
        box = (await mail.mailbox("INBOX")).id
        await mail.append(box, [large, MESSAGE, MESSAGE])

    run(tmp_path, test)
    (path,) = tmp_path.glob("accounts/*/mail.db")
    connection = apsw.Connection(str(path))
    for table, column, message in (
        ("bodies", "octets", 1), ("bodies", "octets", 2), ("heads", "header", 3),
    ):  # fmt: skip
        kept: Any = connection.execute(
            f"UPDATE {table} SET {column} = {column} WHERE message = ?"
            f" RETURNING {column}",
            (message,),
        ).get
        connection.execute(
            f"UPDATE {table} SET {column} = ? WHERE message = ?",
            (kept[:-1] + bytes([kept[-1] ^ 1]), message),
        )
    connection.close()

    async def read(_: Store, mail: EmbeddedAccount) -> None:
        with pytest.raises(StorageUnavailable):
            await mail.octets((await mail.mailbox("INBOX")).id, [Uid(1)])

    run(tmp_path, read)
    (path.parent / "blobs" / "stray").write_bytes(b"x")
    report = verify(tmp_path)
    problems = [problem.what for problem in report.problems]
    assert [problem.split(": ")[0] for problem in problems[:3]] == [
        "message 1", "message 2", "message 3",
    ]  # fmt: skip
    assert len(problems) == 3
    assert [left.what for left in report.leftovers] == ["blob stray is of no message"]


def test_the_last_uid(tmp_path: Path) -> None:
    """No uid is given that would leave none to be next (RFC 3501 §2.3.1.1)."""

    async def test(_: Store, mail: EmbeddedAccount) -> None:
        boxes = [(await mail.mailbox(name)).id for name in ("INBOX", "Sent")]
        await mail.append(boxes[0], [MESSAGE])
        connection = apsw.Connection(str(mail.file.path))
        connection.execute("UPDATE mailboxes SET uid_next = ?", (2**32 - 2,))
        connection.close()
        assert await mail.append(boxes[0], [MESSAGE]) == [2**32 - 2]
        for refused in (
            mail.append(boxes[0], [MESSAGE]),
            mail.copy(boxes[0], [(1, 2**32)], boxes[1]),
        ):
            with pytest.raises(NoMoreUids, match="its last uid"):
                await refused
        assert await mail.uids(boxes[1]) == []
        await mail.copy(boxes[0], [(1, 1)], boxes[1])

    run(tmp_path, test)


def is_resting(mail: EmbeddedAccount) -> bool:
    return mail.file._writer is None


def test_a_quiet_account_rests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its texts are made and its writing connection is closed; then it writes again."""
    monkeypatch.setattr(embedded_store, "TEND_S", 0.02)

    async def test(_: Store, mail: EmbeddedAccount) -> None:
        box = (await mail.mailbox("INBOX")).id
        await mail.append(box, [MESSAGE] * 50)
        assert not is_resting(mail)
        turns = 0
        while not is_resting(mail) and turns < 200:
            await asyncio.sleep(0.02)
            turns += 1
        assert turns < 200
        count = "SELECT count(*) FROM texts"
        assert mail.file.reader.execute(count).fetchone() == (50,)
        assert await mail.search(box, TextContains("Subject: a")) == []
        assert len(await mail.search(box, TextContains("b"))) == 50
        await mail.append(box, [MESSAGE])
        assert len(await mail.search(box, BodyContains("b"))) == 51

    run(tmp_path, test)


def test_the_first_unseen_far_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found from either end of the mailbox."""
    monkeypatch.setattr(runs, "LOOKED_AT", 3)

    async def test(store: Store, mail: EmbeddedAccount) -> None:
        box = (await mail.mailbox("INBOX")).id
        await mail.append(box, [MESSAGE] * 30)
        for first in (1, 4, 5, 20, 30):
            seen = [(1, first - 1)] if first > 1 else [(31, 31)]
            await mail.store_flags(box, seen, FlagChange.ADD, 1)
            mail._runs = runs.Runs(mail.file.reader)
            assert (await mail.opened(box)).first_unseen == first
            assert (await mail.opened(box)).first_unseen == first
        await mail.store_flags(box, [(7, 7)], FlagChange.REMOVE, 1)
        assert (await mail.opened(box)).first_unseen == 7

    run(tmp_path, test)


@pytest.mark.parametrize("octets", [b"", b"x\r\n", b"\r\nx\r\n"])
def test_a_message_without_a_header_is_sound(tmp_path: Path, octets: bytes) -> None:
    """verify reads it like any other."""

    async def test(_: Store, mail: EmbeddedAccount) -> None:
        box = (await mail.mailbox("INBOX")).id
        message = NewMessage(content=octets, prepared=prepare(octets), internal_date=1)
        await mail.append(box, [message])

    run(tmp_path, test)
    assert verify(tmp_path).problems == []


def test_what_a_crash_left_in_the_spool_goes(tmp_path: Path) -> None:
    """Each worker empties its own; what is a day old goes from all."""
    spools = tmp_path / "queue" / "spool"

    async def left_behind(worker: int) -> Path:
        """A process that dies while a client appends."""
        store = await open_store(tmp_path, worker=worker, workers=2)
        spool = store.mail.spool()
        spool.write(b"x" * 300_000)
        await spool.finish()
        (left,) = (spools / str(worker)).iterdir()
        await store.close()
        return left

    async def run() -> None:
        first, second = await left_behind(0), await left_behind(1)
        old, young = spools / "commands" / "old", spools / "young"
        old.parent.mkdir()
        for path in (old, young):
            path.write_bytes(b"x")
        os.utime(old, (1, 1))
        store = await open_store(tmp_path, worker=0, workers=2)
        assert not first.exists()
        assert not old.exists()
        assert second.exists()  # that worker may be at work
        assert young.exists()
        spool = store.mail.spool()
        spool.write(b"x" * 300_000)
        other = await open_store(tmp_path, worker=1, workers=2)
        assert not second.exists()
        await spool.finish()  # nobody took ours away
        spool.abort()
        assert not any((spools / "0").iterdir())
        await other.close()
        await store.close()

    asyncio.run(run())


def test_what_a_file_is_opened_with_holds(tmp_path: Path) -> None:
    """All of the settings, not only the first, which is the one that answers."""
    connection = connect(
        tmp_path / "a.db", [], synchronous="NORMAL", cache_kib=300, checkpoint_pages=0
    )
    wanted = {
        "journal_mode": "wal",
        "synchronous": 1,
        "cache_size": -300,
        "wal_autocheckpoint": 0,
        "temp_store": 2,
        "trusted_schema": 0,
    }
    assert {name: connection.pragma(name) for name in wanted} == wanted
    connection.close()
