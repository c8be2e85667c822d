"""The public way to have a say in Python: what clients and letters are let in.

Derive a class from `Hook`, give it the methods of the stages that you want, and
name it in the configuration::

    [[hook]]
    module = "my_hooks:Office"

A method is told an event and answers a decision; None lets others decide. It
may be `async def` (it runs on the server's loop and must not block) or a plain
function (it runs in a thread of its own). It has `time` (5 s) for its answer;
one that raises or is late is logged, and `default` holds.

This module is stable: fields and decisions are added, never changed or taken
away, within a major version.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = [
    "Accept",
    "Answer",
    "Client",
    "Connect",
    "Decision",
    "Defer",
    "Deliver",
    "Hook",
    "Mail",
    "Message",
    "Quarantine",
    "Rcpt",
    "Reject",
]


# -- who and what


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who is connected.

    `reverse_name` is "" where none is known; `tls` is "" in clear, else the
    version; `account` is who logged in, "" for strangers.
    """

    address: str
    reverse_name: str = ""
    helo: str = ""
    tls: str = ""
    account: str = ""
    connection: str = ""  # its name in the log


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """A client is about to begin its first letter."""

    client: Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A letter begins; "" is the null reverse path."""

    client: Client
    reverse_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rcpt:
    """A recipient whom the server would take."""

    client: Client
    recipient: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A whole letter, before the client is told that it is taken.

    `header` is the header block as it will stand, the empty line at its end.
    `checks` are results by method ("spf", "dmarc", "arc"; "" where it was not
    looked at).
    """

    client: Client
    letter_id: str
    reverse_path: str
    recipients: tuple[str, ...]
    header: bytes
    size_octets: int
    checks: Mapping[str, str] = field(default_factory=dict)
    content: bytes | Path = b""
    body_start: int = 0

    def body(self) -> bytes:
        """The body's octets; a large letter's are read from its file now."""
        octets = self.content
        if isinstance(octets, Path):
            octets = octets.read_bytes()
        return octets[self.body_start :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """A letter goes into the mailbox of somebody here.

    `junk` says that it is to go to Junk; `header` is as it came.
    """

    delivery_id: str
    recipient: str
    reverse_path: str
    header: bytes
    size_octets: int
    junk: bool = False


# -- decisions


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """Take it, with changes of its header if there are any (stage message).

    `add` are (name, value) pairs that go on top, `remove` names of fields.
    """

    reason: str = ""
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """Take it into Junk; at mail and rcpt it counts for the whole letter."""

    reason: str
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Defer:
    """Refuse it for now: the client comes again. `code` is 4yz."""

    text: str
    code: int = 451
    status: str = "4.7.1"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """Refuse it for ever; at stage deliver its sender gets a report. `code` is 5yz."""

    text: str
    code: int = 550
    status: str = "5.7.1"
    reason: str = ""


Decision = Accept | Quarantine | Defer | Reject
Answer = Decision | None | Awaitable[Decision | None]


class Hook:
    """Derive from it and override what you want; the rest costs nothing.

    One object serves a whole worker process; it is made without arguments when
    the worker starts. Several connections may be in a method at once.
    """

    def connect(self, event: Connect) -> Answer:
        """A client, before its first letter."""

    def mail(self, event: Mail) -> Answer:
        """MAIL."""

    def rcpt(self, event: Rcpt) -> Answer:
        """RCPT, once for each recipient."""

    def message(self, event: Message) -> Answer:
        """A whole letter."""

    def deliver(self, event: Deliver) -> Answer:
        """Once for each recipient here."""
