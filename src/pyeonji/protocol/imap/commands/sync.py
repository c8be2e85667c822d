"""What a client that keeps a copy says of it, and batches of uids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyeonji.protocol.imap.commands.base import Command

if TYPE_CHECKING:
    from pyeonji.protocol.imap.sequences import SequenceSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Resync:
    """The QRESYNC parameter of SELECT (RFC 7162 §3.2.5).

    `known_uids` None: all. `numbers` and `number_uids` are sequence numbers
    whose uids the client knows, both ascending; None where none are given.
    """

    uid_validity: int
    mod_seq: int
    known_uids: SequenceSet | None = None
    numbers: SequenceSet | None = None
    number_uids: SequenceSet | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UidBatches(Command):
    """RFC 10022 §3; `batches` are the first and last wanted, counted from 1."""

    size: int
    batches: tuple[int, int] | None


class Unauthenticate(Command):
    """RFC 8437 §3."""

    __slots__ = ()
