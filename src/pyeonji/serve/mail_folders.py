"""Mail of other systems: Maildir with folders and mbox are read, Maildir written.

What is read was written by others: links are not followed, names become names
of mailboxes only, and a file that can't be read is told, not fatal.
"""

from __future__ import annotations

import email.utils
import os
import re
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyeonji.base.errors import PermanentError
from pyeonji.protocol.imap import names
from pyeonji.storage.entries import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN

if TYPE_CHECKING:
    from collections.abc import Iterator

FLAGS: Final = {"D": DRAFT, "F": FLAGGED, "R": ANSWERED, "S": SEEN, "T": DELETED}
"""What stands behind `:2,` in the name of a Maildir's file."""

MAX_KEYWORDS_FILE: Final = 64 * 1024
"""Octets of `dovecot-keywords`, which names the flags a to z."""

_STATUS: Final = {"R": SEEN, "A": ANSWERED, "F": FLAGGED, "T": DRAFT, "D": DELETED}
_STATUS_FIELD: Final = re.compile(
    rb"^(?:x-)?status:[ \t]*([A-Za-z]{0,20})[ \t]*\r\n", re.IGNORECASE | re.MULTILINE
)
_FROM_LINE: Final = re.compile(rb"From \S.*\d\d:\d\d")
_QUOTED_FROM: Final = re.compile(rb"(?m)^>(>*From )")
_BARE_LF: Final = re.compile(rb"(?<!\r)\n")
_NUMBERS: Final = frozenset(map(str, range(26)))
_KEYWORD: Final = re.compile(r"[A-Za-z0-9$_.:-]{1,100}")


class NoMailThere(PermanentError):
    """The path is no Maildir and no mbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One message of another system."""

    mailbox: str
    octets: bytes  # lines end with CRLF
    flags: int
    keywords: str
    internal_date: int  # Unix seconds


def read_mail(path: Path, mailbox: str) -> Iterator[Found | OSError]:
    """Every message below a path, and the errors of those that can't be read.

    Args:
        path: a Maildir, a folder of Maildirs, or an mbox file.
        mailbox: where those of the path itself go; the names of folders below a
            Maildir are kept if it is INBOX, else they stand below it.

    Raises:
        NoMailThere: neither the one nor the other.
    """
    if path.is_file():
        yield from read_mbox(path, mailbox)
        return
    maildirs = list(_maildirs(path))
    if not maildirs:
        raise NoMailThere(f"{path}: no Maildir (a folder with cur) and no mbox file")
    for folder in maildirs:
        name = _mailbox_name(folder.relative_to(path).parts)
        if not name:
            name = mailbox
        elif mailbox != "INBOX":
            name = f"{mailbox}/{name}"
        yield from _read_maildir(folder, name)


def _maildirs(path: Path) -> Iterator[Path]:
    """The folders at and below a path that have a `cur`; links lead nowhere."""
    for folder, below, _ in os.walk(path):
        if "cur" in below:
            yield Path(folder)
        below[:] = sorted(set(below) - {"cur", "new", "tmp"})


def _mailbox_name(parts: tuple[str, ...]) -> str:
    """The name of a folder: `.Archive.2025` (Maildir++) or `Archive/2025`."""
    levels: list[str] = []
    for part in parts:
        levels += part[1:].split(".") if part.startswith(".") else [part]
    return "/".join(_decoded(level) for level in levels if level)


def _decoded(level: str) -> str:
    try:
        name = names.decode(os.fsencode(level))
    except names.BadName:  # UTF-8, or nothing that anybody knows
        name = os.fsencode(level).decode("utf-8", "replace")
    return name.replace("/", "_")


def _read_maildir(folder: Path, mailbox: str) -> Iterator[Found | OSError]:
    keywords = _keywords_of(folder)
    for below in ("cur", "new"):
        if not (folder / below).is_dir():
            continue
        for path in sorted((folder / below).iterdir(), key=lambda p: p.name):
            if path.name.startswith("."):
                continue
            try:
                octets, at = _read_file(path)
            except OSError as error:
                yield error
                continue
            letters = path.name.rpartition(":2,")[2] if ":2," in path.name else ""
            yield Found(
                mailbox=mailbox,
                octets=octets,
                flags=sum({FLAGS[one] for one in letters if one in FLAGS}),
                keywords=" ".join(
                    sorted({keywords[one] for one in letters if one in keywords})
                ),
                internal_date=at,
            )


