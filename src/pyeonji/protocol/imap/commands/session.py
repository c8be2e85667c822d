"""Commands about the conversation itself: any state, and before login."""

from __future__ import annotations

from dataclasses import dataclass

from pyeonji.protocol.imap.commands.base import Command


class Capability(Command):
    """RFC 3501 §6.1.1."""

    __slots__ = ()


class Noop(Command):
    """RFC 3501 §6.1.2."""

    __slots__ = ()


class Logout(Command):
    """RFC 3501 §6.1.3."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Id(Command):
    """Who the client is (RFC 2971 §3.1)."""

    fields: dict[str, str | None]


class StartTls(Command):
    """RFC 3501 §6.2.1."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticate(Command):
    """RFC 3501 §6.2.2; `initial` decoded, None where there is none (RFC 4959)."""

    mechanism: str
    initial: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Login(Command):
    """RFC 3501 §6.2.3."""

    user: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Compress(Command):
    """RFC 4978 §3; the name of the algorithm in upper case."""

    algorithm: str
