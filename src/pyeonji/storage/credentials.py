"""Making and checking credentials: slow on purpose, so never on the loop.

Passwords are kept as argon2id and as SCRAM keys. Only where the operator asks
for it (`[auth] legacy`), the password itself is kept too, sealed with the key
in `secret.key`, because APOP and CRAM-MD5 cannot do without.
"""

from __future__ import annotations

import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import argon2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pyeonji.protocol.sasl.keys import (
    SALT_OCTETS,
    make_scram_keys,
    pretended_keys,
)
from pyeonji.protocol.sasl.prep import saslprep
from pyeonji.storage.directory import Credentials

if TYPE_CHECKING:
    from pathlib import Path

    from pyeonji.protocol.sasl.steps import ScramKeys

MAX_PASSWORD_OCTETS: Final = 1024
"""A longer one is refused unseen: hashing must not be made work for strangers."""

SCRAM_ITERATIONS: Final = 10_000

_HASHER: Final = argon2.PasswordHasher(
    time_cost=2, memory_cost=19 * 1024, parallelism=1
)  # 19 MiB, 2 passes: about 20 ms
_NOBODY: Final = _HASHER.hash(secrets.token_hex(16))
_NONCE_OCTETS: Final = 12


class Sealer:
    """Seals secrets, and makes up SCRAM keys for users that do not exist."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._seal = AESGCM(sha256(b"seal" + key).digest())
        self._made_up = sha256(b"made up" + key).digest()

    @classmethod
    def of_file(cls, path: Path) -> Sealer:
        """Read the key, or make one (mode 0600) where there is none."""
        try:
            return cls(path.read_bytes())
        except FileNotFoundError:
            pass
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, secrets.token_bytes(32))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            path.hardlink_to(draft)  # the first of two processes wins
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return cls(path.read_bytes())

    def seal(self, secret: str) -> bytes:
        """Encrypt a secret so that only this installation can read it."""
        nonce = os.urandom(_NONCE_OCTETS)
        return nonce + self._seal.encrypt(nonce, secret.encode(), None)

    def unseal(self, sealed: bytes) -> str | None:
        """What was sealed, or None if it is not ours or was changed."""
        nonce, rest = sealed[:_NONCE_OCTETS], sealed[_NONCE_OCTETS:]
        try:
            return self._seal.decrypt(nonce, rest, None).decode()
        except (InvalidTag, ValueError):
            return None

    def secret_for(self, purpose: str) -> bytes:
        """Another secret of this installation, always the same for a purpose."""
        return sha256(b"for " + purpose.encode() + b"\0" + self._key).digest()

    def made_up_keys(self, name: str, mechanism: str) -> ScramKeys:
        """Keys for a name that nobody has: always the same, matching nothing."""
        name = name.encode("utf-8", "replace").decode()
        return pretended_keys(name, mechanism, self._made_up, SCRAM_ITERATIONS)


def make_credentials(password: str, *, sealer: Sealer | None = None) -> Credentials:
    """Make what is kept of a password (takes some 30 ms: call it in a thread).

    Args:
        password: 1 to 1024 octets in UTF-8.
        sealer: given where the password is also to be kept, sealed.

    Raises:
        ValueError: no or too long a password.
        NotPrepared: it has characters that no password may have.
    """
    if not 0 < len(password.encode()) <= MAX_PASSWORD_OCTETS:
        raise ValueError(f"a password has 1 to {MAX_PASSWORD_OCTETS} octets")
    return Credentials(
        password_hash=_HASHER.hash(saslprep(password)),
        scram_sha1=make_scram_keys(
            password, secrets.token_bytes(SALT_OCTETS), SCRAM_ITERATIONS, "sha1"
        ),
        scram_sha256=make_scram_keys(
            password, secrets.token_bytes(SALT_OCTETS), SCRAM_ITERATIONS, "sha256"
        ),
        legacy_secret=sealer.seal(saslprep(password)) if sealer else None,
    )


def verify(password_hash: str | None, password: str) -> bool:
    """Check a password; None (nobody has the name) costs the same and fails."""
    try:
        _HASHER.verify(password_hash or _NOBODY, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHash):
        return False
    return password_hash is not None


def verification_pool(threads: int = 2) -> ThreadPoolExecutor:
    """Threads for `verify`: few, since each takes 19 MiB and a core."""
    return ThreadPoolExecutor(threads, thread_name_prefix="credentials")
