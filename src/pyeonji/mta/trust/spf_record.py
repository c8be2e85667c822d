"""SPF records, read once and whole (RFC 7208 §4.6, §12).

`read_record` refuses a record with any error in it before anything of it is
evaluated. What it gives is kept: the same few records are seen all day.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pyeonji.mta.trust.spf_macros import (
    MacroString,
    SpfSyntaxError,
    read_domain_spec,
    read_macro_string,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_RECORD: Final = 8192
"""Characters of a record; a longer one is an error (ours)."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_VERSION: Final = re.compile(r"v=spf1(?: |\Z)", re.IGNORECASE)
_MODIFIER: Final = re.compile(r"([a-z][a-z0-9\-_.]*)=(.*)", re.IGNORECASE | re.DOTALL)
_DIRECTIVE: Final = re.compile(
    r"(?P<qualifier>[-+?~]?)(?P<name>all|include|a|mx|ptr|ip4|ip6|exists)"
    r"(?P<rest>[:/].*)?",
    re.IGNORECASE | re.DOTALL,
)
# dual-cidr-length at the end of a term
_DUAL_CIDR: Final = re.compile(
    r"(?P<before>.*?)(?:/(?P<four>0|[1-9][0-9]?))?(?://(?P<six>0|[1-9][0-9]{0,2}))?",
    re.DOTALL,
)
_CIDR: Final = re.compile(r"(?P<address>[^/]+)(?:/(?P<length>0|[1-9][0-9]{0,2}))?")


class Qualifier(StrEnum):
    """What a directive that matches results in (RFC 7208 §4.6.2)."""

    PASS = "+"  # noqa: S105
    FAIL = "-"
    SOFTFAIL = "~"
    NEUTRAL = "?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    """A mechanism and its qualifier."""

    text: str  # as written
    qualifier: Qualifier
    name: str  # lower case
    domain: MacroString | None = None  # None: the domain that is evaluated
    network: Network | None = None  # of ip4 and ip6
    prefix4: int = 32  # of a and mx
    prefix6: int = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record without errors; unknown modifiers are left out."""

    directives: tuple[Directive, ...]
    redirect: MacroString | None = None
    explanation: MacroString | None = None


def select(texts: Sequence[str]) -> list[str]:
    """Those TXT records that are SPF records (RFC 7208 §4.5)."""
    return [text for text in texts if _VERSION.match(text)]


@lru_cache(maxsize=1024)
def read_record(text: str) -> Record:
    """Read a record that `select` has chosen.

    Raises:
        SpfSyntaxError: there is an error somewhere in it.
    """
    if len(text) > MAX_RECORD:
        raise SpfSyntaxError("the record is too long")
    directives: list[Directive] = []
    modifiers: dict[str, MacroString] = {}
    for term in text[6:].split(" "):
        if not term:
            continue
        modifier = _MODIFIER.fullmatch(term)
        if modifier is None:
            directives.append(_directive(term))
            continue
        name = modifier[1].lower()
        if name not in {"redirect", "exp"}:
            read_macro_string(modifier[2])  # its syntax counts, it does not
            continue
        if name in modifiers:  # RFC 7208 §6
            raise SpfSyntaxError(f"{name}= stands there twice")
        modifiers[name] = read_domain_spec(modifier[2])
    has_all = any(d.name == "all" for d in directives)
    return Record(
        directives=tuple(directives),
        redirect=None if has_all else modifiers.get("redirect"),  # RFC 7208 §5.1
        explanation=modifiers.get("exp"),
    )


def _directive(term: str) -> Directive:
    match = _DIRECTIVE.fullmatch(term)
    if match is None:
        raise SpfSyntaxError(f"{term[:60]!a} is no mechanism")
    made = _READERS[match["name"].lower()](match["rest"] or "")
    return Directive(
        text=term,
        qualifier=Qualifier(match["qualifier"] or "+"),
        name=match["name"].lower(),
        domain=made.domain,
        network=made.network,
        prefix4=made.prefix4,
        prefix6=made.prefix6,
    )


@dataclass(frozen=True, slots=True)
class _Argument:
    domain: MacroString | None = None
    network: Network | None = None
    prefix4: int = 32
    prefix6: int = 128


def _nothing(rest: str) -> _Argument:
    if rest:
        raise SpfSyntaxError(f"all takes nothing, not {rest[:60]!a}")
    return _Argument()


def _domain(rest: str) -> _Argument:
    if not rest.startswith(":"):
        raise SpfSyntaxError("a domain is missing")
    return _Argument(domain=read_domain_spec(rest[1:]))


def _maybe_domain(rest: str) -> _Argument:
    return _domain(rest) if rest else _Argument()


def _domain_and_lengths(rest: str) -> _Argument:
    match = _DUAL_CIDR.fullmatch(rest)
    if match is None:  # the expression takes anything
        raise SpfSyntaxError(f"{rest[:60]!a} is no domain")
    before = match["before"]
    four, six = int(match["four"] or 32), int(match["six"] or 128)
    if four > 32 or six > 128:
        raise SpfSyntaxError(f"{rest[:60]!a} has too long a prefix")
    domain = _domain(before).domain if before else None
    return _Argument(domain=domain, prefix4=four, prefix6=six)


def _network4(rest: str) -> _Argument:
    return _Argument(network=_network(rest, ipaddress.IPv4Address))


def _network6(rest: str) -> _Argument:
    return _Argument(network=_network(rest, ipaddress.IPv6Address))


def _network(
    rest: str, kind: type[ipaddress.IPv4Address | ipaddress.IPv6Address]
) -> Network:
    match = _CIDR.fullmatch(rest[1:])
    if not rest.startswith(":") or match is None or "%" in rest:
        raise SpfSyntaxError(f"{rest[:60]!a} is no network")
    try:
        address = kind(match["address"])
        length = match["length"] or str(address.max_prefixlen)
        return ipaddress.ip_network(f"{address}/{length}", strict=False)
    except ValueError as error:
        raise SpfSyntaxError(f"{rest[:60]!a} is no network") from error


_READERS: Final = {
    "all": _nothing,
    "include": _domain,
    "exists": _domain,
    "a": _domain_and_lengths,
    "mx": _domain_and_lengths,
    "ptr": _maybe_domain,
    "ip4": _network4,
    "ip6": _network6,
}
