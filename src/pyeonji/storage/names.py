"""The one form in which addresses, domains and mailbox names are kept.

Two spellings that mean the same have one canonical form, so that comparing is
`==` and looking up is a key. Nothing here fails on an address: what is no
address simply equals nothing that is kept.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from pyeonji.storage.errors import BadMailboxName
from pyeonji.storage.mailboxes import MAX_MAILBOX_DEPTH, MAX_MAILBOX_NAME

MAX_ADDRESS: Final = 1024
"""Characters that are looked at; a longer one is no address of ours."""

_MAX_LABEL: Final = 63
"""Characters of an A-label; longer ones would take long to decode."""

INBOX: Final = "INBOX"


def _u_label(label: str) -> str:
    """A label as people read it; one that is no true A-label stays as it is."""
    if not label.startswith("xn--") or len(label) > _MAX_LABEL:
        return label
    try:
        text = label[4:].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError):
        return label
    text = unicodedata.normalize("NFC", text.lower())
    # an A-label of plain ASCII, or one with a dot inside, imitates another name
    if text.isascii() or "." in text or "@" in text:
        return label
    return text


@lru_cache(maxsize=4096)
def canonical_domain(name: str) -> str:
    """A domain in lower case, NFC, with U-labels and without a final dot.

    Not casefolded: "ß" and "ss" are different letters in domains (RFC 5892).
    """
    name = name.lower().rstrip(".")
    if name.isascii() and "xn--" not in name:
        return name
    name = unicodedata.normalize("NFC", name).replace("\u3002", ".")
    return ".".join(_u_label(label) for label in name.split(".")[:128])


def _unquoted(local: str) -> str:
    r"""`"kim\ lee"` means `kim lee` (RFC 5321 §4.1.2): quotes are only spelling."""
    if len(local) < 2 or not (local.startswith('"') and local.endswith('"')):
        return local
    return re.sub(r"\\(.)", r"\1", local[1:-1], flags=re.DOTALL)


@lru_cache(maxsize=8192)
def canonical(address: str) -> str:
    """An address as the directory keeps it; never fails.

    The local part is casefolded NFC: for our domains it has no case.
    """
    if len(address) > MAX_ADDRESS:  # cut, it could become somebody's
        return address[:MAX_ADDRESS]
    local, at, domain = address.rpartition("@")
    if not at:
        return unicodedata.normalize("NFC", domain.casefold())
    local = _unquoted(local)
    if not local.isascii():
        local = unicodedata.normalize("NFC", local)
    folded = local.casefold()
    if not folded.isascii():
        folded = unicodedata.normalize("NFC", folded)
    return f"{folded}@{canonical_domain(domain)}"


def domain_of(address: str) -> str:
    """The canonical domain of an address; "" where it has none."""
    _, at, domain = address.rpartition("@")
    return canonical_domain(domain) if at else ""


_PATHS: Final = frozenset((".", ".."))


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}


@lru_cache(maxsize=2048)
def mailbox_name(name: str) -> str:
    """A mailbox name as it is kept: NFC, levels by "/", INBOX in capitals.

    One "/" at the end is taken off (RFC 3501 §6.3.3: it only says that names
    below are coming).

    Raises:
        BadMailboxName: empty, too long, too deep, an empty level, "." or ".." as
            a level, or a control character.
    """
    name = unicodedata.normalize("NFC", name.removesuffix("/"))
    if not name:
        raise BadMailboxName("a mailbox needs a name")
    if any(map(_is_control, name)):
        raise BadMailboxName("control characters are not for names")
    levels = name.split("/")
    if "" in levels:
        raise BadMailboxName("a level of the name is empty")
    if not _PATHS.isdisjoint(levels):  # programs make folders of names
        raise BadMailboxName("a level of the name leads to another folder")
    if len(levels) > MAX_MAILBOX_DEPTH:
        raise BadMailboxName(f"more than {MAX_MAILBOX_DEPTH} levels")
    if levels[0].upper() == INBOX:  # RFC 3501 §5.1
        levels[0] = INBOX
        name = "/".join(levels)
    if len(name.encode()) > MAX_MAILBOX_NAME:
        raise BadMailboxName(f"more than {MAX_MAILBOX_NAME} octets")
    return name
