"""Tokens are believed for the right reasons only (RFC 7519, RFC 8725)."""

from __future__ import annotations

import base64
import hmac
import json
import os
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from pyeonji.base.clock import SetClock
from pyeonji.storage.tokens import KeysRefused, TokenOptions, TokenVerifier

ISSUER, AUDIENCE = "https://id.example.test", "mail"
KEY = ECKey.generate_key("P-256", {"kid": "one"})
CLOCK = SetClock()
SHARED = b"0123456789abcdef0123456789abcdef"


def write(folder: Path, *keys: Any) -> Path:
    file = folder / "keys.json"
    file.write_text(json.dumps(KeySet(list(keys)).as_dict(private=False)))
    return file


def verifier(folder: Path, **more: Any) -> TokenVerifier:
    options = TokenOptions(
        issuer=ISSUER,
        audience=(AUDIENCE,),
        **(more if "keys" in more else {"keys": write(folder, KEY)} | more),
    )
    return TokenVerifier(options, CLOCK)


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def token(key: Any = KEY, alg: str = "ES256", **changed: Any) -> str:
    now = int(CLOCK.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": now + 300,
        "email": "kim@example.test",
    } | changed
    claims = {name: value for name, value in claims.items() if value is not None}
    header = {"alg": alg}
    if key is not None and key.kid:
        header["kid"] = key.kid
    return jwt.encode(header, claims, key)


def test_a_good_token(tmp_path: Path) -> None:
    assert verifier(tmp_path)(token()).address == "kim@example.test"
    assert verifier(tmp_path)(token(aud=["x", AUDIENCE])).address


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": "https://other.example.test"}, "claim iss"),
        ({"iss": None}, "claim iss"),
        ({"aud": "calendar"}, "claim aud"),
        ({"aud": None}, "claim aud"),
        ({"exp": 1}, "expired"),
        ({"exp": None}, "claim exp"),
        ({"exp": "soon"}, "claim exp"),
        ({"nbf": 99999999999}, "claim nbf"),
        ({"email": None}, "claim email"),
        ({"email": ["kim@example.test"]}, "claim email"),
        ({"email_verified": False}, "the address was not verified"),
    ],
)
def test_claims_that_do_not_do(
    tmp_path: Path, changed: dict[str, Any], reason: str
) -> None:
    """RFC 7519 §4.1: for us, from whom we trust, now."""
    verdict = verifier(tmp_path)(token(**changed))
    assert verdict.address == ""
    assert verdict.reason == reason


def test_signatures_that_do_not_do(tmp_path: Path) -> None:
    """Another's key, none at all, a public key used as a shared one (RFC 8725 §2.1)."""
    check = verifier(tmp_path)
    good = token()
    other = ECKey.generate_key("P-256", {"kid": "one"})
    assert check(token(other)).reason.startswith("BadSignature")
    stranger = ECKey.generate_key("P-256", {"kid": "two"})
    assert not check(token(stranger)).address
    head, body, _ = good.split(".")
    none = "eyJhbGciOiJub25lIn0." + body + "."
    assert not check(none).address
    header = base64url(b'{"alg":"HS256","kid":"one"}')
    confused = f"{header}.{body}"
    digest = hmac.digest(KEY.as_pem(private=False), confused.encode(), "sha256")
    assert not check(f"{confused}.{base64url(digest)}").address
    assert not check(head + "." + body + ".").address
    for rubbish in ("", "a", "a.b", "a.b.c", "....", "x" * 9000, "é.é.é"):
        assert not check(rubbish).address


def test_scopes(tmp_path: Path) -> None:
    """RFC 6750 §3.1 insufficient_scope; the client hears what it needs."""
    check = verifier(tmp_path, scope="mail.read mail.send")
    assert check(token(scope="x mail.send mail.read")).address
    verdict = check(token(scope="mail.read"))
    assert (verdict.status, verdict.scope) == (
        "insufficient_scope",
        "mail.read mail.send",
    )


def test_shared_keys(tmp_path: Path) -> None:
    file = tmp_path / "shared"
    file.write_bytes(SHARED + b"\n")
    check = verifier(tmp_path, keys=None, shared_key=file)
    assert check(token(OctKey.import_key(SHARED), "HS256")).address
    assert not check(token()).address
    file.write_bytes(b"short")
    with pytest.raises(KeysRefused):
        verifier(tmp_path, keys=None, shared_key=file)


def test_new_keys_are_taken_without_a_restart(tmp_path: Path) -> None:
    """Issuers change keys; a broken file leaves the old ones."""
    check = verifier(tmp_path)
    new = RSAKey.generate_key(2048, {"kid": "new"})
    assert not check(token(new, "RS256")).address
    os.utime(write(tmp_path, KEY, new), ns=(1, 1))
    CLOCK.advance(11)
    assert check(token(new, "RS256")).address
    (tmp_path / "keys.json").write_text("{")
    CLOCK.advance(11)
    assert check(token()).address
    with pytest.raises(KeysRefused):
        verifier(tmp_path, keys=tmp_path / "nothing.json")
    with pytest.raises(KeysRefused):
        verifier(tmp_path, keys=write(tmp_path, OctKey.import_key(SHARED)))
