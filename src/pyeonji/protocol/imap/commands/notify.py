"""NOTIFY (RFC 5465)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from pyeonji.protocol.imap.commands.base import Command

if TYPE_CHECKING:
    from pyeonji.protocol.imap.commands.messages import FetchItem


class Watched(Enum):
    """Which mailboxes an event group means (RFC 5465 §6)."""

    SELECTED = b"SELECTED"
    SELECTED_DELAYED = b"SELECTED-DELAYED"
    INBOXES = b"INBOXES"
    PERSONAL = b"PERSONAL"
    SUBSCRIBED = b"SUBSCRIBED"
    SUBTREE = b"SUBTREE"
    MAILBOXES = b"MAILBOXES"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventGroup:
    """One group of NOTIFY; events in upper case, none for NONE."""

    which: Watched
    names: tuple[str, ...] = ()
    events: frozenset[bytes] = frozenset()
    items: tuple[FetchItem, ...] = ()  # of new messages in the selected mailbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify(Command):
    """NOTIFY SET, or NONE where there are no groups (RFC 5465 §3.1)."""

    groups: tuple[EventGroup, ...] = ()
    status: bool = False
