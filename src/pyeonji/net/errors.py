"""What can go wrong on the network.

TemporaryError
Unreachable        nobody answered, refused, or went away
TlsFailed          the handshake or the certificate was not right
NameUnresolved     DNS gave no answer just now
PermanentError
NoSuchName         DNS says that the name does not exist
"""

from __future__ import annotations

from enum import Enum

from pyeonji.base.errors import PermanentError, TemporaryError


class Unreachable(TemporaryError):
    """The peer could not be reached, or the connection broke."""


class TlsTrouble(Enum):
    """Why TLS is not as asked."""

    BROKEN = "handshake failed"
    REFUSED = "STARTTLS not offered or refused"
    EXPIRED = "certificate expired"
    WRONG_NAME = "certificate for another name"
    UNTRUSTED = "certificate not trusted"
    MISMATCH = "certificate not the one published"
    NOT_NAMED = "host not vouched for"


class TlsFailed(TemporaryError):
    """TLS could not be set up as asked."""

    def __init__(self, text: str, trouble: TlsTrouble = TlsTrouble.BROKEN) -> None:
        super().__init__(text)
        self.trouble = trouble


class NameUnresolved(TemporaryError):
    """DNS did not answer, or answered with a server failure."""


class NoSuchName(PermanentError):
    """The name does not exist (NXDOMAIN)."""
