"""Certificates for tests: an authority, and what it signs."""

from __future__ import annotations

import hashlib
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Signed:
    """A certificate with its key, and those above it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    above: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def chain(self) -> list[bytes]:
        every = (self.certificate, *self.above)
        return [one.public_bytes(serialization.Encoding.DER) for one in every]

    @property
    def pem(self) -> bytes:
        every = (self.certificate, *self.above)
        return b"".join(x.public_bytes(serialization.Encoding.PEM) for x in every)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def tlsa(self, usage: int, selector: int = 1, matching: int = 1) -> str:
        """A record that names it."""
        octets = self.der
        if selector:
            octets = self.certificate.public_key().public_bytes(
                serialization.Encoding.DER,
                serialization.PublicFormat.SubjectPublicKeyInfo,
            )
        if matching:
            octets = (hashlib.sha256, hashlib.sha512)[matching - 1](octets).digest()
        return f"{usage} {selector} {matching} {octets.hex()}"

    def context(self) -> ssl.SSLContext:
        """For a server that shows it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = Path(folder, "cert.pem"), Path(folder, "key.pem")
            certificate.write_bytes(self.pem)
            key.write_bytes(self.key_pem)
            context.load_cert_chain(certificate, key)
        return context


def sign(
    *names: str,
    by: Signed | None = None,
    ca: bool = False,
    common_name: str = "",
    until: timedelta = 30 * DAY,
    path_length: int | None = None,
    more: tuple[x509.ExtensionType, ...] = (),
) -> Signed:
    """A certificate for names; `by` nobody it signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    common = common_name or (names[0] if names else "nobody")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 60 * DAY)
        .not_valid_after(now + until)
        .add_extension(
            x509.BasicConstraints(ca=ca, path_length=path_length), critical=True
        )
    )
    for extension in more:
        builder = builder.add_extension(extension, critical=True)
    if names:
        san = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(san, critical=False)
    signed = builder.sign(by.key if by else key, hashes.SHA256())
    above = (by.certificate, *by.above) if by else ()
    return Signed(signed, key, above)


def authority(name: str = "test authority", by: Signed | None = None) -> Signed:
    """One that may sign others."""
    return sign(by=by, ca=True, common_name=name)
