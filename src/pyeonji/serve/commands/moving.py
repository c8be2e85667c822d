"""`pyeonji import` and `export`: mail of other systems in, an account's mail out."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from pyeonji.base.errors import PermanentError
from pyeonji.message.prepare import prepare
from pyeonji.serve.mail_folders import Found, MaildirWriter, NoMailThere, read_mail
from pyeonji.storage.entries import MAX_UID, Column, NewMessage
from pyeonji.storage.errors import NoSuchAccount, NoSuchMailbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyeonji.serve.commands.context import Context
    from pyeonji.storage.content import Content
    from pyeonji.storage.directory import Account
    from pyeonji.storage.embedded import Store
    from pyeonji.storage.mailboxes import AccountStore

BATCH: Final = 200
"""Messages that are stored, or read, at a time."""

BATCH_OCTETS: Final = 16 << 20

SPOOLED_OCTETS: Final = 256 * 1024
"""Larger ones go into files of their own."""

Address = Annotated[str, typer.Argument(help="An account, e.g. kim@example.org.")]


class CannotMove(PermanentError):
    """A file of another system can't be read or written."""


async def _account(store: Store, address: str) -> Account:
    account = await store.directory.account_at(address)
    if account is None:
        raise NoSuchAccount(f"there is no account {address}")
    return account


def import_(
    context: typer.Context,
    address: Address,
    path: Annotated[
        Path, typer.Argument(help="A Maildir (folders too), or an mbox file.")
    ],
    folder: Annotated[
        str, typer.Option("--folder", "-f", help="Mailbox that it goes to.")
    ] = "INBOX",
) -> None:
    """Put mail of another system into an account; the server may run.

    Flags, dates and the names of folders are kept. What is imported twice is
    there twice. The quota is not asked.
    """
    kept: Context = context.obj
    found = _read_apart(path, folder)

    async def work(store: Store) -> tuple[int, int]:
        account = await _account(store, address)
        mail = await store.mail.account(account.id)
        count = failed = octets = 0
        batch: list[Found] = []
        for one in found:
            if isinstance(one, str):
                failed += 1
                print(one, file=sys.stderr)
                continue
            if not one.octets:
                continue
            if batch and (
                batch[0].mailbox != one.mailbox
                or len(batch) == BATCH
                or octets > BATCH_OCTETS
            ):
                count += await _store(store, mail, batch)
                batch, octets = [], 0
            batch.append(one)
            octets += len(one.octets)
        if batch:
            count += await _store(store, mail, batch)
        return count, failed

    count, failed = kept.run(work)
    print(f"{count} messages imported into {address}")
    if failed:
        print(f"{failed} could not be read", file=sys.stderr)
        raise typer.Exit(1)


def _read_apart(path: Path, folder: str) -> Iterator[Found | str]:
    """What `read_mail` gives, read by a process that stays who we are.

    For the mail may be that of a user whose files only root can read, and this
    process becomes the user of the configuration, who keeps what was read.

    Raises:
        CannotMove: nothing is there.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            with os.fdopen(writing, "wb") as file:
                for frame in _frames(path, folder):
                    octets = msgspec.msgpack.encode(frame)
                    file.write(len(octets).to_bytes(8, "big") + octets)
        finally:
            os._exit(0)  # nothing of the parent is ours to end
    os.close(writing)
    return _read_frames(reading, child)


def _frames(path: Path, folder: str) -> Iterator[tuple[str, Found | str]]:
    try:
        for one in read_mail(path, folder):
            if isinstance(one, OSError):
                yield "unread", f"{one.filename}: {one.strerror}"
            else:
                yield "found", one
    except NoMailThere as error:
        yield "error", str(error)
    except OSError as error:
        yield "error", f"{error.filename or path}: {error.strerror}"
    yield "end", ""


def _read_frames(reading: int, child: int) -> Iterator[Found | str]:
    try:
        with os.fdopen(reading, "rb") as file:
            while head := file.read(8):
                octets = file.read(int.from_bytes(head, "big"))
                kind, what = msgspec.msgpack.decode(octets)
                if kind == "end":
                    return
                if kind == "error":
                    raise CannotMove(what)
                yield what if kind == "unread" else msgspec.convert(what, Found)
        raise CannotMove("reading ended before its end")
    finally:
        os.waitpid(child, 0)


async def _store(store: Store, mail: AccountStore, batch: list[Found]) -> int:
    try:
        mailbox = await mail.mailbox(batch[0].mailbox)
    except NoSuchMailbox:
        mailbox = await mail.create(batch[0].mailbox)
    messages = []
    for one in batch:
        content: Content = one.octets
        if len(one.octets) > SPOOLED_OCTETS:
            spool = store.mail.spool()
            spool.write(one.octets)
            content = await spool.finish()
        messages.append(
            NewMessage(
                content=content,
                prepared=prepare(one.octets),
                flags=one.flags,
                keywords=one.keywords,
                internal_date=one.internal_date,
            )
        )
    await mail.append(mailbox.id, messages)
    return len(messages)


def export(
    context: typer.Context,
    address: Address,
    folder: Annotated[Path, typer.Argument(help="A new folder; becomes a Maildir.")],
) -> None:
    """Write an account's mail as a Maildir with folders; the server may run."""
    kept: Context = context.obj
    if folder.exists() and any(folder.iterdir()):
        raise CannotMove(f"{folder}: is not empty")

    async def work(store: Store) -> int:
        account = await _account(store, address)
        mail = await store.mail.account(account.id)
        writer = MaildirWriter(folder)
        count = 0
        for mailbox in await mail.mailboxes():
            if not mailbox.selectable:
                continue
            there = writer.folder(mailbox.name)
            columns = (Column.UID, Column.FLAGS, Column.INTERNAL_DATE)
            uids, flags, dates = await mail.columns(mailbox.id, [(1, MAX_UID)], columns)
            about = dict(zip(uids, zip(flags, dates, strict=True), strict=True))
            for start in range(0, len(uids), BATCH):
                part = uids[start : start + BATCH]
                for uid, octets in await mail.octets(mailbox.id, part):
                    writer.write(there, octets.whole(), *about[uid])
                    count += 1
        return count

    try:
        count = kept.run(work)
    except OSError as error:
        raise CannotMove(f"{error.filename}: {error.strerror}") from error
    print(f"{count} messages written to {folder}")
