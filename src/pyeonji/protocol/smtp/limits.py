"""Limits of the SMTP machines, each with its source."""

from __future__ import annotations

from typing import Final

MAX_COMMAND_OCTETS: Final = 2048
"""Command line with CRLF: 512 (RFC 5321 §4.5.3.1.4) and room for parameters."""

MAX_AUTH_LINE_OCTETS: Final = 12288
"""AUTH and its responses (RFC 4954 §4), before base64 is decoded."""

MAX_REPLY_LINE_OCTETS: Final = 512
"""A reply line that we send, with code and CRLF (RFC 5321 §4.5.3.1.5)."""

MAX_LOCAL_PART_OCTETS: Final = 64
"""RFC 5321 §4.5.3.1.1."""

MAX_DOMAIN_OCTETS: Final = 255
"""RFC 5321 §4.5.3.1.2."""

MAX_LABEL_OCTETS: Final = 63
"""RFC 1035 §2.3.4."""

MAX_PATH_OCTETS: Final = 256
"""With its angle brackets, a source route left out (RFC 5321 §4.5.3.1.3)."""

MAX_ENVID_OCTETS: Final = 100
"""RFC 3461 §4.4, as encoded."""

MAX_ORCPT_OCTETS: Final = 500
"""RFC 3461 §4.2, as encoded."""

MAX_AUTH_PARAMETER_OCTETS: Final = 500
"""RFC 4954 §5."""

MAX_PARAMETERS: Final = 20
"""Parameters of one MAIL or RCPT; there are not that many kinds."""

SMALL_LETTER_OCTETS: Final = 256 * 1024
"""Letters up to this size, as sent, are one event; they wait in the buffer."""

SOFT_ERRORS: Final = 10
"""Errors after which the door is told, that it may slow the client down."""

HARD_ERRORS: Final = 20
"""Errors after which we hang up with 421."""

HARD_REFUSALS: Final = 100
"""Refusals by the door without an accepted letter after which we hang up."""

IDLE_COMMANDS: Final = 100
"""NOOP, RSET, HELP, VRFY … without a letter; each one more is an error."""

MAX_PEER_LINE_OCTETS: Final = 2048
"""A reply line of a server; 512 with CRLF by RFC 5321 §4.5.3.1.5."""

MAX_PEER_LINES: Final = 200
"""Lines of one reply of a server."""

MAX_PEER_SESSION_OCTETS: Final = 16 * 1024 * 1024
"""Replies that we read in one connection."""
