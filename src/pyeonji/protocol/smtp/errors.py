"""What the SMTP machines raise."""

from __future__ import annotations


class LocalProtocolError(RuntimeError):
    """The caller used a machine out of order: our own fault, never the peer's."""
