"""The vocabulary between a SASL exchange and the server that conducts it.

An exchange asks by yielding: a door sends a `Challenge` to its peer and hands
the response back; every other question is answered from the directory::

    exchange = server.begin("SCRAM-SHA-256", ...)
    step = next(exchange)            # or exchange.send(answer to the last step)

    Challenge        answer: the client's response, decoded (bytes)
    PasswordNeeded   answer: bool, whether the password is the user's
    ScramKeysNeeded  answer: ScramKeys (for unknown users: made-up ones) or None
    SecretNeeded     answer: the user's password (str) or None
    HolderNeeded     answer: the address of the certificate's account (str) or None
    TokenNeeded      answer: Verdict

The generator returns `Succeeded` or `Failed` (as StopIteration's value).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ScramKeys:
    """What a SCRAM server keeps instead of a password (RFC 5802 §3)."""

    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


@dataclass(frozen=True, slots=True)
class Challenge:
    """Send these octets to the client (base64 is the protocol's business)."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class PasswordNeeded:
    """The client gave a password; is it this user's?"""

    authcid: str
    password: str


@dataclass(frozen=True, slots=True)
class ScramKeysNeeded:
    """The keys of this user for SCRAM-SHA-1 or SCRAM-SHA-256 are wanted."""

    authcid: str
    mechanism: str


@dataclass(frozen=True, slots=True)
class SecretNeeded:
    """The password itself is wanted (CRAM-MD5)."""

    authcid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """What a TLS client has shown, and TLS has verified (RFC 5280)."""

    fingerprint: str  # SHA-256 of the whole certificate, 64 lower-case digits
    names: tuple[str, ...] = ()  # mail addresses that it was given for


@dataclass(frozen=True, slots=True)
class HolderNeeded:
    """Whose certificate is it? `authzid` is whom the client wants to be, or ""."""

    certificate: ClientCertificate
    authzid: str


@dataclass(frozen=True, slots=True)
class TokenNeeded:
    """The client gave a bearer token (RFC 6750); whose is it?"""

    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a token is worth."""

    address: str = ""  # the account's; "" when the token is refused
    reason: str = ""  # of the refusal, for the log
    status: str = "invalid_token"  # of RFC 6750 §3.1, for the client
    scope: str = ""  # what a better token needs (RFC 7628 §3.2.2)
    discovery: str = ""  # where the client can get one


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The client is who it says.

    `authzid` is "" or whom it wants to act as, which is still to be allowed.
    """

    authcid: str
    authzid: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """It is not; `reason` is for the log, the peer hears a general refusal."""

    reason: str
    authcid: str = ""
    malformed: bool = False  # a broken response (501/BAD), not a wrong one


Step = (
    Challenge
    | PasswordNeeded
    | ScramKeysNeeded
    | SecretNeeded
    | HolderNeeded
    | TokenNeeded
)
Answer = bytes | bool | ScramKeys | str | Verdict | None
Exchange = Generator[Step, Answer, Succeeded | Failed]
