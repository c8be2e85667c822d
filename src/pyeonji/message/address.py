"""Address lists: From, To, Cc and their kin (RFC 5322 §3.4, §4.4, RFC 6531).

Reads what the grammar allows, the obsolete forms (routes, white space and
comments around dots, empty list members), and what is broken in known ways.
One pass over the octets, whatever they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.base.limits import MAX_ADDRESSES
from pyeonji.message.words import collapse, decode_words, unfold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


MAX_ADDRESSES_OCTETS: Final = 256 * 1024
"""Octets of one field that are parsed: MAX_ADDRESSES of more than common length."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address as it stands there, unquoted but not decoded; None is absent.

    `local` and `domain` may be empty where the address is broken.
    """

    name: bytes | None
    route: bytes | None  # obsolete source route (RFC 5322 §4.4), "@a,@b"
    local: bytes
    domain: bytes

    @property
    def display_name(self) -> str:
        """The name as text, or "" without one."""
        return "" if self.name is None else decode_phrase(self.name)

    @property
    def local_text(self) -> str:
        """The local part as text."""
        return decode_words(self.local)

    @property
    def domain_text(self) -> str:
        """The domain as text, as written (A-labels stay)."""
        return decode_words(self.domain)

    @property
    def address(self) -> str:
        """local@domain as text, quoted where it must be; without domain: local."""
        local = self.local_text
        if not _DOT_ATOM.fullmatch(local):
            local = '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return f"{local}@{self.domain_text}" if self.domain else local


@dataclass(frozen=True, slots=True)
class Group:
    """A named list of addresses, perhaps empty (`undisclosed-recipients:;`)."""

    name: bytes
    members: tuple[Mailbox, ...]

    @property
    def display_name(self) -> str:
        """The name as text."""
        return decode_phrase(self.name)


AddressList = list[Mailbox | Group]

_DOT_ATOM = re.compile(
    r"[^\s()<>\[\]:;@\\,\".\x00-\x20\x7f]+(?:\.[^\s()<>\[\]:;@\\,\".\x00-\x20\x7f]+)*"
)

# Almost every address is of this form: a name (atoms or one quoted string
# without a backslash) and <local@domain>, or local@domain alone.
_ATEXT: Final = rb"[^\x00-\x20()<>\[\]:;@\\,\"\x7f]"
_SIMPLE = re.compile(
    rb"[ \t,]*+(?:"
    rb"(?:\"([^\"\\\x0e\x1b\r\n]*+)\"[ \t]*+|((?:"
    + _ATEXT
    + rb"++[ \t]?+)++)[ \t]*+)?+"
    rb"<(" + _ATEXT + rb"++)@(" + _ATEXT + rb"++)>"
    rb"|(" + _ATEXT + rb"++)@(" + _ATEXT + rb"++)"
    rb")[ \t]*+(?:,|\Z)",
)

# Words of the general form. A quoted string or a comment that is never closed
# ends with the value; ISO-2022 text in a quoted string may hold quotes.
_TOKEN = re.compile(
    rb"(?P<space>[ \t\r\n\x00]++)"
    rb"|\"(?P<quoted>(?:[^\"\\\x0e\x1b]|\\.|\x0e[^\x0f\n]*+|\x1b\$[^\x1b\n]*+|[\x0e\x1b\\])*+)\"?+"
    rb"|(?P<special>[<>@,;:.()])"
    rb"|(?P<literal>\[(?:[^\]\\<>]|\\.)*+\]?+)"
    rb"|(?P<atom>[^\s\x00()<>@,;:.\"\[]++)",
    re.DOTALL,
)
_COMMENT_PIECE = re.compile(rb"(?:\\.|[^()\\])++|[()\\]", re.DOTALL)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_SPACES = re.compile(rb"[ \t\r\n\x00]+")


def parse_addresses(octets: bytes) -> AddressList:
    """Read an address list; takes any octets, never raises.

    Reads no more than MAX_ADDRESSES addresses.
    """
    value = unfold(octets[:MAX_ADDRESSES_OCTETS])
    if b"\x0e" in value or b"\x1b" in value:
        return _General(value, 0, []).run()
    found: AddressList = []
    position, end = 0, len(value)
    match = _SIMPLE.match
    while position < end and len(found) < MAX_ADDRESSES:
        simple = match(value, position)
        if simple is None:
            return _General(value, position, found).run()
        quoted, name, local, domain, bare_local, bare_domain = simple.groups()
        if local is None:
            local, domain = bare_local, bare_domain
        if quoted is None and name is not None:
            quoted = name.rstrip()
        if local[:1] == b"." or local[-1:] == b".":
            return _General(value, position, found).run()
        found.append(Mailbox(quoted or None, None, local, domain))
        position = simple.end()
    return found


def mailboxes(addresses: Iterable[Mailbox | Group]) -> Iterator[Mailbox]:
    """All addresses in order, those within groups too."""
    for entry in addresses:
        if isinstance(entry, Group):
            yield from entry.members
        else:
            yield entry


def decode_phrase(octets: bytes) -> str:
    """A display name as text: encoded words and raw 8-bit octets decoded."""
    return collapse(decode_words(octets)).strip()


class _General:
    """The general form, word by word."""

    def __init__(self, value: bytes, position: int, found: AddressList) -> None:
        self.value = value
        self.position = position
        self.found = found
        self.count = len(found)
        self.group: bytes | None = None
        self.members: list[Mailbox] = []
        self.clear()

    def clear(self) -> None:
        self.words: list[bytearray] = []  # of the phrase or the local part
        self.joined = False  # the next word sticks to the last one (a dot)
        self.spaced = True
        self.at: list[bytearray] | None = None  # words after @, outside or inside <>
        self.angle: list[bytearray] | None = None  # words after <, before @
        self.route: bytes | None = None
        self.comment: bytes | None = None
        self.closed = False

    def run(self) -> AddressList:
        value, size = self.value, len(self.value)
        while self.position < size and self.count < MAX_ADDRESSES:
            token = _TOKEN.match(value, self.position)
            if token is None:  # a lone `]`-like octet: part of a word
                self.word(value[self.position : self.position + 1])
                self.position += 1
                continue
            self.position = token.end()
            self.token(token)
        self.end_address()
        if self.group is not None:
            self.end_group()
        return self.found

    def token(self, token: re.Match[bytes]) -> None:
        kind = token.lastgroup
        if kind == "space":
            self.spaced = True
        elif kind == "special":
            self.special(token[0])
        elif kind == "quoted":
            text = token["quoted"]
            if b"\\" in text and b"\x0e" not in text and b"\x1b" not in text:
                text = _QUOTED_PAIR.sub(rb"\1", text)
            self.word(text)
        else:
            self.word(token[0])

    def special(self, octet: bytes) -> None:
        if octet == b"(":
            self.comment = self.read_comment()
        elif octet == b".":
            self.dot()
        elif octet == b"@":
            self.at_sign()
        elif octet == b"<":
            self.open_angle()
        elif octet == b">":
            self.closed = self.angle is not None
        elif octet == b":":
            self.colon()
        elif octet == b"," and self.in_route():
            self.words_now().append(bytearray(b","))
        else:
            self.end_address()
            if octet == b";" and self.group is not None:
                self.end_group()

    def words_now(self) -> list[bytearray]:
        if self.at is not None:
            return self.at
        return self.words if self.angle is None else self.angle

    def word(self, text: bytes) -> None:
        if self.closed:
            return  # text after > belongs to nothing
        words = self.words_now()
        sticks = self.joined or not self.spaced or self.angle is not None
        if self.at is not None:
            sticks = self.joined or not self.spaced or not words
            if not sticks:  # words after a bare domain: old "user@host Name"
                self.spaced = False
                return
        if words and sticks:
            words[-1] += text
        else:
            words.append(bytearray(text))
        self.joined = self.spaced = False

    def dot(self) -> None:
        if self.closed:
            return
        words = self.words_now()
        if words:
            words[-1] += b"."
        else:
            words.append(bytearray(b"."))
        # in a phrase "Kim M. Lee" a space after the dot parts words; in an
        # address it does not, which only the @ will tell
        self.joined = self.at is not None or self.angle is not None

    def at_sign(self) -> None:
        if self.closed:
            return
        if self.at is not None:  # a second @: the first was part of the local part
            if self.angle is not None and self.angle == [] and self.at is not None:
                self.at.append(bytearray(b"@"))
                self.joined = True
                return
            local = self.words if self.angle is None else self.angle
            if local:
                local[-1] += b"@" + b"".join(self.at)
        self.at = []
        self.joined = True

    def in_route(self) -> bool:
        return self.at is not None and self.angle == [] and not self.closed

    def open_angle(self) -> None:
        if self.closed:  # "<a@x>:<b@y>": hide neither of the two
            self.end_address()
        if self.angle is not None:
            return
        if self.at is not None:  # "kim@example.test <kim@example.test>"
            bare = self.joined_local(self.words) + b"@" + b"".join(self.at)
            self.words.append(bytearray(bare))
            self.at = None
        self.angle = []
        self.joined = True

    def colon(self) -> None:
        if self.in_route():
            self.route = b"@" + b"".join(self.at or [])
            self.at = None
            self.joined = True
        elif self.angle is None and self.at is None and self.group is None:
            self.group = b" ".join(self.words)
            self.clear()
        else:
            self.word(b":")

    def read_comment(self) -> bytes:
        """The text of a comment without its outer parentheses; may nest."""
        pieces = []
        depth = 1
        for match in _COMMENT_PIECE.finditer(self.value, self.position):
            piece = match[0]
            self.position = match.end()
            depth += (piece == b"(") - (piece == b")")
            if depth == 0:
                break
            pieces.append(piece)
        self.spaced = True
        text = b"".join(pieces)
        return _QUOTED_PAIR.sub(rb"\1", text) if b"\\" in text else text

    @staticmethod
    def joined_local(words: list[bytearray]) -> bytes:
        """Take the words before a bare @ that make its local part, with dots."""
        first = max(len(words) - 1, 0)
        while first > 0 and (
            words[first - 1].endswith(b".") or words[first].startswith(b".")
        ):
            first -= 1
        local = b"".join(words[first:])
        del words[first:]
        return local

    def end_address(self) -> None:
        if self.angle is None and self.at is None and not self.words:
            self.clear()
            return
        if self.angle is not None:
            local = b"".join(self.angle)
            name = b" ".join(self.words)
        elif self.at is not None:
            local = self.joined_local(self.words)
            name = b" ".join(self.words)
        else:  # no address at all: a bare word is a local part, as in old mail
            local, name = b" ".join(self.words), b""
        if not name and self.comment is not None:
            name = self.comment
        name = _SPACES.sub(b" ", name).strip()
        domain = b"".join(self.at or []).rstrip(b".")
        if local or domain or name:
            self.add(Mailbox(name or None, self.route, local, domain))
        self.clear()

    def add(self, mailbox: Mailbox) -> None:
        self.count += 1
        if self.group is None:
            self.found.append(mailbox)
        else:
            self.members.append(mailbox)

    def end_group(self) -> None:
        self.found.append(Group(self.group or b"", tuple(self.members)))
        self.count += 1
        self.group = None
        self.members = []
