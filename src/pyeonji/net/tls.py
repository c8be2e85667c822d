"""TLS contexts for both sides, and what a connection's TLS came to."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

HANDSHAKE_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFacts:
    """How a connection is encrypted."""

    version: str
    cipher: str
    bits: int
    client_certificate: bytes | None = None  # DER, verified by nobody


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """A context for listeners: TLS 1.2 or later (RFC 8996, RFC 9325 §3.1.1).

    `reload` swaps the certificate under it without losing connections.

    Raises:
        OSError, ssl.SSLError: the files can't be read or don't fit together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_SINGLE_ECDH_USE
    context.load_cert_chain(certificate, key)
    return context


def reload(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Use these files for handshakes from now on.

    Raises:
        OSError, ssl.SSLError: then the context is as it was.
    """
    server_context(certificate, key)  # whole and fitting, before we touch the old
    context.load_cert_chain(certificate, key)


def client_context(*, verify: bool, ca_file: Path | None = None) -> ssl.SSLContext:
    """A context for dialling.

    Args:
        verify: False encrypts for whoever answers (opportunistic, RFC 7435).
        ca_file: certificates to trust instead of the system's.
    """
    if verify:
        context = ssl.create_default_context(cafile=ca_file)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def facts_of(transport: asyncio.BaseTransport) -> TlsFacts | None:
    """What TLS a transport has, or None in clear."""
    tls = transport.get_extra_info("ssl_object")
    if tls is None:
        return None
    name, _, bits = tls.cipher() or ("unknown", "", 0)
    return TlsFacts(
        version=tls.version() or "unknown",
        cipher=name,
        bits=bits,
        client_certificate=tls.getpeercert(binary_form=True),
    )
