"""APPEND and REPLACE as they stream in: heads of messages, and their pieces.

What a command brings comes as a run of events. Those marked *asked* wait for
`accept_message` or `refuse_message` of the machine before anything else:

    Append              asked   the command, and the head of its first message
    MessageBegun        asked   the head of a further message (RFC 3502)
    TextPart            asked   octets that go into a CATENATE message (RFC 4469)
    UrlPart             asked   what stands somewhere else goes into it
    MessageChunk                octets of what was accepted
    AppendEnded                 the command is whole
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pyeonji.protocol.imap.commands.base import Command


class MessageForm(Enum):
    """How the octets of a message come."""

    LITERAL = "a literal"
    BINARY = "a literal8, which may have NUL (RFC 3516 §4.4)"
    UTF8 = "a literal8 whose header is UTF-8 (RFC 6855 §4)"
    CATENATE = "parts, each an event of its own (RFC 4469 §3)"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageBegun:
    """The head of a message: what APPEND says before its octets.

    `internal_date` is Unix seconds or None; `size_octets` 0 for CATENATE.
    """

    flags: tuple[bytes, ...] = ()
    internal_date: int | None = None
    form: MessageForm = MessageForm.LITERAL
    size_octets: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """Which message goes when the new one has come; 0 is "*" (RFC 8508 §5)."""

    number: int
    by_uid: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Append(Command):
    """APPEND, or REPLACE where `replaced` (RFC 3501 §6.3.11, RFC 8508 §3)."""

    mailbox: str
    first: MessageBegun
    replaced: Replaced | None = None
    waits: bool = True  # the client waits for our "+"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart:
    """Octets of a CATENATE message are announced; `utf8` as in RFC 6855 §4."""

    size_octets: int
    utf8: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlPart:
    """A part of a CATENATE message that the server already has."""

    url: bytes


@dataclass(frozen=True, slots=True)
class MessageChunk:
    """Octets of a message that was accepted."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class AppendEnded:
    """The messages and their command are whole."""


ASKED = Append | MessageBegun | TextPart | UrlPart
"""Events after which the machine wants to be told whether to go on."""
