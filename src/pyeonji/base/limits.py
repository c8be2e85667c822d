"""The limits that more than one package must agree on, each with its reason.

A limit that only one module knows stands at the top of that module.
"""

from __future__ import annotations

from typing import Final

MAX_MESSAGE_OCTETS: Final = 100 * 1024 * 1024
"""Default of the largest message that any door takes."""

MAX_HEADER_OCTETS: Final = 1024 * 1024
"""Header block of one message or part; what lies beyond is not parsed."""

MAX_HEADER_FIELDS: Final = 10_000
"""Fields parsed in one header block."""

MAX_ADDRESSES: Final = 1000
"""Addresses parsed in one field (for ENVELOPE and sorting)."""

MAX_MIME_DEPTH: Final = 100
"""Multipart and message/rfc822 nesting; deeper parts are leaves."""

MAX_MIME_PARTS: Final = 10_000
"""Parts of one message, in all; what follows belongs to the last one."""

MAX_PARAMETERS: Final = 1000
"""Parameters parsed of one header field."""

MAX_RECIPIENTS: Final = 1000
"""Recipients of one transaction (RFC 5321 §4.5.3.1.8 asks for 100 at least)."""

MAX_RECEIVED: Final = 100
"""Received fields before a letter counts as looping (RFC 5321 §6.3)."""

SMALL_BLOB_OCTETS: Final = 256 * 1024
"""Messages up to this size live in a database row; larger ones in a file."""
