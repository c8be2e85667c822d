"""A copy of all that is kept, taken beside the running server.

Each SQLite file is copied as it was at one moment, by SQLite. The queue comes
before the mailboxes: a letter that goes from one to the other meanwhile is in
both, and delivering it again does nothing. Other files never change; those that
a message of the copy needs were there before its database was copied or came
while it was, so they are looked for twice.

A second backup to the same folder copies only files that are new, and databases.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import apsw

from pyeonji.storage.embedded.sqlite import BUSY_TIMEOUT_MS, errors_named
from pyeonji.storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LEFT_OUT: Final = frozenset({"run"})
"""Folders below the data folder that mean something to a running server alone."""

_LOGS: Final = ("-wal", "-shm", "-journal")


@dataclass(slots=True)
class Copied:
    """What a backup wrote, without what an earlier one had left."""

    databases: int = 0
    files: int = 0
    octets: int = 0
    linked: dict[tuple[int, ...], Path] = field(default_factory=dict, repr=False)


def back_up(data: Path, target: Path) -> Copied:
    """Copy all that is kept below a folder to another one.

    Args:
        data: the data folder; a server may use it.
        target: made where it is missing; may hold an earlier backup.

    Raises:
        StorageUnavailable: something can't be read or written; what the target
            holds then is no backup.
    """
    copied = Copied()
    with _files_named(), errors_named():
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        names = sorted(one.name for one in data.iterdir() if one.is_dir())
        _copy_folder(data, target, copied)
        for name in sorted(names, key=lambda name: (name != "queue", name)):
            if name not in LEFT_OUT:
                _copy_tree(data / name, target / name, copied)
        os.sync()
    return copied


@contextmanager
def _files_named() -> Iterator[None]:
    """Say which file it was, where the system has told."""
    try:
        yield
    except StorageUnavailable as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.filename:
            raise StorageUnavailable(f"{cause.filename}: {error}") from cause
        raise


def _copy_tree(source: Path, target: Path, copied: Copied) -> None:
    """A folder with those below it: their files, its databases, new files again."""
    if source.is_symlink():
        return
    target.mkdir(exist_ok=True, mode=0o700)
    _forget_gone(source, target)
    below = [one for one in sorted(source.iterdir()) if one.is_dir()]
    for folder in below:
        _copy_tree(folder, target / folder.name, copied)
    _copy_folder(source, target, copied)
    for folder in below:  # what came while the databases were copied
        if folder.is_dir() and not (folder / "mail.db").exists():
            _copy_tree(folder, target / folder.name, copied)


def _copy_folder(source: Path, target: Path, copied: Copied) -> None:
    for path in sorted(source.iterdir()):
        if path.is_symlink() or not path.is_file() or path.name.endswith(_LOGS):
            continue
        try:
            if path.suffix == ".db":
                _copy_database(path, target / path.name, copied)
            else:
                _copy_file(path, target / path.name, copied)
        except FileNotFoundError:  # its message went meanwhile
            continue


def _copy_database(source: Path, target: Path, copied: Copied) -> None:
    fresh = target.with_name(f"{target.name}.new")
    fresh.unlink(missing_ok=True)
    reading = apsw.Connection(os.fspath(source), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        reading.set_busy_timeout(BUSY_TIMEOUT_MS)
        writing = apsw.Connection(os.fspath(fresh))
        try:
            with writing.backup("main", reading, "main") as work:
                while not work.done:
                    work.step(-1)  # all of one moment; writers go on meanwhile
        finally:
            writing.close()
    finally:
        reading.close()
    fresh.chmod(0o600)
    fresh.replace(target)
    copied.databases += 1
    copied.octets += target.stat().st_size


def _copy_file(source: Path, target: Path, copied: Copied) -> None:
    found = source.stat()
    # time and size, too: it may have been seen half written, and the number of a
    # file that went is given to the next one
    key = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
    if target.exists() and _same(found, target):
        copied.linked.setdefault(key, target)
        return
    target.unlink(missing_ok=True)
    if found.st_nlink > 1 and key in copied.linked:
        with suppress(FileNotFoundError):  # the copy of one that went is gone, too
            os.link(copied.linked[key], target)  # a large letter of several recipients
            return
    fresh = target.with_name(f"{target.name}.new")
    shutil.copy2(source, fresh, follow_symlinks=False)
    fresh.replace(target)
    if found.st_nlink > 1:
        copied.linked[key] = target
    copied.files += 1
    copied.octets += found.st_size


def _same(found: os.stat_result, target: Path) -> bool:
    """Whether a file is the one that was copied to `target` before."""
    other = target.stat()
    return (found.st_size, found.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def _forget_gone(source: Path, target: Path) -> None:
    """Leave nothing of what an earlier backup copied and is gone since.

    Before the databases are copied: what is gone then, none of them names.
    """
    for path in target.iterdir():
        if (source / path.name).exists() or path.is_symlink():
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
