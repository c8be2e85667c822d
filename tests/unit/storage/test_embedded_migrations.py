"""Files of the first schema are opened, and everything in them is still there."""

from __future__ import annotations

import asyncio
import zlib
from pathlib import Path
from typing import Any

import zstandard
from tests.contracts.engines import CREDENTIALS, letter

from pyeonji.base.ids import AccountId, Uid
from pyeonji.message.prepare import Prepared, prepare
from pyeonji.storage.embedded import open_store
from pyeonji.storage.embedded.directory_schema import MIGRATIONS as DIRECTORY
from pyeonji.storage.embedded.letters import MIGRATIONS as QUEUE
from pyeonji.storage.embedded.mail_schema import MIGRATIONS
from pyeonji.storage.embedded.sqlite import Database, connect
from pyeonji.storage.embedded.verify import verify
from pyeonji.storage.entries import Column
from pyeonji.storage.queue import NO_WISHES, Held

PREFIX = b"Return-Path: <>\r\n"


def old_directory(data: Path) -> None:
    connection = connect(data / "directory.db", DIRECTORY[:1], synchronous="FULL")
    connection.execute("INSERT INTO domains VALUES ('x.test', NULL, NULL)")
    connection.execute(
        "INSERT INTO accounts VALUES"
        " ('k', 'k@x.test', 'x.test', 'Kim', 99, 1, 0, '[]', '{}')"
    )
    connection.close()


def insert(
    connection: Database, number: int, octets: bytes, made: Prepared, body: Any
) -> None:
    size = len(PREFIX) + len(octets)
    connection.execute(
        "INSERT INTO messages VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            *(number, size, len(PREFIX), made.sent_date, made.sent_day),
            *(made.sort_from, made.sort_to, made.sort_cc, made.message_id),
            *(made.sort_subject, made.envelope, made.body_structure, made.parts),
            *(made.references, made.subject, made.preview),
        ),
    )
    connection.execute(
        "INSERT INTO bodies VALUES (?, ?, ?, ?, ?)", (number, PREFIX, *body)
    )
    connection.execute(
        "INSERT INTO entries VALUES (1, ?, ?, 1, 0, '', 7, 7, ?)",
        (number, number, size),
    )
    connection.execute(
        "UPDATE mailboxes SET uid_next = ?1 + 1, held = ?1, unseen = ?1,"
        " octets = octets + ?2",
        (number, size),
    )
    connection.execute(
        "UPDATE account SET next_message = ?1 + 1, messages = ?1,"
        " octets = octets + ?2, mod_seq = 1, uid_validity = 5",
        (number, size),
    )


def old_account(folder: Path, messages: list[bytes]) -> None:
    """As the first version wrote it; the last message in a file of its own."""
    (folder / "blobs").mkdir(parents=True)
    connection = connect(folder / "mail.db", MIGRATIONS[:1], synchronous="FULL")
    connection.execute(
        "INSERT INTO mailboxes VALUES (1, 'INBOX', 5, 1, 1, 0, 0, 0, 0, 1, NULL, 1, 1)"
    )
    zstd = zstandard.ZstdCompressor(write_checksum=True)
    for number, octets in enumerate(messages, 1):
        body: Any = (zstd.compress(octets), None, None)
        if number == len(messages):
            (folder / "blobs" / "large").write_bytes(octets)
            body = (None, "large", zlib.crc32(octets))
        insert(connection, number, octets, prepare(octets), body)
    connection.execute("INSERT INTO log VALUES (1, 1, 0, 1, ?)", (len(messages),))
    connection.close()


def test_the_first_schema_is_brought_over(tmp_path: Path) -> None:
    reply = letter(2).replace(b"\r\n\r\n", b"\r\nIn-Reply-To: <1@example.test>\r\n\r\n")
    messages = [letter(1), reply, *(letter(n) for n in range(3, 250)), letter(250)]
    old_directory(tmp_path)
    old_account(tmp_path / "accounts" / "k", messages)

    async def main() -> None:
        store = await open_store(tmp_path, worker=0)
        account = await store.directory.account(AccountId("k"))
        assert account is not None
        assert (account.quota_octets, account.quota_messages) == (99, None)
        await store.directory.add_account("l@x.test", CREDENTIALS, quota_mailboxes=2)
        mail = await store.mail.account(account.id)
        box = await mail.mailbox("INBOX")
        assert box.object_id
        found = await mail.octets(box.id, [Uid(n) for n in range(1, 251)])
        assert [stored.whole() for _, stored in found] == [PREFIX + m for m in messages]
        rows = await mail.select(
            box.id,
            [(1, 3)],
            [
                Column.THREAD_ID,
                Column.HEADER,
                Column.SORT_DISPLAY_FROM,
                Column.ENVELOPE,
            ],
        )
        assert [row[0] for row in rows] == [1, 1, 3]
        assert rows[0][1] == PREFIX + letter(1).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        assert rows[0][2:] == ("lee", prepare(letter(1)).envelope)
        await store.close()

    asyncio.run(main())
    assert verify(tmp_path).problems == []


def test_a_queue_of_the_first_schema(tmp_path: Path) -> None:
    """Its letters are due as they were; none has wishes or rests in a lane."""
    (tmp_path / "queue").mkdir()
    connection = connect(tmp_path / "queue" / "0.db", QUEUE[:1], synchronous="FULL")
    octets = zstandard.ZstdCompressor(write_checksum=True).compress(b"old\r\n")
    connection.execute(
        "INSERT INTO letters VALUES ('1HF7YAT000000', 9.0, 0, 'k@x.test',"
        " '[{\"address\":\"a@b.test\",\"next_attempt\":9.0}]', 6, '7BIT', 0, '', '',"
        " 1.0, '<m@x>', '{}', '[]', ?, ?)",
        (b"p", octets),
    )
    connection.close()

    async def look() -> None:
        store = await open_store(tmp_path, worker=0)
        (letter,) = await store.queue.load(due_before=9.0, limit=5)
        assert letter.letter.wishes is NO_WISHES
        assert (await store.queue.octets(letter.id)).whole() == b"pold\r\n"
        await store.queue.set_aside("b.test", [(letter.id, 50.0)])
        assert len(await store.queue.load_lane("b.test", 5)) == 1
        await store.close()

    asyncio.run(look())
    assert verify(tmp_path).problems == []


def test_letters_held_on_demand_before_they_were_counted(tmp_path: Path) -> None:
    """Those that an account handed in count for its quota (RFC 4865 §6)."""
    (tmp_path / "queue").mkdir()
    connection = connect(tmp_path / "queue" / "0.db", QUEUE[:2], synchronous="FULL")
    for number, (user, wishes) in enumerate(
        (("k@x.test", 50.0), ("k@x.test", 0.0), ("", 50.0), ("l@x.test", 50.0))
    ):
        connection.execute(
            "INSERT INTO letters VALUES (?, 50.0, 0, 'k@x.test', '[]', 6, '7BIT', 0,"
            " '', '', 1.0, '', ?, '[]', '', '', NULL, 0, ?)",
            (
                f"1HF7YAT00000{number}",
                f'{{"user":"{user}"}}' if user else "{}",
                f'{{"not_before":{wishes}}}',
            ),
        )
    connection.close()

    async def look() -> None:
        store = await open_store(tmp_path)
        assert await store.office.future("k@x.test", 9.0) == Held(letters=1, octets=6)
        assert await store.office.future("k@x.test", 50.0) == Held()
        await store.close()

    asyncio.run(look())
