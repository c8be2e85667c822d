"""How we read a message, as JSON for people and for tools outside."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from pyeonji.message.envelope import envelope
from pyeonji.message.inline import inline_files
from pyeonji.message.scan import scan
from pyeonji.message.structure import body_structure
from pyeonji.message.text import part_octets, part_text

if TYPE_CHECKING:
    from pyeonji.message.scan import Octets, Part


def inspect(octets: Octets) -> dict[str, Any]:
    """Everything that we see in a message; takes any octets, never raises.

    The keys are those of `pyeonji mail inspect --json`. Offsets count octets
    from the first of the message; raw octets above 127 are shown as the
    characters U+0080 to U+00FF.
    """
    root = scan(octets)
    parts = [part for part in root.walk() if not part.is_multipart]
    return {
        "headers": [
            {
                "name": field.name,
                "raw": field.value.decode("latin-1"),
                "decoded": field.decoded,
            }
            for field in root.header.fields
        ],
        "envelope": envelope(root.header).decode("latin-1"),
        "bodystructure": body_structure(root).decode("latin-1"),
        "parts": [_part(octets, part) for part in parts],
        "defects": _defects(root),
    }


def _part(octets: Octets, part: Part) -> dict[str, Any]:
    disposition = part.disposition
    described: dict[str, Any] = {
        "path": part.number,
        "type": part.type,
        "parameters": part.parameters,
        "charset": part.charset,
        "charset_used": None,
        "encoding": part.encoding,
        "disposition": disposition.value if disposition is not None else None,
        "filename": part.file_name or None,
        "octets": part.size_octets,
        "lines": part.lines,
        "offset": part.body_start,
    }
    if not part.type.startswith("text/"):
        content = part_octets(octets, part)
        described["sha256"] = hashlib.sha256(content).hexdigest()
        return described
    text, used = part_text(octets, part)
    described["text"] = text
    described["charset_used"] = used
    files = inline_files(part_octets(octets, part))
    if files:
        described["inline"] = [
            {
                "filename": file.name,
                "encoding": file.encoding,
                "start": file.start,
                "end": file.end,
                "sha256": hashlib.sha256(file.octets).hexdigest(),
            }
            for file in files
        ]
    return described


def _defects(root: Part) -> list[dict[str, Any]]:
    found = []
    for part in root.walk():
        where = part.path or "message"
        found += [
            {"where": where, "what": defect.what, "offset": defect.offset}
            for defect in part.defects
        ]
        if part is root or part.header.octets:
            found += [
                {"where": where, "what": "line that is no header field", "offset": at}
                for at in part.header.strays()
            ]
    return found
