"""What an operator can choose about IMAP."""

from __future__ import annotations

from dataclasses import dataclass

from pyeonji.base.limits import MAX_MESSAGE_OCTETS


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Settings of an IMAP listener."""

    hostname: str = "localhost"
    plaintext_auth: bool = False  # LOGIN and the like without TLS
    message_octets: int = MAX_MESSAGE_OCTETS
    login_timeout_s: float = 60.0  # from connecting to being logged in, in all
    idle_timeout_s: float = 30 * 60.0  # RFC 3501 §5.4 asks for no less
    bad_commands_before_login: int = 3
    bad_commands: int = 50  # one after the other
    login_attempts: int = 5
    message_limit: int | None = None  # messages of one command (RFC 9738)
    save_limit: int | None = None  # messages of one APPEND or COPY (RFC 9738)
    progress_every_s: float = 10.0  # RFC 9585 §4 asks for 10 to 15 seconds
