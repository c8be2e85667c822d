"""The octets of responses (RFC 3501 §7). Pure functions; lines end in CRLF."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap import names
from pyeonji.protocol.imap.sequences import write_ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SYSTEM_FLAGS: Final = (
    (1, rb"\Seen"),
    (2, rb"\Answered"),
    (4, rb"\Flagged"),
    (8, rb"\Deleted"),
    (16, rb"\Draft"),
    (32, rb"\Recent"),
)
r"""Bits as storage has them, and one more for \Recent."""

RECENT: Final = 32

# QUIRK: an atom may have brackets, but IMAPClient takes them for a section's
_ATOM: Final = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\[\]]+')
_QUOTABLE: Final = re.compile(rb"[^\x00\r\n\x80-\xff]*")
_SPECIALS: Final = re.compile(rb'(["\\])')
_TEXT: Final = re.compile(r"[^ -~]+")


def tagged(tag: bytes, status: bytes, text: str, code: bytes = b"") -> bytes:
    """A status response; `tag` may be b"*". Text is kept to printable ASCII."""
    said = _TEXT.sub(" ", text).encode("ascii") or b"Done."
    if code:
        return b"%b %b [%b] %b\r\n" % (tag, status, code, said)
    return b"%b %b %b\r\n" % (tag, status, said)


def untagged(content: bytes) -> bytes:
    """An untagged response."""
    return b"* %b\r\n" % content


def continuation(content: bytes) -> bytes:
    """A continuation request (RFC 3501 §7.5)."""
    return b"+ %b\r\n" % content


def string(octets: bytes) -> bytes:
    """A quoted string, or a literal where that cannot be."""
    if len(octets) <= 1000 and _QUOTABLE.fullmatch(octets):
        return b'"%b"' % _SPECIALS.sub(rb"\\\1", octets)
    return b"{%d}\r\n%b" % (len(octets), octets)


def astring(octets: bytes) -> bytes:
    """An atom where possible, else a string."""
    if _ATOM.fullmatch(octets) and octets.upper() != b"NIL":
        return octets
    return string(octets)


@lru_cache(maxsize=8192)
def mailbox(name: str) -> bytes:
    """A mailbox name in modified UTF-7."""
    return astring(names.encode(name))


def utf8_mailbox(name: str) -> bytes:
    """A mailbox name in UTF-8, quoted if it is not an atom (RFC 9051 §4.3)."""
    octets = name.encode("utf-8")
    if octets.isascii():
        return astring(octets)
    return b'"%b"' % _SPECIALS.sub(rb"\\\1", octets)


@lru_cache(maxsize=4096)
def flags(bits: int, keywords: str) -> bytes:
    """Flags in parentheses: system flags by their bits, then keywords."""
    found = [name for bit, name in SYSTEM_FLAGS if bits & bit]
    if keywords:
        found.append(keywords.encode("ascii", "replace"))
    return b"(%b)" % b" ".join(found)


_WITHOUT_KEYWORDS: Final = [flags(bits, "") for bits in range(2 * RECENT)]


def flag_lists(bits: Iterable[int], keywords: Sequence[str]) -> Iterable[bytes]:
    """The same of many messages; quicker where none has keywords."""
    if any(keywords):
        return map(flags, bits, keywords)
    return map(_WITHOUT_KEYWORDS.__getitem__, bits)


def number_lines(numbers: Sequence[int], word: bytes) -> bytes:
    """One untagged line for each number, e.g. b"* 3 EXPUNGE"."""
    template = b"* %%d %b\r\n" % word
    return b"".join([template % number for number in numbers])


RANGES_A_LINE: Final = 500
"""Of one VANISHED response; more are told in further ones."""


def vanished(ranges: Sequence[tuple[int, int]], *, earlier: bool = False) -> bytes:
    """VANISHED responses for ranges of uids (RFC 7162 §3.2.10)."""
    word = b"VANISHED (EARLIER)" if earlier else b"VANISHED"
    return b"".join(
        b"* %b %b\r\n" % (word, write_ranges(ranges[at : at + RANGES_A_LINE]))
        for at in range(0, len(ranges), RANGES_A_LINE)
    )
