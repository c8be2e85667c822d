"""SASLprep: one spelling for names and passwords (RFC 4013)."""

from __future__ import annotations

import stringprep
import unicodedata
from typing import Final

from pyeonji.base.errors import PermanentError

MAX_NAME_OCTETS: Final = 255
"""UTF-8 octets of a user name; an address has 254 at most (RFC 5321 §4.5.3.1.3)."""

MAX_PASSWORD_OCTETS: Final = 1024
"""UTF-8 octets of a password; more would only cost hashing time."""

_PROHIBITED: Final = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


class NotPrepared(PermanentError):
    """A text that no name or password can be; the message says why."""


def saslprep(text: str) -> str:
    """Map, normalise and check a name or password (RFC 4013 §2).

    LIBERTY: unassigned code points are let through for stored strings too, as
    Unicode 3.2 lacks much that people now type.

    Raises:
        NotPrepared: prohibited characters, or directions mixed (RFC 3454 §6).
    """
    if text.isascii() and text.isprintable():
        return text
    mapped = "".join(
        " " if stringprep.in_table_c12(c) else c
        for c in text
        if not stringprep.in_table_b1(c)
    )
    prepared = unicodedata.normalize("NFKC", mapped)
    for character in prepared:
        if any(table(character) for table in _PROHIBITED):
            raise NotPrepared(f"U+{ord(character):04X} is prohibited")
    _check_direction(prepared)
    return prepared


def _check_direction(text: str) -> None:
    if not any(map(stringprep.in_table_d1, text)):
        return
    ends_right = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    if not ends_right or any(map(stringprep.in_table_d2, text)):
        raise NotPrepared("directions are mixed")


def prepared_name(octets: bytes) -> str:
    """A user name from the wire, prepared. Raises NotPrepared."""
    return _prepared(octets, MAX_NAME_OCTETS)


def prepared_password(octets: bytes) -> str:
    """A password from the wire, prepared. Raises NotPrepared."""
    return _prepared(octets, MAX_PASSWORD_OCTETS)


def _prepared(octets: bytes, limit: int) -> str:
    if len(octets) > limit:
        raise NotPrepared("too long")
    try:
        text = saslprep(octets.decode())
    except UnicodeDecodeError as error:
        raise NotPrepared("not UTF-8") from error
    if not text:
        raise NotPrepared("empty")
    return text
