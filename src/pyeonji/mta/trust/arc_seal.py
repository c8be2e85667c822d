"""ARC: sealing a letter that is passed on (RFC 8617 §5.1)."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Final

from pyeonji.mta.trust.arc import MAX_SETS, ChainState, sealed_octets
from pyeonji.mta.trust.canonical import HeaderField, header_fields
from pyeonji.mta.trust.dkim_sign import make_signature, signed_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mta.trust.arc import ArcVerdict
    from pyeonji.mta.trust.dkim_sign import SigningKey

MAX_RESULTS: Final = 16 * 1024
"""Octets of results that go into a seal (ours)."""

_ID: Final = re.compile(rb"[ \t\r\n]*([^\s;]+)(?:[ \t]+[0-9]+)?[ \t\r\n]*(?:;|$)")
_FWS: Final = b" \t\r\n"


def own_results(fields: Sequence[HeaderField], authserv_id: str) -> bytes:
    """What our Authentication-Results fields say, as one payload.

    Args:
        fields: of the letter, top first.
        authserv_id: ours; fields of others are left out.

    Returns:
        "id; spf=pass …; dkim=…", folded as it was, or b"" without any.
    """
    wanted = authserv_id.lower().encode()
    found: list[bytes] = []
    for field in fields:
        if field.name != b"authentication-results":
            continue
        match = _ID.match(field.value)
        if match is None or match[1].lower() != wanted:
            continue
        said = [part.strip(_FWS) for part in field.value[match.end() :].split(b";")]
        found += [part for part in said if part and part not in found]
    if not found:
        return b""
    return (authserv_id.encode() + b"; " + b";\r\n ".join(found))[:MAX_RESULTS]


def arc_set(
    fields: Sequence[HeaderField],
    body_digest: bytes,
    verdict: ArcVerdict,
    results: bytes,
    key: SigningKey,
    now: float,
    names: Sequence[bytes] | None = None,
) -> bytes:
    """The three fields of a new set, to be put on top of a letter.

    Args:
        fields: of the letter as it goes out, top first.
        body_digest: of the whole body, as `dkim_sign.BODY` says.
        verdict: what came of the chain when the letter arrived.
        results: the payload of Authentication-Results, "id; spf=pass …".
        key: who seals.
        now: Unix seconds.
        names: what h= of the message's signature lists; default: what DKIM
            would sign, and the DKIM signatures (RFC 8617 §4.1.2).

    Returns:
        The fields; b"" where nothing may be added: the chain has failed at an
        earlier hop, or is full.
    """
    chain = verdict.chain
    instance = chain.instance + 1
    if chain.failed or instance > MAX_SETS:
        return b""
    number = b"%d" % instance
    aar = b"ARC-Authentication-Results: i=" + number + b"; " + results + b"\r\n"
    if names is None:
        names = _names(fields)
    tags = [
        ("i", number),
        ("a", f"{key.type}-sha256".encode()),
        ("c", b"relaxed/relaxed"),
        ("d", key.domain.encode()),
        ("s", key.selector.encode()),
        ("t", b"%d" % int(now)),
    ]
    ams = make_signature(
        b"ARC-Message-Signature", tags, fields, names, body_digest, key
    )
    tags[2] = ("cv", verdict.state.encode())
    start = b"ARC-Seal:" + b"".join(
        b" " + name.encode() + b"=" + value + b";" for name, value in tags
    )
    start = start.replace(b" d=", b"\r\n d=") + b"\r\n b="
    results_field, message = header_fields(aar + ams)
    before = [
        (one.results, one.signature.field, one.seal.field) for one in verdict.sets
    ]
    # RFC 8617 §5.1.2: a chain that has failed is not covered
    octets = sealed_octets(
        before if verdict.state is ChainState.PASS else (),
        (results_field, message, HeaderField(b"arc-seal", start)),
    )
    value = base64.b64encode(key.sign(octets))
    lines = [value[at : at + 72] for at in range(0, len(value), 72)]
    return start + b"\r\n ".join(lines) + b"\r\n" + ams + aar


def _names(fields: Sequence[HeaderField]) -> tuple[bytes, ...]:
    signatures = sum(field.name == b"dkim-signature" for field in fields)
    return (*signed_names(fields), *[b"dkim-signature"] * signatures)
