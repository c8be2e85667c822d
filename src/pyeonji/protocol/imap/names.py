"""Mailbox names on the wire: modified UTF-7 (RFC 3501 §5.1.3), and LIST patterns.

Decoding is strict: a name has exactly one encoded form, so that no two
spellings can reach one mailbox past a check.
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from typing import Final

_SHIFTED: Final = re.compile(rb"&([^-&]*)-")
_UNPRINTABLE: Final = re.compile("[^ -~]+")
_UNNAMEABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_WILDCARDS: Final = re.compile("[*%]+")
_PRINTABLE: Final = re.compile(rb"[\x20-\x7e]*")


class BadName(ValueError):
    """Octets that are no mailbox name in modified UTF-7."""


def encode(name: str) -> bytes:
    """A name as modified UTF-7. Lone surrogates become U+FFFD."""
    if name.isascii() and "&" not in name and name.isprintable():
        return name.encode("ascii")
    escaped = name.replace("&", "&-")
    return _UNPRINTABLE.sub(_shift, escaped).encode("ascii")


def _shift(run: re.Match[str]) -> str:
    text = run.group()
    try:
        utf16 = text.encode("utf-16-be")
    except UnicodeEncodeError:
        utf16 = text.encode("utf-16-be", "replace").replace(b"\0?", b"\xff\xfd")
    coded = b2a_base64(utf16, newline=False).rstrip(b"=").replace(b"/", b",")
    return f"&{coded.decode('ascii')}-"


def decode(octets: bytes) -> str:
    """A name from modified UTF-7.

    Raises:
        BadName: not modified UTF-7, or not the form `encode` would write:
            printable ASCII in base64, a needless shift, padding bits, lone
            surrogates, 8-bit or control octets, an unfinished shift.
    """
    if b"&" not in octets and octets.isascii():
        if not _PRINTABLE.fullmatch(octets):
            raise BadName("control characters in a mailbox name")
        return octets.decode("ascii")
    if not _PRINTABLE.fullmatch(octets):
        raise BadName("a mailbox name is not modified UTF-7")
    pieces = []
    at = 0
    while (start := octets.find(b"&", at)) >= 0:
        found = _SHIFTED.match(octets, start)
        if found is None:
            raise BadName("unfinished shift in a mailbox name")
        pieces.append(octets[at:start].decode("ascii"))
        pieces.append(_unshift(found.group(1)))
        at = found.end()
    pieces.append(octets[at:].decode("ascii"))
    name = "".join(pieces)
    if encode(name) != octets:
        raise BadName("a mailbox name is not in its one encoded form")
    return name


def decode_utf8(octets: bytes) -> str:
    """A name from UTF-8, as clients write it that have enabled that (RFC 6855 §3).

    Raises:
        BadName: not UTF-8, or with characters that no name may have: controls,
            line and paragraph separators.
    """
    try:
        name = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise BadName("a mailbox name is not UTF-8") from None
    if _UNNAMEABLE.search(name):
        raise BadName("control characters in a mailbox name")
    return name


def _unshift(coded: bytes) -> str:
    if not coded:
        return "&"
    if b"/" in coded or b"=" in coded:
        raise BadName("bad base64 in a mailbox name")
    padded = coded.replace(b",", b"/") + b"=" * (-len(coded) % 4)
    try:
        return a2b_base64(padded, strict_mode=True).decode("utf-16-be")
    except (Base64Error, UnicodeDecodeError):
        raise BadName("bad base64 in a mailbox name") from None


class Pattern:
    """A LIST pattern: "*" is any run of characters, "%" any without "/".

    Matching takes time in proportion to name times pattern at most, whatever
    the pattern (RFC 3501 §6.3.8).
    """

    __slots__ = ("_head", "_pattern", "_tail", "_upper")

    def __init__(self, pattern: str) -> None:
        self._pattern = _WILDCARDS.sub(
            lambda run: "*" if "*" in run.group() else "%", pattern
        )
        self._upper = self._pattern.upper()
        # what stands before and after the only wildcard, as most patterns have it
        self._head: str | None = None
        self._tail = ""
        wildcards = _WILDCARDS.findall(self._pattern)
        if len(wildcards) == 1:
            self._head, _, self._tail = self._pattern.partition(wildcards[0])

    def matches(self, name: str) -> bool:
        """Whether the whole name matches; INBOX matches in any case."""
        head, tail = self._head, self._tail
        if head is not None and name != "INBOX":
            if not name.startswith(head) or not name.endswith(tail):
                return False
            end = len(name) - len(tail)
            if len(head) > end:
                return False
            return "*" in self._pattern or "/" not in name[len(head) : end]
        if _matches(self._pattern, name):
            return True
        return name == "INBOX" and _matches(self._upper, name)


def _matches(pattern: str, name: str) -> bool:
    if pattern in {name, "*"}:
        return True
    if "*" not in pattern and "%" not in pattern:
        return False
    # positions in the pattern where a match of the name so far may stand
    states = _widened({0}, pattern)
    for character in name:
        following = set()
        for state in states:
            if state < len(pattern):
                wanted = pattern[state]
                if wanted == "*" or (wanted == "%" and character != "/"):
                    following.add(state)
                elif wanted == character and wanted != "%":
                    following.add(state + 1)
        if not following:
            return False
        states = _widened(following, pattern)
    return len(pattern) in states


def _widened(states: set[int], pattern: str) -> set[int]:
    """Add the positions after wildcards that match nothing."""
    for state in list(states):
        at = state
        while at < len(pattern) and pattern[at] in "*%":
            at += 1
            states.add(at)
    return states
