"""Letters as text for people.

Nothing that a letter or a server says may steer the terminal: control
characters (C0, DEL, C1), line separators and marks that turn the direction of
text are shown by their code.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyeonji.message.encoding import is_known
from pyeonji.message.scan import scan
from pyeonji.message.text import html_text, part_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyeonji.message.header import Header
    from pyeonji.message.scan import Part

_DANGEROUS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"
    "\ud800-\udfff]"
)
SHOWN_FIELDS: Final = ("Date", "From", "To", "Cc", "Reply-To", "Subject")


def safe(text: str) -> str:
    """A text of several lines that can go to a terminal."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _DANGEROUS.sub(lambda match: f"<U+{ord(match[0]):04X}>", lines)


def safe_line(text: str) -> str:
    """The same on one line."""
    return safe(" ".join(text.split()))


def header_lines(header: Header, *, everything: bool = False) -> Iterator[str]:
    """The header as a person reads it: the usual fields, or all of them."""
    if everything:
        for field in header.fields:
            yield f"{safe_line(field.name)}: {safe_line(field.decoded)}"
        return
    for name in SHOWN_FIELDS:
        for value in header.all(name.lower().encode("ascii"))[:1]:
            if value.strip():
                yield f"{name}: {safe_line(header.text(name.lower().encode()))}"


def text_view(octets: bytes, root: Part | None = None, *, html: bool = False) -> str:
    """The text of a letter; HTML alone is shown without its tags.

    Args:
        octets: the whole message.
        root: its structure, if scanned already.
        html: give the source of the HTML instead of the plain text.
    """
    chosen = list(_chosen(root or scan(octets), "text/html" if html else "text/plain"))
    pieces = []
    for part in chosen:
        text = part_text(octets, part).text
        pieces.append(text if html or part.type != "text/html" else html_text(text))
    return "\n".join(pieces)


def _chosen(root: Part, wanted: str) -> Iterator[Part]:
    """Text parts to show: of alternatives the wanted one, else the last."""
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if part.type == "multipart/alternative" and part.children:
            waiting.append(_best(part.children, wanted))
        elif part.children:
            waiting.extend(reversed(part.children))
        elif part.message is not None:
            waiting.append(part.message)
        elif part.read_type in ("text/plain", "text/html") and not is_attachment(part):
            yield part


def _best(parts: list[Part], wanted: str) -> Part:
    for part in parts:
        if any(below.type == wanted for below in part.walk()):
            return part
    return parts[-1]


def is_attachment(part: Part) -> bool:
    """Whether a part is meant as a file and not to be read in place."""
    if part.is_attachment or not is_known(part.encoding):
        return True
    return bool(part.file_name) and part.type not in ("text/plain", "text/html")


def structure_lines(root: Part) -> Iterator[str]:
    """The parts of a letter, one on each line, indented by depth."""
    for part in root.walk():
        depth = part.path.count(".") + (1 if part.path else 0)
        name = f"  {safe_line(part.file_name)}" if part.file_name else ""
        yield (
            f"{'  ' * depth}{part.path or '·'}  {safe_line(part.type)}  "
            f"{part.encoding}  {part.size_octets} octets{name}"
        )
