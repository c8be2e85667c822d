"""Bearer tokens instead of passwords: OAUTHBEARER (RFC 7628) and XOAUTH2.

The client sends a token that it got from somebody whom the server trusts. Who
refuses one says why in JSON, as a challenge; the client answers it with a
dummy, and only then the exchange fails (RFC 7628 §3.2.3).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from pyeonji.protocol.sasl.prep import NotPrepared, prepared_name
from pyeonji.protocol.sasl.scram import MalformedMessage, unescaped
from pyeonji.protocol.sasl.steps import (
    Challenge,
    Failed,
    Succeeded,
    TokenNeeded,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyeonji.protocol.sasl.steps import Exchange

MAX_BEARER_OCTETS: Final = 9_000
"""A client's message: what fits into an AUTH line (RFC 4954 §4) in base64."""

# gs2-header kvsep *kvpair kvsep (RFC 7628 §3.1); a client may say "y" or "p" but
# no channel binding is used
_FIRST: Final = re.compile(
    rb"(?:[yn]|p=[A-Za-z0-9.\-]+),(?:a=(?P<authzid>[^,\0\x01]+))?,\x01"
    rb"(?P<pairs>(?:[A-Za-z]+=[\x20-\x7e\t\r\n]*\x01)*)\x01"
)
_XOAUTH2: Final = re.compile(
    rb"user=(?P<user>[^\x01\0]+)\x01auth=(?P<auth>[\x20-\x7e]+)\x01\x01"
)
_BEARER: Final = re.compile(rb"(?i:bearer) +(?P<token>[A-Za-z0-9\-._~+/]+=*)")


def _oauthbearer(response: bytes) -> Exchange:
    """RFC 7628 §3.1."""
    found = _FIRST.fullmatch(response) if len(response) <= MAX_BEARER_OCTETS else None
    if found is None:
        return Failed("OAUTHBEARER message breaks the grammar", malformed=True)
    pairs = dict(pair.split(b"=", 1) for pair in found["pairs"].split(b"\x01") if pair)
    try:
        named = found["authzid"]
        authzid = prepared_name(unescaped(named)) if named else ""
    except (NotPrepared, MalformedMessage) as error:
        return Failed(str(error), malformed=True)
    return (yield from _judged(pairs.get(b"auth", b""), authzid, _rfc_7628_error))


def _xoauth2(response: bytes) -> Exchange:
    """What large providers had before the RFC, and still have."""
    found = _XOAUTH2.fullmatch(response) if len(response) <= MAX_BEARER_OCTETS else None
    if found is None:
        return Failed("XOAUTH2 message breaks the grammar", malformed=True)
    try:
        user = prepared_name(found["user"])
    except NotPrepared as error:
        return Failed(str(error), malformed=True)
    return (yield from _judged(found["auth"], user, _xoauth2_error))


def _judged(
    authorization: bytes, user: str, told: Callable[[Verdict], dict[str, str]]
) -> Exchange:
    bearer = _BEARER.fullmatch(authorization)
    if bearer is None:
        verdict: object = Verdict(reason="no bearer token", status="invalid_request")
    else:
        verdict = yield TokenNeeded(bearer["token"].decode())
    if not isinstance(verdict, Verdict):
        verdict = Verdict(reason="nobody verifies tokens")
    if verdict.address:
        return Succeeded(verdict.address, user)
    error = json.dumps(told(verdict), separators=(",", ":"))
    yield Challenge(error.encode())  # any response ends it
    return Failed(f"token refused: {verdict.reason}", user)


def _rfc_7628_error(verdict: Verdict) -> dict[str, str]:
    """RFC 7628 §3.2.2."""
    facts = {
        "status": verdict.status,
        "scope": verdict.scope,
        "openid-configuration": verdict.discovery,
    }
    return {key: value for key, value in facts.items() if value}


def _xoauth2_error(verdict: Verdict) -> dict[str, str]:
    """The form that clients of XOAUTH2 know: numbers of HTTP."""
    status = {"invalid_token": "401", "insufficient_scope": "403"}
    facts = {
        "status": status.get(verdict.status, "400"),
        "schemes": "bearer",
        "scope": verdict.scope,
    }
    return {key: value for key, value in facts.items() if value}


MECHANISMS: Final[dict[str, Callable[[bytes], Exchange]]] = {
    "OAUTHBEARER": _oauthbearer,
    "XOAUTH2": _xoauth2,
}
