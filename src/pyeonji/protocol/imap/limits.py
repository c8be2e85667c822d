"""What a client may send, before and after login."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class InputLimits:
    """Bounds of one command; a message of APPEND is bounded by `message_octets`."""

    line_octets: int  # all lines of a command together, CRLF included
    literal_octets: int  # all literals of a command together
    literals: int


BEFORE_LOGIN: Final = InputLimits(
    line_octets=8 * 1024, literal_octets=4 * 1024, literals=4
)
AFTER_LOGIN: Final = InputLimits(
    line_octets=64 * 1024, literal_octets=64 * 1024, literals=64
)

MAX_TAG: Final = 128
"""Octets of a tag; clients use less than ten."""

MAX_SEARCH_DEPTH: Final = 200
"""Nested search keys (parentheses, NOT, OR)."""

MAX_SORT_CRITERIA: Final = 20
"""Criteria of one SORT."""

MAX_SOURCES: Final = 20
"""Sources of one ESEARCH."""

MAX_SOURCE_NAMES: Final = 1000
"""Mailboxes that one source of ESEARCH names."""

MAX_CANCELLED: Final = 64
"""Tags in one CANCELUPDATE."""

MAX_SECTION_DEPTH: Final = 100
"""Numbers in a body section's part path."""

MAX_FETCH_ITEMS: Final = 100
"""Items in one FETCH; each may be a section as large as the message."""

MAX_FIELD_NAMES: Final = 256
"""Names in one HEADER.FIELDS list."""

MAX_FLAGS: Final = 128
"""Flags in one flag list."""

MAX_COUNT_DIGITS: Final = 18
"""Digits of a literal's announced size: what is longer is no number."""

CHUNK_OCTETS: Final = 256 * 1024
"""Most octets of one event while a message streams in."""

MAX_PATTERN_OCTETS: Final = 1024
"""Of a mailbox name or LIST pattern on the wire."""

MAX_APPEND_MESSAGES: Final = 1000
"""Messages of one APPEND (RFC 3502 sets no bound)."""

MAX_CATENATE_PARTS: Final = 1000
"""Parts of one CATENATE message."""
