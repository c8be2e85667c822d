"""Commands about what is said of mailboxes: annotations, rights, quotas."""

from __future__ import annotations

from dataclasses import dataclass

from pyeonji.protocol.imap.commands.base import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class GetMetadata(Command):
    """RFC 5464 §4.2; mailbox "" is the server, `depth` None "infinity"."""

    mailbox: str
    entries: tuple[str, ...]
    depth: int | None = 0
    max_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMetadata(Command):
    """RFC 5464 §4.3; a value of None takes the entry away."""

    mailbox: str
    values: tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAcl(Command):
    """RFC 4314 §3.1; `rights` as written, perhaps with "+" or "-" before them."""

    mailbox: str
    identifier: str
    rights: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteAcl(Command):
    """RFC 4314 §3.2."""

    mailbox: str
    identifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAcl(Command):
    """RFC 4314 §3.3."""

    mailbox: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRights(Command):
    """RFC 4314 §3.4."""

    mailbox: str
    identifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MyRights(Command):
    """RFC 4314 §3.5."""

    mailbox: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetQuota(Command):
    """RFC 9208 §4.1.1."""

    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetQuotaRoot(Command):
    """RFC 9208 §4.1.2."""

    mailbox: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetQuota(Command):
    """RFC 9208 §4.1.3; names of resources in upper case."""

    root: str
    limits: tuple[tuple[bytes, int], ...]
