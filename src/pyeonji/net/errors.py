"""What can go wrong on the network.

TemporaryError
Unreachable        nobody answered, refused, or went away
TlsFailed          the handshake or the certificate was not right
NameUnresolved     DNS gave no answer just now
PermanentError
NoSuchName         DNS says that the name does not exist
"""

from __future__ import annotations

from pyeonji.base.errors import PermanentError, TemporaryError


class Unreachable(TemporaryError):
    """The peer could not be reached, or the connection broke."""


class TlsFailed(TemporaryError):
    """TLS could not be set up as asked."""


class NameUnresolved(TemporaryError):
    """DNS did not answer, or answered with a server failure."""


class NoSuchName(PermanentError):
    """The name does not exist (NXDOMAIN)."""
