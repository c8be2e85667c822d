"""Bearer tokens of somebody we trust: JSON Web Tokens (RFC 7519, RFC 9068).

A token is believed when a key of the issuer has signed it, it was made for us,
its time has come and not gone, and it names an address. What it is believed
about (whether there is such an account) is the authenticator's business.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog
from joserfc import jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError
from joserfc.jwk import KeySet, OctKey

from pyeonji.base.errors import PermanentError
from pyeonji.protocol.sasl.steps import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyeonji.base.clock import Clock

MAX_TOKEN_OCTETS: Final = 8192
"""A larger one is refused unread."""

MAX_KEYS: Final = 100
"""Of one issuer: a token without a key id is tried with each."""

LEEWAY_S: Final = 60
"""How far the issuer's clock may be off."""

KEYS_LOOKED_AT_S: Final = 10.0
"""How often we look whether the file of keys has changed."""

MIN_SHARED_KEY_OCTETS: Final = 32
"""As long as the hash of HS256 (RFC 7518 §3.2)."""

_PUBLIC: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
    "EdDSA", "Ed25519",
)  # fmt: skip
_SHARED: Final = ("HS256", "HS384", "HS512")
_TYPES: Final = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})

log = structlog.get_logger("pyeonji.tokens")


class KeysRefused(PermanentError):
    """The issuer's keys can't be read; the message names the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenOptions:
    """Whose tokens are believed, and what they must say."""

    issuer: str  # exactly the token's "iss"
    audience: tuple[str, ...]  # one of them is in the token's "aud"
    keys: Path | None = None  # a JWK set (RFC 7517): public keys
    shared_key: Path | None = None  # or octets that the issuer has, too
    claim: str = "email"  # whose value is the account's address
    scope: str = ""  # words that must all be in the token's "scope"
    discovery: str = ""  # URL told to clients whose token was refused


class TokenVerifier:
    """Judges tokens; call it with one."""

    def __init__(self, options: TokenOptions, clock: Clock) -> None:
        """Read the keys.

        Raises:
            KeysRefused: they can't be read, or none is given.
        """
        self._options = options
        self._clock = clock
        self._file = options.keys or options.shared_key
        self._keys, self._stamp = self._read()
        self._looked = clock.monotonic()
        # which kind of key decides which algorithms are believed: a public key
        # must never be taken for a shared one
        self._algorithms = _PUBLIC if options.keys else _SHARED
        wanted: dict[str, Any] = {
            "iss": {"essential": True, "value": options.issuer},
            "aud": {"essential": True, "values": list(options.audience)},
            "exp": {"essential": True},
            options.claim: {"essential": True},
        }
        self._claims: Callable[[], jwt.JWTClaimsRegistry] = lambda: (
            jwt.JWTClaimsRegistry(now=int(clock.time()), leeway=LEEWAY_S, **wanted)
        )

    def __call__(self, token: str) -> Verdict:
        """Whose token it is, or why nobody's."""
        self._look_again()
        try:
            if len(token) > MAX_TOKEN_OCTETS:
                return self._refused("too long")
            read = jwt.decode(token, self._keys, algorithms=self._algorithms)
            if str(read.header.get("typ", "")).lower() not in _TYPES:
                return self._refused("not an access token")
            self._claims().validate(read.claims)
        except ExpiredTokenError:
            return self._refused("expired")
        except ClaimError as error:
            return self._refused(f"claim {error.claim}")
        except (JoseError, ValueError, KeyError, TypeError) as error:
            return self._refused(f"{type(error).__name__}: {error}")
        return self._judged(read.claims)

    def _judged(self, claims: dict[str, Any]) -> Verdict:
        options = self._options
        granted = claims.get("scope", "")
        granted = granted.split() if isinstance(granted, str) else granted
        if not set(options.scope.split()) <= set(granted):
            return self._refused("scope", status="insufficient_scope")
        if options.claim == "email" and claims.get("email_verified") is False:
            return self._refused("the address was not verified")
        address = claims[options.claim]
        if not isinstance(address, str) or not address:
            return self._refused(f"claim {options.claim}")
        return Verdict(address=address)

    def _refused(self, reason: str, *, status: str = "invalid_token") -> Verdict:
        options = self._options
        return Verdict(
            reason=reason[:200],
            status=status,
            scope=options.scope,
            discovery=options.discovery,
        )

    # -- keys

    def _look_again(self) -> None:
        """Take the issuer's new keys when the file has changed."""
        if self._file is None or (
            self._clock.monotonic() - self._looked < KEYS_LOOKED_AT_S
        ):
            return
        self._looked = self._clock.monotonic()
        try:
            if self._file.stat().st_mtime_ns != self._stamp:
                self._keys, self._stamp = self._read()
        except (OSError, KeysRefused) as error:
            log.error("tokens.keys", file=str(self._file), reason=str(error))  # noqa: TRY400 - the trace says nothing more

    def _read(self) -> tuple[KeySet | OctKey, int]:
        file = self._file
        if file is None:
            raise KeysRefused("no keys are given")
        try:
            stamp = file.stat().st_mtime_ns
            octets = file.read_bytes()
            if self._options.keys is None:
                return _shared(octets.strip()), stamp
            keys = KeySet.import_key_set(json.loads(octets))
        except (OSError, ValueError, KeyError, TypeError, JoseError) as error:
            raise KeysRefused(f"{file}: {error}") from error
        if not 0 < len(keys.keys) <= MAX_KEYS:
            raise KeysRefused(f"{file}: must have 1 to {MAX_KEYS} keys")
        if any(isinstance(key, OctKey) for key in keys.keys):
            raise KeysRefused(f"{file}: a shared key among public ones")
        return keys, stamp


def _shared(octets: bytes) -> OctKey:
    if len(octets) < MIN_SHARED_KEY_OCTETS:
        raise ValueError(f"fewer than {MIN_SHARED_KEY_OCTETS} octets")
    return OctKey.import_key(octets)
