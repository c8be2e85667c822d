"""What TLS with next hops came to, one line a session, for reports (RFC 8460)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pyeonji.net.errors import TlsTrouble
from pyeonji.storage.tls import NO_TLS, TlsResult

_POLICY_FREE: Final = {
    TlsTrouble.BROKEN: "validation-failure",
    TlsTrouble.REFUSED: NO_TLS,
    TlsTrouble.EXPIRED: "certificate-expired",
    TlsTrouble.WRONG_NAME: "certificate-host-mismatch",
    TlsTrouble.UNTRUSTED: "certificate-not-trusted",
    TlsTrouble.MISMATCH: "validation-failure",
    TlsTrouble.NOT_NAMED: "validation-failure",
}


Note = Callable[[TlsResult], None]
"""Takes a result to be counted; does not wait."""


def result_type(trouble: TlsTrouble) -> str:
    """The word of RFC 8460 §4.3 for what went wrong."""
    return _POLICY_FREE[trouble]


def ignore(_: TlsResult) -> None:
    """Where nothing is counted."""
