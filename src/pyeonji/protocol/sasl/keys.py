"""What a SCRAM server keeps of a password, and pretends to keep of nobody's."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from pyeonji.protocol.sasl.prep import saslprep
from pyeonji.protocol.sasl.steps import ScramKeys

HASHES: Final = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}
"""Mechanism (without -PLUS) to the name of its hash."""

SALT_OCTETS: Final = 16

DEFAULT_ITERATIONS: Final = 4096
"""RFC 5802 §5.1 and RFC 7677 §4 ask for no fewer; logins wait for the client."""


def make_scram_keys(
    password: str, salt: bytes, iterations: int, hash_name: str
) -> ScramKeys:
    """Derive what the server keeps (RFC 5802 §3).

    Args:
        password: as the user types it; prepared here.
        salt: chance, at least `SALT_OCTETS`.
        iterations: of PBKDF2.
        hash_name: "sha1" or "sha256".

    Raises:
        NotPrepared: no password can be like this.
    """
    salted = salted_password(password, salt, iterations, hash_name)
    client_key = hmac.digest(salted, b"Client Key", hash_name)
    return ScramKeys(
        salt=salt,
        iterations=iterations,
        stored_key=hashlib.new(hash_name, client_key).digest(),
        server_key=hmac.digest(salted, b"Server Key", hash_name),
    )


def salted_password(
    password: str, salt: bytes, iterations: int, hash_name: str
) -> bytes:
    """Hi(Normalize(password), salt, i) of RFC 5802 §2.2. Raises NotPrepared."""
    return hashlib.pbkdf2_hmac(hash_name, saslprep(password).encode(), salt, iterations)


def pretended_keys(
    authcid: str,
    mechanism: str,
    pretend_key: bytes,
    iterations: int = DEFAULT_ITERATIONS,
) -> ScramKeys:
    """Keys for a user who does not exist, the same each time he is asked for.

    No proof fits them, and without `pretend_key` nobody can tell their salt
    from a real one, so that users cannot be enumerated.
    """
    name = f"{mechanism}\0{authcid}".encode()

    def made(what: bytes) -> bytes:
        return hmac.digest(pretend_key, what + b"\0" + name, HASHES[mechanism])

    return ScramKeys(
        salt=made(b"salt")[:SALT_OCTETS],
        iterations=iterations,
        stored_key=made(b"stored"),
        server_key=made(b"server"),
    )
