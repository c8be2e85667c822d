"""Message ids: Message-ID, In-Reply-To and References (RFC 5322 §3.6.4)."""

from __future__ import annotations

import re
from typing import Final

from pyeonji.message.words import unfold

MAX_REFERENCES: Final = 1000
"""Ids read of one message; of longer lists the first and the last count."""

MAX_ID: Final = 998
"""Octets of an id (one line, RFC 5322 §2.1.1); longer ones are none."""

_ANGLED = re.compile(rb"<([^<>]++)>")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*+)"')
_SPACE = re.compile(rb"\s+")
_WORD = re.compile(rb"[^\s<>()\",;:]++")


def parse_ids(octets: bytes) -> list[str]:
    """All message ids of a field value, as "<…>" without white space inside.

    Takes any octets. Ids without angle brackets are read where there are no
    others. 8-bit octets are read as UTF-8 where they are that (RFC 6532).
    """
    found = _ANGLED.findall(octets)
    if not found:
        found = [w for w in _WORD.findall(octets) if b"@" in w[1:-1]]
    ids = []
    for inner in found:
        bare = inner if inner.isalnum() else _SPACE.sub(b"", inner)
        if b'"' in bare:  # quoting does not make another id (RFC 5256 §3)
            bare = _QUOTED.sub(_unquoted, bare)
        if bare and len(bare) <= MAX_ID:
            ids.append(f"<{_text(bare)}>")
    return ids


def _unquoted(found: re.Match[bytes]) -> bytes:
    return re.sub(rb"\\(.)", rb"\1", found.group(1))


def parse_id(octets: bytes) -> str:
    """The first message id of a field value, or "" where there is none.

    A value without any sign of an id is taken whole: threads of mailers that
    write such values hold together all the same.
    """
    if ids := parse_ids(octets):
        return ids[0]
    bare = _SPACE.sub(b"", unfold(octets))
    return f"<{_text(bare)}>" if 0 < len(bare) <= MAX_ID and b"<" not in bare else ""


def _text(octets: bytes) -> str:
    if octets.isascii():
        return octets.replace(b"\0", b"").decode("ascii")
    try:
        return octets.replace(b"\0", b"").decode("utf-8")
    except UnicodeDecodeError:
        return octets.replace(b"\0", b"").decode("latin-1")


def unique(ids: list[str]) -> list[str]:
    """Each id once, where it stood first; no more than MAX_REFERENCES."""
    return bounded(list(dict.fromkeys(ids)))


def bounded(ids: list[str]) -> list[str]:
    """No more than MAX_REFERENCES: the first and the last ones."""
    if len(ids) > MAX_REFERENCES:
        return [ids[0], *ids[1 - MAX_REFERENCES :]]
    return ids
