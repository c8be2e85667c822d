"""DKIM: reading signatures and checking them (RFC 6376, RFC 8301, RFC 8463).

Two steps, since a letter's body comes after its header and may be large::

    signatures = read_signatures(header_fields(header))
    hashes = BodyHashes(body_keys(signatures))
    hashes.update(piece) …
    results = yield from verify(fields, signatures, hashes.finish(), now)

`verify` is an Inquiry: it yields the questions to DNS. Each signature has a
result of its own with a reason that a person can read; none of them says
anything about another. Results are words of RFC 8601 §2.7.1.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final

from pyeonji.mta.trust.canonical import (
    BodyKey,
    Form,
    HeaderField,
    signed_header,
)
from pyeonji.mta.trust.domains import ascii_domain, is_within
from pyeonji.mta.trust.keys import KeyRecord, KeyTrouble, find_key, public_key
from pyeonji.mta.trust.tags import (
    BadTags,
    base64_value,
    colon_list,
    number,
    parse_tags,
    solid,
    unquoted,
    without_signature,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyeonji.base.dns import Inquiry
    from pyeonji.mta.trust.canonical import BodyDigest

MAX_SIGNATURES: Final = 10
"""Signatures of one letter that are checked, from the top (RFC 6376 §6.1)."""

MAX_SIGNED_NAMES: Final = 512
"""Names in one h= tag (ours)."""

MAX_NAME: Final = 253
"""Characters of d= and of s= (RFC 1035 §2.3.4)."""

MAX_CLOCK_SKEW_S: Final = 3600
"""How far in the future t= may lie."""

_NO_NAME: Final = re.compile(r"[\x00-\x20!-,/:-@\[-^`{-\x9f]")

ONCE: Final = frozenset(
    {
        b"from",
        b"sender",
        b"reply-to",
        b"to",
        b"cc",
        b"subject",
        b"date",
        b"message-id",
        b"in-reply-to",
        b"references",
        b"mime-version",
        b"content-type",
        b"content-transfer-encoding",
    }
)
"""Fields that a letter has once: one more than was signed is somebody else's."""


class Result(StrEnum):
    """What came of a signature (RFC 8601 §2.7.1)."""

    PASS = "pass"  # noqa: S105 - a result
    FAIL = "fail"  # altered on the way, or forged
    POLICY = "policy"  # right, but not to our liking: rsa-sha1, l=
    NEUTRAL = "neutral"  # the signature can't be read
    TEMPERROR = "temperror"  # DNS: ask again later
    PERMERROR = "permerror"  # no usable key


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result for one signature; what could not be read of it is empty.

    `domain` is lower-case as in d=, `identity` is i= (or "@" and d=). With
    `testing` the domain asks that the letter be treated as if it were not
    signed when the signature fails (RFC 6376 §3.6.1).
    """

    result: Result
    reason: str = ""
    domain: str = ""
    selector: str = ""
    identity: str = ""
    algorithm: str = ""
    signature: str = ""  # the beginning of b=, which tells signatures apart
    key_bits: int = 0
    testing: bool = False
    times: tuple[int | None, int | None] = (None, None)  # t=, x=


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A signature as its field has it; of ARC-Message-Signature as well."""

    field: HeaderField
    algorithm: str  # a=, "rsa-sha256" or "ed25519-sha256" when it can be checked
    signature: bytes  # b=
    body_hash: bytes  # bh=
    header_form: Form
    body_form: Form
    domain: str  # d=, lower case
    selector: str  # s=
    identity: str = ""  # i=
    names: tuple[bytes, ...]  # h=, lower case
    length: int | None = None  # l=
    signed_at: int | None = None  # t=, Unix seconds
    expires: int | None = None  # x=, Unix seconds

    @property
    def body_key(self) -> BodyKey:
        """The body hash that it needs."""
        return BodyKey(self.body_form, self.length)

    @property
    def key_type(self) -> str:
        """Which kind of key made it."""
        return self.algorithm.partition("-")[0]

    @cached_property
    def unsigned_field(self) -> HeaderField:
        """Its field with an empty b=, as it is signed."""
        name, _, value = self.field.octets.partition(b":")
        return HeaderField(self.field.name, name + b":" + without_signature(value))


