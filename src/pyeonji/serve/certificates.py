"""The certificate: the operator's files, or a self-signed one made at first start."""

from __future__ import annotations

import ipaddress
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pyeonji.base.errors import PermanentError

if TYPE_CHECKING:
    from pathlib import Path

    from pyeonji.serve.configuration import Configuration

LIFETIME: Final = timedelta(days=3650)

log = structlog.get_logger("pyeonji.serve")


class CertificateRefused(PermanentError):
    """A certificate that can't be read or used."""


def certificate_files(configuration: Configuration) -> tuple[Path, Path]:
    """The certificate and key to serve with; makes a pair when none is given.

    Raises:
        OSError: the data folder can't be written.
    """
    certificate, key = named_files(configuration)
    if not certificate.name.startswith("self-signed"):
        return certificate, key
    if not certificate.exists() or not key.exists():
        certificate.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_self_signed(configuration.hostname, certificate, key)
    log.warning(
        "tls.self_signed",
        certificate=str(certificate),
        hint="clients can't verify it; set [acme], or [tls] certificate and key",
    )
    return certificate, key


def named_files(configuration: Configuration) -> tuple[Path, Path]:
    """Where certificate and key are, or will be when the server first starts."""
    tls = configuration.tls
    if tls.certificate is not None and tls.key is not None:
        return tls.certificate, tls.key
    acme = configuration.data / "acme" / "certificate.pem"
    if configuration.acme is not None and acme.exists():
        return acme, acme
    folder = configuration.data / "tls"
    return folder / "self-signed.pem", folder / "self-signed.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a certificate says. Times are Unix seconds."""

    names: tuple[str, ...]
    issuer: str
    not_before: float
    not_after: float


def described(file: Path) -> Described:
    """The first certificate of a PEM file.

    Raises:
        OSError: can't be read.
        ValueError: is no certificate.
    """
    found = x509.load_pem_x509_certificate(file.read_bytes())
    try:
        names = found.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = []
    return Described(
        names=tuple(name.lower() for name in names),
        issuer=found.issuer.rfc4514_string(),
        not_before=found.not_valid_before_utc.timestamp(),
        not_after=found.not_valid_after_utc.timestamp(),
    )


def make_self_signed(hostname: str, certificate: Path, key: Path) -> None:
    """Write a key (mode 0600) and a certificate for a host name and loopback."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    names: list[x509.GeneralName] = [x509.DNSName(hostname), x509.DNSName("localhost")]
    names += [
        x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")
    ]
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .sign(private, hashes.SHA256())
    )
    _write(
        key,
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        0o600,
    )
    _write(certificate, signed.public_bytes(serialization.Encoding.PEM), 0o644)


def _write(path: Path, octets: bytes, mode: int) -> None:
    with suppress(FileNotFoundError):
        path.unlink()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
