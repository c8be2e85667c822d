"""Paths between angle brackets, strictly (RFC 5321 §4.1.2, §4.1.3)."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from pyeonji.protocol.smtp.limits import (
    MAX_DOMAIN_OCTETS,
    MAX_LABEL_OCTETS,
    MAX_LOCAL_PART_OCTETS,
    MAX_PATH_OCTETS,
)

# Dot-string "@" Domain in ASCII: nearly all there is. LIBERTY: _ in domains is
# let through, because bounce domains in the wild have it.
_PLAIN: Final = re.compile(
    rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    rb"@[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
    rb"(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*"
)
_ATEXT: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]"
_DOT_STRING: Final = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_QUOTED: Final = re.compile(
    r'"(?:[ !#-\[\]-~\u0080-\U0010ffff]|\\[ -~])*"'  # qtextSMTP, quoted-pairSMTP
)
_LABEL: Final = re.compile(
    r"[A-Za-z0-9_\u0080-\U0010ffff]"
    r"(?:[A-Za-z0-9_\-\u0080-\U0010ffff]*[A-Za-z0-9_\u0080-\U0010ffff])?"
)
_LITERAL: Final = re.compile(r"\[[A-Za-z0-9:.\-]{1,64}\]")
_GENERAL_LITERAL: Final = re.compile(r"[A-Za-z0-9\-]*[A-Za-z0-9]:[!-Z^-~]+")
_C1: Final = re.compile(r"[\u0080-\u009f\u2028\u2029]")
_HELLO: Final = re.compile(rb"[!#$%&'*+\-./0-9:=?A-Z\[\]^_`a-z{|}~]{1,255}")


def hello_name(octets: bytes) -> str | None:
    """The argument of HELO or EHLO, or None.

    LIBERTY: anything printable that can't harm a header or a log is taken,
    because clients send their machine's name (RFC 5321 §4.1.4 forbids to
    refuse for a name that doesn't resolve).
    """
    return octets.decode() if _HELLO.fullmatch(octets) else None


def split_path(arguments: bytes) -> tuple[bytes, bytes] | None:
    """Cut "<path> parameters" behind the path, or None.

    Returns:
        What stands between the brackets, and the rest behind the space.
    """
    if not arguments.startswith(b"<"):
        return None
    end = arguments.find(b">")
    quote = arguments.find(b'"', 0, end)
    if quote >= 0:
        end = _behind_quote(arguments, quote)
    if end < 0:
        return None
    rest = arguments[end + 1 :]
    if rest and not rest.startswith(b" "):
        return None
    return arguments[1:end], rest.strip(b" ")


def _behind_quote(octets: bytes, quote: int) -> int:
    """Where the > behind the quoted string at `quote` is, or -1."""
    at = quote + 1
    while at < len(octets) and octets[at] != 0x22:
        at += 2 if octets[at] == 0x5C else 1
    return octets.find(b">", at)


def mailbox(octets: bytes, *, utf8: bool) -> str | None:
    """A Mailbox (local-part "@" domain or literal), a source route left out.

    Args:
        octets: what stands between < and >.
        utf8: characters beyond ASCII may occur (RFC 6531 §3.3).

    Returns:
        The address with its local part unquoted where it needs no quotes, or
        None where it breaks the grammar or a limit.
    """
    if _PLAIN.fullmatch(octets) is not None:
        text = octets.decode()
        local, _, domain = text.partition("@")
        return text if _fits(local, domain) and _labels_fit(domain) else None
    if octets.startswith(b"@"):  # RFC 5321 §3.6.1: SHOULD be stripped
        return _behind_route(octets, utf8=utf8)
    try:
        text = octets.decode("utf-8" if utf8 else "ascii")
    except UnicodeDecodeError:
        return None
    if _C1.search(text):
        return None
    return _assembled(text)


def _behind_route(octets: bytes, *, utf8: bool) -> str | None:
    route, colon, rest = octets.partition(b":")
    if not colon or rest.startswith(b"@") or len(route) > MAX_PATH_OCTETS:
        return None
    for hop in route.split(b","):
        if not hop.startswith(b"@") or not is_domain(hop[1:], utf8=utf8):
            return None
    return mailbox(rest, utf8=utf8)


def _assembled(text: str) -> str | None:
    local, _, domain = text.rpartition("@")
    if not _fits(local, domain) or not _domain_or_literal(domain):
        return None
    if _DOT_STRING.fullmatch(local):
        return text
    if not _QUOTED.fullmatch(local):
        return None
    plain = re.sub(r"\\(.)", r"\1", local[1:-1])
    if _DOT_STRING.fullmatch(plain):
        return f"{plain}@{domain}"
    again = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{again}"@{domain}'


def _fits(local: str, domain: str) -> bool:
    local_octets, domain_octets = len(local.encode()), len(domain.encode())
    return (
        0 < local_octets <= MAX_LOCAL_PART_OCTETS
        and 0 < domain_octets <= MAX_DOMAIN_OCTETS
        and local_octets + domain_octets + 3 <= MAX_PATH_OCTETS
    )


def _labels_fit(domain: str) -> bool:
    return len(domain) <= MAX_LABEL_OCTETS or all(
        len(label.encode()) <= MAX_LABEL_OCTETS for label in domain.split(".")
    )


def is_domain(octets: bytes, *, utf8: bool = False) -> bool:
    """Whether this is a domain name, not an address literal."""
    try:
        text = octets.decode("utf-8" if utf8 else "ascii")
    except UnicodeDecodeError:
        return False
    return (
        0 < len(octets) <= MAX_DOMAIN_OCTETS
        and not _C1.search(text)
        and all(_LABEL.fullmatch(label) for label in text.split("."))
        and _labels_fit(text)
    )


def _domain_or_literal(domain: str) -> bool:
    if not domain.startswith("["):
        return is_domain(domain.encode(), utf8=True)
    if not _LITERAL.fullmatch(domain):
        return False
    inside = domain[1:-1]
    try:
        if inside[:5].upper() == "IPV6:":
            IPv6Address(inside[5:])
        elif ":" not in inside:
            IPv4Address(inside)
        else:
            return _GENERAL_LITERAL.fullmatch(inside) is not None
    except AddressValueError:
        return False
    return True
