"""Looking at this machine: certificate, disk, queue."""

from __future__ import annotations

import asyncio
import hashlib
import os
import pwd
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from pyeonji.serve.certificates import named_files
from pyeonji.serve.doctor.facts import CertificateSeen, DiskSeen, QueueSeen

if TYPE_CHECKING:
    from pathlib import Path

    from pyeonji.serve.configuration import Configuration
    from pyeonji.storage import embedded

SHAKE_S: Final = 5.0
MAX_CHAIN: Final = 10
"""Certificates of the file that are looked at."""

KEY_MODE: Final = 0o640
"""What may be of a key's file: its group is that of the server, where root owns it."""


async def certificate_seen(
    configuration: Configuration, needed: tuple[str, ...], now: float
) -> CertificateSeen | None:
    """The certificate that listeners show; None: no listener has TLS, or none yet."""
    if not any(each.tls != "none" for each in configuration.listeners):
        return None
    file, key = named_files(configuration)
    if configuration.tls.certificate is None and not file.exists():
        return None  # the server makes one at its first start
    try:
        chain = x509.load_pem_x509_certificates(file.read_bytes())[:MAX_CHAIN]
        readable = bool(key.stat().st_mode & ~KEY_MODE & 0o777)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return CertificateSeen(file=str(file), error=reason or "unreadable")
    leaf = chain[0]
    self_signed = leaf.issuer == leaf.subject
    return CertificateSeen(
        file=str(file),
        names=names_of(leaf),
        needed=needed,
        not_before=leaf.not_valid_before_utc.timestamp(),
        not_after=leaf.not_valid_after_utc.timestamp(),
        self_signed=self_signed,
        chain_error="" if self_signed else chain_error(chain, needed[0], now),
        key_readable=readable,
        shown_digest=await _shown(configuration),
        file_digest=hashlib.sha256(_der(leaf)).hexdigest(),
    )


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The host names that a certificate is for, in lower case."""
    try:
        names = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(name.lower() for name in names)


def chain_error(chain: list[x509.Certificate], hostname: str, now: float) -> str:
    """Why the system's roots don't vouch for a certificate; "" when they do."""
    roots = []
    for octets in ssl.create_default_context().get_ca_certs(binary_form=True):
        with suppress(ValueError):
            roots.append(x509.load_der_x509_certificate(octets))
    if not roots:
        return "this machine trusts nobody (no ca-certificates)"
    try:
        verifier = (
            PolicyBuilder()
            .store(Store(roots))
            .time(datetime.fromtimestamp(now, UTC))
            .build_server_verifier(x509.DNSName(hostname))
        )
        verifier.verify(chain[0], chain[1:])
    except (VerificationError, ValueError) as error:
        return str(error)
    return ""


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


async def _shown(configuration: Configuration) -> str:
    """SHA-256 of the certificate that the running server shows; "" not known."""
    for listener in configuration.listeners:
        if listener.tls != "implicit" or not listener.port:
            continue
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        own = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared only
        host = own.get(listener.host, listener.host)
        with suppress(OSError):
            async with asyncio.timeout(SHAKE_S):
                _, writer = await asyncio.open_connection(
                    host,
                    listener.port,
                    ssl=context,
                    server_hostname=configuration.hostname,
                )
            shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.close()
            return hashlib.sha256(shown or b"").hexdigest()
    return ""


def disk_seen(configuration: Configuration) -> DiskSeen:
    """Room on the disk of the data folder; who may read what is in it."""
    folder = configuration.data
    user = configuration.user
    try:
        room = os.statvfs(folder)
    except OSError:
        return DiskSeen(folder=str(folder))
    owner: int | None = None
    if user:
        with suppress(KeyError):
            owner = pwd.getpwnam(user).pw_uid
    loose, foreign = [], []
    for path in _looked_at(folder):
        with suppress(OSError):
            status = path.stat()
            if status.st_mode & 0o077:
                loose.append(str(path))
            if owner is not None and status.st_uid != owner:
                foreign.append(str(path))
    return DiskSeen(
        folder=str(folder),
        free_octets=room.f_bavail * room.f_frsize,
        total_octets=room.f_blocks * room.f_frsize,
        free_inodes=room.f_favail,
        total_inodes=room.f_files,
        loose=tuple(loose),
        foreign=tuple(foreign),
        user=user,
    )


def _looked_at(folder: Path) -> list[Path]:
    """The folder and its secrets: what is in a closed folder is closed."""
    secrets = [folder / "secret.key", folder / "acme" / "account.json"]
    return [folder, *(path for path in secrets if path.exists())]


async def queue_seen(store: embedded.Store, now: float) -> QueueSeen:
    """Letters on their way."""
    totals = await store.office.totals()
    oldest = totals.oldest_at
    return QueueSeen(
        letters=totals.letters,
        held=totals.held,
        oldest_s=0.0 if oldest is None else max(now - oldest, 0.0),
    )
