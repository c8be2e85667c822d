"""Rights in mailboxes (RFC 4314 §2): letters, and who is meant by an identifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.storage.names import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyeonji.storage.directory import Account

ALL: Final = "lrswipkxtea"
"""Every right there is, in the order in which they are told."""

VIRTUAL: Final = {"c": "kx", "d": "te"}
"""Rights as they were before, and what they mean now (RFC 4314 §2.1.1)."""

ANY: Final = frozenset("lrikxa")
"""One of these is needed for MYRIGHTS (RFC 4314 §4)."""

WRITING: Final = frozenset("iestw")
"""With none of these a mailbox is selected read-only (RFC 4314 §5.2)."""

ANYONE: Final = "anyone"
AUTHENTICATED: Final = "authenticated"
ADMINISTRATORS: Final = "administrators"
GENERAL: Final = frozenset({ANYONE, AUTHENTICATED, ADMINISTRATORS})
"""Identifiers that are no addresses."""


class BadRights(ValueError):
    """A letter that is no right (RFC 4314 §3.1: a BAD)."""


def parsed(letters: str) -> frozenset[str]:
    """Rights as a client writes them; virtual ones as their members.

    Raises:
        BadRights: a letter that is none.
    """
    found: set[str] = set()
    for letter in letters:
        members = VIRTUAL.get(letter, letter)
        if letter not in VIRTUAL and letter not in ALL:
            raise BadRights(letter)
        found.update(members)
    return frozenset(found)


def changed(old: str, letters: str) -> str:
    """Rights after SETACL: "+lr" adds, "-lr" takes, "lr" replaces (§3.1).

    Raises:
        BadRights: a letter that is none.
    """
    sign = letters[:1]
    if sign == "+":
        return ordered(parsed(letters[1:]) | set(old))
    if sign == "-":
        return ordered(set(old) - parsed(letters[1:]))
    return ordered(parsed(letters))


def ordered(rights: frozenset[str] | set[str]) -> str:
    """Rights in the order of ALL, each once."""
    return "".join(letter for letter in ALL if letter in rights)


def told(rights: str) -> bytes:
    """Rights as they go to a client: with the virtual ones (§2.1.1)."""
    virtual = [
        name for name, members in VIRTUAL.items() if any(m in rights for m in members)
    ]
    return (ordered(set(rights)) + "".join(virtual)).encode("ascii")


def identifiers(user: Account) -> frozenset[str]:
    """All identifiers that mean a user."""
    found = {user.address, ANYONE, AUTHENTICATED}
    if user.administrator:
        found.add(ADMINISTRATORS)
    return frozenset(found)


def kept(identifier: str) -> str:
    """An identifier as it is kept: a "-" stays, addresses in their one form."""
    negative = identifier[:1] == "-"
    name = identifier[1:] if negative else identifier
    folded = name.casefold()
    name = folded if folded in GENERAL else canonical(name)
    return f"-{name}" if negative else name


def effective(granted: Mapping[str, str], meant: frozenset[str]) -> str:
    """What somebody may do: all that is granted, less what is taken (§2)."""
    given: set[str] = set()
    taken: set[str] = set()
    for identifier, letters in granted.items():
        if identifier in meant:
            given.update(letters)
        elif identifier[:1] == "-" and identifier[1:] in meant:
            taken.update(letters)
    return ordered(given - taken)
