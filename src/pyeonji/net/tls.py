"""TLS contexts for both sides, and what a connection's TLS came to."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from pyeonji.net.errors import TlsFailed, TlsTrouble
from pyeonji.protocol.sasl.scram import ChannelBinding
from pyeonji.protocol.sasl.steps import ClientCertificate

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from pathlib import Path

HANDSHAKE_TIMEOUT_S: Final = 30.0

CLIENT_HELLO: Final = 1
ACME_PROTOCOL: Final = "acme-tls/1"
_ACME_OFFER: Final = bytes([len(ACME_PROTOCOL)]) + ACME_PROTOCOL.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFacts:
    """How a connection is encrypted."""

    version: str
    cipher: str
    bits: int
    client_certificate: bytes | None = None  # DER; on our side of a listener verified
    bindings: tuple[ChannelBinding, ...] = ()  # for SCRAM-*-PLUS


class ServerContext(ssl.SSLContext):
    """A context of a listener, which knows the certificate that it shows."""

    end_point: bytes = b""  # the channel binding's octets, b"" where there are none


def server_context(
    certificate: Path, key: Path, *, client_ca: Path | None = None
) -> ServerContext:
    """A context for listeners: TLS 1.2 or later (RFC 8996, RFC 9325 §3.1.1).

    `reload` swaps the certificate under it without losing connections.

    Args:
        certificate: PEM, the chain after it.
        key: PEM, of the certificate.
        client_ca: whose certificates clients may show; one that is not signed
            by these ends the handshake, so never for doors that relays call at.

    Raises:
        OSError, ssl.SSLError: the files can't be read or don't fit together.
    """
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_SINGLE_ECDH_USE
    context.load_cert_chain(certificate, key)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    context.end_point = end_point(certificate.read_bytes())
    return context


def reload(context: ServerContext, certificate: Path, key: Path) -> None:
    """Use these files for handshakes from now on.

    Raises:
        OSError, ssl.SSLError: then the context is as it was.
    """
    fresh = server_context(certificate, key)  # whole and fitting, before the change
    context.load_cert_chain(certificate, key)
    context.end_point = fresh.end_point


def answer_challenges(
    context: ServerContext, find: Callable[[str], ssl.SSLContext | None]
) -> None:
    """Let a context answer TLS challenges beside its own work (RFC 8737 §3).

    Only a client that offers "acme-tls/1" is shown the proof. Which protocols a
    client offers is said only in its first message, which the library lets be
    seen by a callback without a public name.

    Args:
        context: of a listener.
        find: the context with the proof for a host name, or None.
    """
    offering: WeakSet[ssl.SSLObject] = WeakSet()

    def heard(
        connection: ssl.SSLObject,
        direction: str,
        _version: object,
        _content: object,
        message: int,
        octets: bytes,
    ) -> None:
        if message == CLIENT_HELLO and direction == "read" and _ACME_OFFER in octets:
            offering.add(connection)

    def named(
        connection: ssl.SSLObject, host: str | None, _context: ssl.SSLContext
    ) -> None:
        if host is None or connection not in offering:
            return
        proof = find(host.lower())
        if proof is not None:
            connection.context = proof

    context._msg_callback = heard  # type: ignore[attr-defined]  # noqa: SLF001
    context.sni_callback = named


def challenge_context(file: Path) -> ssl.SSLContext:
    """A context that shows the proof in a file. Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    context.set_alpn_protocols([ACME_PROTOCOL])
    return context


def end_point(certificate: bytes) -> bytes:
    """The octets of tls-server-end-point (RFC 5929 §4.1).

    Args:
        certificate: the server's, PEM or DER.

    A certificate whose signature has no single hash (Ed25519) has none: b"".
    """
    try:
        if certificate.lstrip().startswith(b"-----"):
            shown = x509.load_pem_x509_certificate(certificate)
        else:
            shown = x509.load_der_x509_certificate(certificate)
        algorithm = shown.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return b""
    if algorithm is None:
        return b""
    if isinstance(algorithm, hashes.MD5 | hashes.SHA1):
        algorithm = hashes.SHA256()
    return shown.fingerprint(algorithm)


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


def certificates_of(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """The chain that a peer has sent, DER, its own certificate first.

    Python says it aloud from 3.13 on; before, only the object within knows. If
    neither does, the answer is empty, and nobody can be verified by it.
    """
    tell = getattr(tls, "get_unverified_chain", None)
    if tell is None:
        tell = getattr(getattr(tls, "_sslobj", None), "get_unverified_chain", None)
    if tell is None:
        return ()
    return tuple(
        one if isinstance(one, bytes) else one.public_bytes(_ENCODING_DER)
        for one in tell() or ()
    )


_ENCODING_DER: Final = 2  # _ssl.ENCODING_DER, which is not public

_TROUBLES: Final = {  # X509_V_ERR_… of OpenSSL's x509_vfy.h
    10: TlsTrouble.EXPIRED,
    9: TlsTrouble.EXPIRED,  # not yet valid
    62: TlsTrouble.WRONG_NAME,
    64: TlsTrouble.WRONG_NAME,  # of an address
}


def tls_failure(error: Exception) -> TlsFailed:
    """What a handshake's error means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        trouble = _TROUBLES.get(error.verify_code, TlsTrouble.UNTRUSTED)
        text = f"the certificate is not good: {error.verify_message}"
        return TlsFailed(text, trouble)
    return TlsFailed(str(error) or type(error).__name__)


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
        bindings=_bindings(tls),
    )


def _bindings(tls: ssl.SSLObject) -> tuple[ChannelBinding, ...]:
    """What ties a SASL exchange to this connection.

    tls-exporter (RFC 9266) can't be had from this TLS library's Python side.
    tls-unique doesn't exist in TLS 1.3 (RFC 9266 §3), and is not unique in
    sessions that were resumed (RFC 7627 §1).
    """
    found = []
    if tls.version() == "TLSv1.2" and not tls.session_reused:
        unique = tls.get_channel_binding("tls-unique")
        if unique:
            found.append(ChannelBinding(name="tls-unique", octets=unique))
    octets = b""
    if not tls.server_side:
        octets = end_point(tls.getpeercert(binary_form=True) or b"")
    elif isinstance(tls.context, ServerContext):
        octets = tls.context.end_point
    if octets:
        found.append(ChannelBinding(name="tls-server-end-point", octets=octets))
    return tuple(found)


def client_certificate(facts: TlsFacts | None) -> ClientCertificate | None:
    """The certificate that a client has shown, or None.

    Its mail addresses are the rfc822Names (RFC 5280 §4.2.1.6); where there are
    none, the emailAddress in its subject.
    """
    if facts is None or facts.client_certificate is None:
        return None
    der = facts.client_certificate
    fingerprint = sha256(der).hexdigest()
    try:
        shown = x509.load_der_x509_certificate(der)
        names = _mail_names(shown)
    except ValueError:  # broken, but the fingerprint is what it is
        names = ()
    return ClientCertificate(fingerprint=fingerprint, names=names)


def _mail_names(shown: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = shown.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        names = extension.value.get_values_for_type(x509.RFC822Name)
    except x509.ExtensionNotFound:
        names = []
    if names:
        return tuple(names)
    subject = shown.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)
    return tuple(str(each.value) for each in subject)
