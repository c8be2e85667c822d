"""Public keys in DNS, and what they verify (RFC 6376 §3.6, RFC 8301, RFC 8463)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from pyeonji.base.dns import DnsStatus
from pyeonji.mta.trust.domains import ascii_domain, can_be_asked
from pyeonji.mta.trust.tags import BadTags, base64_value, colon_list, parse_tags, solid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.base.dns import Inquiry

MIN_RSA_BITS: Final = 1024  # RFC 8301 §3.2
MAX_RSA_BITS: Final = 8192
"""Larger keys cost more than a letter is worth (ours; RFC 8301 §3.2 asks for 4096)."""

_MAX_EXPONENT_BITS: Final = 64  # a large one makes verifying as dear as signing
_MAX_KEY_OCTETS: Final = 2048
_MAX_REMEMBERED: Final = 4096  # characters of a record that is read only once
MAX_RECORDS: Final = 10
"""TXT records that are looked at under one selector (ours)."""

KeyType = Literal["rsa", "ed25519"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """One key as its domain publishes it."""

    type: str  # k=
    key: bytes  # p=; empty: revoked (RFC 6376 §3.6.1)
    hashes: tuple[str, ...] = ()  # h=; empty: any
    services: tuple[str, ...] = ("*",)  # s=
    testing: bool = False  # t=y
    strict: bool = False  # t=s: i= must be of exactly the signing domain


@dataclass(frozen=True, slots=True)
class KeyTrouble:
    """No key could be had; `temporary` when asking again later may help."""

    temporary: bool
    reason: str


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that was read; `bits` is its size."""

    material: RSAPublicKey | Ed25519PublicKey
    bits: int

    def verifies(self, signature: bytes, octets: bytes) -> bool:
        """Whether the signature is one of this key over the octets.

        RSA signs their SHA-256 with PKCS #1 v1.5; Ed25519 signs the SHA-256
        itself (RFC 8463 §3).
        """
        try:
            if isinstance(self.material, RSAPublicKey):
                self.material.verify(
                    signature, octets, padding.PKCS1v15(), hashes.SHA256()
                )
            else:
                self.material.verify(signature, sha256(octets))
        except InvalidSignature:
            return False
        return True


def sha256(octets: bytes) -> bytes:
    """The digest of octets at hand."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(octets)
    return digest.finalize()


def read_record(text: str) -> KeyRecord:
    """Read a key record (RFC 6376 §3.6.1).

    Raises:
        BadTags: it is none.
    """
    tags = parse_tags(text.encode("utf-8", "surrogateescape"))
    version = tags.get("v", b"DKIM1")
    if version != b"DKIM1" or ("v" in tags and next(iter(tags)) != "v"):
        raise BadTags("v= is not DKIM1, or not first")
    if "p" not in tags:
        raise BadTags("no p=")
    key = base64_value(tags["p"], "p") if solid(tags["p"]) else b""
    flags = _words(tags.get("t", b""))
    return KeyRecord(
        type=_words(tags.get("k", b"rsa"))[0].lower(),
        key=key,
        hashes=tuple(_words(tags["h"])) if "h" in tags else (),
        services=tuple(_words(tags["s"])) if "s" in tags else ("*",),
        testing="y" in flags,
        strict="s" in flags,
    )


def _words(value: bytes) -> list[str]:
    return [word.decode("utf-8", "replace") for word in colon_list(value)]


@lru_cache(maxsize=1024)
def _remembered(text: str) -> KeyRecord:
    return read_record(text)


def find_key(
    domain: str, selector: str, key_type: str
) -> Inquiry[KeyRecord | KeyTrouble]:
    """Ask for the key that a signature names (RFC 6376 §3.6.2).

    Where several records stand under one selector, which the standard leaves
    open, the first of the right type counts.
    """
    name = f"{ascii_domain(selector)}._domainkey.{ascii_domain(domain)}"
    if not can_be_asked(name):
        return KeyTrouble(temporary=False, reason="no key has such a name")
    answer = yield name, "TXT"
    if answer.status is DnsStatus.FAILED:
        return KeyTrouble(temporary=True, reason=f"no answer from DNS for {name}")
    if answer.status is not DnsStatus.FOUND or not answer.records:
        return KeyTrouble(temporary=False, reason=f"no key at {name}")
    return _choose(name, answer.records[:MAX_RECORDS], key_type)


def _choose(name: str, records: Sequence[str], key_type: str) -> KeyRecord | KeyTrouble:
    why = "no key record"
    for text in records:
        try:
            short = len(text) <= _MAX_REMEMBERED
            record = _remembered(text) if short else read_record(text)
        except BadTags as error:
            why = f"key record: {error}"
            continue
        if record.type == key_type:
            return record
        why = f"the key is not for {key_type}"
    return KeyTrouble(temporary=False, reason=f"{name}: {why}")


@lru_cache(maxsize=1024)
def public_key(key_type: str, octets: bytes) -> PublicKey | str:
    """The key itself, or why it can't be used."""
    if not octets:
        return "the key was revoked"
    if key_type == "ed25519":
        if len(octets) != 32:
            return "an Ed25519 key has 32 octets"
        return PublicKey(Ed25519PublicKey.from_public_bytes(octets), 256)
    if len(octets) > _MAX_KEY_OCTETS:
        return "the key is too large"
    try:
        material = load_der_public_key(octets)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "the key can't be read"
    if not isinstance(material, RSAPublicKey):
        return "the key is not an RSA key"
    if not MIN_RSA_BITS <= material.key_size <= MAX_RSA_BITS:
        return f"an RSA key of {material.key_size} bits"
    if material.public_numbers().e.bit_length() > _MAX_EXPONENT_BITS:
        return "the exponent of the RSA key is too large"
    return PublicKey(material, material.key_size)