def _read_file(path: Path) -> tuple[bytes, int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "no file", os.fspath(path))
        return with_crlf(file.read()), int(found.st_mtime)


def _keywords_of(folder: Path) -> dict[str, str]:
    """Which keywords the letters a to z mean, as Dovecot writes it."""
    try:
        text = (folder / "dovecot-keywords").read_bytes()[:MAX_KEYWORDS_FILE]
    except OSError:
        return {}
    known = {}
    for line in text.decode("utf-8", "replace").splitlines():
        number, _, word = line.partition(" ")
        if number in _NUMBERS and _KEYWORD.fullmatch(word):
            known[chr(ord("a") + int(number))] = word
    return known


def with_crlf(octets: bytes) -> bytes:
    """Lines as they stand in a message, whatever the file has."""
    return _BARE_LF.sub(b"\r\n", octets)


def read_mbox(path: Path, mailbox: str) -> Iterator[Found]:
    """The messages of an mbox file (mboxrd, mboxo); an empty one holds none.

    Raises:
        NoMailThere: it does not begin with a From line.
        OSError: it can't be read.
    """
    lines: list[bytes] = []
    at = 0
    blank = True
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if blank and _FROM_LINE.match(line):
                if lines:
                    yield _of_mbox(lines, at, mailbox)
                lines, at = [], _from_date(line)
            elif number == 0:
                raise NoMailThere(f"{path}: no mbox (its first line is no From line)")
            else:
                lines.append(line)
            blank = not line.strip(b"\r\n")
    if lines:
        yield _of_mbox(lines, at, mailbox)


def _from_date(line: bytes) -> int:
    words = line.decode("ascii", "replace").split()
    text = " ".join(words[2:7])
    try:
        return int(time.mktime(time.strptime(text, "%a %b %d %H:%M:%S %Y")))
    except (ValueError, OverflowError):
        parsed = email.utils.parsedate_tz(" ".join(words[2:]))
        try:
            return int(email.utils.mktime_tz(parsed)) if parsed else int(time.time())
        except (ValueError, OverflowError):
            return int(time.time())


def _of_mbox(lines: list[bytes], at: int, mailbox: str) -> Found:
    if not lines[-1].strip(b"\r\n"):
        lines = lines[:-1]  # the one before the next From line
    octets = with_crlf(_QUOTED_FROM.sub(rb"\1", b"".join(lines)))
    header = octets.partition(b"\r\n\r\n")[0] + b"\r\n"
    letters = {chr(one) for match in _STATUS_FIELD.findall(header) for one in match}
    return Found(
        mailbox=mailbox,
        octets=octets,
        flags=sum(_STATUS[one] for one in letters if one in _STATUS),
        keywords="",
        internal_date=max(at, 0),
    )


class MaildirWriter:
    """Writes a Maildir++ that Dovecot, mutt and others read."""

    def __init__(self, root: Path) -> None:
        """Nothing is made yet. The folder must not hold mail."""
        self.root = root
        self._count = 0

    def folder(self, mailbox: str) -> Path:
        """The folder of a mailbox, made if missing. Raises OSError."""
        if mailbox == "INBOX":
            folder = self.root
        else:
            coded = (names.encode(one).decode() for one in mailbox.split("/"))
            folder = self.root / f".{'.'.join(one.replace('.', '_') for one in coded)}"
        for below in ("cur", "new", "tmp"):
            (folder / below).mkdir(parents=True, exist_ok=True, mode=0o700)
        if folder != self.root:
            (folder / "maildirfolder").touch()
        return folder

    def write(self, folder: Path, octets: bytes, flags: int, at: int) -> None:
        """One message. Raises OSError."""
        self._count += 1
        letters = "".join(sorted(one for one, bit in FLAGS.items() if flags & bit))
        path = folder / "cur" / f"{at}.{self._count}.pyeonji:2,{letters}"
        with path.open("xb") as file:
            file.write(octets.replace(b"\r\n", b"\n"))
        os.utime(path, (at, at))
