"""What is kept of ACME, below data/acme; keys with mode 0600.

account.json       the account's key and its URL, for one directory
certificate.pem    the certificate's key, the certificate, its chain
challenges/TOKEN   answers to open HTTP challenges
alpn/HOST.pem      key and certificate for open TLS challenges
lock               held while a certificate is being got
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pyeonji.base.errors import TemporaryError
from pyeonji.serve.certificates import described

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyeonji.serve.certificates import Described

CertificateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_HOST: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")


class GettingAlready(TemporaryError):
    """Another process is getting a certificate at this moment."""


class KeptAccount(msgspec.Struct, frozen=True):
    """An account with a certificate authority."""

    directory: str
    url: str
    key: dict[str, str]  # a JSON web key


class AcmeFolder:
    """Reads and writes the files; every write is whole or not at all."""

    def __init__(self, data: Path) -> None:
        self.path = data / "acme"
        self.certificate = self.path / "certificate.pem"
        self.challenges = self.path / "challenges"
        self.alpn = self.path / "alpn"
        self._account = self.path / "account.json"

    def make(self) -> None:
        """Make the folders. Raises OSError."""
        for folder in (self.path, self.challenges, self.alpn):
            if not folder.exists():
                folder.mkdir(parents=True, mode=0o700)
                _belongs_above(folder)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out. Raises GettingAlready, OSError."""
        self.make()
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        _belongs_above(self.path / "lock")
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise GettingAlready("a certificate is being got already") from error
            yield
        finally:
            os.close(descriptor)

    def account(self, directory: str) -> KeptAccount | None:
        """The account with an authority, if there is one."""
        try:
            kept = msgspec.json.decode(self._account.read_bytes(), type=KeptAccount)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        return kept if kept.directory == directory else None

    def keep_account(self, account: KeptAccount) -> None:
        """Keep an account; one with another authority is kept aside."""
        with suppress(FileNotFoundError, msgspec.DecodeError):
            old = msgspec.json.decode(self._account.read_bytes(), type=KeptAccount)
            if old.directory != account.directory:
                self._account.replace(self._account.with_suffix(".old.json"))
        write_whole(self._account, msgspec.json.encode(account))

    def present(self) -> Described | None:
        """The certificate that we have; None without one that can be read."""
        try:
            return described(self.certificate)
        except (OSError, ValueError):
            return None

    def key(self) -> CertificateKey | None:
        """The key of the present certificate, or of the self-signed one.

        It stays the same when a certificate is renewed, so that what was
        published of it (TLSA 3 1 1) stays true.
        """
        self_signed = self.path.parent / "tls" / "self-signed.key"
        for file in (self.certificate, self_signed):
            with suppress(OSError, ValueError, TypeError):
                key = serialization.load_pem_private_key(file.read_bytes(), None)
                if isinstance(key, CertificateKey):
                    return key
        return None

    def keep_certificate(self, key: CertificateKey, chain: bytes) -> None:
        """Show this certificate from now on."""
        write_whole(self.certificate, pem_of(key) + chain)

    @contextmanager
    def challenge(self, token: str, answer: str) -> Iterator[None]:
        """Have an HTTP challenge answered meanwhile."""
        file = self.challenges / token
        write_whole(file, answer.encode("ascii"))
        try:
            yield
        finally:
            file.unlink(missing_ok=True)

    @contextmanager
    def handshake(self, host: str, octets: bytes) -> Iterator[None]:
        """Have a TLS challenge answered meanwhile, with this key and certificate."""
        file = self.alpn_file(host)
        write_whole(file, octets)
        try:
            yield
        finally:
            file.unlink(missing_ok=True)

    def alpn_file(self, host: str) -> Path:
        """Where a host's answer is; a name that is none has no such file."""
        fit = _HOST.fullmatch(host) and len(host) <= 253
        return self.alpn / f"{host if fit else '-'}.pem"


def pem_of(key: CertificateKey) -> bytes:
    """A private key as PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def write_whole(file: Path, octets: bytes) -> None:
    """Replace a file by one that only its owner reads; stable on return."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        fresh.unlink()
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(octets)
        opened.flush()
        os.fsync(opened.fileno())
    _belongs_above(fresh)
    fresh.replace(file)


def _belongs_above(path: Path) -> None:
    """What root writes belongs to whom the folder belongs: the server's user."""
    if os.getuid() == 0:
        above = path.parent.stat()
        os.chown(path, above.st_uid, above.st_gid)