ALGORITHMS: Final = frozenset({"rsa-sha256", "ed25519-sha256"})


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A signature field that is not one."""

    field: HeaderField
    reason: str


Signatures = tuple[Signature | Unreadable, ...]


def read_signatures(fields: Iterable[HeaderField]) -> Signatures:
    """The DKIM-Signature fields of a header, from the top, MAX_SIGNATURES at most.

    Never raises: what can't be read is there as Unreadable.
    """
    found: list[Signature | Unreadable] = []
    for field in fields:
        if field.name != b"dkim-signature":
            continue
        found.append(_read_one(field))
        if len(found) >= MAX_SIGNATURES:
            break
    return tuple(found)


def body_keys(signatures: Iterable[Signature | Unreadable]) -> list[BodyKey]:
    """The body hashes that these signatures need."""
    return [one.body_key for one in signatures if isinstance(one, Signature)]


def _read_one(field: HeaderField) -> Signature | Unreadable:
    try:
        tags = parse_tags(field.value)
        if tags.get("v") != b"1":
            return Unreadable(field, "v= is not 1")
        signature = read_signature(field, tags, identified=True)
    except BadTags as error:
        return Unreadable(field, str(error))
    if b"from" not in signature.names:  # RFC 6376 §5.4
        return Unreadable(field, "From is not signed")
    return signature


def read_signature(
    field: HeaderField, tags: Mapping[str, bytes], *, identified: bool = False
) -> Signature:
    """A signature of its tags (RFC 6376 §3.5); i= only where it is `identified`.

    v= is the caller's to look at; in ARC i= is something else.

    Raises:
        BadTags.
    """
    for name in ("a", "b", "bh", "d", "h", "s"):
        if name not in tags:
            raise BadTags(f"no {name}=")
    # LIBERTY: an empty item, against the grammar, is no name (ARC's suite has some)
    names = tuple(name.lower() for name in colon_list(tags["h"]) if name)
    if len(names) > MAX_SIGNED_NAMES:
        raise BadTags("h= names too much")
    if "q" in tags and b"dns/txt" not in colon_list(tags["q"].lower()):
        raise BadTags("q= knows no dns/txt")
    header_form, body_form = _forms(tags.get("c", b"simple/simple"))
    signed_at = _optional(tags, "t")
    expires = _optional(tags, "x")
    if signed_at is not None and expires is not None and expires <= signed_at:
        raise BadTags("x= is not after t=")
    domain = domain_name(tags["d"], "d")
    return Signature(
        field=field,
        algorithm=solid(tags["a"]).lower().decode("ascii", "replace"),
        signature=base64_value(tags["b"], "b"),
        body_hash=base64_value(tags["bh"], "bh"),
        header_form=header_form,
        body_form=body_form,
        domain=domain,
        selector=domain_name(tags["s"], "s"),
        identity=_identity(tags, domain) if identified else "",
        names=names,
        length=_optional(tags, "l"),
        signed_at=signed_at,
        expires=expires,
    )


def _optional(tags: Mapping[str, bytes], name: str) -> int | None:
    return number(tags[name], name) if name in tags else None


def domain_name(value: bytes, name: str) -> str:
    """d= or s=; U-labels may stand there (RFC 8616 §5).

    Raises:
        BadTags: it is no name.
    """
    try:
        text = value.decode("utf-8").lower()
    except UnicodeDecodeError:
        raise BadTags(f"{name}= is no name") from None
    labels = text.split(".")
    if (
        len(text) > MAX_NAME
        or not all(0 < len(label) <= 63 for label in labels)
        or _NO_NAME.search(text)
    ):
        raise BadTags(f"{name}= is no name")
    return text


def _forms(value: bytes) -> tuple[Form, Form]:
    header, slash, body = solid(value).lower().decode("ascii", "replace").partition("/")
    try:
        return Form(header), Form(body) if slash else Form.SIMPLE
    except ValueError:
        raise BadTags("c= is no canonical form") from None


def _identity(tags: Mapping[str, bytes], domain: str) -> str:
    """i=, whose domain is d= or below it (RFC 6376 §3.5)."""
    if "i" not in tags:
        return f"@{domain}"
    identity = unquoted(tags["i"]).decode("utf-8", "replace")
    of = ascii_domain(identity.rpartition("@")[2])
    # one may have U-labels, the other A-labels (RFC 8616 §5)
    if "@" not in identity or not is_within(of, ascii_domain(domain)):
        raise BadTags("i= is not within d=")
    return identity


# -- checking


def verify(
    fields: Sequence[HeaderField],
    signatures: Signatures,
    hashes: Mapping[BodyKey, BodyDigest],
    now: float,
) -> Inquiry[tuple[Verdict, ...]]:
    """Check each signature of a letter (RFC 6376 §6.1); yields one question each.

    Args:
        fields: of the letter, top first.
        signatures: as `read_signatures` found them.
        hashes: of the body; those that `body_keys` named.
        now: Unix seconds.

    Returns:
        A verdict for each signature, in their order.
    """
    verdicts: list[Verdict] = []
    for signature in signatures:
        verdict = yield from _verify_one(fields, signature, hashes, now)
        verdicts.append(verdict)
    return tuple(verdicts)


def _verify_one(
    fields: Sequence[HeaderField],
    signature: Signature | Unreadable,
    hashes: Mapping[BodyKey, BodyDigest],
    now: float,
) -> Inquiry[Verdict]:
    if isinstance(signature, Unreadable):
        return Verdict(result=Result.NEUTRAL, reason=signature.reason)
    early = _before_asking(signature, hashes, now)
    if early is not None:
        return verdict_of(signature, *early)
    found = yield from find_key(
        signature.domain, signature.selector, signature.key_type
    )
    result, reason, bits = check(fields, signature, found)
    testing = isinstance(found, KeyRecord) and found.testing
    if result is Result.PASS:
        result, reason = _liked(fields, signature, hashes)
    return verdict_of(signature, result, reason, bits=bits, testing=testing)


def verdict_of(
    signature: Signature,
    result: Result,
    reason: str = "",
    *,
    bits: int = 0,
    testing: bool = False,
) -> Verdict:
    """A verdict about a signature that could be read."""
    text = base64.b64encode(signature.signature[:6]).decode("ascii")
    return Verdict(
        result=result,
        reason=reason,
        domain=signature.domain,
        selector=signature.selector,
        identity=signature.identity,
        algorithm=signature.algorithm,
        signature=text,
        key_bits=bits,
        testing=testing,
        times=(signature.signed_at, signature.expires),
    )


def _before_asking(
    signature: Signature, hashes: Mapping[BodyKey, BodyDigest], now: float
) -> tuple[Result, str] | None:
    """What can be said without the key."""
    if signature.algorithm == "rsa-sha1":  # RFC 8301 §3.1
        return Result.POLICY, "rsa-sha1 proves nothing any more"
    if signature.algorithm not in ALGORITHMS:
        return Result.NEUTRAL, f"algorithm {signature.algorithm[:40]} is not known"
    if signature.expires is not None and now > signature.expires:
        return Result.FAIL, "the signature has expired"
    if signature.signed_at is not None and signature.signed_at > now + MAX_CLOCK_SKEW_S:
        return Result.FAIL, "the signature is from the future"
    wrong = body_differs(signature, hashes)
    return (Result.FAIL, wrong) if wrong else None


def body_differs(
    signature: Signature, hashes: Mapping[BodyKey, BodyDigest]
) -> str | None:
    """Why the body is not the one that was signed; None if it is."""
    digest = hashes.get(signature.body_key)
    if digest is None:
        return "one of too many different body hashes"
    if signature.length is not None and signature.length > digest.octets:
        return "the body is shorter than what was signed"  # RFC 6376 §3.5
    if not hmac.compare_digest(digest.digest, signature.body_hash):
        return "the body was changed"
    return None


def check(
    fields: Sequence[HeaderField], signature: Signature, found: KeyRecord | KeyTrouble
) -> tuple[Result, str, int]:
    """Check the signature of the header: result, reason, bits of the key."""
    if isinstance(found, KeyTrouble):
        result = Result.TEMPERROR if found.temporary else Result.PERMERROR
        return result, found.reason, 0
    refusal = _not_meant(signature, found)
    if refusal is not None:
        return Result.PERMERROR, refusal, 0
    key = public_key(signature.key_type, found.key)
    if isinstance(key, str):
        return Result.PERMERROR, key, 0
    signed = signed_header(
        fields,
        signature.names,
        signature.unsigned_field,
        signature.header_form,
    )
    if not key.verifies(signature.signature, signed):
        return Result.FAIL, "the header was changed, or another key signed", key.bits
    return Result.PASS, "", key.bits


def _not_meant(signature: Signature, record: KeyRecord) -> str | None:
    """Why the key is not for such signatures (RFC 6376 §3.6.1, §6.1.2)."""
    if record.hashes and "sha256" not in record.hashes:
        return "the key is not for sha256"
    if not {"*", "email"} & set(record.services):
        return "the key is not for mail"
    of = ascii_domain(signature.identity.rpartition("@")[2])
    if record.strict and of and of != ascii_domain(signature.domain):
        return "the key is not for domains below"
    return None


def _liked(
    fields: Sequence[HeaderField],
    signature: Signature,
    hashes: Mapping[BodyKey, BodyDigest],
) -> tuple[Result, str]:
    """Whether a right signature says enough (RFC 6376 §8.2, §8.15)."""
    digest = hashes[signature.body_key]
    if signature.length is not None and signature.length < digest.octets:
        unsigned = digest.octets - signature.length
        return Result.POLICY, f"the last {unsigned} octets of the body are not signed"
    counted: dict[bytes, int] = {}
    for field in fields:
        if field.name in ONCE:
            counted[field.name] = counted.get(field.name, 0) + 1
    for name in set(signature.names) & ONCE:
        if counted.get(name, 0) > signature.names.count(name):
            shown = name.decode("ascii").title()
            return Result.POLICY, f"a second {shown} field is not signed"
    return Result.PASS, ""
