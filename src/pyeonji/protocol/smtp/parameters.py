"""Parameters of MAIL and RCPT (RFC 5321 §4.1.2 and the extensions that add them)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pyeonji.protocol.smtp import wishes, xtext
from pyeonji.protocol.smtp.events import MailAsked, RecipientAsked
from pyeonji.protocol.smtp.limits import (
    MAX_AUTH_PARAMETER_OCTETS,
    MAX_ENVID_OCTETS,
    MAX_ORCPT_OCTETS,
    MAX_PARAMETERS,
)
from pyeonji.protocol.smtp.paths import mailbox, split_path
from pyeonji.protocol.smtp.replies import SYNTAX, TOO_LARGE, encode
from pyeonji.protocol.smtp.words import BodyType, Offer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyeonji.protocol.smtp.options import Options

UNKNOWN_PARAMETER: Final = encode(555, "5.5.4", "parameter not recognised")
BAD_PARAMETER: Final = encode(501, "5.5.4", "syntax error in a parameter")
BAD_PATH: Final = encode(501, "5.1.7", "syntax error in the sender's address")
BAD_RECIPIENT: Final = encode(501, "5.1.3", "syntax error in the recipient's address")
SENDER_NEEDS_UTF8: Final = encode(550, "5.6.7", "address needs SMTPUTF8")
NEEDS_UTF8: Final = encode(553, "5.6.7", "address needs SMTPUTF8")  # RFC 6531 §3.5

_PARAMETER: Final = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\x80-\xff]+))?")
_NOTIFY: Final = {"SUCCESS", "FAILURE", "DELAY"}

Refusal = bytes
"""A reply, encoded: why a command is refused."""


def read_mail(arguments: bytes, options: Options) -> MailAsked | Refusal:
    """What stands behind "MAIL FROM:".

    LIBERTY: spaces between the colon and the path are forgiven.
    """
    cut = split_path(arguments.lstrip(b" "))
    if cut is None:
        return SYNTAX
    inside, rest = cut
    parameters: dict[str, Any] = {}
    if rest:
        read = _read(rest, _MAIL, options)
        if isinstance(read, bytes):
            return read
        parameters = read
        size = parameters.get("size_octets")
        if size is not None and size > options.max_message_octets:
            return TOO_LARGE  # RFC 1870 §6.1
    utf8 = bool(parameters.get("smtputf8"))
    path = "" if not inside else mailbox(inside, utf8=utf8)
    if path is None:
        return BAD_PATH if utf8 or inside.isascii() else SENDER_NEEDS_UTF8
    return MailAsked(reverse_path=path, **parameters)


def read_recipient(
    arguments: bytes, options: Options, *, utf8: bool
) -> RecipientAsked | Refusal:
    """What stands behind "RCPT TO:"; `utf8`: MAIL had SMTPUTF8."""
    cut = split_path(arguments.lstrip(b" "))
    if cut is None:
        return SYNTAX
    inside, rest = cut
    parameters: dict[str, Any] = {}
    if rest:
        read = _read(rest, _RECIPIENT, options)
        if isinstance(read, bytes):
            return read
        parameters = read
    if inside.lower() == b"postmaster":  # RFC 5321 §4.1.1.3: no domain needed
        path: str | None = inside.decode()
    else:
        path = mailbox(inside, utf8=utf8)
    if path is None:
        return BAD_RECIPIENT if utf8 or inside.isascii() else NEEDS_UTF8
    return RecipientAsked(path=path, **parameters)


_Reader = tuple[Offer, str, "Callable[[bytes | None], object]"]


def _read(
    rest: bytes, readers: dict[bytes, _Reader], options: Options
) -> dict[str, Any] | Refusal:
    """Parameters by the names of the event's fields."""
    found: dict[str, Any] = {}
    words = rest.split()
    if len(words) > MAX_PARAMETERS:
        return BAD_PARAMETER
    for word in words:
        match = _PARAMETER.fullmatch(word)
        if match is None:
            return BAD_PARAMETER
        reader = readers.get(match[1].upper())
        if reader is None or reader[0] not in options.offers:
            return UNKNOWN_PARAMETER
        value = reader[2](match[2])
        if value is None or reader[1] in found:
            return BAD_PARAMETER
        if value is BodyType.BINARY and Offer.BINARYMIME not in options.offers:
            return UNKNOWN_PARAMETER
        found[reader[1]] = value
    return found


