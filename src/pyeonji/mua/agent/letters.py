"""What lists of letters and folders say, whichever protocol brought it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One line of a list. `id` is the UID (IMAP) or the number (POP3)."""

    id: int
    flags: tuple[str, ...] = ()
    received_at: int | None = None  # Unix seconds
    date: str = ""  # the Date field as it stands there
    from_: str = ""
    to: str = ""
    subject: str = ""
    message_id: str = ""
    size_octets: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderInfo:
    """A folder of an IMAP server."""

    name: str
    delimiter: str
    attributes: tuple[str, ...]
    counters: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something that happened in a watched folder."""

    what: str  # "exists", "expunged", "flags"
    number: int
    flags: tuple[str, ...] = ()
