"""What holds a conversation together: base subjects and references."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyeonji.message.ids import bounded, parse_id, parse_ids, unique

if TYPE_CHECKING:
    from pyeonji.message.header import Header

MAX_SUBJECT: Final = 998
"""Characters of a subject that sorting and threading look at."""

_SPACE = re.compile(r"[ \t\r\n]+")
_BLOB: Final = r"\[[^\[\]]*+\][ \t]*+"
_TRAILER = re.compile(r"(?:[ \t]++|\(fwd\))\Z", re.IGNORECASE)
# subj-refwd of RFC 5256 §5; words of other languages are no leaders (§7)
_LEADER = re.compile(
    rf"(?:{_BLOB})*+(?:re|fwd?)[ \t]*+(?:{_BLOB})?+:", re.IGNORECASE | re.ASCII
)
_LEADING_BLOB = re.compile(_BLOB)
_FWD_WRAPPER = re.compile(r"\[fwd:(.*)\]\Z", re.IGNORECASE | re.DOTALL)


def base_subject(subject: str) -> str:
    """The base subject of a decoded subject, casefolded (RFC 5256 §2.1)."""
    text = subject[:MAX_SUBJECT]
    if "  " in text or "\t" in text or "\n" in text or "\r" in text:
        text = _SPACE.sub(" ", text)
    while True:
        text = _without_leaders(_without_trailers(text))
        wrapped = _FWD_WRAPPER.match(text)
        if wrapped is None:
            return text.casefold()
        text = wrapped[1]


def _without_trailers(text: str) -> str:
    while True:
        text = text.rstrip(" \t")
        if not text.endswith(")") or text[-5:].lower() != "(fwd)":
            return text
        text = text[:-5]


def _without_leaders(text: str) -> str:
    position, end = 0, len(text)
    while position < end:
        if text[position] in " \t":
            position += 1
            continue
        leader = _LEADER.match(text, position)
        if leader is not None:
            position = leader.end()
            continue
        blob = _LEADING_BLOB.match(text, position)
        if blob is None or blob.end() == end:
            break  # a blob goes only where something is left
        position = blob.end()
    return text[position:]


def is_reply_or_forward(subject: str) -> bool:
    """Whether a decoded subject begins with Re, Fwd or ends with (fwd)."""
    text = subject[:MAX_SUBJECT].strip()
    return (
        _LEADER.match(text) is not None
        or text.lower().endswith("(fwd)")
        or _FWD_WRAPPER.match(text) is not None
    )


def references(header: Header) -> str:
    """Ids of the messages before this one, oldest first, joined by spaces.

    Before a tab those of RFC 5256 §3, REFERENCES: of References, or the first
    of In-Reply-To where there are none. After it what else In-Reply-To names:
    other ways of threading look at both.
    """
    found: list[str] = []
    for value in header.all(b"references"):
        found += parse_ids(value)
    others: list[str] = []
    for value in header.all(b"in-reply-to"):
        others += parse_ids(value)
    if not found:
        found = others[:1]
    first = " ".join(bounded(found))
    if not others:
        return first
    known = set(found)
    more = " ".join(unique([one for one in others if one not in known]))
    return f"{first}\t{more}" if more else first


def message_id(header: Header) -> str:
    """The Message-ID, or ""."""
    value = header.first(b"message-id")
    return "" if value is None else parse_id(value)