def _size(value: bytes | None) -> int | None:
    """1 to 20 digits (RFC 1870 §3)."""
    if value is None or len(value) > 20 or not value.isdigit():
        return None
    return int(value)


def _body(value: bytes | None) -> BodyType | None:
    try:
        return BodyType((value or b"").decode("ascii").upper())
    except ValueError:
        return None


def _smtputf8(value: bytes | None) -> bool | None:
    return True if value is None else None  # RFC 6531 §3.4: no value


def _requiretls(value: bytes | None) -> bool | None:
    return True if value is None else None  # RFC 8689 §2: no value


def _ret(value: bytes | None) -> str | None:
    text = (value or b"").upper()
    return text.decode() if text in {b"FULL", b"HDRS"} else None


def _envid(value: bytes | None) -> str | None:
    if value is None or len(value) > MAX_ENVID_OCTETS:
        return None
    return xtext.decode(value)


def _auth(value: bytes | None) -> str | None:
    """<> or an address, in xtext (RFC 4954 §5)."""
    if value is None or len(value) > MAX_AUTH_PARAMETER_OCTETS:
        return None
    if value == b"<>":
        return ""
    text = xtext.decode(value)
    return None if text is None else mailbox(text.encode(), utf8=False)


def _notify(value: bytes | None) -> str | None:
    """NEVER alone, or some of the others, each once (RFC 3461 §4.1)."""
    text = (value or b"").decode("ascii", "replace").upper()
    if text == "NEVER":
        return text
    words = text.split(",")
    known = set(words) <= _NOTIFY and len(set(words)) == len(words)
    return text if known else None


def _orcpt(value: bytes | None) -> str | None:
    """Address type, a semicolon and an address (RFC 3461 §4.2, RFC 6533 §3)."""
    if value is None or len(value) > MAX_ORCPT_OCTETS:
        return None
    kind, semicolon, address = value.partition(b";")
    if not semicolon or not address or not re.fullmatch(rb"[A-Za-z0-9.-]+", kind):
        return None
    utf8 = kind.lower() == b"utf-8"
    text = xtext.decode_utf8_address(address) if utf8 else xtext.decode(address)
    return None if not text else f"{kind.decode()};{text}"


_MAIL: Final[dict[bytes, _Reader]] = {
    b"SIZE": (Offer.SIZE, "size_octets", _size),
    b"BODY": (Offer.EIGHT_BIT_MIME, "body", _body),
    b"SMTPUTF8": (Offer.SMTPUTF8, "smtputf8", _smtputf8),
    b"MT-PRIORITY": (Offer.MT_PRIORITY, "priority", wishes.read_priority),
    b"HOLDFOR": (Offer.FUTURERELEASE, "hold", wishes.read_hold_for),
    b"HOLDUNTIL": (Offer.FUTURERELEASE, "hold", wishes.read_hold_until),
    b"BY": (Offer.DELIVERBY, "by", wishes.read_by),
    b"REQUIRETLS": (Offer.REQUIRETLS, "requiretls", _requiretls),
    b"RET": (Offer.DSN, "ret", _ret),
    b"ENVID": (Offer.DSN, "envid", _envid),
    b"AUTH": (Offer.AUTH, "auth", _auth),
}
_RECIPIENT: Final[dict[bytes, _Reader]] = {
    b"NOTIFY": (Offer.DSN, "notify", _notify),
    b"ORCPT": (Offer.DSN, "orcpt", _orcpt),
}
