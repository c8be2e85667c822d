"""Readers of single configuration values: each takes what TOML gave."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_OCTETS: Final = re.compile(r"(\d+)\s*(|B|K|KB|M|MB|G|GB)", re.IGNORECASE)
_FACTOR: Final = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_LABEL: Final = re.compile(r"(?!-)[\w-]{1,63}(?<!-)")


class ValueRefused(Exception):
    """A value that can't be; `where` is the path of keys and indexes to it."""

    def __init__(self, why: str, where: tuple[str | int, ...] = ()) -> None:
        super().__init__(why)
        self.where = where


def text(value: Any) -> str:
    """A string."""
    if not isinstance(value, str):
        raise ValueRefused("must be a text in quotes")
    return value


def texts(value: Any) -> tuple[str, ...]:
    """A list of strings."""
    if not isinstance(value, list):
        raise ValueRefused('must be a list such as ["a", "b"]')
    return tuple(text(item) for item in value)


def boolean(value: Any) -> bool:
    """Yes or no."""
    if not isinstance(value, bool):
        raise ValueRefused("must be true or false")
    return value


def positive(value: Any) -> int:
    """A whole number from 1 on."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueRefused("must be a whole number from 1 on")
    return value


def one_of(*choices: str) -> Callable[[Any], str]:
    """One of a few words."""

    def reader(value: Any) -> str:
        if value not in choices:
            raise ValueRefused(f"must be one of: {', '.join(choices)}")
        return str(value)

    return reader


def path(folder: Path) -> Callable[[Any], Path]:
    """A path; relative ones start at the folder."""

    def reader(value: Any) -> Path:
        if not text(value):
            raise ValueRefused("must not be empty")
        return folder / Path(value).expanduser()

    return reader


def domain_name(value: Any) -> str:
    """A host or domain name in lower case."""
    name = text(value).rstrip(".").lower()
    if len(name) > 253 or not all(_LABEL.fullmatch(x) for x in name.split(".")):
        raise ValueRefused(f"{value!r} is not a host name")
    return name


def duration_s(value: Any) -> float:
    """A time such as "90s", "5m", "4h", "5d" in seconds."""
    found = _DURATION.fullmatch(text(value).strip())
    if found is None or not float(found[1]):
        raise ValueRefused('must be a time such as "90s", "5m", "4h" or "5d"')
    return float(found[1]) * _SECONDS[found[2]]


def octets(value: Any) -> int:
    """A size such as 1048576, "50 MB" (of 1024 KB of 1024) in octets."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    found = _OCTETS.fullmatch(text(value).strip())
    if found is None or not int(found[1]):
        raise ValueRefused('must be a size such as "50 MB"')
    return int(found[1]) * _FACTOR[found[2].upper().rstrip("B")]


def endpoint(value: Any, *, default_port: int | None = None) -> tuple[str, int]:
    """HOST:PORT, with [ADDRESS]:PORT for IPv6; port 0 is any free one."""
    given = text(value).strip()
    host, colon, port = given.rpartition(":")
    if default_port is not None and (not colon or given.endswith("]")):
        host, colon, port = given, ":", str(default_port)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueRefused(f"{value!r}: write an IPv6 address as [ADDRESS]:PORT")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueRefused(f"{value!r} is not HOST:PORT")
    return host or "0.0.0.0", int(port)  # noqa: S104 - ":25" means everywhere


def address(value: Any) -> tuple[str, int]:
    """What a listener binds: HOST:PORT."""
    return endpoint(value)


def networks(value: Any) -> tuple[IPv4Network | IPv6Network, ...]:
    """A list of addresses and networks such as "192.0.2.0/24" and "::1"."""
    try:
        return tuple(ip_network(item.strip("[]")) for item in texts(value))
    except ValueError as error:
        raise ValueRefused(str(error)) from None


def rate(value: Any) -> tuple[int, float]:
    """So many in a time, such as "100/h" or "20/10m"; (count, seconds)."""
    count, slash, time = text(value).replace(" ", "").partition("/")
    if not slash or not count.isascii() or not count.isdigit() or not int(count):
        raise ValueRefused('must be a rate such as "100/h" or "20/10m"')
    return int(count), duration_s(time if time[:1].isdigit() else f"1{time}")
