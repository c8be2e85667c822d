"""Files that go along: read to be sent, and named without harm to be saved."""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyeonji.message.compose import File
from pyeonji.mua.agent.errors import NothingRead

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_NAME_OCTETS: Final = 200

_BAD: Final = re.compile(
    '[\x00-\x1f\x7f-\x9f<>:"|?*\\\\/\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff'
    "\ud800-\udfff]"
)
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def read_file(path: str, media_type: str = "") -> File:
    """Read a file that is to be sent.

    Raises:
        NothingRead: says which file and why.
    """
    file = Path(path)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise NothingRead(f"{path}: {error.strerror or error}") from error
    if not media_type:
        guessed, compression = mimetypes.guess_type(file.name, strict=True)
        media_type = (guessed or "") if compression is None else ""
        if media_type.startswith("message/") and media_type != "message/rfc822":
            media_type = ""
    return File(
        name=file.name,
        content=content,
        media_type=media_type or "application/octet-stream",
        charset=_charset(content) if media_type.startswith("text/") else "",
    )


def _charset(content: bytes) -> str:
    """What we say of a text file: us-ascii, UTF-8, or nothing if neither."""
    if content.isascii():
        return "us-ascii"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return "UTF-8"


def harmless_name(name: str, fallback: str) -> str:
    """A file name of a letter as it may stand in our file system.

    No folder, no control or direction mark, no leading dot or dash, no name
    that a system reserves; at most 200 octets; the extension stays.
    """
    text = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    text = _BAD.sub("_", text).strip(" .").lstrip("-")
    if not text or _RESERVED.fullmatch(text):
        text = f"{fallback}{'-' + text if text else ''}"
    stem, dot, extension = text.rpartition(".")
    if not dot or len(extension.encode()) > 20:
        stem, dot, extension = text, "", ""
    room = MAX_NAME_OCTETS - len((dot + extension).encode())
    stem = stem.encode()[:room].decode("utf-8", "ignore")
    return stem + dot + extension


def free_path(folder: Path, name: str) -> Iterator[Path]:
    """Paths to try in turn, so that nothing is overwritten: name, "name (2)" and on."""
    yield folder / name
    stem, dot, extension = name.rpartition(".")
    if not dot:
        stem, extension = name, ""
    for number in range(2, 10_000):
        yield folder / f"{stem} ({number}){dot}{extension}"


def write_new(folder: Path, name: str, content: bytes) -> Path:
    """Write a file that was not there before; gives its path.

    Raises:
        OSError: it cannot be written.
    """
    for path in free_path(folder, name):
        try:
            with path.open("xb") as file:
                file.write(content)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(f"too many files named {name}")
