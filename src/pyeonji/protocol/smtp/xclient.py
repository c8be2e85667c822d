"""XCLIENT: a proxy that we trust says for whom it speaks (Postfix's extension).

The command names attributes, `NAME=value`, values in xtext; afterwards the
conversation begins again as if that client had just connected.
"""

from __future__ import annotations

import ipaddress
from typing import Final

from pyeonji.protocol.smtp.events import ClientTold
from pyeonji.protocol.smtp.xtext import decode

ATTRIBUTES: Final = ("NAME", "ADDR", "PORT", "PROTO", "HELO")
LOGIN: Final = "LOGIN"
"""Who has logged in with the proxy."""

MAX_VALUE: Final = 255
_UNKNOWN: Final = frozenset(("[UNAVAILABLE]", "[TEMPUNAVAIL]"))


def attributes(*, login: bool) -> tuple[str, ...]:
    """What we announce and read."""
    return (*ATTRIBUTES, LOGIN) if login else ATTRIBUTES


def read_xclient(arguments: bytes, *, login: bool = False) -> ClientTold | None:
    """What the command says; None where it breaks the grammar.

    Args:
        arguments: behind the verb.
        login: LOGIN may be said.
    """
    known = attributes(login=login)
    told: dict[str, str] = {}
    for word in arguments.split():
        name, equals, value = word.partition(b"=")
        key = name.decode("ascii", "replace").upper()
        text = decode(value)
        if not equals or key not in known or text is None or len(text) > MAX_VALUE:
            return None
        told[key] = "" if text.upper() in _UNKNOWN else text
    address = _address(told.get("ADDR"))
    port = told.get("PORT")
    if not told or (told.get("ADDR") and address is None):
        return None
    if port and (not port.isascii() or not port.isdigit() or int(port) > 65535):
        return None
    return ClientTold(
        name=told.get("NAME"),
        address=address,
        port=int(port) if port else None,
        helo=told.get("HELO"),
        login=told.get(LOGIN) or None,
    )


def _address(text: str | None) -> str | None:
    if not text:
        return text
    if text[:5].upper() == "IPV6:":
        text = text[5:]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
