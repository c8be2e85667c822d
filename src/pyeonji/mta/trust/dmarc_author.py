"""Whose letter it says it is: the author domain (RFC 9989 §5.3.1).

A reader's mail program may understand a strange From otherwise than we do, and
show another author than the one that was checked. So only a From that can be
understood in one way has an author domain; all others are named with what is
wrong, and with the domains that they could mean.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.message.address import Group, mailboxes, parse_addresses
from pyeonji.message.header import Header
from pyeonji.message.words import unfold
from pyeonji.mta.trust.domains import ascii_domain, can_be_asked

if TYPE_CHECKING:
    from pyeonji.message.address import AddressList, Mailbox

MAX_DOMAINS: Final = 4
"""Domains of a doubtful From that are looked at (RFC 9989 §11.5)."""

# what is no field here, or not that one, and may be From elsewhere: white space
# before the first field, controls or 8-bit octets around and within the name
_ODD: Final = rb"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xff"
_FROM: Final = (
    b"".join(letter + rb"[" + _ODD + rb"]*+" for letter in (b"f", b"r", b"o", b"m"))
    + rb"[ \t]*+:"
)
_FIRST: Final = re.compile(rb"[ \t" + _ODD + rb"]*+" + _FROM, re.IGNORECASE)
_LATER: Final = re.compile(
    rb"[\r\n](?![ \t\r\n])[ \t" + _ODD + rb"]*+" + _FROM, re.IGNORECASE
)
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_NAME: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_\-]*[a-z0-9_])?")
# quoted strings and comments without comments inside, to be taken out
_QUOTED_OR_COMMENT: Final = re.compile(
    rb"\"(?:[^\"\\]|\\.)*+\"?|\((?:[^()\\]|\\.)*+\)?", re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """The author domain, or why there is none.

    With a `problem`, `domains` are those that From could mean, MAX_DOMAINS at
    most; without, it is the one.
    """

    domains: tuple[str, ...] = ()  # A-labels, lower case
    problem: str = ""


def author_of(header: bytes) -> Author:
    """Read the From of a header block; takes any octets."""
    values = Header(header).all(b"from")
    if not values:
        hidden = _lookalikes(header) > 0
        return Author(problem="From is hidden" if hidden else "no From")
    entries = [parse_addresses(value) for value in values]
    domains = _domains(entries)
    problem = (
        _wrong_fields(header, values)
        or _wrong_value(values[0], entries[0])
        or ("" if len(domains) == 1 else f"From names {len(domains)} domains")
    )
    return Author(domains=domains[:MAX_DOMAINS], problem=problem)


def _domains(entries: list[AddressList]) -> tuple[str, ...]:
    """Domains of all addresses, each once, in order."""
    found: dict[str, None] = {}
    for addresses in entries:
        for mailbox in mailboxes(addresses):
            domain = _domain_of(mailbox)
            if domain:
                found[domain] = None
    return tuple(found)


def _wrong_fields(header: bytes, values: list[bytes]) -> str:
    if len(values) > 1:
        return f"{len(values)} From fields"
    if _lookalikes(header) > 1:
        return "another From is hidden"
    return ""


def _lookalikes(header: bytes) -> int:
    """Lines that are From, or could be taken for it."""
    first = _FIRST.match(header) is not None
    return first + sum(1 for _ in _LATER.finditer(header))


def _wrong_value(value: bytes, addresses: AddressList) -> str:
    """What makes a From understood in more than one way."""
    if _CONTROLS.search(unfold(value)):
        return "From has control characters"
    if any(isinstance(entry, Group) for entry in addresses):
        return "From has a group"
    found = list(mailboxes(addresses))
    if not found:
        return "From has no address"
    for mailbox in found:
        if problem := _wrong_mailbox(mailbox):
            return problem
    plain = _QUOTED_OR_COMMENT.sub(b"", value)
    if plain.count(b"@") != len(found) or b"(" in plain or b")" in plain:
        return "From can be read in several ways"
    if b"<" in plain and _comment_inside(value):
        return "From has a comment inside the address"
    return ""


def _wrong_mailbox(mailbox: Mailbox) -> str:
    if mailbox.route is not None:
        return "From has a route"
    if b"@" in mailbox.local or b"=?" in mailbox.local or b"=?" in mailbox.domain:
        return "From has an address within the address"
    if not mailbox.domain:
        return "From has an address without domain"
    if not _domain_of(mailbox):
        return "From has an address whose domain is none"
    return ""


def _comment_inside(value: bytes) -> bool:
    """Whether something stands in parentheses after the last "<"."""
    inside = value[value.rfind(b"<") : value.rfind(b">") + 1]
    return b"(" in inside


def _domain_of(mailbox: Mailbox) -> str:
    """An address's domain with A-labels; "" where it can be none."""
    try:
        name = ascii_domain(mailbox.domain.decode("utf-8"))
    except UnicodeDecodeError:
        return ""
    labels = name.split(".")
    good = len(labels) > 1 and can_be_asked(name) and all(map(_NAME.fullmatch, labels))
    return name if good else ""
