"""What all reports of ours about a day have in common."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pyeonji.message.compose.fields import (
    address_list,
    message_ids,
    plain,
    unstructured,
)
from pyeonji.message.compose.mailboxes import Mailbox
from pyeonji.message.date import format_date

MAX_DESTINATIONS: Final = 5
"""Addresses of a domain that are told (ours)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReport:
    """What one domain is told of one day."""

    domain: str  # A-labels
    day: str  # UTC, "2026-11-25"
    submitter: str  # our domain
    contact: str  # an address in it
    organization: str
    token: str  # chance: letters and digits, 16 or more

    @property
    def id(self) -> str:
        """Of the report."""
        return f"{self.day}.{self.token}@{self.submitter}"

    @property
    def begin(self) -> datetime:
        """Where the day begins."""
        return datetime.strptime(self.day, "%Y-%m-%d").replace(tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """Its last second."""
        return self.begin + timedelta(days=1, seconds=-1)

    def header(self, to: str, subject: str, now: float) -> list[tuple[str, bytes]]:
        """The fields of the letter that brings it.

        Raises:
            ComposeError: `to` is no address.
        """
        return [
            ("Date", plain("Date", format_date(int(now)))),
            ("From", address_list("From", [Mailbox(address=self.contact)])),
            ("To", address_list("To", [Mailbox(address=to)])),
            ("Subject", unstructured("Subject", subject)),
            ("Message-ID", message_ids("Message-ID", [f"<{self.id}>"])),
            ("Auto-Submitted", plain("Auto-Submitted", "auto-generated")),
        ]
