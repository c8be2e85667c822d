"""Changing a letter's header as hooks want it. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyeonji.message.header import FIELD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mta.hooks.session import Edit, Insert

MAX_FIELD_OCTETS: Final = 60_000
"""Octets of a field that a hook may write."""

_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_NAME: Final = re.compile(rb"[!-9;-~]{1,200}")


def field(name: bytes, value: bytes) -> bytes:
    """A whole field; no value can end it or the header.

    Args:
        name: b"" is returned for one that is none.
        value: with or without a space in front; lines after the first become
            folded ones.
    """
    if _NAME.fullmatch(name) is None:
        return b""
    value = value[:MAX_FIELD_OCTETS].replace(b"\0", b"")
    lines = [line for line in _LINE_END.split(value) if line.strip()] or [b""]
    first, *others = lines
    folded = [x if x[:1] in {b" ", b"\t"} else b"\t" + x for x in others]
    start = first if first[:1] in {b" ", b"\t"} else b" " + first
    return b"\r\n".join([name + b":" + start, *folded, b""])


def edited(
    header: bytes, edits: Sequence[Edit], inserts: Sequence[Insert] = ()
) -> bytes:
    """A header block with fields changed, removed and inserted.

    Fields are counted from 1 for each name, before any change. One that is
    not there is added at the end, unless it was to be removed. Then come the
    inserts, one after the other; removed fields still count there.

    Args:
        header: the block, with the empty line at its end if it has one.
        edits: later ones of the same field win.
        inserts: a place behind the last field is the end.
    """
    if not edits and not inserts:
        return header
    wanted = {(edit.name.lower(), edit.index): edit for edit in edits}
    seen: dict[bytes, int] = {}
    out: list[bytes] = []
    tail = b""
    for match in FIELD.finditer(header):
        if match[1] is None:
            if not match[0].strip(b"\r\n"):
                tail = header[match.start() :]
                break
            out.append(match[0])
            continue
        name = match[1].lower()
        seen[name] = seen.get(name, 0) + 1
        edit = wanted.pop((name, seen[name]), None)
        if edit is None:
            out.append(match[0])
        else:
            out.append(b"" if edit.value is None else field(match[1], edit.value))
    out += [field(e.name, e.value) for e in wanted.values() if e.value is not None]
    for insert in inserts:
        out.insert(insert.behind, insert.field)
    return b"".join(out) + tail
