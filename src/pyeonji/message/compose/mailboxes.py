"""Addresses on their way into a header (RFC 5322 §3.4, RFC 6532)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.message.compose.errors import BadValue, UnsafeValue
from pyeonji.message.compose.words import encoded_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_LOCAL_PART: Final = 64  # octets (RFC 5321 §4.5.3.1.1)
MAX_DOMAIN: Final = 255  # octets (RFC 5321 §4.5.3.1.2)
MAX_QUOTED_WORD: Final = 70  # a longer word of a name is encoded, to be folded

_ATEXT: Final = r"A-Za-z0-9!#$%&'*+\-/=?^_`{|}~"
_DOT_ATOM: Final = re.compile(
    rf"[{_ATEXT}\u0080-\U0010ffff]+(?:\.[{_ATEXT}\u0080-\U0010ffff]+)*"
)  # RFC 5322 §3.2.3 with UTF8-non-ascii (RFC 6532 §3.2)
_QUOTED: Final = re.compile(r'"((?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*)"')
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LITERAL: Final = re.compile(r"\[[\x21-\x5a\x5e-\x7e]+\]")
_ATOMS: Final = re.compile(rf"[{_ATEXT}]+(?: [{_ATEXT}]+)*")
_PRINTABLE: Final = re.compile(r"[ -~]*")
_PIECE: Final = re.compile(r" *[^ ]+| +\Z")
_SPECIAL: Final = re.compile(r'(["\\])')


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """One address with the name it is shown with (either in any script)."""

    address: str  # local-part@domain
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Addresses under a name (RFC 5322 §3.4), e.g. undisclosed-recipients."""

    name: str
    members: tuple[Mailbox, ...] = ()


Address = Mailbox | Group


def mailboxes_of(addresses: Sequence[Address]) -> Iterator[Mailbox]:
    """All mailboxes, those in groups too."""
    for address in addresses:
        if isinstance(address, Group):
            yield from address.members
        else:
            yield address


def check_value(field: str, value: str) -> None:
    """Refuse what would end the header line (RFC 5322 §2.2).

    Raises:
        UnsafeValue: there is CR, LF or NUL in it.
    """
    if "\r" in value or "\n" in value or "\0" in value:
        raise UnsafeValue(field)


def wire_address(address: str, field: str = "address") -> str:
    """An address as it stands in a header or in an envelope.

    An international domain becomes its A-labels (RFC 5890) where the local
    part is ASCII, so that every server can carry it; where it is not,
    SMTPUTF8 is needed anyway and the domain stays readable (RFC 6531).

    Raises:
        UnsafeValue: CR, LF or NUL in it.
        BadValue: not an address.
    """
    check_value(field, address)
    local, at, domain = address.rpartition("@")
    if not at or not local:
        raise BadValue(field, f"{address!r} is not an address (name@domain)")
    quoted = _QUOTED.fullmatch(local)
    if quoted:
        local = re.sub(r"\\(.)", r"\1", quoted[1])
    if not _PRINTABLE.fullmatch(local) and local.isascii():
        raise BadValue(field, f"{address!r}: control characters")
    try:
        too_long = len(local.encode()) > MAX_LOCAL_PART
    except UnicodeEncodeError as error:
        raise BadValue(field, f"{address!r} has no UTF-8 form") from error
    if too_long:
        raise BadValue(field, f"local part over {MAX_LOCAL_PART} octets")
    if quoted is None and not _DOT_ATOM.fullmatch(local):
        raise BadValue(field, f"{address!r}: quote the part before the @")
    wire_local = local
    if not _DOT_ATOM.fullmatch(local):
        wire_local = '"' + _SPECIAL.sub(r"\\\1", local) + '"'
    return f"{wire_local}@{_wire_domain(domain, field, ascii_only=local.isascii())}"


def _wire_domain(domain: str, field: str, *, ascii_only: bool) -> str:
    if _LITERAL.fullmatch(domain):
        return domain
    try:
        labels = domain.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise BadValue(field, f"{domain!r} is not a domain") from error
    if len(labels) > MAX_DOMAIN or not _DOMAIN.fullmatch(labels):
        raise BadValue(field, f"{domain!r} is not a domain")
    return labels if ascii_only or domain.isascii() else domain


def phrase(name: str, charset: str, first_room: int, field: str) -> list[bytes]:
    """A display name as tokens, the first one without leading space.

    Atoms where they suffice, else a quoted string, else encoded words.
    """
    check_value(field, name)
    if _ATOMS.fullmatch(name):
        text = name
    elif _PRINTABLE.fullmatch(name) and name.strip() == name:
        text = '"' + _SPECIAL.sub(r"\\\1", name) + '"'
    else:
        text = ""
    pieces = _PIECE.findall(text)
    if pieces and "=?" not in text and max(map(len, pieces)) <= MAX_QUOTED_WORD:
        return [piece.encode("ascii") for piece in pieces]
    words = encoded_words(name, charset, first_room)
    return [words[0], *(b" " + word for word in words[1:])]


def mailbox_tokens(
    mailbox: Mailbox, charset: str, first_room: int, field: str
) -> list[bytes]:
    """One mailbox as tokens, the first one without leading space."""
    wire = wire_address(mailbox.address, field).encode()
    if not mailbox.name:
        return [wire]
    return [*phrase(mailbox.name, charset, first_room, field), b" <" + wire + b">"]


def address_units(
    addresses: Sequence[Address], charset: str, field: str, first_column: int
) -> list[list[bytes]]:
    """An address list as units to fold, each with its leading space and comma."""
    units: list[list[bytes]] = []
    room = 72 - first_column
    for address in addresses:
        if isinstance(address, Group):
            added = _group_units(address, charset, room, field)
        else:
            added = [mailbox_tokens(address, charset, room, field)]
        for unit in added:
            unit[0] = b" " + unit[0]
        added[-1][-1] += b","
        units += added
        room = 71
    if units:
        units[-1][-1] = units[-1][-1][:-1]
    return units


def _group_units(
    group: Group, charset: str, room: int, field: str
) -> list[list[bytes]]:
    name = phrase(group.name, charset, room, field)
    name[-1] += b":"
    units = [name]
    for member in group.members:
        tokens = mailbox_tokens(member, charset, 71, field)
        tokens[-1] += b","
        units.append(tokens)
    if group.members:
        units[-1][-1] = units[-1][-1][:-1]
    units[-1][-1] += b";"
    return units
